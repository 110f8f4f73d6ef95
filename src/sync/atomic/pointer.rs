//! The atomic pointer.
#![cfg(target_has_atomic = "ptr")]

use std::fmt;
use std::panic::Location;

use super::{Ordering, atomic, exchange, failure, load, modify, read_modify_write, store, swap};

/// To whatever: what is done to an [`AtomicPtr`] is done by this, which is compiled once.
#[allow(dead_code, unreachable_pub, reason = "of what all atomics have, it needs what is not const")]
mod erased {
    use super::*;

    atomic!(AtomicPtr, std::sync::atomic::AtomicPtr<()>, *mut ());

    impl AtomicPtr {
        read_modify_write! {
            AtomicPtr, *mut ():
            fetch_byte_add(val: usize),
            fetch_byte_sub(val: usize),
            fetch_or(val: usize),
            fetch_and(val: usize),
            fetch_xor(val: usize),
        }
    }
}

/// [`std::sync::atomic::AtomicPtr`], watched.
#[repr(transparent)]
pub struct AtomicPtr<T>(std::sync::atomic::AtomicPtr<T>);

/// Declares methods that are those of the erased pointer.
macro_rules! by_the_erased {
    ($($method:ident($($arg:ident: $type:ty)?),)+) => {
        $(
            #[doc = concat!("See [`std::sync::atomic::AtomicPtr::", stringify!($method), "`].")]
            #[inline]
            #[track_caller]
            pub fn $method(&self, $($arg: $type,)? order: Ordering) -> *mut T {
                self.erased().$method($($arg,)? order).cast()
            }
        )+
    };
}

/// Both possible results, as pointers to `T`.
fn typed<T>(result: Result<*mut (), *mut ()>) -> Result<*mut T, *mut T> {
    result.map(<*mut ()>::cast).map_err(<*mut ()>::cast)
}

impl<T> AtomicPtr<T> {
    /// See [`std::sync::atomic::AtomicPtr::new`].
    #[inline]
    #[must_use]
    pub const fn new(p: *mut T) -> Self {
        Self(std::sync::atomic::AtomicPtr::new(p))
    }

    /// See [`std::sync::atomic::AtomicPtr::from_ptr`].
    ///
    /// # Safety
    ///
    /// As for the original: valid and aligned for `'a`, and no non-atomic access that conflicts.
    #[inline]
    pub const unsafe fn from_ptr<'a>(ptr: *mut *mut T) -> &'a Self {
        // SAFETY: the type is transparent over the real atomic, which has the layout of its value; the rest is the caller's
        // promise.
        unsafe { &*ptr.cast() }
    }

