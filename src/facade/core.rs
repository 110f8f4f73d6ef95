//! What a program compiled by `cargo gordian` knows as `core`: the original, with the watched atomics, which are the same
//! types as in the facade of `std`.

pub use ::core::*;

use ::core as original;

pub mod prelude;

/// What the attributes make use of.
#[doc(hidden)]
pub mod __gordian {
    pub use ::core::prelude::v1::global_allocator;
    pub use ::gordian::Allocator;
}

/// `core::sync`, watched.
pub mod sync {
    pub use ::core::sync::*;

    pub mod atomic;
}
