//! The one seam between the real primitives and those of loom; the only file that names the loom cfg.
//!
//! What of the recorder is lock-free, or synchronised by hand, takes its primitives from here. In a program they are
//! those of std and parking_lot. Under the private cfg `gordian_loom` they are loom's, behind the same interface, and
//! the unit tests in modules called `models` run in every execution that the C11 memory model allows; without it the
//! same tests run once, with threads. `tests/loom.rs` runs them under the cfg.

#[cfg(not(gordian_loom))]
mod real;
#[cfg(not(gordian_loom))]
pub(crate) use real::*;

#[cfg(gordian_loom)]
mod modelled;
#[cfg(gordian_loom)]
pub(crate) use modelled::*;
