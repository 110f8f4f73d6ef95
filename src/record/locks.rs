//! Hooks of everything that is held: mutexes, reader-writer locks, reentrant mutexes, running initialisers.
//!
//! The hot path, a lock taken before in this held context, touches only the thread's own memory: a push and a pop on the
//! [`held`] stack, and below another lock one look into the filter of known chains. What is new goes to the
//! lock-order graph ([`order`]).

mod carry;
mod heir;
mod held;
mod meta;
mod order;
mod pins;
mod rw;
mod state;

use std::hint::cold_path;
use std::sync::LazyLock;

use parking_lot::Mutex;

use self::held::{Entry, grow};
use self::meta::{DESCRIBED, ID};
use super::context::{self, Context, Current, Recorded, enter};
use super::log::HeldWord;
use super::{Place, config, waits};
use crate::analysis::lock_order::LockOrder;
use crate::analysis::wait_for::Wait;
use crate::event::{Attempt, LockId, Mode, ObjectKind, Op, SiteId};

pub(crate) use self::carry::{Acquisition, Carried, carried, carry_known, wanted_by_task};
pub(crate) use self::meta::LockMeta;
pub(crate) use self::rw::RwMeta;
use self::state::Seen;
pub(crate) use self::state::{Line, LockState};

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
    if !context.locks.knows(meta, chain) {
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
    // SAFETY: `current` comes from the caller, and nothing is called below but arithmetic on the context and the lock's own
    // words. So it is wherever `push_known` and `pop_known` are called.
    if current.is_plain() {
        match unsafe { push_known::<false, false>(current.hot_plain(), meta, Attempt::Blocking, place) } {
            Push::Done => return,
            Push::Behind(entry) => return acquired_behind(current, meta, place, entry.chain, entry.word()),
            Push::First => return acquired_first(current, meta, place),
            Push::Other => {}
        }
    }
    acquired_otherwise(current, meta, Attempt::Blocking, place);
}

/// As [`acquired_blocking`], of a lock that the registry does not know yet. Like the next one a call of its own, so that the
/// hot path needs no register that it would have to save.
#[inline(never)]
fn acquired_first(current: Current, meta: &LockMeta, place: Place) {
    // SAFETY: see `acquired_blocking`, from where it comes; the stack is ready.
    if !unsafe { push_heir(current.hot_plain(), meta, place) } {
        acquired_slow(meta, Attempt::Blocking, place);
    }
}

/// As [`acquired_blocking`], of a chain that was not asked for lately. The entry comes in registers.
#[inline(never)]
fn acquired_behind(current: Current, meta: &LockMeta, place: Place, chain: u64, word: u64) {
    // SAFETY: see `acquired_blocking`, from where it comes.
    let context = unsafe { current.hot_plain() };
    let LockState { known, held, .. } = &mut context.locks;
    if !known.is_at_home(chain, held.place(meta.address())) {
        return acquired_slow(meta, Attempt::Blocking, place);
    }
    let entry = Entry::of_word(chain, word, meta.address());
    // SAFETY: see `acquired_blocking`; the stack is ready since.
    if unsafe { push_entry::<false, false>(context, meta, entry, None, Attempt::Blocking, place) } != Push::Done {
        acquired_otherwise(current, meta, Attempt::Blocking, place);
    }
}

#[inline(always)]
fn acquired_otherwise(current: Current, meta: &LockMeta, attempt: Attempt, place: Place) {
    match current.recorded() {
        Some(recorded) if attempt == Attempt::Blocking => acquired_recorded(recorded, meta, place),
        Some(recorded) => acquired_recorded_handed(recorded, meta, attempt, place),
        None => acquired_handed(current, meta, attempt, place),
    }
}

#[inline(never)]
fn acquired_recorded(current: Recorded, meta: &LockMeta, place: Place) {
    // SAFETY: see `acquired_blocking`.
    if unsafe { push_known::<true, false>(current.hot(), meta, Attempt::Blocking, place) } != Push::Done {
        acquired_recorded_handed(current, meta, Attempt::Blocking, place);
    }
}

#[inline(never)]
fn acquired_recorded_handed(current: Recorded, meta: &LockMeta, attempt: Attempt, place: Place) {
    // SAFETY: see `acquired_blocking`.
    if unsafe { push_known::<true, true>(current.hot(), meta, attempt, place) } != Push::Done {
        acquired_slow(meta, attempt, place);
    }
}

