//! What is new goes to the lock-order graph.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ORDER;
use super::meta::{DESCRIBED, ID, LockMeta};
use super::state::LockState;
use crate::analysis::lock_order::{ContextId, Hazard, extend};
use crate::event::{LockId, Mode, Object, ObjectKind, SiteId};
use crate::record::context::{Context, enter};
use crate::record::registry::{self, LiveNames, UNWATCHED};
use crate::record::sink;

/// Ids that a thread keeps for reuse.
const SPARE_IDS: usize = 1024;

/// A held context that the graph keeps as long as this lives.
pub(super) struct Pin {
    id: ContextId,
    /// Unlike the id, never given out again.
    chain: u64,
}

impl Drop for Pin {
    fn drop(&mut self) {
        // Never dropped with the graph locked: `note` and `died` drop pins after they let go of it.
        ORDER.lock().release(self.id);
    }
}

#[cold]
#[inline(never)]
pub(super) fn judge(context: &mut Context, meta: &LockMeta, chain: u64, mode: Mode, site: SiteId) {
    // A mutex that never had anything taken above it has no way out of it, so it can't close a cycle. While it has been
    // taken in one context only, a note of that context in the lock itself is enough: a short-lived lock never costs a
    // node. (A reader-writer lock has several holders at a time, who would race for the note.)
    if meta.kind() == ObjectKind::Mutex && meta.is_fresh() {
        introduce_holders(context);
        let pin = Arc::as_ptr(held_context(context));
        if meta.context.is_empty() {
            let locks = &mut context.locks;
            let spare = locks.spare_pin.take_if(|spare| ptr::eq(Arc::as_ptr(spare), pin));
            meta.context.put(spare.or_else(|| locks.last_pin.clone()).expect("the context was just pinned"));
            meta.context_site.store(site.0, Ordering::Relaxed);
            return;
        }
        if meta.context.is(held_context(context)) {
            // The second time: it lives long enough to be worth a place in the filter.
            meta.chained.store(true, Ordering::Relaxed);
            context.locks.known.insert(chain);
            return;
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
    let pin = held_context(context).id;
    let hazards = ORDER.lock().acquire_in(pin, lock, mode, site);
    meta.chained.store(true, Ordering::Relaxed);
    context.locks.known.insert(chain);
    tell(context, hazards);
}

/// What is held has something taken above it: from its release on, the lock is not fresh.
fn introduce_holders(context: &mut Context) {
    let news: Vec<LockId> = context.locks.held.give_news().collect();
    news.into_iter().for_each(|lock| introduce(&mut context.locks, lock));
}

/// The graph gets to know a lock by its class, and so does the registry if it has not met the lock yet.
fn introduce(locks: &mut LockState, lock: LockId) {
    // The newest: ids of the dead are given out again.
    let newcomer = locks.newcomers.iter().rfind(|(newcomer, ..)| *newcomer == lock);
    if let Some(&(_, kind, created)) = newcomer {
        registry::describe(Object::Lock(lock), kind, Some(created));
    }
    if let Some(created) = registry::created(Object::Lock(lock)) {
        let class = locks.site(created);
        ORDER.lock().set_class(lock, class);
    }
}

/// The lock is fresh no longer: what only the note in it stood for goes into the graph. The caller holds the lock.
#[cold]
#[inline(never)]
pub(super) fn settle(context: &mut Context, meta: &LockMeta, lock: LockId) {
    meta.describe(lock);
    meta.set_known();
    introduce(&mut context.locks, lock);
    let Some(pin) = meta.context.take() else { return };
    let site = SiteId(meta.context_site.load(Ordering::Relaxed));
    let hazards = ORDER.lock().acquire_in(pin.id, lock, Mode::Exclusive, site);
    tell(context, hazards);
}

fn tell(context: &mut Context, hazards: Vec<Hazard>) {
    for hazard in hazards {
        sink::report(context, hazard.to_finding(&LiveNames));
    }
}

/// What the thread holds now, pinned in the graph.
fn held_context(context: &mut Context) -> &Arc<Pin> {
    let chain = context.locks.held.chain();
    if context.locks.last_pin.as_ref().is_none_or(|pin| pin.chain != chain) {
        let known = context.locks.contexts.get(&chain).cloned();
        let pin = known.unwrap_or_else(|| {
            let id = ORDER.lock().context(context.thread, &context.locks.held.locks());
            let pin = Arc::new(Pin { id, chain });
            context.locks.contexts.insert(chain, Arc::clone(&pin));
            pin
        });
        context.locks.last_pin = Some(pin);
    }
    context.locks.last_pin.as_ref().expect("set above")
}

impl LockMeta {
    /// The lock is destroyed: its history goes over to its class.
    #[cold]
    #[inline(never)]
    pub(super) fn died(&mut self) {
        let Some(mut inside) = enter() else {
            // Inside the tool the graph may be locked, so the note is leaked rather than unpinned.
            std::mem::forget(self.context.take());
            return;
        };
        let context = &mut *inside;
        let known = !self.is_fresh();
        let described = self.id_word() & DESCRIBED != 0;
        let lock = LockId(self.id_word() & ID);
        if *self.named.get_mut() || described || known {
            registry::forget(Object::Lock(lock));
        }
        if known {
            let class = context.locks.site(self.created());
            let hazards = ORDER.lock().lock_died(lock, class);
            return tell(context, hazards);
        }
        if let Some(pin) = self.context.take() {
            // Same context, same class, same place: the class knows it.
            let address = ptr::from_ref(self.created()).addr() as u64 ^ pin.chain;
            let site = *self.context_site.get_mut();
            let key = extend(address, LockId(site), Mode::Exclusive);
            if !context.locks.known.known(key) {
                context.locks.known.insert(key);
                let class = context.locks.site(self.created());
                let hazards = ORDER.lock().class_edge_in(pin.id, class, Mode::Exclusive, SiteId(site));
                tell(context, hazards);
            }
            context.locks.spare_pin = Some(pin);
        }
        if lock.0 != UNWATCHED
            && !*self.chained.get_mut()
            && context.log.is_none()
            && context.locks.spare_ids.len() < SPARE_IDS
        {
            context.locks.spare_ids.push(lock.0);
        }
    }
}
