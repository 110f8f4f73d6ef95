//! The hot paths: nothing about what is done is new.
//!
//! They make no calls, and what they need, they ask for as late as that can be: so they get by without saving registers, for
//! all that is stored before an unlock is waited for there.

use std::hint::cold_path;

use super::held::{Entry, grow};
use super::meta::{DESCRIBED, ID, LockMeta};
use super::places::Seen;
use crate::event::{Attempt, LockId, Mode, Op};
use crate::record::Place;
use crate::record::context::{Context, Recorded};
#[cfg(doc)]
use crate::record::log::ThreadLog;
use crate::record::log::{HeldWord, Stand};

/// What became of an attempt to take the hot path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Push {
    /// The lock is on the stack.
    Done,
    /// Nothing was done. The chain was not asked for lately; if it is known all the same, this is what goes onto the stack.
    Behind(Entry),
    /// Nothing was done: the chain is new, or the registry does not know the lock.
    New,
    /// The lock is on the stack once what was published in it is learned: see [`push_learned`].
    Learn,
    /// Nothing was done.
    Other,
}

/// The hot path of an exclusive acquisition: nothing about it is new. Nothing done if anything is, or if `HANDED` is false and
/// another thread released the lock last, or the chain was not asked for lately. Without `HANDED` the attempt waits if need be.
/// `RECORDED`: are the thread's events recorded?
///
/// # Safety
///
/// With `RECORDED`, the context is that of a [`Recorded`].
#[inline(always)]
pub(super) unsafe fn push_known<const RECORDED: bool, const HANDED: bool>(
    context: &mut Context,
    meta: &LockMeta,
    attempt: Attempt,
    place: Place,
) -> Push {
    let id = meta.id_word();
    let locks = &mut context.locks;
    let Some(parent) = locks.held.ready() else { return Push::Other };
    if id & DESCRIBED == 0 {
        cold_path();
        return Push::New;
    }
    let seen = if HANDED { locks.places.seen(place) } else { locks.places.seen_at_home(place) };
    let Some(&Seen { site, held, .. }) = seen else { return Push::Other };
    let chain = grow(parent, LockId(id & ID), Mode::Exclusive);
    let entry = Entry::new(chain, (id, meta.address()), site, Mode::Exclusive, attempt);
    let told = if RECORDED { held.of(LockId(id & ID)) } else { HeldWord::NONE };
    if locks.held.is_empty() || locks.known.in_front(chain) {
        if !HANDED {
            locks.places.remember(place, parent, entry, told);
        }
    } else if attempt == Attempt::Blocking
        && context.modes.order()
        && !(HANDED && locks.known.is_at_home(chain, locks.held.place(meta.address())))
    {
        cold_path();
        return Push::Behind(entry);
    }
    // SAFETY: the stack is ready; the rest by the caller's promise.
    unsafe { push::<RECORDED, HANDED>(context, meta, entry, (attempt, place, told)) }
}

/// The hot path of an acquisition that is the last one at the place once more, in all that matters. Nothing done with any other, as
/// in [`push_known`], not `HANDED`, whose part it is to go on. By waiting if need be.
///
/// # Safety
///
/// That of [`push_known`].
#[inline(always)]
pub(super) unsafe fn push_again<const RECORDED: bool>(context: &mut Context, meta: &LockMeta, place: Place) -> Push {
    let locks = &context.locks;
    let id = meta.id_word();
    let Some(again) = locks.places.again(place, id, &locks.held) else {
        return if id & DESCRIBED == 0 { Push::New } else { Push::Other };
    };
    let (entry, told) = (again.entry(meta.address()), again.told);
    // SAFETY: the stack is ready; the rest by the caller's promise.
    unsafe { push::<RECORDED, false>(context, meta, entry, (Attempt::Blocking, place, told)) }
}

