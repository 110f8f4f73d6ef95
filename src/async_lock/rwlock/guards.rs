//! The guards of a [`RwLock`].

use std::marker::PhantomData;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use ::gordian::event::Mode;
use ::gordian::runtime::blocking::block_on;
use ::gordian::runtime::guards::{shown_guards, writers};
use ::gordian::runtime::held::{Held, Lock};

use super::RwLock;
use super::futures::{Upgrade, UpgradeArc, Upgrading};
use super::raw::{Raw, RealRead, RealUpgradable, RealWrite};

/// See [`async_lock::RwLockReadGuard`].
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    held: Held<&'a Raw, RealRead>,
    data: *const T,
}

/// See [`async_lock::RwLockReadGuardArc`].
#[clippy::has_significant_drop]
pub struct RwLockReadGuardArc<T: ?Sized> {
    /// A `RwLock<T>`: so that a guard of a `T` is one of a `T` that lives shorter.
    held: Held<Arc<dyn Lock>, RealRead>,
    data: *const T,
    /// The guard may be the one that drops the value.
    marker: PhantomData<T>,
}

/// See [`async_lock::RwLockUpgradableReadGuard`].
#[clippy::has_significant_drop]
pub struct RwLockUpgradableReadGuard<'a, T: ?Sized> {
    held: Held<&'a Raw, RealUpgradable>,
    data: *mut T,
}

/// See [`async_lock::RwLockUpgradableReadGuardArc`].
#[clippy::has_significant_drop]
pub struct RwLockUpgradableReadGuardArc<T: ?Sized> {
    held: Held<Arc<RwLock<T>>, RealUpgradable>,
    data: *mut T,
}

/// See [`async_lock::RwLockWriteGuard`].
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    held: Held<&'a Raw, RealWrite>,
    data: *mut T,
}

/// See [`async_lock::RwLockWriteGuardArc`].
#[clippy::has_significant_drop]
pub struct RwLockWriteGuardArc<T: ?Sized> {
    held: Held<Arc<RwLock<T>>, RealWrite>,
    data: *mut T,
}

// SAFETY, for all of these: the pointers are references in all but name, shared ones in readers and mutable ones in
// writers. An `Arc` may be the last one, and drop the lock with its value.

// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockReadGuardArc<T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuardArc<T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockUpgradableReadGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockUpgradableReadGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockUpgradableReadGuardArc<T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockUpgradableReadGuardArc<T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send> Send for RwLockWriteGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockWriteGuardArc<T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockWriteGuardArc<T> {}

impl<T: ?Sized> Unpin for RwLockReadGuardArc<T> {}

// Behind the lock is a `T`, though its type does not say so.
impl<T: ?Sized + RefUnwindSafe> UnwindSafe for RwLockReadGuardArc<T> {}
impl<T: ?Sized + RefUnwindSafe> RefUnwindSafe for RwLockReadGuardArc<T> {}

shown_guards! {
    RwLockReadGuard<'a, T> of T;
    RwLockReadGuardArc<T> of T;
    RwLockUpgradableReadGuard<'a, T> of T;
    RwLockUpgradableReadGuardArc<T> of T;
    RwLockWriteGuard<'a, T> of T;
    RwLockWriteGuardArc<T> of T;
}

writers! {
    RwLockWriteGuard<'a, T> of T;
    RwLockWriteGuardArc<T> of T;
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    pub(super) fn new(held: Held<&'a Raw, RealRead>, data: *const T) -> Self {
        Self { held, data }
    }
}

impl<T> RwLockReadGuardArc<T> {
    pub(super) fn new(held: Held<Arc<RwLock<T>>, RealRead>) -> Self {
        let data = held.lock().value.get();
        let held = held.kept_by(|lock| {
            let lock: Arc<dyn Lock + '_> = lock;
            // SAFETY: only the bound on its life changes; what is inside lives as long as the guard can, for that has a `T`.
            unsafe { std::mem::transmute::<Arc<dyn Lock + '_>, Arc<dyn Lock>>(lock) }
        });
        Self { held, data, marker: PhantomData }
    }
}

impl<'a, T: ?Sized> RwLockUpgradableReadGuard<'a, T> {
    pub(super) fn new(held: Held<&'a Raw, RealUpgradable>, data: *mut T) -> Self {
        Self { held, data }
    }

    /// See [`async_lock::RwLockUpgradableReadGuard::downgrade`].
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard::new(guard.held.downgrade(Mode::Shared, RealUpgradable::downgrade), guard.data)
    }