/// As [`acquired_blocking`], of a lock that another thread may have released.
#[inline(never)]
fn acquired_handed(current: Current, meta: &LockMeta, attempt: Attempt, place: Place) {
    // SAFETY: see `acquired_blocking`.
    let known = current.is_plain()
        && unsafe { push_known::<false, true>(current.hot_plain(), meta, attempt, place) } == Push::Done;
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
    if meta.take_opaque(context.kept.is_some()) {
        // The hold orders this; only first acquisitions are opaque, and these are never on the hot path.
        context.emit(Op::DataHidden { lock: meta.given_id() }, place);
    }
}

/// Before a release that poisons the lock, or may: from here on all who take it see that, or have seen that it is not
/// poisoned, so no other order of its holds is known to be one.
fn poison(context: &mut Context, meta: &LockMeta) {
    if std::thread::panicking() {
        context.emit(Op::DataHidden { lock: meta.given_id() }, meta.created());
    }
}

/// Who need not hold the lock has seen that it is poisoned, or is about to make that undone. (That it is not poisoned is
/// not told: most locks never are.)
#[cold]
pub(crate) fn seen_poisoned(meta: &LockMeta, place: Place) {
    if config::is_recording()
        && let Some(mut inside) = enter()
    {
        let lock = meta.lock_id(&mut inside);
        inside.emit(Op::DataHidden { lock }, place);
    }
}

#[inline(never)]
fn record_released(context: &mut Context, meta: &LockMeta) {
    poison(context, meta);
    if let Some(log) = &mut context.log {
        let op = Op::Released { lock: meta.given_id(), mode: Mode::Exclusive };
        let position = log.make_room().push(op, meta.created());
        meta.log_released(context.thread, position);
    }
}

/// The holder of the lock looks at what it guards, or is about to change it. One load when nothing is recorded.
#[inline(always)]
pub(crate) fn looked(meta: &LockMeta, write: bool, place: Place) {
    if config::is_recording() {
        match write {
            false => record_look::<false>(context::current(), meta, place),
            true => record_look::<true>(context::current(), meta, place),
        }
    }
}

#[inline(never)]
fn record_look<const WRITE: bool>(current: Current, meta: &LockMeta, place: Place) {
    // SAFETY: see `acquired_blocking`.
    let ready = current.recorded().is_some_and(|current| unsafe { look_ready::<WRITE>(current, meta, place) });
    if !ready {
        record_look_again(current, meta, WRITE, place);
    }
}

/// The hot path of a look: the lock was taken last, and this is the first in the hold. The hold orders what is told here against
/// what other holders tell.
///
/// # Safety
///
/// That of [`Recorded::hot`].
#[inline(always)]
unsafe fn look_ready<const WRITE: bool>(current: Recorded, meta: &LockMeta, place: Place) -> bool {
    // SAFETY: by the caller's promise.
    let context = unsafe { current.hot() };
    let entry = context.locks.held.top_mut();
    let id = meta.id_word();
    if !entry.is_unseen(id) {
        return false;
    }
    // SAFETY: it is that of a `Recorded`.
    let log = unsafe { Context::recorded_log(&mut context.log) };
    let Some(ready) = log.ready() else { return false };
    let Some(near) = log.near(place) else { return false };
    entry.look(WRITE);
    log.push_look(ready, LockId(id & ID), WRITE, near);
    true
}

/// A look that is not the first, or not at the lock that was taken last.
#[inline(never)]
fn record_look_again(current: Current, meta: &LockMeta, write: bool, place: Place) {
    if let Some(current) = current.recorded() {
        // SAFETY: see `acquired_blocking`.
        let entry = unsafe { current.hot() }.locks.held.top_mut();
        if entry.lock() == meta.given_id() && entry.has_look(write) {
            return;
        }
    }
    record_look_slow(meta, write, place);
}