/// The second half of [`push_known`] and [`push_again`]: nothing is to be judged. Where a lock stays with one thread its clock is
/// kept even if no races are looked for: to ask would cost more.
///
/// # Safety
///
/// That of [`push_known`], and the stack is ready.
#[inline(always)]
unsafe fn push<const RECORDED: bool, const HANDED: bool>(
    context: &mut Context,
    meta: &LockMeta,
    entry: Entry,
    (attempt, place, told): (Attempt, Place, HeldWord),
) -> Push {
    let locks = &mut context.locks;
    // SAFETY: by the caller's promise.
    let written = unsafe { locks.held.write_ready(entry) };
    // SAFETY: the caller has just acquired the lock exclusively.
    let published = unsafe { meta.clock() };
    let mut own = false;
    // (It may be learned once more, if something is in the way below.)
    let learned = match HANDED {
        true => published.acquire_in_place(&mut context.clock),
        false => {
            // It was published by the thread's own last release, and that was told.
            own = published.acquired_by_last(&context.clock);
            own || {
                cold_path();
                !context.modes.races() || published.is_bare()
            }
        }
    };
    if !learned {
        return if HANDED { Push::Other } else { Push::Learn };
    }
    if RECORDED {
        // SAFETY: by the caller's promise.
        let log = unsafe { Context::recorded_log(&mut context.log) };
        let Some(mut ready) = log.ready() else { return Push::Other };
        if HANDED {
            if context.kept.is_some() && meta.is_opaque() {
                // Each thread tells that, when it first takes the lock.
                return Push::Other;
            }
            let last = meta.last();
            if !last.is_of(context.thread) {
                match last.thread() {
                    Some(thread) => log.after_ready(&mut ready, (thread, last.position())),
                    None if last == Stand::NONE => {}
                    None => return Push::Other,
                }
            }
        } else if !own && !meta.was_released_by(context.thread) {
            return Push::Other;
        }
        match (attempt, log.near(place)) {
            (Attempt::Blocking, _) => log.push_held(ready, told),
            (_, Some(near)) => {
                let op = Op::Acquired { lock: entry.lock(), mode: Mode::Exclusive, attempt };
                log.push_ready(ready, op, near);
            }
            (_, None) => return Push::Other,
        }
    }
    // SAFETY: the entry was written above, and the stack has not been touched since.
    unsafe { locks.held.push_written(written) };
    Push::Done
}

/// The rest of [`push_known`], without `RECORDED` and `HANDED`, of a lock that another thread released last.
///
/// # Safety
///
/// It has just given [`Push::Learn`].
#[inline(always)]
pub(super) unsafe fn push_learned(context: &mut Context, meta: &LockMeta) -> bool {
    // SAFETY: the caller has just acquired the lock exclusively.
    let learned = unsafe { meta.clock() }.acquire_in_place(&mut context.clock);
    if learned {
        // SAFETY: the entry was written, and the stack has not been touched since.
        unsafe { context.locks.held.push_written(context.locks.held.written()) };
    }
    learned
}

/// The rest of [`push_known`], without `RECORDED` and `HANDED`, of a chain that was not asked for lately.
///
/// # Safety
///
/// `entry` is what it has just given.
#[inline(always)]
pub(super) unsafe fn push_behind(context: &mut Context, meta: &LockMeta, entry: Entry) -> Push {
    let locks = &mut context.locks;
    if !locks.known.is_at_home(entry.chain, locks.held.place(meta.address())) {
        return Push::New;
    }
    // SAFETY: the caller has just acquired the lock exclusively.
    if context.modes.races() && !unsafe { meta.clock() }.acquired_by_last(&context.clock) {
        return Push::Other;
    }
    // SAFETY: the stack was ready, and has not been touched since.
    unsafe { locks.held.push_ready(entry) };
    Push::Done
}

/// The hot path of the first acquisition of a lock like the one before it.
///
/// # Safety
///
/// That of [`push_known`], and the caller has just acquired the lock exclusively.
#[inline(always)]
pub(super) unsafe fn push_heir<const RECORDED: bool>(context: &mut Context, meta: &LockMeta, place: Place) -> bool {
    // SAFETY: by the caller's promise.
    if meta.id_word() != 0 || !unsafe { meta.clock() }.is_new() {
        return false;
    }
    let told = match RECORDED {
        true => {
            // SAFETY: by the caller's promise.
            let log = unsafe { Context::recorded_log(&mut context.log) };
            let (Some(ready), Some(near), Some(made)) = (log.ready(), log.near(place), log.near(meta.created())) else {
                return false;
            };
            Some((ready, near, made))
        }
        false => None,
    };
    let Some(parent) = context.locks.held.ready() else { return false };
    // SAFETY: the stack is ready.
    if !unsafe { context.locks.inherit(meta, parent, place) } {
        return false;
    }
    if let Some((ready, near, made)) = told {
        // SAFETY: by the caller's promise.
        let log = unsafe { Context::recorded_log(&mut context.log) };
        meta.log_fresh(context.thread);
        log.push_fresh(ready, meta.given_id(), near, made, meta.begin_opaque());
    }
    true
}

