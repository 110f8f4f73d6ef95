//! What is new goes to the lock-order graph.

use std::{iter, ptr};

use super::ORDER;
use super::carry::Carried;
use super::meta::{DESCRIBED, ID, LockMeta};
use super::notes::{self, Note};
use super::pins::Pin;
use super::state::LockState;
use crate::analysis::lock_order::{Hazard, extend};
use crate::event::{LockId, Mode, Object, ObjectKind, SiteId};
use crate::record::Place;
use crate::record::context::{Context, enter};
use crate::record::orders::{self, Wanted};
use crate::record::registry::{self, LiveNames, UNWATCHED};
use crate::record::sink;

/// Ids that a thread keeps for reuse.
const SPARE_IDS: usize = 1024;

/// Was the chain, of a request for the lock, judged before?
///
/// Behind the front of the filter, where there are very many locks, memory is what takes the time. So if the last chain
/// that was asked for there was new, and this one may well be, what the graph will look at is on its way already while the
/// filter is read. Where chains are known, the graph is not touched.
pub(super) fn is_known(locks: &mut LockState, meta: &LockMeta, lock: LockId, chain: u64) -> bool {
    if locks.known.in_front(chain) {
        return true;
    }
    if locks.expects_new {
        locks.prepare(lock, chain);
        // (If another thread is at the graph, there is something else to wait for.)
        if let Some(mut order) = ORDER.try_lock() {
            order.work_off();
        }
    }
    let known = locks.knows(meta, chain);
    locks.expects_new = !known;
    known
}

/// A chain not seen before, of a lock that has just been acquired.
#[cold]
#[inline(never)]
pub(super) fn judge(context: &mut Context, meta: &LockMeta, chain: u64, mode: Mode, site: SiteId) {
    // A mutex that never had anything taken above it has no way out of it, so it can't close a cycle. While it has been
    // taken in one context only, a note of that context is enough: a short-lived lock never costs a node. (A reader-writer
    // lock has several holders at a time, who would race for the note.)
    let lock = meta.given_id();
    if meta.kind() == ObjectKind::Mutex && meta.is_fresh() && lock.0 != UNWATCHED {
        introduce_holders(context);
        let pin = held_context(context);
        match notes::note(lock).context() {
            None => {
                notes::put(lock, Note::new(context.locks.pins.share(pin.id), site));
                return tell_class(context, meta, mode, site);
            }
            Some(noted) if noted == pin.id => {
                // The second time: it lives long enough to be worth a place in the filter.
                context.locks.learn(meta, chain);
                return;
            }
            Some(_) => {}
        }
    }
    note(context, meta, chain, mode, site);
    if meta.is_fresh() {
        let lock = meta.id(&mut context.locks);
        settle(context, meta, lock);
    }
}

/// Tells the graph of a new chain, and reports what it says.
pub(super) fn note(context: &mut Context, meta: &LockMeta, chain: u64, mode: Mode, site: SiteId) {
    let lock = meta.id(&mut context.locks);
    if lock.0 == UNWATCHED {
        return;
    }
    introduce_holders(context);
    context.locks.prepare(lock, chain);
    let hazards = {
        let LockState { line, held, pins, map, .. } = &mut context.locks;
        let mut order = ORDER.lock();
        *map = order.map();
        if meta.is_fresh() {
            order.lies_at(lock, meta.address(), line.all_with(held).map(|held| held.lock));
        }
        let pin = pins.get(held.chain(), || order.context(line.owner, &line.all_with(held).collect::<Vec<_>>())).id;
        order.acquire_below(pin, line.all_with(held), lock, mode, site)
    };
    tell_class(context, meta, mode, site);
    context.locks.learn(meta, chain);
    tell(context, hazards);
}

/// Tells other processes of a new chain, if anyone gathers what they tell.
#[inline(always)]
fn tell_class(context: &mut Context, meta: &LockMeta, mode: Mode, site: SiteId) {
    if context.modes.classes() {
        tell_watched_class(context, meta, mode, site);
    }
}

#[cold]
#[inline(never)]
fn tell_watched_class(context: &mut Context, meta: &LockMeta, mode: Mode, site: SiteId) {
    // Short-lived locks come here each time that one is taken below others.
    let address = ptr::from_ref(meta.created()).addr() as u64 ^ context.locks.held.chain().rotate_left(32);
    let key = extend(address, LockId(site.0), mode);
    if !context.locks.known.known(key) {
        context.locks.known.insert(key);
        let wanted = Wanted { kind: meta.kind(), made: meta.created(), mode, at: site };
        orders::tell(context, &context.locks.held.locks(), &wanted);
    }
}

