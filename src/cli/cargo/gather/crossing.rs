//! Orders of locks that only several processes together show.
//!
//! Each process has judged its own orders, with all that it knew of threads, joins and locks. Between processes a lock is
//! known by the place that makes it, its *class*; threads of different processes are different, and no join orders them.
//! A cycle of classes is a finding if
//!
//! - the steps have no gate in common: a class that two of them hold in modes that exclude each other;
//! - no process took locks of these classes in all the orders of the cycle. One that did has judged them by the locks
//!   themselves: either it has reported them, or it is in order, and so is the same code in two processes;
//! - no process held two locks of one of these classes at a time. Where locks of a class are nested they are made by a
//!   helper, as parts of a structure: which of them is meant, the class does not say.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::analysis::lock_order::{Hazard, HeldLock, LockOrder, Pattern, Place};
use crate::event::{Attempt, LockId, Mode, Names, Object, ObjectInfo, ObjectKind, Site, SiteId, ThreadId};
use crate::finding::Finding;
use crate::report::stream::{Order, Taken};

/// An order, and the number of the process that told it.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) process: usize,
    pub(super) order: &'a Order,
}

/// The findings, each with the processes that took part; and whether the search was cut short. `processes`: their names.
pub(super) fn judge(told: &[Told<'_>], processes: &[String]) -> (Vec<(Finding, BTreeSet<usize>)>, bool) {
    let mut graph = Crossing::default();
    told.iter().for_each(|told| graph.add(*told));
    let hazards = graph.search();
    let cut = graph.cut;
    let names = Named { graph: &graph, processes };
    let findings = hazards.iter().filter_map(|hazard| {
        let Hazard::Cycle(pattern) = hazard else { return None };
        graph.is_sound(pattern).then(|| names.finding(hazard, pattern))
    });
    (findings.collect(), cut)
}

/// A distinct order: a thread of its own in the lock-order graph.
struct Context<'a> {
    first: Told<'a>,
    processes: BTreeSet<usize>,
    tests: Vec<String>,
}

/// How a lock of a class is taken at a place: class, place, mode.
type Taking = (SiteId, SiteId, Mode);

#[derive(Default)]
struct Crossing<'a> {
    /// By their number less one; both classes and the places where locks of a class are taken.
    sites: Vec<Site>,
    classes: FxHashMap<Site, (SiteId, ObjectKind)>,
    kinds: FxHashMap<SiteId, ObjectKind>,
    /// A place is another one for each class: the graph knows a pattern again by its places.
    places: FxHashMap<(SiteId, Site), SiteId>,
    contexts: Vec<Context<'a>>,
    known: FxHashMap<Vec<Taking>, usize>,
    /// Who took locks of two classes in this order.
    took: FxHashMap<(SiteId, SiteId), BTreeSet<usize>>,
    nested: FxHashSet<SiteId>,
    cut: bool,
}

impl<'a> Crossing<'a> {
    fn add(&mut self, told: Told<'a>) {
        let Order { held, wanted, test, .. } = told.order;
        let key: Vec<Taking> = held.iter().chain([wanted]).map(|taken| self.taking(taken)).collect();
        let (last, below) = key.split_last().expect("one is wanted");
        for taking in below {
            self.took.entry((taking.0, last.0)).or_default().insert(told.process);
            if taking.0 == last.0 {
                self.nested.insert(last.0);
            }
        }
        let next = self.contexts.len();
        let at = *self.known.entry(key).or_insert(next);
        if at == next {
            self.contexts.push(Context { first: told, processes: BTreeSet::new(), tests: Vec::new() });
        }
        let context = &mut self.contexts[at];
        context.processes.insert(told.process);
        if let Some(test) = test.as_ref().filter(|test| !context.tests.contains(test)) {
            context.tests.push(test.clone());
        }
    }

