//! State that threads share without a lock.

#[cfg(any(not(feature = "detect"), test))]
#[cfg_attr(feature = "detect", allow(dead_code, reason = "there is its model"))]
mod gate;
mod lock;

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

use self::lock::Lock;
use crate::name::Named;
#[cfg(feature = "detect")]
use crate::record::cells::{self, CellMeta};

/// A cell for state that the program shares *without a lock*: every access is checked for a race.
///
/// It stands for a plain field behind an `UnsafeCell`, a `static mut`, a buffer reached through raw pointers: for what the
/// program orders by other means, and where only those other means make it sound. An access that nothing orders against
/// another one, at least one of the two being a write, is reported as a data race. The cell itself stays sound all the
/// same: a short internal lock, which the detector does not see and which orders nothing for it, keeps the accesses apart.
///
/// The closures of [`with`](Self::with) and [`with_mut`](Self::with_mut) run under that lock, so they ought to be as
/// short as the access that they stand for. Two threads that nest cells in opposite orders would wait for each other for
/// ever; one of them panics instead. (It would do so as well without the feature `detect`.) Nor should a closure wait for
/// anything that another thread does only after it was inside the same cell.
///
/// Without the feature `detect` nothing is checked.
///
/// ```
/// use gordian::sync::atomic::{AtomicBool, Ordering};
/// use gordian::{Shared, thread};
///
/// static READY: AtomicBool = AtomicBool::new(false);
/// static DATA: Shared<u32> = Shared::new(0);
///
/// gordian::check(|| {
///     let writer = thread::spawn(|| {
///         DATA.set(42);
///         READY.store(true, Ordering::Release); // with Relaxed: a data race
///     });
///     if READY.load(Ordering::Acquire) {
///         assert_eq!(DATA.get(), 42);
///     }
///     writer.join().unwrap();
/// });
/// ```
#[repr(C)]
pub struct Shared<T: ?Sized> {
    #[cfg(feature = "detect")]
    meta: CellMeta,
    lock: Lock,
    // Last, so that `Arc<Shared<T>>` coerces to `Arc<Shared<dyn Trait>>`.
    value: UnsafeCell<T>,
}

type Place = &'static Location<'static>;

/// What a kind of access means to the checker.
#[derive(Clone, Copy)]
enum Access {
    Read,
    /// A read that looks at nothing in place.
    Copy,
    Write,
    /// A write that sees the present value.
    Update,
    Speculative,
}

impl<T> Shared<T> {
    /// A cell with a value. The place of the call is the cell's class.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self {
            lock: Lock::new(),
            #[cfg(feature = "detect")]
            meta: CellMeta::new(Location::caller()),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the value out. Not an access: the cell is nobody else's.
    #[inline]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// Writes a value.
    ///
    /// # Panics
    ///
    /// Inside [`with`](Self::with) or [`with_mut`](Self::with_mut) of the same cell.
    #[inline]
    #[track_caller]
    pub fn set(&self, value: T) {
        // The old value is dropped outside the lock.
        drop(self.replace(value));
    }

    /// Writes a value and returns the old one: one access, a write.
    ///
    /// # Panics
    ///
    /// Inside [`with`](Self::with) or [`with_mut`](Self::with_mut) of the same cell.
    #[inline]
    #[track_caller]
    pub fn replace(&self, value: T) -> T {
        std::mem::replace(&mut *self.enter(Access::Write, Location::caller()), value)
    }
}

impl<T: Copy> Shared<T> {
    /// Reads the value.
    ///
    /// # Panics
    ///
    /// Inside [`with`](Self::with) or [`with_mut`](Self::with_mut) of the same cell.
    #[inline]
    #[track_caller]
    pub fn get(&self) -> T {
        let place = Location::caller();
        self.get_beside(Access::Copy).unwrap_or_else(|| self.copy(Access::Copy, place))
    }

    /// Reads a value that is thrown away unless it is found valid afterwards: the reader of a sequence lock. Never part
    /// of a race.
    ///
    /// # Panics
    ///
    /// Inside [`with`](Self::with) or [`with_mut`](Self::with_mut) of the same cell.
    #[inline]
    #[track_caller]
    pub fn get_speculative(&self) -> T {
        let place = Location::caller();
        self.get_beside(Access::Speculative).unwrap_or_else(|| self.copy(Access::Speculative, place))
    }

    /// A copy of the value, taken alone inside.
    #[inline(always)]
    fn copy(&self, access: Access, place: Place) -> T {
        *self.enter(access, place)
    }

    /// A copy of the value, taken beside other threads that only read, if that is how the cell was left and the access is nothing
    /// new.
    #[cfg(feature = "detect")]
    #[inline(always)]
    fn get_beside(&self, access: Access) -> Option<T> {
        if self.lock.is_open() { self.get_open(access) } else { None }
    }

    #[cfg(feature = "detect")]
    #[inline]
    fn get_open(&self, access: Access) -> Option<T> {
        let (reader, slot) = cells::reader()?;
        let _beside = self.lock.read_beside(slot)?;
        // SAFETY: whoever is inside as well only reads.
        unsafe {
            let known = matches!(access, Access::Speculative) || self.meta.has_read(reader);
            known.then(|| *self.value.get())
        }
    }

