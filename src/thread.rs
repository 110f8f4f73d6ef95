//! Drop-in replacements of [`std::thread`], watched.
//!
//! Without the feature `detect` every name here is the original itself.

#[cfg(feature = "detect")]
mod scoped;
#[cfg(feature = "detect")]
mod watched;

#[cfg(not(feature = "detect"))]
pub use std::thread::*;
#[cfg(feature = "detect")]
pub use watched::*;

pub use std::thread_local;
