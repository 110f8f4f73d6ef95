//! The lock of a cell: one word.
//!
//! Who is inside is in the lock itself, so that taking it is one atomic operation, and giving it back a store. Who finds it taken
//! looks again, and soon lets others run, and then sleeps: what is done inside is as short as an access.

#[cfg(not(feature = "detect"))]
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread::{sleep, yield_now};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Place;
#[cfg(feature = "detect")]
use crate::primitive::AtomicUsize;
#[cfg(feature = "detect")]
use crate::record::cells::readers::{READERS, Slot};

/// Nobody is inside.
const FREE: usize = 0;
/// Nobody is inside, or threads that only read, side by side. No thread's mark.
const OPEN: usize = 1;

/// Who is inside: [`FREE`], [`OPEN`], or the mark of the one thread that is.
pub(super) struct Lock(AtomicUsize);

/// Why a thread is not let in.
enum Refused {
    /// It is inside.
    Nested,
    /// Another one is.
    Taken,
}

impl Lock {
    pub(super) const fn new() -> Self {
        Self(AtomicUsize::new(FREE))
    }

    /// Waits until the thread alone is inside. It is so until [`give`](Self::give).
    ///
    /// # Panics
    ///
    /// If the thread is inside already, or waits in a circle.
    #[inline(always)]
    pub(super) fn take(&self, place: Place) {
        let me = me();
        if self.0.compare_exchange(FREE, me, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.take_slowly(me, place);
        }
    }

    /// The thread, which was alone inside, leaves. If it leaves the cell `open`, others may [read](Self::read_beside).
    #[inline(always)]
    pub(super) fn give(&self, open: bool) {
        self.0.store(if open { OPEN } else { FREE }, Ordering::Release);
    }

    #[cold]
    #[inline(never)]
    fn take_slowly(&self, me: usize, place: Place) {
        match self.try_take(me) {
            Ok(()) => {}
            Err(Refused::Nested) => nested(place),
            Err(Refused::Taken) => self.wait(me, place),
        }
    }

    fn try_take(&self, me: usize) -> Result<(), Refused> {
        let word = self.0.load(Ordering::Relaxed);
        if word == me {
            // Only this thread can have stored its own mark, so a relaxed load sees it.
            return Err(Refused::Nested);
        }
        if word > OPEN || self.0.compare_exchange(word, me, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Err(Refused::Taken);
        }
        if word == OPEN && !self.wait_for_readers(me) {
            self.give(true);
            return Err(Refused::Nested);
        }
        Ok(())
    }

    fn wait(&self, me: usize, place: Place) {
        if self.take_within(PERIOD, me, place) {
            return;
        }
        let waiter = Waiter::new(me, self);
        while !self.take_within(PERIOD, me, place) {
            if waiter.leave_circle() {
                circle(place);
            }
        }
    }

    /// False after this long.
    fn take_within(&self, period: Duration, me: usize, place: Place) -> bool {
        const LOOKS: u32 = 64;
        const YIELDS: u32 = 256;
        let begun = Instant::now();
        let mut rounds = 0;
        while let Err(refused) = self.try_take(me) {
            match rounds {
                _ if matches!(refused, Refused::Nested) => nested(place),
                0..LOOKS => std::hint::spin_loop(),
                _ if begun.elapsed() > period => return false,
                LOOKS..YIELDS => yield_now(),
                _ => sleep(NAP),
            }
            rounds += 1;
        }
        true
    }

    /// Whom [`WAITING`] says that a thread waits for.
    fn user(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(feature = "detect")]
impl Lock {
    /// Is it worth trying to read beside others?
    #[inline(always)]
    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed) == OPEN
    }

    /// The thread, whose slot it is, is inside beside others that only read, until the result is dropped. `None` if the cell is
    /// not open.
    #[inline(always)]
    pub(super) fn read_beside(&self, slot: &'static Slot) -> Option<Beside> {
        if !slot.begin(self.address()) {
            return None;
        }
        let beside = Beside(slot);
        if self.0.load(Ordering::Acquire) == OPEN { Some(beside) } else { None }
    }

    /// The thread has just closed the cell. False if it is itself one of its readers.
    fn wait_for_readers(&self, me: usize) -> bool {
        READERS.wait_until_gone(self.address(), me)
    }

    /// What readers say that they are at.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