    fn taking(&mut self, taken: &Taken) -> Taking {
        let sites = &mut self.sites;
        let mut number = |site: &Site| {
            sites.push(site.clone());
            SiteId(u32::try_from(sites.len()).expect("fewer than 2^32 places"))
        };
        let (class, _) = *self.classes.entry(taken.made.clone()).or_insert_with(|| (number(&taken.made), taken.kind));
        self.kinds.insert(class, taken.kind);
        let at = *self.places.entry((class, taken.at.clone())).or_insert_with(|| number(&taken.at));
        (class, at, taken.mode)
    }

    /// Puts all contexts into one graph, whose nodes are the classes.
    fn search(&mut self) -> Vec<Hazard> {
        let mut order = LockOrder::ignoring_fork_join();
        let mut hazards = Vec::new();
        let mut contexts: Vec<(&Vec<Taking>, usize)> = self.known.iter().map(|(key, &at)| (key, at)).collect();
        contexts.sort_unstable_by_key(|&(_, at)| at);
        for (key, at) in contexts {
            let (&(class, site, mode), below) = key.split_last().expect("one is wanted");
            let held = |&(class, site, mode): &Taking| HeldLock {
                lock: LockId(class.0),
                mode,
                site,
                attempt: Attempt::Blocking,
            };
            let held: Vec<HeldLock> = below.iter().map(held).collect();
            for &(class, ..) in below {
                order.set_class(LockId(class.0), class);
            }
            let context = order.context(ThreadId(at as u32), &held);
            // Dead before the request: what remains of them is their class.
            for &(class, ..) in below {
                hazards.extend(order.lock_died(LockId(class.0), class));
            }
            hazards.extend(order.class_edge_in(context, class, mode, site));
            order.release(context);
        }
        self.cut = order.is_cut() || order.dropped() > 0;
        hazards
    }

    fn is_sound(&self, pattern: &Pattern) -> bool {
        let edges: Option<Vec<(SiteId, SiteId)>> = pattern
            .steps
            .iter()
            .map(|step| match (step.holds_place, step.wants) {
                (Place::Class(from), Place::Class(to)) => Some((from, to)),
                _ => None,
            })
            .collect();
        let Some(edges) = edges else { return false };
        let mut all = self.took[&edges[0]].clone();
        for edge in &edges[1..] {
            all.retain(|process| self.took[edge].contains(process));
        }
        all.is_empty() && edges.iter().all(|(class, _)| !self.nested.contains(class))
    }
}

/// The graph with the names of its processes.
struct Named<'a> {
    graph: &'a Crossing<'a>,
    processes: &'a [String],
}

impl Named<'_> {
    fn finding(&self, hazard: &Hazard, pattern: &Pattern) -> (Finding, BTreeSet<usize>) {
        let mut finding = hazard.to_finding(self).with_help(
            "each order was seen in another process, and locks are compared by the place that makes them: see whether one process can take both",
        );
        let mut processes = BTreeSet::new();
        for step in &pattern.steps {
            let context = &self.graph.contexts[step.thread.0 as usize];
            processes.extend(&context.processes);
            for test in &context.tests {
                if !finding.tests.contains(test) {
                    finding.tests.push(test.clone());
                }
            }
        }
        (finding, processes)
    }
}

