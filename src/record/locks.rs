//! Hooks of everything that is held: mutexes, reader-writer locks, reentrant mutexes, running initialisers.
//!
//! The hot path, a lock taken before in this held context, touches only the thread's own memory: a push and a pop on the
//! [`held`] stack, with what is known of the [place](places), or if that did something else last, and below another lock, with one
//! look into the filter of known chains. What is new goes to the lock-order graph ([`order`]).

mod carry;
mod heir;
mod held;
mod known;
mod meta;
mod notes;
mod order;
mod pins;
mod places;
mod rw;
mod state;

use std::hint::cold_path;
use std::sync::LazyLock;

use parking_lot::Mutex;

use self::held::{Entry, grow};
use self::known::{
    Pop, Push, Told, look_on_top, look_ready, pop_known, pop_published, pop_told, push_again, push_behind, push_heir,
    push_known, push_learned,
};
use self::meta::DESCRIBED;
use super::context::{self, Context, Current, Recorded, enter};
use super::{Place, config, waits};
use crate::analysis::lock_order::LockOrder;
use crate::analysis::wait_for::Wait;
use crate::event::{Attempt, LockId, Mode, ObjectKind, Op, SiteId};

pub(crate) use self::carry::{Acquisition, Carried, carried, carry_known, wanted_by_task};
pub(crate) use self::meta::LockMeta;
pub(crate) use self::rw::RwMeta;
pub(crate) use self::state::{Line, LockState};

impl LockState {
    /// The site of a place that was here before, if the thread still remembers it. Calls nothing.
    #[inline(always)]
    pub(crate) fn seen_site(&self, place: Place) -> Option<SiteId> {
        self.places.seen(place).map(|seen| seen.site)
    }
}

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
///
/// Here and in the hooks below: which of two functions it is, the caller decides, so that none of them saves registers before it
/// knows, and who records jumps aside: the others take no jump but the call. They are of the C ABI because these don't unwind, and
/// the caller knows that: its guards stay in registers, too.
#[inline(always)]
pub(crate) fn acquired(meta: &LockMeta, attempt: Attempt, place: Place) {
    let current = context::current();
    match attempt {
        Attempt::Blocking if current.is_plain() => acquired_plain(current, meta, place),
        Attempt::Blocking => {
            cold_path();
            acquired_recorded::<true>(current, meta, place);
        }
        attempt if current.is_plain() => acquired_handed(current, meta, place, attempt),
        attempt => acquired_recorded_handed(current, meta, place, attempt),
    }
}

/// A call of its own: the caller's guard then stays in registers. Without calls and without events, so that it saves none.
/// `current` is plain.
#[inline(never)]
extern "C" fn acquired_plain(current: Current, meta: &LockMeta, place: Place) {
    // SAFETY: `current` comes from the caller, and nothing is called below but arithmetic on the context and the lock's own
    // words. So it is wherever `push_again`, `push_known` and `pop_known` are called.
    match unsafe { push_again::<false>(current.hot_plain(), meta, place) } {
        Push::Done => {}
        Push::New => acquired_first(current, meta, place),
        Push::Learn => acquired_learned(current, meta, place),
        _ => acquired_another(current, meta, place),
    }
}

/// As [`acquired_plain`], of another acquisition than the last at the place.
#[inline(never)]
extern "C" fn acquired_another(current: Current, meta: &LockMeta, place: Place) {
    // SAFETY: see `acquired_plain`, from where it comes.
    match unsafe { push_known::<false, false>(current.hot_plain(), meta, Attempt::Blocking, place) } {
        Push::Done => {}
        // SAFETY: see above.
        Push::Behind(entry) if unsafe { current.hot_plain() }.locks.expects_new => {
            acquired_foreseen(current, meta, place, entry.chain, entry.word());
        }
        Push::Behind(entry) => acquired_behind(current, meta, place, entry.chain, entry.word()),
        Push::New => acquired_first(current, meta, place),
        Push::Learn => acquired_learned(current, meta, place),
        Push::Other => acquired_handed(current, meta, place, Attempt::Blocking),
    }
}

