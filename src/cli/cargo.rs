//! `cargo gordian`: programs that know nothing of this crate.

pub mod gather;