#[cfg(not(feature = "detect"))]
impl Lock {
    /// No cell is ever left open.
    fn wait_for_readers(&self, _me: usize) -> bool {
        true
    }
}

/// See [`Lock::read_beside`].
#[cfg(feature = "detect")]
pub(super) struct Beside(&'static Slot);

#[cfg(feature = "detect")]
impl Drop for Beside {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cold]
#[inline(never)]
fn nested(place: Place) -> ! {
    panic!("this thread is inside `with` or `with_mut` of the same `Shared` already (at {place})")
}

#[cold]
#[inline(never)]
fn circle(place: Place) -> ! {
    panic!(
        "this thread is inside `with` or `with_mut` of a `Shared`, and waits for another one (at {place}), whose user waits \
         for the first: closures of cells must not be nested in opposite orders"
    )
}

/// How often a thread that waits for a cell looks whether it waits in a circle. It costs time only where it waits anyway.
const PERIOD: Duration = Duration::from_millis(20);

/// How long it sleeps at a time.
const NAP: Duration = Duration::from_micros(100);

/// The threads that wait for cells, by their marks, and for which.
static WAITING: Mutex<Vec<(usize, Wanted)>> = Mutex::new(Vec::new());

/// A cell that is waited for.
#[derive(Clone, Copy)]
struct Wanted(*const Lock);

// SAFETY: it points to what is `Sync`, and is followed only while `WAITING` is locked and has it: then the cell lives.
unsafe impl Send for Wanted {}

/// The thread is in [`WAITING`] until this is dropped. The cell is borrowed that long.
struct Waiter<'a> {
    me: usize,
    _wanted: &'a Lock,
}

impl<'a> Waiter<'a> {
    fn new(me: usize, wanted: &'a Lock) -> Self {
        WAITING.lock().push((me, Wanted(wanted)));
        Self { me, _wanted: wanted }
    }

    /// Does the thread wait for one that waits, and so on, for the thread itself? Then it is out of [`WAITING`], so that of
    /// a circle only one thread gives up.
    ///
    /// A circle is one for ever: who waits in it is inside the cell that the one before waits for, and stays there. It is
    /// no error of relaxed loads: a thread in `WAITING` came there after it left or entered all cells that it ever did.
    fn leave_circle(&self) -> bool {
        let mut waiting = WAITING.lock();
        let mut at = self.me;
        for _ in 0..waiting.len() {
            let Some(&(_, wanted)) = waiting.iter().find(|(thread, _)| *thread == at) else { return false };
            // SAFETY: the thread that waits borrows the cell until it has taken itself out.
            at = unsafe { &*wanted.0 }.user();
            if at == self.me {
                waiting.retain(|(thread, _)| *thread != self.me);
                return true;
            }
        }
        false
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        WAITING.lock().retain(|(thread, _)| *thread != self.me);
    }
}