/// As [`acquired_plain`], of a lock that another thread released last.
#[inline(never)]
extern "C" fn acquired_learned(current: Current, meta: &LockMeta, place: Place) {
    // SAFETY: see `acquired_plain`, from where it comes.
    if !unsafe { push_learned(current.hot_plain(), meta) } {
        acquired_slow(meta, place, Attempt::Blocking);
    }
}

/// As [`acquired_plain`], of a lock that the registry does not know yet. Like the next one a call of its own, so that the other
/// needs no register that it would have to save.
#[inline(never)]
extern "C" fn acquired_first(current: Current, meta: &LockMeta, place: Place) {
    // SAFETY: see `acquired_plain`, from where it comes.
    if !unsafe { push_heir::<false>(current.hot_plain(), meta, place) } {
        acquired_slow(meta, place, Attempt::Blocking);
    }
}

/// As [`acquired_plain`], of a chain that was not asked for lately. The entry comes in registers.
#[inline(never)]
extern "C" fn acquired_behind(current: Current, meta: &LockMeta, place: Place, chain: u64, word: u64) {
    let entry = Entry::of_word(chain, word, meta.address());
    // SAFETY: see `acquired_plain`, from where it comes.
    match unsafe { push_behind(current.hot_plain(), meta, entry) } {
        Push::Done => {}
        Push::New => acquired_slow(meta, place, Attempt::Blocking),
        Push::Behind(_) | Push::Learn | Push::Other => acquired_handed(current, meta, place, Attempt::Blocking),
    }
}

/// As [`acquired_behind`], of a chain that is expected to be new. What it will be judged by is to be on its way before anything of
/// it is waited for.
#[inline(never)]
extern "C" fn acquired_foreseen(current: Current, meta: &LockMeta, place: Place, chain: u64, word: u64) {
    let entry = Entry::of_word(chain, word, meta.address());
    // SAFETY: see `acquired_plain`, from where it comes.
    let locks = &mut unsafe { current.hot_plain() }.locks;
    locks.known.prefetch(locks.held.place(meta.address()));
    locks.prepare(entry.lock(), chain);
    acquired_slow(meta, place, Attempt::Blocking);
}

/// As [`acquired_plain`], of all other threads. `HERE` is nothing but a parameter: what has one is compiled into the crate that uses
/// it, and called there without a look into a table.
#[inline(never)]
extern "C" fn acquired_recorded<const HERE: bool>(current: Current, meta: &LockMeta, place: Place) {
    let Some(recorded) = current.recorded() else { return acquired_slow(meta, place, Attempt::Blocking) };
    // SAFETY: see `acquired_plain`.
    match unsafe { push_again::<true>(recorded.hot(), meta, place) } {
        Push::Done => {}
        Push::New => acquired_recorded_first(current, meta, place),
        _ => acquired_recorded_another(current, meta, place),
    }
}

/// As [`acquired_another`], of all other threads.
#[inline(never)]
extern "C" fn acquired_recorded_another(current: Current, meta: &LockMeta, place: Place) {
    let Some(recorded) = current.recorded() else { return acquired_slow(meta, place, Attempt::Blocking) };
    // SAFETY: see `acquired_plain`.
    match unsafe { push_known::<true, false>(recorded.hot(), meta, Attempt::Blocking, place) } {
        Push::Done => {}
        Push::New => acquired_recorded_first(current, meta, place),
        _ => acquired_recorded_handed(current, meta, place, Attempt::Blocking),
    }
}

