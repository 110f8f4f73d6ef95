//! What a program compiled by `cargo gordian` knows as `core`: the original, with the watched atomics, which are the same
//! types as in the facade of `std`.

pub use ::core::*;

/// `core::sync`, watched.
pub mod sync {
    pub use ::core::sync::*;

    pub mod atomic;
}
