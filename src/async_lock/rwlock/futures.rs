//! The futures of a [`RwLock`].

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::gordian::event::Attempt;
use ::gordian::runtime::Place;
use ::gordian::runtime::held::{Acquire, Held, Keeper, Lent, Lock};
use ::gordian::runtime::leaf::Leaf;

use super::super::macros::{acquires, opaque};
use super::RwLock;
use super::guards::{
    RwLockReadGuard, RwLockReadGuardArc, RwLockUpgradableReadGuard, RwLockUpgradableReadGuardArc, RwLockWriteGuard,
    RwLockWriteGuardArc,
};
use super::raw::{self, Raw, Reading, ReadingUpgradably, RealUpgradable, RealUpgrade, RealWrite, Writing};

/// See [`async_lock::futures::Read`].
pub struct Read<'a, T: ?Sized> {
    pub(super) acquire: Acquire<&'a Raw, Reading>,
    pub(super) data: *const T,
}

/// See [`async_lock::futures::ReadArc`].
pub struct ReadArc<'a, T> {
    pub(super) acquire: Acquire<Lent<'a, RwLock<T>>, Reading>,
}

/// See [`async_lock::futures::UpgradableRead`].
pub struct UpgradableRead<'a, T: ?Sized> {
    pub(super) acquire: Acquire<&'a Raw, ReadingUpgradably>,
    pub(super) data: *mut T,
}

/// See [`async_lock::futures::UpgradableReadArc`].
pub struct UpgradableReadArc<'a, T: ?Sized> {
    pub(super) acquire: Acquire<Lent<'a, RwLock<T>>, ReadingUpgradably>,
}

/// See [`async_lock::futures::Write`].
pub struct Write<'a, T: ?Sized> {
    pub(super) acquire: Acquire<&'a Raw, Writing>,
    pub(super) data: *mut T,
}

/// See [`async_lock::futures::WriteArc`].
pub struct WriteArc<'a, T: ?Sized> {
    pub(super) acquire: Acquire<Lent<'a, RwLock<T>>, Writing>,
}

/// See [`async_lock::futures::Upgrade`].
pub struct Upgrade<'a, T: ?Sized> {
    upgrading: Upgrading<&'a Raw>,
    data: *mut T,
}

/// See [`async_lock::futures::UpgradeArc`].
pub struct UpgradeArc<T: ?Sized> {
    upgrading: Upgrading<Arc<RwLock<T>>>,
}

// SAFETY, for all of these: a future has a reference to the lock, and gives a guard; a shared one gives nothing. An `Arc` may
// be the last one, and drop the lock with its value.

// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Send for Read<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Sync for Read<'_, T> {}
// SAFETY: see above.
unsafe impl<T: Send + Sync> Send for ReadArc<'_, T> {}
// SAFETY: see above.
unsafe impl<T: Send + Sync> Sync for ReadArc<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Send for UpgradableRead<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Sync for UpgradableRead<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Send for UpgradableReadArc<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Sync for UpgradableReadArc<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send> Send for Write<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Sync for Write<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Send for WriteArc<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Sync for WriteArc<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send> Send for Upgrade<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Sync> Sync for Upgrade<'_, T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Send for UpgradeArc<T> {}
// SAFETY: see above.
unsafe impl<T: ?Sized + Send + Sync> Sync for UpgradeArc<T> {}