/// As [`acquired_recorded`], of a lock that the registry does not know yet.
#[inline(never)]
extern "C" fn acquired_recorded_first(current: Current, meta: &LockMeta, place: Place) {
    let Some(recorded) = current.recorded() else { return acquired_slow(meta, place, Attempt::Blocking) };
    // SAFETY: see `acquired_plain`.
    if !unsafe { push_heir::<true>(recorded.hot(), meta, place) } {
        acquired_recorded_handed(current, meta, place, Attempt::Blocking);
    }
}

#[inline(never)]
extern "C" fn acquired_recorded_handed(current: Current, meta: &LockMeta, place: Place, attempt: Attempt) {
    let Some(recorded) = current.recorded() else { return acquired_slow(meta, place, attempt) };
    // SAFETY: see `acquired_plain`.
    if unsafe { push_known::<true, true>(recorded.hot(), meta, attempt, place) } != Push::Done {
        acquired_slow(meta, place, attempt);
    }
}

/// As [`acquired_plain`], of a lock that another thread may have released.
#[inline(never)]
extern "C" fn acquired_handed(current: Current, meta: &LockMeta, place: Place, attempt: Attempt) {
    // SAFETY: see `acquired_plain`.
    if unsafe { push_known::<false, true>(current.hot_plain(), meta, attempt, place) } != Push::Done {
        acquired_slow(meta, place, attempt);
    }
}

