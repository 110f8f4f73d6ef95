//! What a program compiled by `cargo gordian` knows as `std`: the original, with the watched types in the place of its own.
//!
//! A name that is written here takes precedence over what a glob brings; all else, and every macro, is the original's.
//! This is the root of a crate of its own, compiled against the real `std` and the library `gordian`.

pub use ::std::*;

use ::std as original;

pub mod prelude;

/// `std::sync`, watched.
pub mod sync {
    pub use ::std::sync::*;

    #[allow(deprecated)]
    pub use ::gordian::sync::{
        Barrier, BarrierWaitResult, Condvar, LazyLock, Mutex, MutexGuard, ONCE_INIT, Once, OnceLock, RwLock,
        RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult,
    };

    pub mod atomic;

    /// `std::sync::mpsc`, watched.
    pub mod mpsc {
        pub use ::std::sync::mpsc::*;

        pub use ::gordian::sync::mpsc::{IntoIter, Iter, Receiver, Sender, SyncSender, TryIter, channel, sync_channel};
    }
}

/// `std::thread`, watched.
pub mod thread {
    pub use ::std::thread::*;

    #[allow(deprecated)]
    pub use ::gordian::thread::{
        Builder, JoinHandle, Scope, ScopedJoinHandle, Thread, current, park, park_timeout, park_timeout_ms, scope, sleep,
        spawn,
    };
}