/// What is held has something taken above it: from its release on, the lock is not fresh.
fn introduce_holders(context: &mut Context) {
    for place in 1..=context.locks.held.len() {
        if let Some((lock, address)) = context.locks.held.give_news(place) {
            ORDER.lock().lies_at(lock, address, iter::empty());
            introduce(&mut context.locks, lock);
        }
    }
    for place in 0..context.locks.line.carried.len() {
        let Carried { lock, kind, created, .. } = context.locks.line.carried[place];
        registry::describe(Object::Lock(lock), kind, Some(created));
        introduce(&mut context.locks, lock);
    }
}

/// The graph gets to know a lock by its class, and so does the registry if it has not met the lock yet.
fn introduce(locks: &mut LockState, lock: LockId) {
    locks.heir.forget_if(lock);
    // The newest: ids of the dead are given out again.
    let newcomer = locks.newcomers.iter().rfind(|(newcomer, ..)| *newcomer == lock);
    if let Some(&(_, kind, created)) = newcomer {
        registry::describe(Object::Lock(lock), kind, Some(created));
    }
    if let Some((kind, created)) = registry::created(Object::Lock(lock)) {
        let class = class(locks, kind, created);
        ORDER.lock().set_class(lock, class);
    }
}

/// The class of the locks that are made at a place; the registry knows from then on what they are.
fn class(locks: &mut LockState, kind: ObjectKind, created: Place) -> SiteId {
    let class = locks.site(created);
    registry::describe_class(class, kind);
    class
}

/// The lock is fresh no longer: what only the note in it stood for goes into the graph. The caller holds the lock.
#[cold]
#[inline(never)]
pub(super) fn settle(context: &mut Context, meta: &LockMeta, lock: LockId) {
    meta.describe(lock);
    meta.set_known();
    introduce(&mut context.locks, lock);
    let Some((noted, site)) = notes::take(lock) else { return };
    let hazards = ORDER.lock().acquire_in(noted, lock, Mode::Exclusive, site);
    context.locks.pins.give_back(noted);
    tell(context, hazards);
}

fn tell(context: &mut Context, hazards: Vec<Hazard>) {
    for hazard in hazards {
        sink::report(context, hazard.to_finding(&LiveNames));
    }
}

/// What the thread holds now, pinned in the graph.
fn held_context(context: &mut Context) -> Pin {
    let LockState { line, held, pins, .. } = &mut context.locks;
    let chain = held.chain();
    pins.get(chain, || ORDER.lock().context(line.owner, &line.all_with(held).collect::<Vec<_>>()))
}

impl LockMeta {
    /// The lock is destroyed: its history goes over to its class.
    #[cold]
    #[inline(never)]
    pub(super) fn died(&mut self) {
        let Some(mut inside) = enter() else {
            // Inside the tool the graph may be locked, so the noted context stays pinned.
            return;
        };
        let context = &mut *inside;
        let known = !self.is_fresh();
        let described = self.id_word() & DESCRIBED != 0;
        let lock = LockId(self.id_word() & ID);
        // Another thread made the lock, and does not hear of its end: its heir must find no other lock with the id.
        let elsewhere = self.is_inherited() && !context.locks.heir.is_of(lock);
        context.locks.heir.forget_if(lock);
        if self.is_named() || described || known {
            registry::forget(Object::Lock(lock));
        }
        if known {
            let class = class(&mut context.locks, self.kind(), self.created());
            let hazards = ORDER.lock().lock_died(lock, class);
            return tell(context, hazards);
        }
        // (A lock may die while it is held, if its guard was leaked.)
        let reusable = lock.0 != UNWATCHED
            && !elsewhere
            && !self.is_chained()
            && !context.locks.holds(lock)
            && context.log.is_none()
            && context.locks.spare_ids.len() < SPARE_IDS;
        if let Some((noted, site)) = notes::take(lock) {
            // Same context, same class, same place: the class knows it. (Of a context that is not the thread's own, or not
            // the last, this is not known here, and the graph is asked.)
            let address = ptr::from_ref(self.created()).addr() as u64;
            let own = context.locks.pins.last_with(noted);
            let key = own.map(|pin| extend(address ^ pin.chain, LockId(site.0), Mode::Exclusive));
            if !key.is_some_and(|key| context.locks.known.known(key)) {
                key.map(|key| context.locks.known.insert(key));
                let class = class(&mut context.locks, self.kind(), self.created());
                let hazards = ORDER.lock().class_edge_in(noted, class, Mode::Exclusive, site);
                tell(context, hazards);
            }
            // The trace knows no two locks by one id.
            let anew = context.log.is_some() && lock.0 != UNWATCHED && !self.is_chained() && !context.locks.holds(lock);
            if let Some(pin) = own.filter(|_| (reusable || anew) && !described) {
                return context.locks.leave(self, lock, pin.chain, Note::new(noted, site), anew);
            }
            context.locks.pins.give_back(noted);
        }
        if reusable {
            context.locks.spare_ids.push(lock.0);
        } else if !context.locks.holds(lock) {
            // Only what is held can be asked for.
            context.locks.newcomers.pop_if(|(newcomer, ..)| *newcomer == lock);
        }
    }
}