/// The hot path of a look, of a thread whose events are recorded: the lock was taken last, and this is the first in the hold.
/// The hold orders what is told here against what other holders tell.
///
/// # Safety
///
/// That of [`Recorded::hot`].
#[inline(always)]
pub(super) unsafe fn look_ready<const WRITE: bool>(current: Recorded, meta: &LockMeta, place: Place) -> bool {
    // SAFETY: by the caller's promise.
    let context = unsafe { current.hot() };
    // SAFETY: it is that of a `Recorded`.
    let log = unsafe { Context::recorded_log(&mut context.log) };
    let lock = LockId(meta.id_word() & ID);
    let last = log.last();
    if !last.is_held(lock) {
        return false;
    }
    let Some(ready) = last.ready() else { return false };
    let Some(near) = log.near(place) else { return false };
    log.push_look(ready, lock, WRITE, near);
    // What is told last is on top.
    context.locks.held.top_mut().look(WRITE);
    true
}

/// As [`look_ready`], whatever was told last, and whether it is the first look or not.
///
/// # Safety
///
/// That of [`Recorded::hot`].
#[inline(always)]
pub(super) unsafe fn look_on_top(current: Recorded, meta: &LockMeta, write: bool, place: Place) -> bool {
    // SAFETY: by the caller's promise.
    let context = unsafe { current.hot() };
    // SAFETY: it is that of a `Recorded`.
    let log = unsafe { Context::recorded_log(&mut context.log) };
    let (lock, entry) = (meta.given_id(), context.locks.held.top_mut());
    // (Below the locks there is an entry of none, and so is the id of a lock whose acquisition nobody has seen.)
    if entry.lock() != lock || lock.0 == 0 {
        return false;
    }
    if entry.has_look(write) {
        return true;
    }
    let (Some(ready), Some(near), false) = (log.ready(), log.near(place), entry.has_look(false)) else { return false };
    log.push_look(ready, log.looked_at(lock), write, near);
    entry.look(write);
    true
}

/// What [`pop_told`] has done.
pub(super) enum Told {
    /// All there was to do.
    Done,
    /// Nothing that may not be done once more: what was told last is of something else.
    Other,
    /// As `Other`: what was told last is the first acquisition of a lock, or a look in that hold, which `FRESH` is for.
    Fresh,
    /// As `Other`: there is more to do.
    New,
}

/// The hot path of an exclusive release, of a thread whose events are recorded. Mostly what was told last is the acquisition, or
/// that the holder looked at what the lock guards: then the release is added to that word. Or it is the release of a lock that was
/// taken above this one. (Where another stack takes the place of this one the word is closed: [`ThreadLog::close_word`].)
///
/// # Safety
///
/// That of [`push_known`], with `RECORDED`.
#[inline(always)]
pub(super) unsafe fn pop_told<const FRESH: bool>(context: &mut Context, meta: &LockMeta) -> Told {
    // SAFETY: by the caller's promise.
    let log = unsafe { Context::recorded_log(&mut context.log) };
    let id = meta.id_word();
    let lock = LockId(id & ID);
    let last = log.last();
    if !context.locks.held.quiet_top(id, Mode::Exclusive) {
        cold_path();
        return Told::New;
    }
    // SAFETY: the caller still holds the lock exclusively.
    let published = unsafe { meta.clock_mut() };
    // (It was published by the thread's own last release, and that was told; or there was none, and where it will be
    // was told with the acquisition.)
    let told = published.publish_again(&mut context.clock) || {
        cold_path();
        meta.was_released_by(context.thread) && published.publish_alone(&mut context.clock)
    };
    if !told {
        return Told::New;
    }
    // (One bit tells these from the others: no word that something can be added to has it.)
    let stand = if !FRESH && last.is_closed() {
        let Some(ready) = last.ready() else { return Told::New };
        log.push_released(ready, lock)
    } else {
        let Some(hold) = (if FRESH { log.fresh_hold(lock) } else { last.hold(lock) }) else {
            return if last.is_fresh() && !FRESH { Told::Fresh } else { Told::Other };
        };
        log.end_hold(hold)
    };
    meta.log_released(stand);
    // SAFETY: the lock is the newest entry.
    unsafe { context.locks.held.pop() };
    Told::Done
}

