//! Where the states of tasks are kept.
//!
//! A state lives as long as anybody knows the task, so it is counted like the contents of an [`Arc`](std::sync::Arc). Its
//! memory comes out of blocks of many: runtimes take and give back a piece of memory for each task, and among a hundred
//! thousand of theirs as many of ours, of another size, would cost the program's allocator more than all that is done with
//! them here. A thread keeps a few free slots for itself, so that it asks for more, and gives some back, once in many tasks.
//! A block of which all slots are free goes back to the system.

use std::cell::Cell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::task::State;
use crate::primitive::{AtomicU32, fence};

/// A task's state, shared.
pub(crate) struct StateRef(NonNull<Slot>);

// SAFETY: as for an `Arc` of a state, which is `Send` and `Sync`: what is counted is counted in one step.
unsafe impl Send for StateRef {}
// SAFETY: see above.
unsafe impl Sync for StateRef {}

const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<State>();
};

/// The slot of one state.
struct Slot {
    /// How many know it.
    known: Count,
    /// Which of its block's slots it is.
    number: u32,
    content: Content,
}

/// A number of those who know something.
struct Count(AtomicU32);

impl Count {
    const fn new(known: u32) -> Self {
        Self(AtomicU32::new(known))
    }

    /// One more, who learns it from one of them.
    #[inline]
    fn grow(&self) {
        if self.0.fetch_add(1, Ordering::Relaxed) > MOST {
            // So many were leaked that the number is about to begin anew. An `Arc` does the same.
            std::process::abort();
        }
    }

    /// One less. Was it the last? Then what the others did with it comes before.
    #[inline]
    fn shrink(&self) -> bool {
        let is_last = self.0.fetch_sub(1, Ordering::Release) == 1;
        if is_last {
            fence(Ordering::Acquire);
        }
        is_last
    }
}

union Content {
    /// Of a slot that is taken.
    state: ManuallyDrop<State>,
    /// Of a free one: the next of its list.
    next: *mut Slot,
}

impl StateRef {
    /// A new one, made where it will be.
    #[inline]
    pub(super) fn new(make: impl FnOnce() -> State) -> Self {
        let slot = take();
        // SAFETY: the slot is free, and nobody else has it. Should `make` panic, it is lost.
        unsafe {
            (&raw mut (*slot).content.state).write(ManuallyDrop::new(make()));
            (*slot).known = Count::new(1);
            Self(NonNull::new_unchecked(slot))
        }
    }

    /// Is it the same task?
    pub(super) fn ptr_eq(one: &Self, other: &Self) -> bool {
        one.0 == other.0
    }

    /// The same, and not counted.
    ///
    /// # Safety
    ///
    /// Not used after the last of the others has been dropped.
    pub(super) const unsafe fn uncounted(&self) -> ManuallyDrop<Self> {
        ManuallyDrop::new(Self(self.0))
    }

    #[cold]
    #[inline(never)]
    fn end(&mut self) {
        let slot = self.0.as_ptr();
        // SAFETY: this was the last one that knew it.
        unsafe {
            ManuallyDrop::drop(&mut (*slot).content.state);
            give_back(slot);
        }
    }
}

impl Clone for StateRef {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: the slot is taken as long as this knows it.
        unsafe { self.0.as_ref() }.known.grow();
        Self(self.0)
    }
}

impl Drop for StateRef {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: as in `clone`.
        if unsafe { self.0.as_ref() }.known.shrink() {
            self.end();
        }
    }
}

impl Deref for StateRef {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        // SAFETY: the slot is taken as long as this knows it, and then it has a state.
        unsafe { &self.0.as_ref().content.state }
    }
}

impl std::fmt::Debug for StateRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

/// Those who know a state, at most.
const MOST: u32 = u32::MAX / 2;

/// Slots in a block: almost a page.
const SLOTS: usize = (4096 - 64) / size_of::<Slot>();

/// Free slots that a thread keeps, at most: so many that one who takes and gives back in turn asks for nothing.
const SPARES: usize = 2 * SLOTS;

/// Slots side by side, numbered from 0.
///
/// invariant: all but `slots` is touched under the lock of [`BLOCKS`]. A free slot is either in `free`, or some thread has
/// it among its [`Spares`]; `out` counts all that are not in `free`. The block is in the list of [`Blocks`] while `free` has
/// any.
struct Block {
    free: *mut Slot,
    out: usize,
    before: *mut Block,
    after: *mut Block,
    slots: [Slot; SLOTS],
}

impl Block {
    /// All its slots are free.
    fn new() -> *mut Self {
        let block: *mut Self = Box::leak(Box::<Self>::new_uninit()).as_mut_ptr();
        // SAFETY: the memory is that of a block, and nobody else has it.
        unsafe {
            (&raw mut (*block).free).write(ptr::null_mut());
            (&raw mut (*block).out).write(0);
            (&raw mut (*block).before).write(ptr::null_mut());
            (&raw mut (*block).after).write(ptr::null_mut());
            for number in (0..SLOTS).rev() {
                let slot = (&raw mut (*block).slots).cast::<Slot>().add(number);
                let content = Content { next: (*block).free };
                slot.write(Slot { known: Count::new(0), number: number as u32, content });
                (*block).free = slot;
            }
        }
        block
    }

