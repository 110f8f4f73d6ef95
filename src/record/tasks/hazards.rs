//! What a task must not do.

use std::sync::Arc;

use super::poll::Frame;
use super::task::State;
use crate::analysis::async_hazard::{BlockingInAsync, GuardAcrossAwait};
use crate::analysis::wait_for::{Wait, in_words};
use crate::event::{Object, SiteId};
use crate::record::context::Context;
use crate::record::registry::LiveNames;
use crate::record::sink;

/// The task is suspended: with a blocking lock?
pub(super) fn guards_across_await(inside: &mut Context, state: &Arc<State>) {
    let (locks, awaits) = {
        let inner = state.inner();
        let Some(line) = &inner.line else { return };
        let locks: Vec<_> = line.stacked().collect();
        let poll = state.polls.load(std::sync::atomic::Ordering::SeqCst);
        let polled = inner.leaves.iter().filter(|leaf| leaf.polled() == poll);
        (locks, polled.map(|leaf| leaf.site()).collect::<Vec<SiteId>>())
    };
    for lock in locks {
        inside.locks.describe(lock.0);
        let found = GuardAcrossAwait { task: state.actor, lock, awaits: awaits.clone(), ordinal: 0 };
        sink::report(inside, found.finding(&LiveNames));
    }
}

/// The owner is about to block its thread for long: in the middle of a poll?
pub(crate) fn blocks(inside: &mut Context, wait: Wait, site: SiteId) {
    if !inside.frames.last().is_some_and(Frame::is_poll) {
        return;
    }
    let object = in_words(&LiveNames, inside.owner(), wait).1;
    if let Some(Object::Lock(lock)) = object {
        inside.locks.describe(lock);
    }
    let what = in_words(&LiveNames, inside.owner(), wait).0;
    let held = inside.locks.holdings().into_iter().map(|held| (held.lock, held.mode, held.site)).collect();
    let found = BlockingInAsync { task: inside.owner(), what, site, object, held, ordinal: 0 };
    sink::report(inside, found.finding(&LiveNames));
}
