//! State that threads share without a lock.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use crate::name::Named;
#[cfg(feature = "detect")]
use crate::record::cells::CellMeta;

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
pub struct Shared<T: ?Sized> {
    #[cfg(feature = "detect")]
    meta: CellMeta,
    /// Who is inside, 0 for nobody: the address of a byte of the thread.
    user: AtomicUsize,
    // Last, so that `Arc<Shared<T>>` coerces to `Arc<Shared<dyn Trait>>`.
    value: Mutex<T>,
}

type Place = &'static Location<'static>;

/// What a kind of access means to the checker.
#[derive(Clone, Copy)]
enum Access {
    Read,
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
            #[cfg(feature = "detect")]
            meta: CellMeta::new(Location::caller()),
            user: AtomicUsize::new(0),
            value: Mutex::new(value),
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
        *self.enter(Access::Read, Location::caller())
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
        *self.enter(Access::Speculative, Location::caller())
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
        let me = me();
        // Only this thread can have stored its own mark, so a relaxed load sees it.
        if self.user.load(Ordering::Relaxed) == me {
            nested(place);
        }
        let value = self.value.try_lock().unwrap_or_else(|| self.wait(me, place));
        self.user.store(me, Ordering::Relaxed);
        let inside = Inside { value, user: &self.user };
        self.check(access, place);
        inside
    }

    #[cold]
    fn wait(&self, me: usize, place: Place) -> MutexGuard<'_, T> {
        if let Some(value) = self.value.try_lock_for(PERIOD) {
            return value;
        }
        let waiter = Waiter::new(me, &self.user);
        loop {
            if let Some(value) = self.value.try_lock_for(PERIOD) {
                return value;
            }
            if waiter.leave_circle() {
                circle(place);
            }
        }
    }

    #[cfg(feature = "detect")]
    #[inline]
    fn check(&self, access: Access, place: Place) {
        match access {
            Access::Read => self.meta.read(place),
            Access::Write => self.meta.write(place),
            Access::Update => self.meta.update(place),
            Access::Speculative => self.meta.read_speculatively(place),
        }
    }

    #[cfg(not(feature = "detect"))]
    #[inline]
    fn check(&self, _access: Access, _place: Place) {}
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

/// The threads that wait for cells, by their marks, and for which.
static WAITING: Mutex<Vec<(usize, User)>> = Mutex::new(Vec::new());

/// [`Shared::user`] of a cell that is waited for.
#[derive(Clone, Copy)]
struct User(*const AtomicUsize);

// SAFETY: it points to an atomic, and is followed only while `WAITING` is locked and has it: then the cell lives.
unsafe impl Send for User {}

/// The thread is in [`WAITING`] until this is dropped. The cell is borrowed that long.
struct Waiter<'a> {
    me: usize,
    _user: &'a AtomicUsize,
}

impl<'a> Waiter<'a> {
    fn new(me: usize, user: &'a AtomicUsize) -> Self {
        WAITING.lock().push((me, User(user)));
        Self { me, _user: user }
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
            let Some(&(_, user)) = waiting.iter().find(|(thread, _)| *thread == at) else { return false };
            // SAFETY: the thread that waits borrows the cell until it has taken itself out.
            at = unsafe { &*user.0 }.load(Ordering::Relaxed);
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

/// A mark of the current thread that no other living thread has.
#[inline]
fn me() -> usize {
    thread_local! {
        static MARK: u8 = const { 0 };
    }
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

/// The thread is inside the cell until this is dropped.
struct Inside<'a, T: ?Sized> {
    value: MutexGuard<'a, T>,
    user: &'a AtomicUsize,
}

impl<T: ?Sized> Drop for Inside<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.user.store(0, Ordering::Relaxed);
    }
}

impl<T: ?Sized> Deref for Inside<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for Inside<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

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