#[cold]
#[inline(never)]
fn record_look_slow(meta: &LockMeta, write: bool, place: Place) {
    let Some(mut inside) = enter() else { return };
    let context = &mut *inside;
    let lock = meta.given_id();
    let Some(log) = &mut context.log else { return };
    let Some(entry) = context.locks.held.newest_of(lock) else { return };
    let (looks, changes) = entry.look(write);
    if looks {
        log.make_room().push(Op::DataRead { lock }, place);
    }
    if changes {
        log.make_room().push(Op::DataWrite { lock }, place);
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
    // SAFETY: see `acquired_blocking`.
    let known = current.is_plain() && unsafe { pop_known::<false, false>(current.hot_plain(), meta) };
    if !known {
        match current.recorded() {
            Some(recorded) => released_recorded(recorded, meta),
            None => released_handed(current, meta),
        }
    }
}

#[inline(never)]
fn released_recorded(current: Recorded, meta: &LockMeta) {
    // SAFETY: see `acquired_blocking`.
    if !unsafe { pop_known::<true, false>(current.hot(), meta) } {
        released_recorded_handed(current, meta);
    }
}

#[inline(never)]
fn released_recorded_handed(current: Recorded, meta: &LockMeta) {
    // SAFETY: see `acquired_blocking`.
    if !unsafe { pop_known::<true, true>(current.hot(), meta) } {
        released_slow(meta);
    }
}

/// As [`acquired_handed`].
#[inline(never)]
fn released_handed(current: Current, meta: &LockMeta) {
    // SAFETY: see `acquired_blocking`.
    let known = current.is_plain() && unsafe { pop_known::<false, true>(current.hot_plain(), meta) };
    if !known {
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

/// What became of an attempt to take the hot path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Push {
    /// The lock is on the stack.
    Done,
    /// Nothing was done. The chain was not asked for lately; if it is known all the same, this is what goes onto the stack.
    Behind(Entry),
    /// Nothing was done: the registry does not know the lock.
    First,
    /// Nothing was done.
    Other,
}

/// The hot path of an exclusive acquisition: nothing about it is new. Nothing done if anything is, or if another
/// thread released the lock last and `HANDED` is false. `RECORDED`: are the thread's events recorded?
///
/// # Safety
///
/// With `RECORDED`, the context is that of a [`Recorded`].
#[inline(always)]
unsafe fn push_known<const RECORDED: bool, const HANDED: bool>(
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
        return Push::First;
    }
    let Some(&Seen { site, held, .. }) = locks.places.seen(place) else { return Push::Other };
    let chain = grow(parent, LockId(id & ID), Mode::Exclusive);
    let entry = Entry::new(chain, (id, meta.address()), site, Mode::Exclusive, attempt);
    if !locks.held.is_empty()
        && attempt == Attempt::Blocking
        && !locks.known.in_front(chain)
        && context.modes.order()
        && !(HANDED && locks.known.is_at_home(chain, locks.held.place(meta.address())))
    {
        cold_path();
        return Push::Behind(entry);
    }
    // SAFETY: the stack is ready, and the rest is the caller's promise.
    unsafe { push_entry::<RECORDED, HANDED>(context, meta, entry, held, attempt, place) }
}

/// The rest of [`push_known`]: puts an entry onto the stack. `held` as in [`Seen`].
///
/// # Safety
///
/// That of [`push_known`], and the held stack is ready.
#[inline(always)]
unsafe fn push_entry<const RECORDED: bool, const HANDED: bool>(
    context: &mut Context,
    meta: &LockMeta,
    entry: Entry,
    held: Option<HeldWord>,
    attempt: Attempt,
    place: Place,
) -> Push {
    let locks = &mut context.locks;
    // SAFETY: the stack is ready.
    unsafe { locks.held.write_ready(entry) };
    // (It may be learned once more, if something is in the way below.)
    if context.modes.races() {
        // SAFETY: the caller has just acquired the lock exclusively.
        let published = unsafe { meta.clock() };
        let learned = match HANDED {
            true => published.acquire_in_place(&mut context.clock),
            false => published.acquired_by_last(&context.clock),
        };
        if !learned {
            return Push::Other;
        }
    }
    if RECORDED {
        // SAFETY: by the caller's promise.
        let log = unsafe { Context::recorded_log(&mut context.log) };
        let Some(mut ready) = log.ready() else { return Push::Other };
        let Some(held) = held else {
            cold_path();
            return Push::Other;
        };
        if HANDED {
            if context.kept.is_some() && meta.is_opaque() {
                // Each thread tells that, when it first takes the lock.
                return Push::Other;
            }
            if let Some(last) = meta.last_of_another(context.thread) {
                log.after_ready(&mut ready, last);
            }
        } else if !meta.was_released_by(context.thread) {
            return Push::Other;
        }
        let lock = entry.lock();
        match (attempt, log.near(place)) {
            (Attempt::Blocking, _) => log.push_held(ready, lock, held),
            (_, Some(near)) => log.push_ready(ready, Op::Acquired { lock, mode: Mode::Exclusive, attempt }, near),
            (_, None) => return Push::Other,
        }
    }
    // SAFETY: the entry was written above, and the stack has not been touched since.
    unsafe { locks.held.push_written() };
    Push::Done
}

/// The hot path of the first acquisition of a lock like the one before it.
///
/// # Safety
///
/// The held stack is ready.
#[inline(always)]
unsafe fn push_heir(context: &mut Context, meta: &LockMeta, place: Place) -> bool {
    // SAFETY: the caller's caller has just acquired the lock exclusively.
    let published = unsafe { meta.clock_mut() };
    if meta.id_word() != 0 || !published.is_new() {
        return false;
    }
    let Some(parent) = context.locks.held.ready() else { return false };
    // SAFETY: by the caller's promise.
    let known = unsafe { context.locks.inherit(meta, parent, place) };
    if known && context.modes.races() {
        // What is certain now is so at the release: there it will be another time at most.
        published.publish_first(&mut context.clock);
    }
    known
}

/// The hot path of an exclusive release: the lock is the newest held, and nothing is to be told. `HANDED` as in
/// [`push_known`]: false if what was published has to be copied.
///
/// # Safety
///
/// That of [`push_known`].
#[inline(always)]
unsafe fn pop_known<const RECORDED: bool, const HANDED: bool>(context: &mut Context, meta: &LockMeta) -> bool {
    let id = meta.id_word();
    if !context.locks.held.quiet_top(id, Mode::Exclusive) {
        return false;
    }
    // (It may be published once more, if something is in the way below.)
    if context.modes.races() {
        // SAFETY: the caller still holds the lock exclusively.
        let published = unsafe { meta.clock_mut() };
        let done = match HANDED {
            true => published.publish_in_place(&mut context.clock),
            false => {
                published.publish_again(&mut context.clock) || RECORDED && published.publish_first(&mut context.clock)
            }
        };
        if !done {
            return false;
        }
    }
    if RECORDED {
        if std::thread::panicking() {
            // There is more to tell.
            cold_path();
            return false;
        }
        // SAFETY: by the caller's promise.
        let log = unsafe { Context::recorded_log(&mut context.log) };
        let lock = LockId(id & ID);
        // The thread's first release tells where.
        let added = if meta.was_released_by(context.thread) { log.add_release(lock) } else { None };
        if let Some(position) = added {
            meta.log_released_again(position);
        } else {
            let Some(ready) = log.ready() else { return false };
            let Some(near) = log.near(meta.created()) else { return false };
            log.push_ready(ready, Op::Released { lock, mode: Mode::Exclusive }, near);
            meta.log_released(context.thread, log.position());
        }
    }
    // SAFETY: the lock is the newest entry.
    unsafe { context.locks.held.pop() };
    true
}

/// Puts the lock on the held stack, and judges the order if something is held already.
fn push(context: &mut Context, meta: &LockMeta, mode: Mode, attempt: Attempt, place: Place) {
    let locks = &mut context.locks;
    if locks.held.is_empty() {
        locks.clear_newcomers();
    }
    let lock = meta.id(locks);
    let site = locks.site(place);
    let mut chain = grow(locks.held.chain(), lock, mode);
    if context.modes.order()
        && attempt == Attempt::Blocking
        && matters(context, meta, mode)
        && (!meta.is_chained() || !order::is_known(&mut context.locks, meta, lock, chain))
    {
        context.locks.about_to_judge();
        chain = grow(context.locks.held.chain(), lock, mode);
        order::judge(context, meta, chain, mode, site);
    }
    let id = meta.id_word();
    if id & DESCRIBED == 0 && context.modes.record() {
        tell_made(context, meta, lock);
    }
    context.locks.held.push(Entry::new(chain, (id, meta.address()), site, mode, attempt));
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