acquires! {
    ['a, T: ?Sized] Read<'a, T> => RwLockReadGuard<'a, T>:
        raw::try_read, raw::read, |held, this| RwLockReadGuard::new(held, this.data);
    [T] ReadArc<'_, T> => RwLockReadGuardArc<T>:
        raw::try_read, raw::read, |held, this| RwLockReadGuardArc::new(held);
    ['a, T: ?Sized] UpgradableRead<'a, T> => RwLockUpgradableReadGuard<'a, T>:
        raw::try_upgradable_read, raw::upgradable_read, |held, this| RwLockUpgradableReadGuard::new(held, this.data);
    [T: ?Sized] UpgradableReadArc<'_, T> => RwLockUpgradableReadGuardArc<T>:
        raw::try_upgradable_read, raw::upgradable_read, |held, this| RwLockUpgradableReadGuardArc::new(held);
    ['a, T: ?Sized] Write<'a, T> => RwLockWriteGuard<'a, T>:
        raw::try_write, raw::write, |held, this| RwLockWriteGuard::new(held, this.data);
    [T: ?Sized] WriteArc<'_, T> => RwLockWriteGuardArc<T>:
        raw::try_write, raw::write, |held, this| RwLockWriteGuardArc::new(held);
}

opaque! {
    [T: ?Sized] Read<'_, T> = "Read { .. }";
    [T] ReadArc<'_, T> = "ReadArc { .. }";
    [T: ?Sized] UpgradableRead<'_, T> = "UpgradableRead { .. }";
    [T: ?Sized] UpgradableReadArc<'_, T> = "UpgradableReadArc { .. }";
    [T: ?Sized] Write<'_, T> = "Write { .. }";
    [T: ?Sized] WriteArc<'_, T> = "WriteArc { .. }";
    [T: ?Sized] Upgrade<'_, T> = "Upgrade";
    [T: ?Sized] UpgradeArc<T> = "ArcUpgrade";
}

/// An upgradable hold that becomes an exclusive one. New readers are kept away from the start; dropped, it holds nothing.
pub(super) struct Upgrading<L: Keeper> {
    /// None: it has become one.
    held: Option<Held<L, Step>>,
    place: Place,
}

enum Step {
    Asked(RealUpgrade),
    Waits(Leaf<RealUpgrade>),
    Over,
}

impl<L: Keeper> Upgrading<L> {
    pub(super) fn new(held: Held<L, RealUpgradable>, place: Place) -> Self {
        let held = held.map(|guard| Step::Asked(RealUpgradable::upgrade(guard)));
        Self { held: Some(held), place }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Held<L, RealWrite>> {
        // SAFETY: what is in `Step::Waits` is pinned with `self`: it is never moved, only made and dropped in its place. The
        // rest does not care, nor what is in `Step::Asked`, which has not been polled.
        let this = unsafe { self.get_unchecked_mut() };
        let held = this.held.as_mut().expect("an upgrade is polled after it is over");
        if let Step::Asked(_) = held.guard_mut()
            && let Step::Asked(upgrade) = std::mem::replace(held.guard_mut(), Step::Over)
        {
            let target = held.lock().meta().wants_upgrade(this.place);
            *held.guard_mut() = Step::Waits(Leaf::new(upgrade, target, this.place));
        }
        let Step::Waits(wait) = held.guard_mut() else { unreachable!("it is over only when the hold is taken") };
        // SAFETY: as above.
        let guard = ready!(unsafe { Pin::new_unchecked(wait) }.poll(cx));
        *held.guard_mut() = Step::Over;
        let held = this.held.take().expect("it has been looked at");
        Poll::Ready(held.upgraded(guard, Attempt::Blocking, this.place))
    }
}

impl<'a, T: ?Sized> Upgrade<'a, T> {
    pub(super) fn new(upgrading: Upgrading<&'a Raw>, data: *mut T) -> Self {
        Self { upgrading, data }
    }
}

impl<T: ?Sized> UpgradeArc<T> {
    pub(super) fn new(upgrading: Upgrading<Arc<RwLock<T>>>) -> Self {
        Self { upgrading }
    }
}

impl<'a, T: ?Sized> Future for Upgrade<'a, T> {
    type Output = RwLockWriteGuard<'a, T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let data = self.data;
        // SAFETY: the field is pinned with `self`: it is never moved.
        let upgrading = unsafe { self.map_unchecked_mut(|this| &mut this.upgrading) };
        upgrading.poll(cx).map(|held| RwLockWriteGuard::new(held, data))
    }
}

impl<T: ?Sized> Future for UpgradeArc<T> {
    type Output = RwLockWriteGuardArc<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the field is pinned with `self`: it is never moved.
        let upgrading = unsafe { self.map_unchecked_mut(|this| &mut this.upgrading) };
        upgrading.poll(cx).map(RwLockWriteGuardArc::new)
    }
}
