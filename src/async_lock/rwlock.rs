//! [`async_lock::RwLock`], watched.

mod futures;
mod guards;
mod raw;

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use ::gordian::Named;
use ::gordian::event::{Attempt, Mode};
use ::gordian::runtime::blocking::block_on;
use ::gordian::runtime::held::{self, Acquire, Held, Lent};
use ::gordian::runtime::semaphores::SemaphoreMeta;

pub use self::futures::{Read, ReadArc, UpgradableRead, UpgradableReadArc, Upgrade, UpgradeArc, Write, WriteArc};
pub use self::guards::{
    RwLockReadGuard, RwLockReadGuardArc, RwLockUpgradableReadGuard, RwLockUpgradableReadGuardArc, RwLockWriteGuard,
    RwLockWriteGuardArc,
};
use self::raw::{HasRaw, Raw};

/// See [`async_lock::RwLock`].
pub struct RwLock<T: ?Sized> {
    raw: Raw,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through the lock alone.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as above; readers share it, and a writer may take it elsewhere.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// See [`async_lock::RwLock::new`]. The place of the call is the lock's class.
    #[must_use]
    #[track_caller]
    pub const fn new(t: T) -> RwLock<T> {
        Self { raw: Raw::new(Location::caller()), value: UnsafeCell::new(t) }
    }

    /// See [`async_lock::RwLock::into_inner`].
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// See [`async_lock::RwLock::try_read_arc`].
    #[track_caller]
    pub fn try_read_arc(self: &Arc<Self>) -> Option<RwLockReadGuardArc<T>> {
        let guard = raw::try_read(self)?;
        let held = Held::new(Arc::clone(self), guard, Mode::Shared, Attempt::Try, Location::caller());
        Some(RwLockReadGuardArc::new(held))
    }

    /// See [`async_lock::RwLock::read_arc`].
    #[track_caller]
    pub fn read_arc<'a>(self: &'a Arc<Self>) -> ReadArc<'a, T> {
        ReadArc { acquire: Acquire::new(Lent(self), Mode::Shared, Location::caller()) }
    }

    /// See [`async_lock::RwLock::read_arc_blocking`].
    #[track_caller]
    pub fn read_arc_blocking(self: &Arc<Self>) -> RwLockReadGuardArc<T> {
        block_on(self.read_arc())
    }
}

