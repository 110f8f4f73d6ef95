//! Hooks of everything that is held: mutexes, reader-writer locks, reentrant mutexes, running initialisers.
//!
//! The hot path, a lock taken before in this held context, touches only the thread's own memory: a push and a pop on the
//! [`held`] stack, and below another lock one look into the filter of known chains. What is new goes to the
//! lock-order graph ([`order`]).

mod held;
mod meta;
mod order;
mod pins;
mod rw;
mod state;

use std::sync::LazyLock;

use parking_lot::Mutex;

use self::held::{Entry, grow};
use self::meta::{DESCRIBED, ID};
use super::context::{self, Context, Current, enter};
use super::{Place, config, tasks, waits};
use crate::analysis::lock_order::LockOrder;
use crate::analysis::wait_for::{Possession, Wait};
use crate::event::{Attempt, LockId, Mode, ObjectKind, Op, SiteId};

pub(crate) use self::meta::LockMeta;
pub(crate) use self::rw::RwMeta;
pub(crate) use self::state::{Carried, Line, LockState};

/// The lock-order graph of the process. Taken only for what is new.
pub(crate) static ORDER: LazyLock<Mutex<LockOrder>> = LazyLock::new(Mutex::default);

/// Before an acquisition that will have to wait: judges the order, so that a report precedes the hang, and enters the
/// wait. The wait lasts until the token is dropped.
#[cold]
#[inline(never)]
pub(crate) fn request(meta: &LockMeta, mode: Mode, upgrade: bool, place: Place) -> Option<waits::Waiting> {
    let mut inside = enter()?;
    let context = &mut *inside;
    let lock = meta.id(&mut context.locks);
    let site = context.locks.site(place);
    meta.describe(lock);
    context.emit(Op::Request { lock, mode }, place);
    if context.modes.order() && matters(context, meta, mode) {
        judge_request(context, meta, lock, mode, site);
    }
    waits::begin(inside, Wait::Lock { lock, mode, upgrade }, site)
}

/// Judges the order of a request that has not been granted, if it is new.
fn judge_request(context: &mut Context, meta: &LockMeta, lock: LockId, mode: Mode, site: SiteId) {
    let chain = grow(context.locks.held.chain(), lock, mode);
    if !context.locks.known.known(chain) {
        context.locks.about_to_judge();
        let chain = grow(context.locks.held.chain(), lock, mode);
        order::note(context, meta, chain, mode, site);
    }
}

/// Can an acquisition in this mode say anything about the order? Only below another lock; and a writer also alone, for it
/// can come between two reads of another thread.
fn matters(context: &Context, meta: &LockMeta, mode: Mode) -> bool {
    context.locks.holds_any() || (meta.kind() == ObjectKind::RwLock && mode == Mode::Exclusive)
}

/// After an acquisition of a lock that is only ever held exclusively.
#[inline(always)]
pub(crate) fn acquired(meta: &LockMeta, attempt: Attempt, place: Place) {
    match attempt {
        Attempt::Blocking => acquired_blocking(context::current(), meta, place),
        attempt => acquired_otherwise(context::current(), meta, attempt, place),
    }
}

/// A call of its own: the caller's guard then stays in registers. Without calls and without events, so that it saves none.
#[inline(never)]
fn acquired_blocking(current: Current, meta: &LockMeta, place: Place) {
    if !push_known::<false>(current, meta, Attempt::Blocking, place) {
        if current.is_recorded() {
            acquired_otherwise(current, meta, Attempt::Blocking, place);
        } else {
            acquired_slow(meta, Attempt::Blocking, place);
        }
    }
}

#[inline(never)]
fn acquired_otherwise(current: Current, meta: &LockMeta, attempt: Attempt, place: Place) {
    let known = if current.is_recorded() {
        push_known::<true>(current, meta, attempt, place)
    } else {
        attempt != Attempt::Blocking && push_known::<false>(current, meta, attempt, place)
    };
    if !known {
        acquired_slow(meta, attempt, place);
    }
}

#[cold]
#[inline(never)]
fn acquired_slow(meta: &LockMeta, attempt: Attempt, place: Place) {
    let Some(mut inside) = enter() else { return };
    let context = &mut *inside;
    push(context, meta, Mode::Exclusive, attempt, place);
    if context.modes.record() {
        record_acquired(context, meta, attempt, place);
    }
    if context.modes.races() {
        // SAFETY: the caller has just acquired the lock exclusively.
        unsafe { meta.clock() }.acquire(&mut context.clock);
    }
}

