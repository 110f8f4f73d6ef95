//! What tells one pattern from another, and what explains one away.

use petgraph::graph::NodeIndex;
use rustc_hash::{FxHashMap, FxHashSet};

use super::chains::extend;
use super::contexts::{Contexts, Entry};
use super::cycles::Hop;
use super::graph::{OrderGraph, Record};
use super::{ClassId, Place, Step};
use crate::event::{LockId, Mode};

/// Is there a reason to believe that a pattern among classes is none among locks?
///
/// - The steps hold locks of one class that exclude each other: a gate, if it is one lock.
/// - One session, or one thread, took locks of these classes in *all* the orders of the pattern. It was judged by its own
///   locks, gates, threads and joins; if it was found to be in order, the same code run again with other locks is, too.
///   What is left is what only several sessions together show.
pub(super) fn explained(
    order: &OrderGraph,
    contexts: &Contexts,
    classes: &FxHashMap<ClassId, NodeIndex>,
    path: &[Hop],
) -> bool {
    let context = |hop: &Hop| contexts.get(hop.record.context);
    let gated =
        |(at, one): (usize, &Hop)| path[at + 1..].iter().any(|other| context(one).excludes_by_class(context(other)));
    if path.iter().enumerate().any(gated) {
        return true;
    }
    let class_node = |node: NodeIndex| match order.graph[node].place {
        Place::Class(_) => node,
        Place::Lock(_) => order.graph[node].class.and_then(|class| classes.get(&class)).copied().unwrap_or(node),
    };
    // Those who took each order: sessions where the pattern spans several, else threads.
    let spans = path.iter().any(|hop| context(hop).segment.session() != context(&path[0]).segment.session());
    let who = |record: &Record| {
        let context = contexts.get(record.context);
        if spans { context.segment.session() } else { context.thread.0 }
    };
    let took = |hop: &Hop| -> FxHashSet<u32> {
        let among_classes = order.find_edge(class_node(hop.from), class_node(hop.to));
        let own = order.find_edge(hop.from, hop.to);
        among_classes.into_iter().chain(own).flat_map(|edge| order.records(edge)).map(|record| who(&record)).collect()
    };
    let mut all = took(&path[0]);
    for hop in &path[1..] {
        let these = took(hop);
        all.retain(|one| these.contains(one));
    }
    !all.is_empty()
}

/// A key that does not depend on where the cycle starts.
pub(super) fn key(path: &[Hop], step: impl Fn(&Hop) -> u64) -> u64 {
    let keys: Vec<u64> = path.iter().map(step).collect();
    let start = (0..keys.len()).min_by_key(|&at| keys[at]).unwrap_or(0);
    let rotated = keys[start..].iter().chain(&keys[..start]);
    rotated.fold(keys.len() as u64, |key, &step| mix(key, step))
}

fn mix(key: u64, value: u64) -> u64 {
    extend(extend(key, LockId(value as u32), Mode::Exclusive), LockId((value >> 32) as u32), Mode::Shared)
}

/// The abstract acquisition: who wants what, and the set of locks held.
pub(super) fn abstract_key(order: &OrderGraph, contexts: &Contexts, hop: &Hop) -> u64 {
    let context = contexts.get(hop.record.context);
    let one = |entry: &Entry| extend(u64::from(entry.life), entry.lock, entry.mode);
    let held = context.held.iter().map(one).fold(0, u64::wrapping_add);
    let start = mix(u64::from(context.thread.0), held);
    match order.graph[hop.to].place {
        Place::Lock(lock) => extend(start, lock, hop.record.mode),
        Place::Class(class) => extend(start ^ 1 << 63, LockId(class.0), hop.record.mode),
    }
}

/// Where the lock is held and where the next one is wanted.
pub(super) fn site_key(contexts: &Contexts, hop: &Hop) -> u64 {
    let held = contexts.get(hop.record.context).held[usize::from(hop.record.from)];
    extend(extend(1, LockId(held.site.0), held.mode), LockId(hop.record.site.0), hop.record.mode)
}

pub(super) fn steps(order: &OrderGraph, contexts: &Contexts, path: &[Hop]) -> Vec<Step> {
    let step = |hop: &Hop| {
        let context = contexts.get(hop.record.context);
        Step {
            thread: context.thread,
            held: context.held.iter().map(Entry::report).collect(),
            holds: context.held[usize::from(hop.record.from)].report(),
            holds_place: order.graph[hop.from].place,
            wants: order.graph[hop.to].place,
            mode: hop.record.mode,
            site: hop.record.site,
            event: hop.record.event(),
        }
    };
    path.iter().map(step).collect()
}
