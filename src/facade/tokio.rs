//! The layer over the very version of tokio that a program uses, with the features that it has: the same names, watched.
//!
//! The root of a crate of its own, compiled against that version and the library `gordian`. It is the source files of
//! `gordian::tokio` once more. What this version has not got yet is left out (cfg `tokio_before = "1.47"`), and so is
//! what it goes without (cfg `tokio_without = "time"`).

#[path = ".."]
mod library {
    pub mod tokio;
}

// The files know one another by the path that they have in the library.
pub use library::tokio;

pub use library::tokio::*;
