//! [`parking_lot::Once`], watched.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use ::parking_lot::OnceState;

use crate::name::Named;
use crate::sync;

/// [`parking_lot::Once`], watched: same interface, same poisoning.
///
/// It is the watched once of std inside. The two differ in nothing but what they tell of their state.
pub struct Once {
    inner: sync::Once,
    /// Made completed: nobody ever initialises.
    born_completed: bool,
}

impl Once {
    /// See [`parking_lot::Once::new`].
    #[inline]
    #[must_use]
    #[track_caller]
    pub const fn new() -> Self {
        Self { inner: sync::Once::new(), born_completed: false }
    }

    /// See [`parking_lot::Once::new_completed`].
    #[inline]
    #[must_use]
    #[track_caller]
    pub const fn new_completed() -> Self {
        Self { inner: sync::Once::new(), born_completed: true }
    }

    /// See [`parking_lot::Once::state`].
    #[track_caller]
    pub fn state(&self) -> OnceState {
        // Whether it is completed comes last: it may become so meanwhile, and never ceases to be.
        let state = match self.inner.running_or_poisoned() {
            (true, _) => OnceState::InProgress,
            (false, true) => OnceState::Poisoned,
            (false, false) => OnceState::New,
        };
        if self.is_completed() { OnceState::Done } else { state }
    }

    /// See [`parking_lot::Once::is_completed`].
    #[inline]
    #[track_caller]
    pub fn is_completed(&self) -> bool {
        self.born_completed || self.inner.is_completed()
    }

    /// See [`parking_lot::Once::wait`].
    ///
    /// # Panics
    ///
    /// If the initialiser has panicked.
    #[track_caller]
    pub fn wait(&self) {
        if !self.born_completed {
            self.inner.wait();
        }
    }

    /// See [`parking_lot::Once::wait_force`].
    #[track_caller]
    pub fn wait_force(&self) {
        if !self.born_completed {
            self.inner.wait_force();
        }
    }

    /// See [`parking_lot::Once::call_once`].
    ///
    /// # Panics
    ///
    /// With the closure, and if an earlier call's closure has panicked.
    #[inline]
    #[track_caller]
    pub fn call_once<F>(&self, f: F)
    where
        F: FnOnce(),
    {
        if !self.born_completed {
            self.inner.call_once(f);
        }
    }

    /// See [`parking_lot::Once::call_once_force`].
    ///
    /// # Panics
    ///
    /// With the closure.
    #[inline]
    #[track_caller]
    pub fn call_once_force<F>(&self, f: F)
    where
        F: FnOnce(OnceState),
    {
        if !self.born_completed {
            let state = |poisoned| if poisoned { OnceState::Poisoned } else { OnceState::New };
            self.inner.call_once_force(|before| f(state(before.is_poisoned())));
        }
    }
}

impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}

impl Named for Once {
    fn set_name(&self, name: &str) {
        self.inner.set_name(name);
    }
}

impl Default for Once {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("state", &self.state()).finish()
    }
}