impl Names for Named<'_> {
    fn site(&self, id: SiteId) -> Site {
        let site = id.index().checked_sub(1).and_then(|at| self.graph.sites.get(at));
        site.cloned().unwrap_or_else(Site::unknown)
    }

    fn thread_name(&self, id: ThreadId) -> Option<String> {
        let Told { process, order } = self.graph.contexts.get(id.0 as usize)?.first;
        Some(format!("{} ({})", order.owner, self.processes.get(process)?))
    }

    fn object(&self, object: Object) -> Option<ObjectInfo> {
        let Object::Lock(lock) = object else { return None };
        let class = SiteId(lock.0);
        Some(ObjectInfo { kind: self.kind_of_class(class)?, name: None, created: Some(self.site(class)) })
    }

    fn kind_of_class(&self, class: SiteId) -> Option<ObjectKind> {
        self.graph.kinds.get(&class).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(class: char, mode: Mode, line: u32) -> Taken {
        Taken {
            made: Site::new(&format!("{class}.rs"), 1, 1),
            kind: ObjectKind::RwLock,
            mode,
            at: Site::new("use.rs", line, 1),
        }
    }

    /// "ab": holds locks made at a, wants one made at b. A capital letter: to read.
    fn order(letters: &str) -> Order {
        let mut taken: Vec<Taken> = letters
            .chars()
            .zip(1..)
            .map(|(letter, line)| {
                let mode = if letter.is_uppercase() { Mode::Shared } else { Mode::Exclusive };
                taken(letter.to_ascii_lowercase(), mode, line)
            })
            .collect();
        let wanted = taken.pop().unwrap();
        Order { held: taken, wanted, owner: "main".to_owned(), test: Some(format!("t::{letters}")) }
    }

    /// The orders of each process; how many processes each finding has.
    fn found(processes: &[&[&str]]) -> Vec<(Finding, usize)> {
        let orders: Vec<Vec<Order>> =
            processes.iter().map(|orders| orders.iter().map(|letters| order(letters)).collect()).collect();
        let told: Vec<Told<'_>> = orders
            .iter()
            .enumerate()
            .flat_map(|(process, orders)| orders.iter().map(move |order| Told { process, order }))
            .collect();
        let names: Vec<String> = (0..processes.len()).map(|process| format!("p{process}")).collect();
        let (findings, cut) = judge(&told, &names);
        assert!(!cut);
        findings.into_iter().map(|(finding, processes)| (finding, processes.len())).collect()
    }

    #[test]
    fn opposite_orders_meet() {
        let found = found(&[&["ab"], &["ba", "cd"], &["ab"]]);
        let [(finding, processes)] = &found[..] else { panic!("{found:?}") };
        assert_eq!((*processes, &finding.tests[..]), (3, &["t::ba".to_owned(), "t::ab".to_owned()][..]));
        let owners: Vec<&str> = finding.sites.iter().map(|site| site.owner.as_str()).collect();
        assert_eq!(owners, ["main (p1)", "main (p1)", "main (p0)", "main (p0)"]);
        assert!(finding.message.contains("the locks made at a.rs:1:1"), "{}", finding.message);
    }

    #[test]
    fn three_processes_close_a_circle() {
        assert_eq!(found(&[&["ab"], &["bc"], &["ca"]]).len(), 1);
        assert_eq!(found(&[&["ab"], &["bc"], &["ac"]]).len(), 0);
    }

    #[test]
    fn what_one_process_did_is_its_own_business() {
        assert_eq!(found(&[&["ab", "ba"]]).len(), 0);
        assert_eq!(found(&[&["ab", "ba"], &["ab", "ba"]]).len(), 0, "the same program twice");
        assert_eq!(found(&[&["ab"], &["ba"], &["ba", "ab"]]).len(), 0, "and one of its parts alone");
    }

    #[test]
    fn a_gate_is_a_gate() {
        assert_eq!(found(&[&["gab"], &["gba"]]).len(), 0);
        assert_eq!(found(&[&["gab"], &["gba"], &["ba"]]).len(), 1, "without it");
        assert_eq!(found(&[&["Gab"], &["Gba"]]).len(), 1, "two readers of a gate pass it together");
    }

    #[test]
    fn locks_of_one_class_say_nothing() {
        assert_eq!(found(&[&["aa"], &["aa"]]).len(), 0);
        assert_eq!(found(&[&["ab", "aa"], &["ba"]]).len(), 0, "a is made by a helper");
        assert_eq!(found(&[&["ab", "cc"], &["ba"]]).len(), 1);
    }

    #[test]
    fn readers_need_a_writer_between_them() {
        assert_eq!(found(&[&["AB"], &["BA"]]).len(), 0);
        assert_eq!(found(&[&["AB"], &["BA"], &["a", "b"]]).len(), 1);
    }
}
