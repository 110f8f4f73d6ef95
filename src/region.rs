//! Regions that the user means to be atomic.

#[cfg(feature = "detect")]
use std::panic::Location;

#[cfg(feature = "detect")]
use crate::record::cells;

/// Runs `f` as a region that is meant to be atomic: what it reads of a [`Shared`](crate::Shared) cell may not be changed by
/// another thread before it writes it.
///
/// Marks only; it excludes no one. If another thread writes a cell between a look (`get`, `with`) and a blind write
/// (`set`, `replace`) of the region, that is an `atomicity-violation`, however well each access is locked by itself.
/// Regions nest: the outermost counts. `gordian analyze` asks more of a recorded run: that each region could have run by
/// itself with the same outcome ([`analysis::serialisability`](crate::analysis::serialisability)).
///
/// ```
/// use gordian::Shared;
/// use gordian::sync::Mutex;
///
/// static LOCK: Mutex<()> = Mutex::new(());
/// static SEATS: Shared<u32> = Shared::new(1);
///
/// fn book() -> bool {
///     gordian::atomic("book a seat", || {
///         let free = { let _held = LOCK.lock().unwrap(); SEATS.get() };
///         // Another thread can book here: the lock is held twice, and not in between.
///         if free == 0 {
///             return false;
///         }
///         let _held = LOCK.lock().unwrap();
///         SEATS.set(free - 1);
///         true
///     })
/// }
/// assert!(book());
/// ```
#[track_caller]
pub fn atomic<R>(name: &str, f: impl FnOnce() -> R) -> R {
    let _ = name;
    #[cfg(feature = "detect")]
    let _region = cells::Passage::begin(Location::caller());
    f()
}
