//! Held contexts that are pinned in the graph.

use std::num::NonZeroU32;

use super::ORDER;
use crate::analysis::lock_order::{ContextId, Zero, Zeroed, prefetch};

/// A held context of the thread's present segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pin {
    /// Unlike the id, never given out again. Never 0.
    pub(super) chain: u64,
    pub(super) id: ContextId,
}

/// A place for a pin; one that is free has the id 0.
#[derive(Clone, Copy)]
struct Slot {
    chain: u64,
    id: u32,
}

// SAFETY: numbers.
unsafe impl Zero for Slot {}

impl Slot {
    fn of(pin: Pin) -> Self {
        Self { chain: pin.chain, id: pin.id.0.get() }
    }

    #[inline]
    fn pin(&self) -> Option<Pin> {
        NonZeroU32::new(self.id).map(|id| Pin { chain: self.chain, id: ContextId(id) })
    }
}

/// The contexts in which a thread took something in its present segment. Each is pinned as long as it stands here, so its
/// id means nothing else.
#[derive(Default)]
pub(super) struct Pins {
    // An open-addressed table by chain: linear probing, home by multiplication, at most 3/4 full.
    slots: Zeroed<Slot>,
    len: usize,
    /// The one that was asked for last.
    last: Option<Pin>,
    /// Pins of locks that died, for the next ones in the same context: so the graph need not be asked.
    spare: Option<ContextId>,
    spares: u32,
}

/// Spare pins that are kept.
const SPARES: u32 = 64;

impl Pins {
    /// The context with this chain, if it was asked for last.
    #[inline]
    pub(super) fn last(&self, chain: u64) -> Option<Pin> {
        self.last.filter(|pin| pin.chain == chain)
    }

    /// The context with this id, if it was asked for last.
    pub(super) fn last_with(&self, id: ContextId) -> Option<Pin> {
        self.last.filter(|pin| pin.id == id)
    }

    /// Asks for the place where [`get`](Self::get) will look.
    #[inline]
    pub(super) fn prefetch(&self, chain: u64) {
        if let Some(slot) = self.slots.get(self.home(chain)) {
            prefetch(slot);
        }
    }

    /// The context with this chain; `pin` makes it.
    pub(super) fn get(&mut self, chain: u64, pin: impl FnOnce() -> ContextId) -> Pin {
        if let Some(pin) = self.last(chain) {
            return pin;
        }
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let slot = self.slot(chain);
        let found = self.slots[slot].pin().unwrap_or_else(|| {
            let made = Pin { chain, id: pin() };
            self.len += 1;
            self.slots[slot] = Slot::of(made);
            made
        });
        self.last = Some(found);
        found
    }

    /// A pin of a context of this segment, for a lock to keep.
    pub(super) fn share(&mut self, id: ContextId) -> ContextId {
        if self.spare == Some(id) && self.spares > 0 {
            self.spares -= 1;
        } else {
            ORDER.lock().share(id);
        }
        id
    }

    /// A pin that is not needed any more.
    pub(super) fn give_back(&mut self, id: ContextId) {
        if self.spare != Some(id) {
            self.drop_spares();
            self.spare = Some(id);
        }
        if self.spares < SPARES {
            self.spares += 1;
        } else {
            ORDER.lock().release(id);
        }
    }

    /// Contexts pinned.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Gives all pins up.
    pub(super) fn clear(&mut self) {
        self.drop_spares();
        self.last = None;
        self.len = 0;
        let slots = std::mem::take(&mut self.slots);
        let mut pins = slots.iter().flat_map(Slot::pin).peekable();
        if pins.peek().is_some() {
            let mut order = ORDER.lock();
            pins.for_each(|pin| order.release(pin.id));
        }
    }

    fn drop_spares(&mut self) {
        let spares = std::mem::take(&mut self.spares);
        if let Some(id) = self.spare.take().filter(|_| spares > 0) {
            let mut order = ORDER.lock();
            (0..spares).for_each(|_| order.release(id));
        }
    }

    /// Where the chain is, or the free slot where it would go.
    fn slot(&self, chain: u64) -> usize {
        let mut slot = self.home(chain);
        while self.slots[slot].id != 0 && self.slots[slot].chain != chain {
            slot = (slot + 1) % self.slots.len();
        }
        slot
    }

    #[inline]
    fn home(&self, chain: u64) -> usize {
        ((u128::from(chain) * self.slots.len() as u128) >> 64) as usize
    }

    #[cold]
    fn grow(&mut self) {
        let capacity = (2 * self.slots.len()).max(16);
        let old = std::mem::replace(&mut self.slots, Zeroed::of(capacity));
        for pin in old.iter().flat_map(Slot::pin) {
            let slot = self.slot(pin.chain);
            self.slots[slot] = Slot::of(pin);
        }
    }
}

impl Drop for Pins {
    /// Never while the graph is locked by this thread.
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::lock_order::extend;
    use crate::event::{LockId, Mode, ThreadId};

    #[test]
    fn a_context_is_pinned_once_and_found_by_its_chain() {
        let (mut pins, mut made) = (Pins::default(), Vec::new());
        for step in 0..1_000u32 {
            let chain = extend(7, LockId(step % 300), Mode::Shared);
            let pin = pins.get(chain, || {
                let id = ORDER.lock().context(ThreadId(0), &[]);
                made.push((chain, id));
                id
            });
            assert!(made.contains(&(pin.chain, pin.id)) && pin.chain == chain);
            assert_eq!((pins.last(chain), pins.last_with(pin.id)), (Some(pin), Some(pin)));
            let shared = pins.share(pin.id);
            pins.give_back(shared);
        }
        assert_eq!((made.len(), pins.len), (300, 300));
        pins.clear();
        assert_eq!((pins.len, pins.last(made[0].0)), (0, None));
    }
}