#[inline(never)]
fn record_acquired(context: &mut Context, meta: &LockMeta, attempt: Attempt, place: Place) {
    if let Some(log) = &mut context.log {
        let op = Op::Acquired { lock: meta.given_id(), mode: Mode::Exclusive, attempt };
        meta.log_acquired(log.make_room(), context.thread, op, place);
    }
    if meta.take_opaque() {
        // The hold orders this; only first acquisitions are opaque, and these are never on the hot path.
        context.emit(Op::DataHidden { lock: meta.given_id() }, place);
    }
}

#[inline(never)]
fn record_released(context: &mut Context, meta: &LockMeta) {
    if let Some(log) = &mut context.log {
        let op = Op::Released { lock: meta.given_id(), mode: Mode::Exclusive };
        let position = log.make_room().push(op, meta.created());
        meta.log_released(context.thread, position);
    }
    context.look_away(meta.given_id());
}

/// The holder of the lock looks at what it guards, or is about to change it. One load when nothing is recorded.
#[inline(always)]
pub(crate) fn looked(meta: &LockMeta, write: bool, place: Place) {
    if config::is_recording() {
        record_look(meta, write, place);
    }
}

#[cold]
#[inline(never)]
fn record_look(meta: &LockMeta, write: bool, place: Place) {
    if let Some(mut inside) = enter() {
        inside.look(meta.given_id(), write, place);
    }
}

/// An attempt that does not wait, or no longer, found the lock held by others.
#[inline]
pub(crate) fn missed(meta: &LockMeta, mode: Mode, place: Place) {
    if config::is_recording() {
        record_missed(meta, mode, place);
    }
}

#[cold]
#[inline(never)]
fn record_missed(meta: &LockMeta, mode: Mode, place: Place) {
    let Some(mut inside) = enter() else { return };
    let lock = meta.id(&mut inside.locks);
    inside.emit(Op::LockMissed { lock, mode }, place);
}

/// Before the release of a lock that was acquired with [`acquired`].
#[inline(always)]
pub(crate) fn released(meta: &LockMeta) {
    released_plainly(context::current(), meta);
}

/// As [`acquired_blocking`].
#[inline(never)]
fn released_plainly(current: Current, meta: &LockMeta) {
    if !pop_known::<false>(current, meta) {
        released_otherwise(current, meta);
    }
}

#[inline(never)]
fn released_otherwise(current: Current, meta: &LockMeta) {
    if !(current.is_recorded() && pop_known::<true>(current, meta)) {
        released_slow(meta);
    }
}

#[cold]
#[inline(never)]
fn released_slow(meta: &LockMeta) {
    let Some(mut inside) = enter() else { return };
    let context = &mut *inside;
    pop(context, meta, Mode::Exclusive);
    if context.modes.record() {
        record_released(context, meta);
    }
    if context.modes.races() {
        // SAFETY: the caller still holds the lock exclusively.
        unsafe { meta.clock_mut() }.publish(&mut context.clock);
    }
}

/// The hot path of an exclusive acquisition: nothing about it is new. False, and nothing done, if anything is, or if events
/// are written and `RECORDED` is false, or the other way round.
#[inline(always)]
fn push_known<const RECORDED: bool>(current: Current, meta: &LockMeta, attempt: Attempt, place: Place) -> bool {
    // SAFETY: `current` comes from the caller's caller, and nothing is called below but arithmetic on the context and the
    // lock's own words.
    let Some(context) = (unsafe { current.hot() }) else { return false };
    let id = meta.id_word();
    let locks = &mut context.locks;
    let Some(parent) = locks.held.ready::<RECORDED>() else { return false };
    let Some(site) = locks.places.seen(place) else { return false };
    if id & DESCRIBED == 0 {
        return false;
    }
    let chain = grow(parent, LockId(id & ID), Mode::Exclusive);
    if !locks.held.is_empty() && attempt == Attempt::Blocking && !locks.known.in_front(chain) && context.modes.order() {
        return false;
    }
    // SAFETY: the caller has just acquired the lock exclusively.
    if context.modes.races() && !unsafe { meta.clock() }.acquired_by_last(&context.clock) {
        return false;
    }
    if RECORDED {
        let Some(log) = context.log.as_mut().filter(|log| log.is_ready(place)) else { return false };
        if meta.comes_from_another(context.thread) {
            return false;
        }
        log.push_ready(Op::Acquired { lock: LockId(id & ID), mode: Mode::Exclusive, attempt }, place);
    }
    // SAFETY: the stack was ready above, and has not been touched since.
    unsafe { locks.held.push_ready(Entry::new(chain, id, site, Mode::Exclusive, attempt)) };
    true
}

