//! Drop-in replacement of [`std::sync::atomic`], watched.
//!
//! The types are transparent over the real ones, so a view of memory as the one is a view as the other. What an operation
//! orders is kept beside the memory, by address.
//!
//! Operations are neither generic nor inlined: a program is mostly tested as it is compiled without optimisation, and an
//! operation that were compiled with the program would cost twenty times as much as one that is compiled with the library.

use std::fmt;
use std::panic::Location;

use crate::event::Order;
use crate::record::cells;

mod integer;
mod pointer;

#[cfg(target_has_atomic = "8")]
pub use integer::{AtomicI8, AtomicU8};
#[cfg(target_has_atomic = "16")]
pub use integer::{AtomicI16, AtomicU16};
#[cfg(target_has_atomic = "32")]
pub use integer::{AtomicI32, AtomicU32};
#[cfg(target_has_atomic = "64")]
pub use integer::{AtomicI64, AtomicU64};
#[cfg(target_has_atomic = "ptr")]
pub use integer::{AtomicIsize, AtomicUsize};
#[cfg(target_has_atomic = "ptr")]
pub use pointer::AtomicPtr;
#[allow(deprecated, reason = "a drop-in has what the original has")]
pub use std::sync::atomic::spin_loop_hint;
pub use std::sync::atomic::{Ordering, compiler_fence};

type Place = &'static Location<'static>;

const fn order(order: Ordering) -> Order {
    match order {
        Ordering::Relaxed => Order::Relaxed,
        Ordering::Acquire => Order::Acquire,
        Ordering::Release => Order::Release,
        Ordering::AcqRel => Order::AcqRel,
        // Non-exhaustive: of an order not known yet, the strongest is the one that makes no race out of nothing.
        _ => Order::SeqCst,
    }
}

/// See [`std::sync::atomic::fence`].
///
/// # Panics
///
/// If `order` is [`Ordering::Relaxed`].
#[inline]
#[track_caller]
pub fn fence(order: Ordering) {
    std::sync::atomic::fence(order);
    cells::fence(self::order(order), Location::caller());
}

/// The order of the load when a `compare_and_swap` fails.
const fn failure(order: Ordering) -> Ordering {
    match order {
        Ordering::Release | Ordering::Relaxed => Ordering::Relaxed,
        Ordering::Acquire | Ordering::AcqRel => Ordering::Acquire,
        order => order,
    }
}

// Each of these does the real operation between the two halves of its hook. The real one panics on an order that makes no
// sense, before anything is recorded.

#[inline]
fn load<R>(address: usize, order: Ordering, place: Place, real: impl FnOnce() -> R) -> R {
    cells::load(address, self::order(order), place, real)
}

#[inline]
fn store(address: usize, order: Ordering, place: Place, real: impl FnOnce()) {
    let access = cells::atomic(address);
    real();
    if let Some(access) = access {
        access.stored(self::order(order), place);
    }
}

#[inline]
fn modify<R>(address: usize, order: Ordering, place: Place, real: impl FnOnce() -> R) -> R {
    let access = cells::atomic(address);
    let old = real();
    if let Some(access) = access {
        access.swapped(self::order(order), true, place);
    }
    old
}

#[inline]
fn swap<R>(address: usize, order: Ordering, place: Place, real: impl FnOnce() -> R) -> R {
    let access = cells::atomic(address);
    let old = real();
    if let Some(access) = access {
        access.swapped(self::order(order), false, place);
    }
    old
}

/// A compare-exchange; one that fails is a load.
#[inline]
fn exchange<R>(
    address: usize,
    (success, failure): (Ordering, Ordering),
    place: Place,
    real: impl FnOnce() -> Result<R, R>,
) -> Result<R, R> {
    let access = cells::atomic(address);
    let result = real();
    if let Some(access) = access {
        match result {
            Ok(_) => access.swapped(order(success), false, place),
            Err(_) => access.loaded(order(failure), place),
        }
    }
    result
}