    /// The block of a slot.
    ///
    /// # Safety
    ///
    /// The slot is one of a block.
    unsafe fn of(slot: *mut Slot) -> *mut Self {
        // SAFETY: by the caller's promise. The number stays what it was when the block was made.
        unsafe { slot.sub((*slot).number as usize).byte_sub(std::mem::offset_of!(Self, slots)).cast() }
    }
}

/// The blocks that have free slots.
struct Blocks {
    first: *mut Block,
}

// SAFETY: the blocks belong to nobody in particular.
unsafe impl Send for Blocks {}

static BLOCKS: Mutex<Blocks> = Mutex::new(Blocks { first: ptr::null_mut() });

impl Blocks {
    /// All free slots of a block, as a list, and how many these are: at least one.
    fn take(&mut self) -> (*mut Slot, usize) {
        let known = self.first;
        let block = if known.is_null() { Block::new() } else { known };
        // SAFETY: blocks in the list are there, and this is the only one that touches them.
        unsafe {
            if !known.is_null() {
                self.unlink(block);
            }
            let free = std::mem::replace(&mut (*block).free, ptr::null_mut());
            (free, SLOTS - std::mem::replace(&mut (*block).out, SLOTS))
        }
    }

    /// Takes back one slot.
    ///
    /// # Safety
    ///
    /// It is free, and nobody has it but the caller.
    unsafe fn put(&mut self, slot: *mut Slot) {
        // SAFETY: by the caller's promise, and as in `take`.
        unsafe {
            let block = Block::of(slot);
            if (*block).free.is_null() {
                (*block).before = ptr::null_mut();
                (*block).after = self.first;
                if !self.first.is_null() {
                    (*self.first).before = block;
                }
                self.first = block;
            }
            (*slot).content.next = (*block).free;
            (*block).free = slot;
            (*block).out -= 1;
            if (*block).out == 0 {
                self.unlink(block);
                drop(Box::from_raw(block.cast::<MaybeUninit<Block>>()));
            }
        }
    }

    /// Takes a block out of the list.
    ///
    /// # Safety
    ///
    /// It is there.
    unsafe fn unlink(&mut self, block: *mut Block) {
        // SAFETY: by the caller's promise, and as in `take`.
        unsafe {
            let (before, after) = ((*block).before, (*block).after);
            match before.is_null() {
                true => self.first = after,
                false => (*before).after = after,
            }
            if !after.is_null() {
                (*after).before = before;
            }
        }
    }
}

/// The free slots of one thread.
struct Spares {
    first: Cell<*mut Slot>,
    count: Cell<usize>,
}

thread_local! {
    static SPARE: Spares = const { Spares { first: Cell::new(ptr::null_mut()), count: Cell::new(0) } };
}

impl Spares {
    fn pop(&self) -> Option<*mut Slot> {
        let slot = self.first.get();
        if slot.is_null() {
            return None;
        }
        // SAFETY: it is free, and the thread's.
        self.first.set(unsafe { (*slot).content.next });
        self.count.set(self.count.get().wrapping_sub(1));
        Some(slot)
    }

    /// # Safety
    ///
    /// The slot is free, and nobody has it but the caller.
    unsafe fn push(&self, slot: *mut Slot) {
        // SAFETY: by the caller's promise.
        unsafe { (*slot).content.next = self.first.get() };
        self.first.set(slot);
        self.count.set(self.count.get() + 1);
    }

    #[cold]
    #[inline(never)]
    fn fill(&self) {
        let (first, count) = BLOCKS.lock().take();
        self.first.set(first);
        self.count.set(count);
    }

    /// Gives back so many.
    #[cold]
    #[inline(never)]
    fn shrink(&self, count: usize) {
        let mut blocks = BLOCKS.lock();
        for slot in (0..count).map_while(|_| self.pop()) {
            // SAFETY: it was the thread's.
            unsafe { blocks.put(slot) };
        }
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        self.shrink(usize::MAX);
    }
}

/// A free slot.
#[inline]
fn take() -> *mut Slot {
    let spare = SPARE.try_with(|spares| {
        spares.pop().or_else(|| {
            spares.fill();
            spares.pop()
        })
    });
    spare.ok().flatten().unwrap_or_else(take_one)
}

/// A free slot for a thread that is being torn down, and keeps none.
#[cold]
#[inline(never)]
fn take_one() -> *mut Slot {
    let mut blocks = BLOCKS.lock();
    let (slot, _) = blocks.take();
    // SAFETY: the slots of the list are free, and nobody else has them.
    unsafe {
        let mut rest = (*slot).content.next;
        while !rest.is_null() {
            let next = (*rest).content.next;
            blocks.put(rest);
            rest = next;
        }
    }
    slot
}