/// What became of a release on the hot path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pop {
    /// The lock is off the stack.
    Done,
    /// Nothing was done: another thread has published in the lock. See [`pop_published`].
    Publish,
    /// Nothing was done.
    Other,
}

/// The rest of [`pop_known`], without `RECORDED` and `HANDED`, of a lock that another thread released last.
///
/// # Safety
///
/// It has just given [`Pop::Publish`].
#[inline(always)]
pub(super) unsafe fn pop_published(context: &mut Context, meta: &LockMeta) -> bool {
    // SAFETY: the caller still holds the lock exclusively.
    let published = unsafe { meta.clock_mut() }.publish_other_in_place(&mut context.clock);
    if published {
        // SAFETY: the lock is the newest entry.
        unsafe { context.locks.held.pop() };
    }
    published
}

/// The hot path of an exclusive release: the lock is the newest held, and nothing is to be told. `HANDED` as in
/// [`push_known`]: false if what was published has to be copied.
///
/// # Safety
///
/// That of [`push_known`].
#[inline(always)]
pub(super) unsafe fn pop_known<const RECORDED: bool, const HANDED: bool>(
    context: &mut Context,
    meta: &LockMeta,
) -> Pop {
    let id = meta.id_word();
    if !context.locks.held.quiet_top(id, Mode::Exclusive) {
        return Pop::Other;
    }
    // Of the thread's first release the trace is told where.
    let mut told = RECORDED && HANDED && meta.was_released_by(context.thread);
    // SAFETY: the caller still holds the lock exclusively.
    let published = unsafe { meta.clock_mut() };
    // (It may be published once more, if something is in the way below.)
    let done = match (HANDED, RECORDED) {
        (true, _) => published.publish_in_place(&mut context.clock),
        (_, true) => {
            told = published.publish_again(&mut context.clock)
                || meta.was_released_by(context.thread) && published.publish_alone(&mut context.clock);
            told
        }
        // (If no races are looked for, nobody learns it. It stays the first one's, who is the quicker for it.)
        _ => {
            published.publish_again(&mut context.clock)
                || (!context.modes.races() && published.is_anybodys())
                || published.publish_alone(&mut context.clock)
        }
    };
    if !done {
        return if HANDED || RECORDED { Pop::Other } else { Pop::Publish };
    }
    if RECORDED {
        // SAFETY: by the caller's promise.
        let log = unsafe { Context::recorded_log(&mut context.log) };
        let lock = LockId(id & ID);
        if told {
            // (Without `HANDED` that has gone by way of `pop_told`.)
            let hold = if HANDED { log.last().hold(lock).or_else(|| log.fresh_hold(lock)) } else { None };
            let stand = match hold {
                Some(hold) => log.end_hold(hold),
                None => {
                    let Some(ready) = log.ready() else { return Pop::Other };
                    log.push_released(ready, lock)
                }
            };
            meta.log_released(stand);
        } else {
            if !HANDED {
                return Pop::Other;
            }
            let Some(ready) = log.ready() else { return Pop::Other };
            let Some(near) = log.near(meta.created()) else { return Pop::Other };
            log.push_ready(ready, Op::Released { lock, mode: Mode::Exclusive }, near);
            meta.log_released(log.stand());
        }
    }
    // SAFETY: the lock is the newest entry.
    unsafe { context.locks.held.pop() };
    Pop::Done
}
