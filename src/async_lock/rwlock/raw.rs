//! A lock without its value: the original's, and what the recorder keeps beside it.

use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use ::async_lock as real;
use ::gordian::event::{Attempt, Mode, ObjectKind};
use ::gordian::runtime::Place;
use ::gordian::runtime::held::{Held, Keeper, Lock};
use ::gordian::runtime::leaf::Leaf;
use ::gordian::runtime::semaphores::SemaphoreMeta;

// The originals' holds. That they borrow from the lock is not to be seen in their types: each is always beside who keeps the
// lock alive, and goes before that. The same goes for their futures.
pub(super) type RealRead = real::RwLockReadGuard<'static, ()>;
pub(super) type RealUpgradable = real::RwLockUpgradableReadGuard<'static, ()>;
pub(super) type RealWrite = real::RwLockWriteGuard<'static, ()>;
pub(super) type RealUpgrade = real::futures::Upgrade<'static, ()>;

// The waits of the three.
pub(super) type Reading = Leaf<real::futures::Read<'static, ()>>;
pub(super) type ReadingUpgradably = Leaf<real::futures::UpgradableRead<'static, ()>>;
/// Not `Unpin`, as the original's.
pub(super) struct Writing(Pin<Box<dyn Future<Output = RealWrite> + Send + Sync>>, PhantomPinned);

// Nothing of the user's runs in it: a panic finds it whole.
impl UnwindSafe for Writing {}
impl RefUnwindSafe for Writing {}

impl Future for Writing {
    type Output = RealWrite;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RealWrite> {
        // SAFETY: nothing is moved: the first field is a pointer, the second one nothing.
        let this = unsafe { self.get_unchecked_mut() };
        this.0.as_mut().poll(cx)
    }
}

pub(super) struct Raw {
    meta: SemaphoreMeta,
    real: real::RwLock<()>,
}

impl Raw {
    pub(super) const fn new(created: Place) -> Self {
        Self { meta: SemaphoreMeta::new(ObjectKind::RwLock, created), real: real::RwLock::new(()) }
    }

    /// The same, for as long as the lock lives.
    ///
    /// # Safety
    ///
    /// What is made of it goes before the lock does.
    unsafe fn unbound(&self) -> &'static Self {
        let this: *const Self = self;
        // SAFETY: the caller sees to it.
        unsafe { &*this }
    }
}

impl Lock for Raw {
    fn meta(&self) -> &SemaphoreMeta {
        &self.meta
    }
}

/// A lock, with or without its value.
pub(super) trait HasRaw: Lock {
    fn raw(&self) -> &Raw;
}

impl HasRaw for Raw {
    fn raw(&self) -> &Raw {
        self
    }
}

/// Of a lock that `keeper` keeps alive: what is made of this goes beside it, into a hold or an `Acquire`.
fn raw<L: Keeper<Target: HasRaw>>(keeper: &L) -> &'static Raw {
    // SAFETY: the functions below are the only ones to use it, and their callers do as it says.
    unsafe { keeper.raw().unbound() }
}

pub(super) fn try_read<L: Keeper<Target: HasRaw>>(keeper: &L) -> Option<RealRead> {
    raw(keeper).real.try_read()
}

pub(super) fn try_upgradable_read<L: Keeper<Target: HasRaw>>(keeper: &L) -> Option<RealUpgradable> {
    raw(keeper).real.try_upgradable_read()
}

pub(super) fn try_write<L: Keeper<Target: HasRaw>>(keeper: &L) -> Option<RealWrite> {
    raw(keeper).real.try_write()
}

/// Whoever writes, or is about to, is in the way, whenever it came. Being woken gives nothing: writers do not mind.
pub(super) fn read<L: Keeper<Target: HasRaw>>(keeper: &L, place: Place) -> Reading {
    let Raw { meta, real } = raw(keeper);
    Leaf::new(real.read(), meta.wants(1, Mode::Shared, place).without_grant().without_turn(), place)
}

pub(super) fn upgradable_read<L: Keeper<Target: HasRaw>>(keeper: &L, place: Place) -> ReadingUpgradably {
    let Raw { meta, real } = raw(keeper);
    Leaf::new(real.upgradable_read(), meta.wants(1, Mode::Upgradable, place), place)
}

/// A writer takes the place of an upgradable reader, which keeps no reader away, and announces itself then: it upgrades.
pub(super) fn write<L: Keeper<Target: HasRaw>>(keeper: &L, place: Place) -> Writing {
    let raw = raw(keeper);
    let Raw { meta, real } = raw;
    let writes = async move {
        let target = meta.wants(1, Mode::Exclusive, place).unannounced();
        let guard = Leaf::new(real.upgradable_read(), target, place).await;
        let upgrade = match RealUpgradable::try_upgrade(guard) {
            Ok(guard) => return guard,
            Err(guard) => RealUpgradable::upgrade(guard),
        };
        let upgrade = pin!(Leaf::new(upgrade, meta.upgrades(), place));
        // Given back before the original gives it back. It is a part of the one acquisition, so it makes no order.
        let _held = Held::new(raw, (), Mode::Upgradable, Attempt::Try, place);
        upgrade.await
    };
    Writing(Box::pin(writes), PhantomPinned)
}