/// Declares an atomic with what all of them have.
macro_rules! atomic {
    ($name:ident, $real:ty, $value:ty) => {
        #[doc = concat!("[`std::sync::atomic::", stringify!($name), "`], watched.")]
        #[repr(transparent)]
        pub struct $name($real);

        impl $name {
            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::new`].")]
            #[inline]
            #[must_use]
            pub const fn new(v: $value) -> Self {
                Self(<$real>::new(v))
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::from_ptr`].")]
            ///
            /// # Safety
            ///
            /// As for the original: valid and aligned for `'a`, and no non-atomic access that conflicts.
            #[inline]
            pub const unsafe fn from_ptr<'a>(ptr: *mut $value) -> &'a Self {
                // SAFETY: the type is transparent over the real atomic, which has the layout of its value; the rest is
                // the caller's promise.
                unsafe { &*ptr.cast() }
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::get_mut`].")]
            ///
            /// For the recorder a look: whoever has the atomic alone has seen all that was done to it, by an order that need
            /// not have left an event (the last `Arc`).
            #[track_caller]
            pub fn get_mut(&mut self) -> &mut $value {
                load(self.address(), Ordering::Acquire, Location::caller(), || ());
                self.0.get_mut()
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::into_inner`].")]
            #[inline]
            pub const fn into_inner(self) -> $value {
                self.0.into_inner()
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::as_ptr`].")]
            #[inline]
            pub const fn as_ptr(&self) -> *mut $value {
                self.0.as_ptr()
            }

            /// What the recorder knows the atomic by.
            #[inline]
            fn address(&self) -> usize {
                self.0.as_ptr().addr()
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::load`].")]
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                load(self.address(), order, Location::caller(), || self.0.load(order))
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::store`].")]
            #[track_caller]
            pub fn store(&self, val: $value, order: Ordering) {
                store(self.address(), order, Location::caller(), || self.0.store(val, order));
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::swap`].")]
            #[track_caller]
            pub fn swap(&self, val: $value, order: Ordering) -> $value {
                swap(self.address(), order, Location::caller(), || self.0.swap(val, order))
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::compare_and_swap`].")]
            #[track_caller]
            #[deprecated(note = "Use `compare_exchange` or `compare_exchange_weak` instead")]
            pub fn compare_and_swap(&self, current: $value, new: $value, order: Ordering) -> $value {
                match self.compare_exchange(current, new, order, failure(order)) {
                    Ok(old) | Err(old) => old,
                }
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::compare_exchange`].")]
            ///
            /// # Errors
            ///
            /// The value, if it is not `current`.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                exchange(self.address(), (success, failure), Location::caller(), || {
                    self.0.compare_exchange(current, new, success, failure)
                })
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::compare_exchange_weak`].")]
            ///
            /// # Errors
            ///
            /// The value, if it is not `current`, or for no reason.
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                exchange(self.address(), (success, failure), Location::caller(), || {
                    self.0.compare_exchange_weak(current, new, success, failure)
                })
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::fetch_update`].")]
            ///
            /// # Errors
            ///
            /// The value for which `f` gave none.
            #[track_caller]
            pub fn fetch_update<F>(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut f: F,
            ) -> Result<$value, $value>
            where
                F: FnMut($value) -> Option<$value>,
            {
                let mut old = self.load(fetch_order);
                while let Some(new) = f(old) {
                    match self.compare_exchange_weak(old, new, set_order, fetch_order) {
                        Ok(old) => return Ok(old),
                        Err(other) => old = other,
                    }
                }
                Err(old)
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::try_update`].")]
            ///
            /// # Errors
            ///
            /// The value for which `f` gave none.
            #[track_caller]
            pub fn try_update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                f: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                self.fetch_update(set_order, fetch_order, f)
            }

            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::update`].")]
            #[track_caller]
            pub fn update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut f: impl FnMut($value) -> $value,
            ) -> $value {
                let mut old = self.load(fetch_order);
                loop {
                    match self.compare_exchange_weak(old, f(old), set_order, fetch_order) {
                        Ok(old) => return old,
                        Err(other) => old = other,
                    }
                }
            }
        }

        impl From<$value> for $name {
            #[inline]
            fn from(v: $value) -> Self {
                Self::new(v)
            }
        }

        impl Default for $name {
            #[inline]
            fn default() -> Self {
                Self(<$real>::default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
use atomic;

/// Declares methods that read, modify and write, each by the real one of the same name.
macro_rules! read_modify_write {
    ($name:ident, $value:ty: $($method:ident($($arg:ident: $type:ty)?),)+) => {
        $(
            #[doc = concat!("See [`std::sync::atomic::", stringify!($name), "::", stringify!($method), "`].")]
            #[track_caller]
            pub fn $method(&self, $($arg: $type,)? order: Ordering) -> $value {
                modify(self.address(), order, Location::caller(), || self.0.$method($($arg,)? order))
            }
        )+
    };
}
use read_modify_write;

#[cfg(target_has_atomic = "8")]
atomic!(AtomicBool, std::sync::atomic::AtomicBool, bool);

#[cfg(target_has_atomic = "8")]
impl AtomicBool {
    read_modify_write! {
        AtomicBool, bool:
        fetch_and(val: bool),
        fetch_nand(val: bool),
        fetch_or(val: bool),
        fetch_xor(val: bool),
        fetch_not(),
    }
}

/// See [`std::sync::atomic::ATOMIC_BOOL_INIT`].
#[deprecated(note = "the `new` function is now preferred")]
#[allow(clippy::declare_interior_mutable_const, reason = "a drop-in has what the original has")]
#[cfg(target_has_atomic = "8")]
pub const ATOMIC_BOOL_INIT: AtomicBool = AtomicBool::new(false);

/// See [`std::sync::atomic::ATOMIC_ISIZE_INIT`].
#[deprecated(note = "the `new` function is now preferred")]
#[allow(clippy::declare_interior_mutable_const, reason = "a drop-in has what the original has")]
#[cfg(target_has_atomic = "ptr")]
pub const ATOMIC_ISIZE_INIT: AtomicIsize = AtomicIsize::new(0);

/// See [`std::sync::atomic::ATOMIC_USIZE_INIT`].
#[deprecated(note = "the `new` function is now preferred")]
#[allow(clippy::declare_interior_mutable_const, reason = "a drop-in has what the original has")]
#[cfg(target_has_atomic = "ptr")]
pub const ATOMIC_USIZE_INIT: AtomicUsize = AtomicUsize::new(0);