#[cold]
#[inline(never)]
extern "C" fn acquired_slow(meta: &LockMeta, place: Place, attempt: Attempt) {
    let Some(mut inside) = enter() else { return };
    let context = &mut *inside;
    push(context, meta, Mode::Exclusive, attempt, place);
    if context.modes.record() {
        record_acquired(context, meta, attempt, place);
    }
    // (Also if no races are looked for: whose clock a lock has is whose last release the trace has.)
    // SAFETY: the caller has just acquired the lock exclusively.
    unsafe { meta.clock() }.acquire(&mut context.clock);
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

/// At a release that poisons the lock, or may: from here on all who take it see that, or have seen that it is not poisoned, so
/// no other order of its holds is known to be one. (Of an opaque lock that is known.) See also [`popped_poisoned`].
fn poison(context: &mut Context, meta: &LockMeta) {
    if std::thread::panicking() && !meta.is_opaque() {
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
        let mut room = log.make_room();
        room.before_others();
        meta.log_released(room.push(op, meta.created()));
    }
}

/// The holder of the lock looks at what it guards, or is about to change it. One load of a thread of which nothing is recorded.
#[inline(always)]
pub(crate) fn looked(meta: &LockMeta, write: bool, place: Place) {
    let current = context::current();
    if !current.is_plain() {
        cold_path();
        if write { look::<true>(current, meta, place) } else { look::<false>(current, meta, place) }
    }
}

#[inline(never)]
extern "C" fn look<const WRITE: bool>(current: Current, meta: &LockMeta, place: Place) {
    let Some(recorded) = current.recorded() else { return look_slow(meta, place, WRITE) };
    // SAFETY: see `acquired_plain`.
    if !unsafe { look_ready::<WRITE>(recorded, meta, place) } {
        look_again(recorded, meta, place, WRITE);
    }
}

/// A look that is not the first, or not at the lock that was taken last.
#[inline(never)]
extern "C" fn look_again(current: Recorded, meta: &LockMeta, place: Place, write: bool) {
    // SAFETY: see `acquired_plain`.
    if !unsafe { look_on_top(current, meta, write, place) } {
        look_slow(meta, place, write);
    }
}

#[cold]
#[inline(never)]
extern "C" fn look_slow(meta: &LockMeta, place: Place, write: bool) {
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

/// Before the release of a lock that was acquired with [`acquired`], and that no panic poisons.
#[inline(always)]
pub(crate) fn released(meta: &LockMeta) {
    release::<false>(meta);
}

/// As [`released`], of a lock that a panic poisons: of that the trace is told.
#[inline(always)]
pub(crate) fn released_or_poisoned(meta: &LockMeta) {
    release::<true>(meta);
}

#[inline(always)]
fn release<const POISONS: bool>(meta: &LockMeta) {
    let current = context::current();
    if current.is_plain() {
        released_plain(current, meta);
    } else {
        cold_path();
        released_recorded::<POISONS>(current, meta);
    }
}

/// As [`acquired_plain`].
#[inline(never)]
extern "C" fn released_plain(current: Current, meta: &LockMeta) {
    // SAFETY: see `acquired_plain`.
    match unsafe { pop_known::<false, false>(current.hot_plain(), meta) } {
        Pop::Done => {}
        Pop::Publish => released_published(current, meta),
        Pop::Other => released_slow(meta),
    }
}

/// As [`acquired_recorded`], there too. `POISONS`: see [`released_or_poisoned`].
#[inline(never)]
extern "C" fn released_recorded<const POISONS: bool>(current: Current, meta: &LockMeta) {
    let Some(recorded) = current.recorded() else { return released_slow(meta) };
    // SAFETY: see `acquired_plain`.
    match unsafe { pop_told::<false>(recorded.hot(), meta) } {
        Told::Done => popped::<POISONS>(),
        Told::Other => released_recorded_below::<POISONS>(recorded, meta),
        Told::Fresh => released_recorded_first::<POISONS>(recorded, meta),
        Told::New => released_recorded_handed::<POISONS>(recorded, meta),
    }
}

/// As [`released_recorded`], of a lock that was never taken before.
#[inline(never)]
extern "C" fn released_recorded_first<const POISONS: bool>(current: Recorded, meta: &LockMeta) {
    // SAFETY: see `acquired_plain`.
    match unsafe { pop_told::<true>(current.hot(), meta) } {
        Told::Done => popped::<POISONS>(),
        _ => released_recorded_handed::<POISONS>(current, meta),
    }
}

/// As [`released_recorded`], where something else was told last.
#[inline(never)]
extern "C" fn released_recorded_below<const POISONS: bool>(current: Recorded, meta: &LockMeta) {
    // SAFETY: see `acquired_plain`.
    match unsafe { pop_known::<true, false>(current.hot(), meta) } {
        Pop::Done => popped::<POISONS>(),
        _ => released_recorded_handed::<POISONS>(current, meta),
    }
}

#[inline(never)]
extern "C" fn released_recorded_handed<const POISONS: bool>(current: Recorded, meta: &LockMeta) {
    // SAFETY: see `acquired_plain`.
    match unsafe { pop_known::<true, true>(current.hot(), meta) } {
        Pop::Done => popped::<POISONS>(),
        _ => released_slow(meta),
    }
}

/// The last step of a release on the hot path. That the lock is poisoned is told behind it: so the question, which may be a call,
/// finds nothing that it would have to save.
#[inline(always)]
fn popped<const POISONS: bool>() {
    if POISONS && std::thread::panicking() {
        popped_poisoned();
    }
}

#[cold]
#[inline(never)]
extern "C" fn popped_poisoned() {
    let Some(mut inside) = enter() else { return };
    let context = &mut *inside;
    if let Some((lock, site)) = context.locks.held.popped() {
        context.emit(Op::DataHidden { lock }, context.locks.places.place_of(site));
    }
}

/// As [`acquired_learned`].
#[inline(never)]
extern "C" fn released_published(current: Current, meta: &LockMeta) {
    // SAFETY: see `acquired_plain`, from where it comes.
    if !unsafe { pop_published(current.hot_plain(), meta) } {
        released_slow(meta);
    }
}

#[cold]
#[inline(never)]
extern "C" fn released_slow(meta: &LockMeta) {
    let Some(mut inside) = enter() else { return };
    let context = &mut *inside;
    pop(context, meta, Mode::Exclusive);
    if context.modes.record() {
        record_released(context, meta);
    }
    // SAFETY: the caller still holds the lock exclusively.
    unsafe { meta.clock_mut() }.publish(&mut context.clock);
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
