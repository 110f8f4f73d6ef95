//! What a task must not do.

use std::time::{Duration, Instant};

use super::poll::Frame;
use super::task::State;
use crate::analysis::async_hazard::{BlockingInAsync, CancelledSection, GuardAcrossAwait};
use crate::analysis::wait_for::{Wait, in_words};
use crate::event::{Names as _, Object, Site, SiteId};
use crate::finding::{Finding, SiteReport};
use crate::record::context::{Context, enter};
use crate::record::locks::Carried;
use crate::record::registry::{self, LiveNames};
use crate::record::waits::CALLS;
use crate::record::{Place, sink, stacks};

/// The task is suspended: with a blocking lock?
pub(super) fn guards_across_await(inside: &mut Context, state: &State) {
    let (locks, awaits) = {
        let inner = state.inner();
        let Some(line) = inner.line() else { return };
        let locks: Vec<_> = line.stacked().collect();
        if locks.is_empty() {
            return;
        }
        let poll = state.polls();
        let polled = inner.leaves().filter(|leaf| leaf.polled() == poll);
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
    blocks_in_poll(inside, what, object, site);
}

/// The owner is about to wait with its thread, but no longer than until `deadline` (`None`: for ages). The wait itself is not
/// entered, for it ends in any case.
pub(crate) fn blocks_until(wait: Wait, deadline: Option<Instant>, place: Place) {
    let Some(mut inside) = enter() else { return };
    if inside.frames.is_empty() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        return;
    }
    let site = inside.locks.site(place);
    blocks(&mut inside, wait, site);
}

/// The owner is about to sleep with its thread.
pub(crate) fn sleeps(place: Place) {
    let Some(mut inside) = enter() else { return };
    if inside.frames.is_empty() {
        return;
    }
    let site = inside.locks.site(place);
    let what = "sleeps with its thread".to_owned();
    blocks_in_poll(&mut inside, what, None, site);
}

fn blocks_in_poll(inside: &mut Context, what: String, object: Option<Object>, site: SiteId) {
    if !inside.frames.last().is_some_and(Frame::is_poll) {
        return;
    }
    let held = inside.locks.holdings().into_iter().map(|held| (held.lock, held.mode, held.site)).collect();
    let found = BlockingInAsync { task: inside.owner(), what, site, object, held, ordinal: 0 };
    let mut finding = found.finding(&LiveNames);
    called_from(&mut finding);
    sink::report(inside, finding);
}

/// What the current owner does now is done in a package of somebody else's: then the finding says where the user's own code
/// called it.
pub(crate) fn called_from(finding: &mut Finding) {
    if finding.sites.iter().any(|site| stacks::is_workspace(&site.site.file)) {
        return;
    }
    let Some(first) = finding.sites.first() else { return };
    let Some(site) = stacks::called_from() else { return };
    let (role, owner) = (CALLS.to_owned(), first.owner.clone());
    let called = SiteReport { role, site, owner, held: Vec::new(), event: None, stack: Vec::new() };
    finding.sites.push(called);
    finding.identify(&mut Site::to_string);
}

/// A wait through the guard itself: what it was borrowed for came to nothing, and nothing is half done. Either that is one line
/// (`receiver.recv().await`), or one expression (`receiver.lock().await.recv().await`): there the guard has no name, and what
/// borrows it begins before the lock is asked for.
fn is_through_guard(awaits: SiteId, written: SiteId, taken: SiteId) -> bool {
    let [awaits, written, taken] = [awaits, written, taken].map(|site| LiveNames.site(site));
    let place = |site: &Site| (site.line, site.column);
    let in_one_file = awaits.file == written.file && taken.file == written.file;
    in_one_file && (awaits.line == written.line || (place(&written) < place(&taken) && place(&taken) < place(&awaits)))
}

/// Something held is given back by its owner. Was it written through, and is its future dropped in the middle?
///
/// Whoever drops a future in which something is awaited drops the wait first: so the task gave up a wait in this poll that
/// was begun after the acquisition, or the whole task is dropped. That alone would also be true of a future that goes on
/// after a `select!`; therefore the stack is looked at, once a place: a future that is dropped has a drop of its state
/// there, one that runs has not.
pub(crate) fn released(inside: &mut Context, hold: &Carried) {
    let (Some(written), Some(frame)) = (hold.written, inside.frames.last()) else { return };
    if !frame.may_cut_off(hold.ticket) {
        return;
    }
    if !frame.dropping && !stacks::is_in_drop_of_future() {
        return;
    }
    let awaits = frame.given_up_at;
    if awaits.is_some_and(|awaits| is_through_guard(awaits, written, hold.site)) {
        return;
    }
    registry::describe(Object::Lock(hold.lock), hold.kind, Some(hold.created));
    let (lock, mode, site) = (hold.lock, hold.mode, hold.site);
    let found = CancelledSection { task: inside.owner(), lock: (lock, mode, site), written, awaits };
    sink::report(inside, found.finding(&LiveNames));
}

/// Inside a poll of which the budget is spent, somebody asks for the same wait over and over (an executor in an executor):
/// nothing comes of that before the poll is over.
pub(super) fn spins(inside: &mut Context, place: Place) {
    let site = inside.locks.site(place);
    let what = "asks over and over for what comes only when its poll is over (the poll's budget is spent)".to_owned();
    let task = inside.frames.first().map_or(inside.owner(), |frame| frame.task().actor);
    let found = BlockingInAsync { task, what, site, object: None, held: Vec::new(), ordinal: 0 };
    let mut finding = found.finding(&LiveNames);
    called_from(&mut finding);
    sink::report(inside, finding);
}

/// A poll has computed for long.
pub(super) fn long_poll(inside: &mut Context, state: &State, computed: Duration) {
    let site = inside.locks.site(state.spawned);
    let what = format!("computed for {} ms", computed.as_millis());
    let found = BlockingInAsync { task: state.actor, what, site, object: None, held: Vec::new(), ordinal: 0 };
    sink::report(inside, found.finding(&LiveNames));
}