    #[cfg(not(feature = "detect"))]
    #[inline(always)]
    fn get_beside(&self, _access: Access) -> Option<T> {
        None
    }

    /// Reads the value, and writes what `f` makes of it; returns the new value. Two accesses, a read and a write, as in
    /// `*x = f(*x)`: between them other threads can write.
    ///
    /// # Panics
    ///
    /// Inside [`with`](Self::with) or [`with_mut`](Self::with_mut) of the same cell, and with `f`; inside those of another
    /// cell, if its user waits for that one.
    #[inline]
    #[track_caller]
    pub fn update(&self, f: impl FnOnce(T) -> T) -> T {
        let new = f(self.get());
        self.set(new);
        new
    }
}

impl<T: ?Sized> Shared<T> {
    /// Reads the value in place: one access.
    ///
    /// # Panics
    ///
    /// Inside [`with`](Self::with) or [`with_mut`](Self::with_mut) of the same cell, and with `f`; inside those of another
    /// cell, if its user waits for that one.
    #[inline]
    #[track_caller]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        f(&*self.enter(Access::Read, Location::caller()))
    }

    /// Changes the value in place: one access, a write.
    ///
    /// # Panics
    ///
    /// Inside [`with`](Self::with) or [`with_mut`](Self::with_mut) of the same cell, and with `f`; inside those of another
    /// cell, if its user waits for that one.
    #[inline]
    #[track_caller]
    pub fn with_mut<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut *self.enter(Access::Update, Location::caller()))
    }

    /// The value of a cell that is nobody else's. Not an access.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Waits for the internal lock, and has the access checked.
    #[inline]
    fn enter(&self, access: Access, place: Place) -> Inside<'_, T> {
        self.lock.take(place);
        let mut inside = Inside { cell: self, opens: false };
        inside.opens = self.check(access, place);
        inside
    }

    /// Says whether it is worth letting others read beside one another.
    #[cfg(feature = "detect")]
    #[inline(always)]
    fn check(&self, access: Access, place: Place) -> bool {
        // SAFETY: the caller has taken the lock.
        unsafe {
            match access {
                Access::Copy => return self.meta.read(place, true),
                Access::Read => return self.meta.read(place, false),
                Access::Write => self.meta.write(place),
                Access::Update => self.meta.update(place),
                Access::Speculative => self.meta.read_speculatively(place),
            }
        }
        false
    }

    #[cfg(not(feature = "detect"))]
    #[inline(always)]
    fn check(&self, _access: Access, _place: Place) -> bool {
        false
    }
}

/// The thread is alone inside the cell until this is dropped.
struct Inside<'a, T: ?Sized> {
    cell: &'a Shared<T>,
    /// Whether others may then read beside one another.
    opens: bool,
}

impl<T: ?Sized> Drop for Inside<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.cell.lock.give(self.opens);
    }
}

impl<T: ?Sized> Deref for Inside<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the lock is taken by this.
        unsafe { &*self.cell.value.get() }
    }
}

impl<T: ?Sized> DerefMut for Inside<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is taken by this.
        unsafe { &mut *self.cell.value.get() }
    }
}

// SAFETY: the value, and what is kept beside it, are reached by one thread at a time, or by several that copy it and do
// nothing else. What can be copied has nothing in it that changes behind a shared reference.
unsafe impl<T: ?Sized + Send> Sync for Shared<T> {}

impl<T: ?Sized> UnwindSafe for Shared<T> {}
impl<T: ?Sized> RefUnwindSafe for Shared<T> {}

impl<T: ?Sized> Named for Shared<T> {
    #[cfg_attr(not(feature = "detect"), allow(unused_variables, reason = "nothing is reported"))]
    fn set_name(&self, name: &str) {
        #[cfg(feature = "detect")]
        self.meta.set_name(name);
    }
}

impl<T> From<T> for Shared<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for Shared<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for Shared<T> {
    /// Does not look at the value: that would be an access.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(feature = "detect")]
#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;
    use crate::record::process;
    use crate::thread;

    /// Threads that do nothing but read a cell come to do so side by side; whoever is to be alone inside ends that.
    #[test]
    fn a_cell_that_is_only_read_is_left_open() {
        if process::is_watched() {
            return;
        }
        let cell = Arc::new((Shared::new(1), Barrier::new(2)));
        let read = |times: usize| {
            let readers = [0, 1].map(|_| {
                let cell = Arc::clone(&cell);
                thread::spawn(move || {
                    cell.0.get();
                    cell.1.wait();
                    (0..times).for_each(|_| assert!(cell.0.get() > 0));
                })
            });
            for reader in readers {
                reader.join().unwrap();
            }
        };
        read(5000);
        assert!(cell.0.lock.is_open());
        cell.0.set(2);
        assert!(!cell.0.lock.is_open());
        read(3);
        assert!(!cell.0.lock.is_open(), "it takes some reads");
        read(5000);
        assert!(cell.0.lock.is_open());
        assert_eq!(cell.0.with(|value| *value), 2);
        assert!(!cell.0.lock.is_open());
    }
}