/// # Safety
///
/// The slot is free, and nobody has it but the caller.
#[inline]
unsafe fn give_back(slot: *mut Slot) {
    let kept = SPARE.try_with(|spares| {
        if spares.count.get() >= SPARES {
            spares.shrink(SLOTS);
        }
        // SAFETY: by the caller's promise.
        unsafe { spares.push(slot) };
    });
    if kept.is_err() {
        // SAFETY: by the caller's promise.
        unsafe { BLOCKS.lock().put(slot) };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::super::task::Kind;
    use super::super::{RuntimeMeta, Task};
    use super::*;

    /// Slots that are taken out of some blocks, and put back in another order: none is there twice, each knows its block, and
    /// blocks go when all of theirs are back.
    #[test]
    fn blocks_come_and_go() {
        const TAKEN: usize = 10;
        let mut blocks = Blocks { first: ptr::null_mut() };
        let mut slots = Vec::new();
        for taken in 0..TAKEN {
            let (mut slot, count) = blocks.take();
            assert_eq!(count, SLOTS, "a block that nobody has");
            for number in 0..count {
                slots.push(slot);
                // SAFETY: the block was just made, and the list has so many.
                unsafe {
                    assert_eq!((*slot).number as usize, number);
                    assert_eq!((*Block::of(slot)).out, SLOTS);
                    slot = (*slot).content.next;
                }
            }
            assert!(slot.is_null() && blocks.first.is_null(), "{taken}");
        }
        assert_eq!(slots.iter().collect::<HashSet<_>>().len(), TAKEN * SLOTS);
        // Every third: all blocks have some then.
        let (back, kept): (Vec<_>, Vec<_>) = (0..).zip(slots).partition(|(number, _)| number % 3 == 0);
        // SAFETY: they are of these blocks, and each is put back once.
        back.iter().for_each(|&(_, slot)| unsafe { blocks.put(slot) });
        let mut again = Vec::new();
        while !blocks.first.is_null() {
            let (mut slot, count) = blocks.take();
            let before = again.len();
            while !slot.is_null() {
                again.push(slot);
                // SAFETY: it is a free one.
                slot = unsafe { (*slot).content.next };
            }
            assert_eq!(again.len() - before, count);
        }
        let all = |slots: &[(usize, *mut Slot)]| slots.iter().map(|&(_, slot)| slot).collect::<HashSet<_>>();
        assert_eq!(again.iter().copied().collect::<HashSet<_>>(), all(&back));
        // SAFETY: as above.
        again.into_iter().chain(all(&kept)).for_each(|slot| unsafe { blocks.put(slot) });
        assert!(blocks.first.is_null(), "all have gone");
    }

    /// States that are made on one thread and forgotten on others, by several that know them.
    #[test]
    fn states_go_from_thread_to_thread() {
        const TASKS: u32 = 300;
        let (send, receive) = channel::<[StateRef; 2]>();
        let maker = thread::spawn(move || {
            let here = std::panic::Location::caller();
            for _ in 0..TASKS {
                let task = Task::new(RuntimeMeta::foreign(), Kind::Polled, None, here);
                let state = task.0.clone().expect("it is watched");
                send.send([state.clone(), state]).expect("somebody is there");
            }
        });
        let others: Vec<_> =
            receive.into_iter().map(|[one, other]| thread::spawn(move || (drop(one), other))).collect();
        maker.join().expect("it ends");
        assert_eq!(others.len(), TASKS as usize);
        let known: Vec<StateRef> = others.into_iter().map(|other| other.join().expect("it ends").1).collect();
        let actors: HashSet<u32> = known.iter().map(|state| state.actor.0).collect();
        assert_eq!(actors.len(), TASKS as usize, "nobody's state was given to another");
        assert!(
            known.iter().all(|state| StateRef::ptr_eq(state, &state.clone()) && state.is(super::super::flags::ENDED))
        );
    }
}

#[cfg(test)]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::model::{Plain, check, spawn};

    /// Two who know a state, one of whom tells a third: whoever forgets it last has it for himself, after all that the others
    /// did with it.
    #[test]
    fn the_last_one_comes_after_the_others() {
        check("the last one comes after the others", || {
            let shared = Arc::new((Count::new(1), [0; 3].map(Plain::new)));
            shared.0.grow();
            let forget = |shared: &(Count, [Plain<u32>; 3]), who: usize| {
                shared.1[who].set(1);
                let is_last = shared.0.shrink();
                if is_last {
                    assert!(shared.1.iter().all(|used| used.get() == 1));
                    shared.1.iter().for_each(|used| used.set(2));
                }
                is_last
            };
            let other = Arc::clone(&shared);
            let other = spawn(move || {
                other.0.grow();
                let third = Arc::clone(&other);
                let third = spawn(move || forget(&third, 2));
                let second = forget(&other, 1);
                usize::from(second) + usize::from(third.join().unwrap())
            });
            let first = forget(&shared, 0);
            assert_eq!(usize::from(first) + other.join().unwrap(), 1);
        });
    }
}