impl<T: ?Sized> RwLock<T> {
    /// See [`async_lock::RwLock::try_read`].
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        let guard = raw::try_read(&&self.raw)?;
        let held = Held::new(&self.raw, guard, Mode::Shared, Attempt::Try, Location::caller());
        Some(RwLockReadGuard::new(held, self.value.get()))
    }

    /// See [`async_lock::RwLock::read`].
    #[track_caller]
    pub fn read(&self) -> Read<'_, T> {
        Read { acquire: Acquire::new(&self.raw, Mode::Shared, Location::caller()), data: self.value.get() }
    }

    /// See [`async_lock::RwLock::read_blocking`].
    #[track_caller]
    pub fn read_blocking(&self) -> RwLockReadGuard<'_, T> {
        block_on(self.read())
    }

    /// See [`async_lock::RwLock::try_upgradable_read`].
    #[track_caller]
    pub fn try_upgradable_read(&self) -> Option<RwLockUpgradableReadGuard<'_, T>> {
        let guard = raw::try_upgradable_read(&&self.raw)?;
        let held = Held::new(&self.raw, guard, Mode::Upgradable, Attempt::Try, Location::caller());
        Some(RwLockUpgradableReadGuard::new(held, self.value.get()))
    }

    /// See [`async_lock::RwLock::upgradable_read`].
    #[track_caller]
    pub fn upgradable_read(&self) -> UpgradableRead<'_, T> {
        let acquire = Acquire::new(&self.raw, Mode::Upgradable, Location::caller());
        UpgradableRead { acquire, data: self.value.get() }
    }

    /// See [`async_lock::RwLock::upgradable_read_blocking`].
    #[track_caller]
    pub fn upgradable_read_blocking(&self) -> RwLockUpgradableReadGuard<'_, T> {
        block_on(self.upgradable_read())
    }

    /// See [`async_lock::RwLock::upgradable_read_arc_blocking`].
    #[track_caller]
    pub fn upgradable_read_arc_blocking(self: &Arc<Self>) -> RwLockUpgradableReadGuardArc<T> {
        block_on(self.upgradable_read_arc())
    }

    /// See [`async_lock::RwLock::try_upgradable_read_arc`].
    #[track_caller]
    pub fn try_upgradable_read_arc(self: &Arc<Self>) -> Option<RwLockUpgradableReadGuardArc<T>> {
        let guard = raw::try_upgradable_read(self)?;
        let held = Held::new(Arc::clone(self), guard, Mode::Upgradable, Attempt::Try, Location::caller());
        Some(RwLockUpgradableReadGuardArc::new(held))
    }

    /// See [`async_lock::RwLock::upgradable_read_arc`].
    #[track_caller]
    pub fn upgradable_read_arc<'a>(self: &'a Arc<Self>) -> UpgradableReadArc<'a, T> {
        UpgradableReadArc { acquire: Acquire::new(Lent(self), Mode::Upgradable, Location::caller()) }
    }

    /// See [`async_lock::RwLock::try_write`].
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        let guard = raw::try_write(&&self.raw)?;
        let held = Held::new(&self.raw, guard, Mode::Exclusive, Attempt::Try, Location::caller());
        Some(RwLockWriteGuard::new(held, self.value.get()))
    }

    /// See [`async_lock::RwLock::write`].
    #[track_caller]
    pub fn write(&self) -> Write<'_, T> {
        Write { acquire: Acquire::new(&self.raw, Mode::Exclusive, Location::caller()), data: self.value.get() }
    }

    /// See [`async_lock::RwLock::write_blocking`].
    #[track_caller]
    pub fn write_blocking(&self) -> RwLockWriteGuard<'_, T> {
        block_on(self.write())
    }

    /// See [`async_lock::RwLock::try_write_arc`].
    #[track_caller]
    pub fn try_write_arc(self: &Arc<Self>) -> Option<RwLockWriteGuardArc<T>> {
        let guard = raw::try_write(self)?;
        let held = Held::new(Arc::clone(self), guard, Mode::Exclusive, Attempt::Try, Location::caller());
        Some(RwLockWriteGuardArc::new(held))
    }

    /// See [`async_lock::RwLock::write_arc`].
    #[track_caller]
    pub fn write_arc<'a>(self: &'a Arc<Self>) -> WriteArc<'a, T> {
        WriteArc { acquire: Acquire::new(Lent(self), Mode::Exclusive, Location::caller()) }
    }

    /// See [`async_lock::RwLock::write_arc_blocking`].
    #[track_caller]
    pub fn write_arc_blocking(self: &Arc<Self>) -> RwLockWriteGuardArc<T> {
        block_on(self.write_arc())
    }

    /// See [`async_lock::RwLock::get_mut`].
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized> HasRaw for RwLock<T> {
    fn raw(&self) -> &Raw {
        &self.raw
    }
}

impl<T: ?Sized> held::Lock for RwLock<T> {
    fn meta(&self) -> &SemaphoreMeta {
        self.raw.meta()
    }
}

impl<T: ?Sized> Named for RwLock<T> {
    fn set_name(&self, name: &str) {
        held::Lock::meta(self).set_name(name);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RwLock");
        match self.try_read() {
            Some(guard) => shown.field("value", &&*guard),
            None => shown.field("value", &format_args!("<locked>")),
        };
        shown.finish()
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(val: T) -> RwLock<T> {
        Self::new(val)
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> RwLock<T> {
        Self::new(T::default())
    }
}