    const fn erased(&self) -> &erased::AtomicPtr {
        // SAFETY: both are transparent over an atomic pointer to something sized, and live as long.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    /// See [`std::sync::atomic::AtomicPtr::get_mut`]. For the recorder a look, as for the other atomics.
    #[inline]
    #[track_caller]
    pub fn get_mut(&mut self) -> &mut *mut T {
        load(self.0.as_ptr().addr(), Ordering::Acquire, Location::caller(), || ());
        self.0.get_mut()
    }

    /// See [`std::sync::atomic::AtomicPtr::into_inner`].
    #[inline]
    pub const fn into_inner(self) -> *mut T {
        self.0.into_inner()
    }

    /// See [`std::sync::atomic::AtomicPtr::as_ptr`].
    #[inline]
    pub const fn as_ptr(&self) -> *mut *mut T {
        self.0.as_ptr()
    }

    /// See [`std::sync::atomic::AtomicPtr::store`].
    #[inline]
    #[track_caller]
    pub fn store(&self, ptr: *mut T, order: Ordering) {
        self.erased().store(ptr.cast(), order);
    }

    /// See [`std::sync::atomic::AtomicPtr::swap`].
    #[inline]
    #[track_caller]
    pub fn swap(&self, ptr: *mut T, order: Ordering) -> *mut T {
        self.erased().swap(ptr.cast(), order).cast()
    }

    /// See [`std::sync::atomic::AtomicPtr::compare_and_swap`].
    #[inline]
    #[track_caller]
    #[deprecated(note = "Use `compare_exchange` or `compare_exchange_weak` instead")]
    pub fn compare_and_swap(&self, current: *mut T, new: *mut T, order: Ordering) -> *mut T {
        match self.compare_exchange(current, new, order, failure(order)) {
            Ok(old) | Err(old) => old,
        }
    }

    /// See [`std::sync::atomic::AtomicPtr::compare_exchange`].
    ///
    /// # Errors
    ///
    /// The value, if it is not `current`.
    #[inline]
    #[track_caller]
    pub fn compare_exchange(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        typed(self.erased().compare_exchange(current.cast(), new.cast(), success, failure))
    }

    /// See [`std::sync::atomic::AtomicPtr::compare_exchange_weak`].
    ///
    /// # Errors
    ///
    /// The value, if it is not `current`, or for no reason.
    #[inline]
    #[track_caller]
    pub fn compare_exchange_weak(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        typed(self.erased().compare_exchange_weak(current.cast(), new.cast(), success, failure))
    }

    /// See [`std::sync::atomic::AtomicPtr::fetch_update`].
    ///
    /// # Errors
    ///
    /// The value for which `f` gave none.
    #[track_caller]
    pub fn fetch_update<F>(&self, set_order: Ordering, fetch_order: Ordering, mut f: F) -> Result<*mut T, *mut T>
    where
        F: FnMut(*mut T) -> Option<*mut T>,
    {
        typed(self.erased().fetch_update(set_order, fetch_order, |old| Some(f(old.cast())?.cast())))
    }

    /// See [`std::sync::atomic::AtomicPtr::try_update`].
    ///
    /// # Errors
    ///
    /// The value for which `f` gave none.
    #[track_caller]
    pub fn try_update(
        &self,
        set_order: Ordering,
        fetch_order: Ordering,
        f: impl FnMut(*mut T) -> Option<*mut T>,
    ) -> Result<*mut T, *mut T> {
        self.fetch_update(set_order, fetch_order, f)
    }

    /// See [`std::sync::atomic::AtomicPtr::update`].
    #[track_caller]
    pub fn update(&self, set_order: Ordering, fetch_order: Ordering, mut f: impl FnMut(*mut T) -> *mut T) -> *mut T {
        self.erased().update(set_order, fetch_order, |old| f(old.cast()).cast()).cast()
    }

    /// See [`std::sync::atomic::AtomicPtr::fetch_ptr_add`].
    #[inline]
    #[track_caller]
    pub fn fetch_ptr_add(&self, val: usize, order: Ordering) -> *mut T {
        self.fetch_byte_add(val.wrapping_mul(size_of::<T>()), order)
    }

    /// See [`std::sync::atomic::AtomicPtr::fetch_ptr_sub`].
    #[inline]
    #[track_caller]
    pub fn fetch_ptr_sub(&self, val: usize, order: Ordering) -> *mut T {
        self.fetch_byte_sub(val.wrapping_mul(size_of::<T>()), order)
    }

    by_the_erased! {
        load(),
        fetch_byte_add(val: usize),
        fetch_byte_sub(val: usize),
        fetch_or(val: usize),
        fetch_and(val: usize),
        fetch_xor(val: usize),
    }
}

impl<T> From<*mut T> for AtomicPtr<T> {
    #[inline]
    fn from(p: *mut T) -> Self {
        Self::new(p)
    }
}

impl<T> Default for AtomicPtr<T> {
    #[inline]
    fn default() -> Self {
        Self(std::sync::atomic::AtomicPtr::default())
    }
}

impl<T> fmt::Debug for AtomicPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> fmt::Pointer for AtomicPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.0, f)
    }
}
