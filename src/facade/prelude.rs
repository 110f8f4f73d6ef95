//! `std::prelude` or `core::prelude`, with an attribute of ours. A file of both facades.

pub use super::original::prelude::*;

/// Declares a prelude.
macro_rules! prelude {
    ($($name:ident,)+) => {
        $(
            /// See the original.
            pub mod $name {
                pub use super::super::original::prelude::$name::*;

                pub use ::gordian_attributes::global_allocator;
            }
        )+
    };
}

prelude!(v1, rust_2015, rust_2018, rust_2021, rust_2024,);