    /// See [`async_lock::RwLockUpgradableReadGuard::try_upgrade`].
    ///
    /// # Errors
    ///
    /// The guard itself if there are other readers.
    #[track_caller]
    pub fn try_upgrade(guard: Self) -> Result<RwLockWriteGuard<'a, T>, Self> {
        let Self { held, data } = guard;
        match held.try_upgrade(RealUpgradable::try_upgrade, Location::caller()) {
            Ok(held) => Ok(RwLockWriteGuard { held, data }),
            Err(held) => Err(Self { held, data }),
        }
    }

    /// See [`async_lock::RwLockUpgradableReadGuard::upgrade`].
    #[track_caller]
    pub fn upgrade(guard: Self) -> Upgrade<'a, T> {
        Upgrade::new(Upgrading::new(guard.held, Location::caller()), guard.data)
    }

    /// See [`async_lock::RwLockUpgradableReadGuard::upgrade_blocking`].
    #[track_caller]
    pub fn upgrade_blocking(guard: Self) -> RwLockWriteGuard<'a, T> {
        block_on(Self::upgrade(guard))
    }
}

impl<T> RwLockUpgradableReadGuardArc<T> {
    /// See [`async_lock::RwLockUpgradableReadGuardArc::downgrade`].
    pub fn downgrade(guard: Self) -> RwLockReadGuardArc<T> {
        RwLockReadGuardArc::new(guard.held.downgrade(Mode::Shared, RealUpgradable::downgrade))
    }
}

impl<T: ?Sized> RwLockUpgradableReadGuardArc<T> {
    pub(super) fn new(held: Held<Arc<RwLock<T>>, RealUpgradable>) -> Self {
        let data = held.lock().value.get();
        Self { held, data }
    }

    /// See [`async_lock::RwLockUpgradableReadGuardArc::try_upgrade`].
    ///
    /// # Errors
    ///
    /// The guard itself if there are other readers.
    #[track_caller]
    pub fn try_upgrade(guard: Self) -> Result<RwLockWriteGuardArc<T>, Self> {
        let Self { held, data } = guard;
        match held.try_upgrade(RealUpgradable::try_upgrade, Location::caller()) {
            Ok(held) => Ok(RwLockWriteGuardArc { held, data }),
            Err(held) => Err(Self { held, data }),
        }
    }

    /// See [`async_lock::RwLockUpgradableReadGuardArc::upgrade`].
    #[track_caller]
    pub fn upgrade(guard: Self) -> UpgradeArc<T> {
        UpgradeArc::new(Upgrading::new(guard.held, Location::caller()))
    }

    /// See [`async_lock::RwLockUpgradableReadGuardArc::upgrade_blocking`].
    #[track_caller]
    pub fn upgrade_blocking(guard: Self) -> RwLockWriteGuardArc<T> {
        block_on(Self::upgrade(guard))
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    pub(super) fn new(held: Held<&'a Raw, RealWrite>, data: *mut T) -> Self {
        Self { held, data }
    }

    /// See [`async_lock::RwLockWriteGuard::downgrade`].
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard::new(guard.held.downgrade(Mode::Shared, RealWrite::downgrade), guard.data)
    }

    /// See [`async_lock::RwLockWriteGuard::downgrade_to_upgradable`].
    pub fn downgrade_to_upgradable(guard: Self) -> RwLockUpgradableReadGuard<'a, T> {
        let held = guard.held.downgrade(Mode::Upgradable, RealWrite::downgrade_to_upgradable);
        RwLockUpgradableReadGuard::new(held, guard.data)
    }
}

impl<T> RwLockWriteGuardArc<T> {
    /// See [`async_lock::RwLockWriteGuardArc::downgrade`].
    pub fn downgrade(guard: Self) -> RwLockReadGuardArc<T> {
        RwLockReadGuardArc::new(guard.held.downgrade(Mode::Shared, RealWrite::downgrade))
    }
}

impl<T: ?Sized> RwLockWriteGuardArc<T> {
    pub(super) fn new(held: Held<Arc<RwLock<T>>, RealWrite>) -> Self {
        let data = held.lock().value.get();
        Self { held, data }
    }

    /// See [`async_lock::RwLockWriteGuardArc::downgrade_to_upgradable`].
    pub fn downgrade_to_upgradable(guard: Self) -> RwLockUpgradableReadGuardArc<T> {
        let held = guard.held.downgrade(Mode::Upgradable, RealWrite::downgrade_to_upgradable);
        RwLockUpgradableReadGuardArc::new(held)
    }
}
