//! Drop-in replacements of [`std::thread`], watched.

#[cfg(feature = "detect")]
mod watched;
#[cfg(not(feature = "detect"))]
pub use std::thread::*;
#[cfg(feature = "detect")]
pub use watched::*;