/// A mark of the current thread that no other living thread has, and that is no small number.
#[inline(always)]
pub(super) fn me() -> usize {
    thread_local! {
        static MARK: u64 = const { 0 };
    }
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

#[cfg(all(test, feature = "detect"))]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::model::{Plain, check, check_within, spawn};
    use crate::record::cells::readers::OwnSlot;

    /// Marks of threads, which loom runs all in one.
    const MARKS: [usize; 3] = [8, 16, 24];

    /// A cell that is open, and has been used.
    struct Cell(Lock, Plain<u32>);

    impl Cell {
        fn open(slots: &[&OwnSlot]) -> Arc<Self> {
            let cell = Self(Lock::new(), Plain::new(0));
            cell.enter(MARKS[2], true, |_| {}).unwrap();
            slots.iter().for_each(|slot| assert_eq!(cell.read(slot), Some(0)));
            Arc::new(cell)
        }

        fn read(&self, slot: &OwnSlot) -> Option<u32> {
            let _beside = self.0.read_beside(slot.get().unwrap())?;
            Some(self.1.get())
        }

        /// Alone inside, and then leaves it open or not; if nobody else is.
        fn enter<R>(&self, me: usize, open: bool, inside: impl FnOnce(&Plain<u32>) -> R) -> Option<R> {
            self.0.try_take(me).ok()?;
            let result = inside(&self.1);
            self.0.give(open);
            Some(result)
        }

        fn add(&self, me: usize, open: bool) -> Option<()> {
            self.enter(me, open, |value| value.set(value.get() + 1))
        }
    }

    fn slot(mark: usize) -> OwnSlot {
        let mut slot = OwnSlot::NONE;
        slot.prepare(mark);
        slot
    }

    /// Two read while a third writes: none of them reads beside the write.
    #[test]
    fn nobody_reads_beside_a_write() {
        check_within(3, "nobody reads beside a write", || {
            let slots = [slot(MARKS[0]), slot(MARKS[1])];
            let cell = Cell::open(&[&slots[0], &slots[1]]);
            let readers = slots.map(|slot| {
                let cell = Arc::clone(&cell);
                spawn(move || {
                    let read = cell.read(&slot);
                    assert!(read.is_none_or(|value| value < 2));
                    slot
                })
            });
            cell.add(MARKS[2], false).unwrap();
            // So that each execution gets the slots in the same order.
            for reader in readers.into_iter().rev() {
                let slot = reader.join().unwrap();
                assert_eq!(cell.read(&slot), None, "it is closed");
            }
        });
    }

    /// Who finds the cell open sees what was written before it was opened, also if it is opened again meanwhile.
    #[test]
    fn who_reads_sees_what_was_written() {
        check_within(3, "who reads sees what was written", || {
            let slot = slot(MARKS[0]);
            let cell = Cell::open(&[&slot]);
            let reader = Arc::clone(&cell);
            let reader = spawn(move || {
                let read = [reader.read(&slot), reader.read(&slot)];
                assert!(read.iter().flatten().is_sorted(), "{read:?}");
                slot
            });
            cell.add(MARKS[2], true).unwrap();
            cell.add(MARKS[2], true).unwrap();
            assert_eq!(cell.read(&reader.join().unwrap()), Some(2));
        });
    }

    /// A slot that has gone on to another cell says so as well as an empty one that its thread has left the first.
    #[test]
    fn a_slot_goes_from_cell_to_cell() {
        check("a slot goes from cell to cell", || {
            let slot = slot(MARKS[0]);
            let (first, second) = (Cell::open(&[&slot]), Cell::open(&[&slot]));
            let reader = (Arc::clone(&first), Arc::clone(&second));
            let reader = spawn(move || {
                assert!(reader.0.read(&slot).is_none_or(|value| value < 2));
                assert_eq!(reader.1.read(&slot), Some(0));
                slot
            });
            first.add(MARKS[2], false).unwrap();
            drop(reader.join().unwrap());
        });
    }

    /// Two want to close the cell at once: they are inside one after the other, or only one of them is.
    #[test]
    fn two_close_one_cell() {
        check_within(3, "two close one cell", || {
            let slot = slot(MARKS[0]);
            let cell = Cell::open(&[&slot]);
            let other = Arc::clone(&cell);
            let other = spawn(move || other.add(MARKS[1], false));
            let reader = Arc::clone(&cell);
            let reader = spawn(move || {
                assert!(reader.read(&slot).is_none_or(|value| value < 3));
                slot
            });
            let mine = cell.add(MARKS[2], true);
            let both = mine.iter().chain(&other.join().unwrap()).count();
            drop(reader.join().unwrap());
            assert_eq!(cell.enter(MARKS[2], false, Plain::get), Some(both as u32));
            assert!(both > 0);
        });
    }

    /// The handler of a signal that interrupts a read takes nothing from it: it does not read beside others, and to be alone
    /// inside would be to wait for itself.
    #[test]
    fn a_reader_is_inside() {
        check("a reader is inside", || {
            let slot = slot(MARKS[0]);
            let cell = Cell::open(&[&slot]);
            let another = Cell::open(&[]);
            let waits = Arc::clone(&another);
            let thread = spawn(move || waits.add(MARKS[1], false).unwrap());
            let read = cell.0.read_beside(slot.get().unwrap());
            assert!(read.is_some());
            assert!(another.read(&slot).is_none());
            assert!(matches!(cell.0.try_take(MARKS[0]), Err(Refused::Nested)));
            drop(read);
            assert_eq!(cell.read(&slot), Some(0));
            thread.join().unwrap();
        });
    }
}
