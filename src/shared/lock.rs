//! The lock of a cell: one word.
//!
//! Who is inside is in the lock itself, so that taking it is one atomic operation, and giving it back a store. Who finds it taken
//! looks again, and soon lets others run, and then sleeps: what is done inside is as short as an access.

use std::thread::{sleep, yield_now};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Place;
#[cfg(not(feature = "detect"))]
use super::gate::{Gate, Refused, me};
#[cfg(feature = "detect")]
use crate::record::cells::gate::{Beside, Gate, Refused, me};
#[cfg(feature = "detect")]
use crate::record::cells::readers::Slot;

/// See [`Gate`].
pub(super) struct Lock(Gate);

impl Lock {
    pub(super) const fn new() -> Self {
        Self(Gate::new())
    }

    /// Waits until the thread alone is inside. It is so until [`give`](Self::give).
    ///
    /// # Panics
    ///
    /// If the thread is inside already, or waits in a circle.
    #[inline(always)]
    pub(super) fn take(&self, place: Place) {
        let me = me();
        if !self.0.take_free(me) {
            self.take_slowly(me, place);
        }
    }

    /// The thread, which was alone inside, leaves. If it leaves the cell `open`, others may read side by side.
    #[inline(always)]
    pub(super) fn give(&self, open: bool) {
        self.0.give(open);
    }

    #[cold]
    #[inline(never)]
    fn take_slowly(&self, me: usize, place: Place) {
        match self.0.try_take(me) {
            Ok(()) => {}
            Err(Refused::Nested) => nested(place),
            Err(Refused::Taken) => self.wait(me, place),
        }
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
        while let Err(refused) = self.0.try_take(me) {
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
}

#[cfg(feature = "detect")]
impl Lock {
    /// Is it worth trying to read beside others?
    #[inline(always)]
    pub(super) fn is_open(&self) -> bool {
        self.0.is_open()
    }

    /// See [`Gate::read_beside`].
    #[inline(always)]
    pub(super) fn read_beside(&self, slot: &'static Slot) -> Option<Beside> {
        self.0.read_beside(slot)
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
            at = unsafe { &*wanted.0 }.0.user();
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