/// The hot path of an exclusive release: the lock is the newest held, and nothing is to be told.
#[inline(always)]
fn pop_known<const RECORDED: bool>(current: Current, meta: &LockMeta) -> bool {
    // SAFETY: as in `push_known`.
    let Some(context) = (unsafe { current.hot() }) else { return false };
    let id = meta.id_word();
    if !context.locks.held.quiet_top(id, Mode::Exclusive)
        || context.modes.record() != RECORDED
        || (RECORDED && !context.log.as_ref().is_some_and(|log| log.is_ready(meta.created())))
    {
        return false;
    }
    if context.modes.races() {
        // SAFETY: the caller still holds the lock exclusively.
        let published = unsafe { meta.clock_mut() };
        if !published.publish_again(&mut context.clock) && !published.publish_first(&mut context.clock) {
            return false;
        }
    }
    if RECORDED && let Some(log) = &mut context.log {
        let op = Op::Released { lock: LockId(id & ID), mode: Mode::Exclusive };
        let position = log.push_ready(op, meta.created());
        meta.log_released(context.thread, position);
        context.look_away(LockId(id & ID));
    }
    // SAFETY: the lock is the newest entry.
    unsafe { context.locks.held.pop() };
    true
}

/// Before the wait of a task for a lock of tasks: judges the order, so that a report precedes the hang. Gives the lock's id.
pub(crate) fn wanted_by_task(context: &mut Context, meta: &LockMeta, mode: Mode, site: SiteId) -> LockId {
    let lock = meta.id(&mut context.locks);
    if context.modes.order() && matters(context, meta, mode) && !context.locks.carries(lock) {
        meta.describe(lock);
        meta.set_known();
        judge_request(context, meta, lock, mode, site);
    }
    lock
}

/// After the acquisition of a lock of tasks: the owner carries it.
pub(crate) fn carried(
    context: &mut Context,
    meta: &LockMeta,
    how: (Mode, Attempt, Possession),
    units: u32,
    site: SiteId,
) -> LockId {
    let (mode, attempt, possession) = how;
    let is_lock = units == 0;
    let lock = match is_lock && attempt == Attempt::Blocking {
        true => wanted_by_task(context, meta, mode, site),
        false => meta.id(&mut context.locks),
    };
    meta.set_known();
    let (kind, created) = (meta.kind(), meta.created());
    let (ticket, looked, written) = (tasks::next_ticket(), None, None);
    context.locks.carry(Carried {
        lock,
        mode,
        site,
        attempt,
        kind,
        created,
        possession,
        units,
        ticket,
        looked,
        written,
    });
    lock
}

/// Puts the lock on the held stack, and judges the order if something is held already.
fn push(context: &mut Context, meta: &LockMeta, mode: Mode, attempt: Attempt, place: Place) {
    let locks = &mut context.locks;
    if locks.held.is_empty() {
        locks.newcomers.clear();
    }
    let lock = meta.id(locks);
    let site = locks.site(place);
    let mut chain = grow(locks.held.chain(), lock, mode);
    if context.modes.order()
        && attempt == Attempt::Blocking
        && matters(context, meta, mode)
        && (!meta.is_chained() || !context.locks.known.known(chain))
    {
        context.locks.about_to_judge();
        chain = grow(context.locks.held.chain(), lock, mode);
        order::judge(context, meta, chain, mode, site);
    }
    let id = meta.id_word();
    if id & DESCRIBED == 0 && context.modes.record() {
        tell_made(context, meta, lock);
    }
    context.locks.held.push(Entry::new(chain, id, site, mode, attempt));
}

/// The trace says where a lock was made that the registry does not know.
#[cold]
#[inline(never)]
fn tell_made(context: &mut Context, meta: &LockMeta, lock: LockId) {
    if let Some(log) = &mut context.log {
        log.make_room().made(lock, meta.kind(), meta.created());
    }
}

fn pop(context: &mut Context, meta: &LockMeta, mode: Mode) {
    let lock = meta.given_id();
    if let Some(entry) = context.locks.held.remove(lock, mode)
        && entry.has_news()
        && meta.is_fresh()
    {
        order::settle(context, meta, lock);
    }
}
