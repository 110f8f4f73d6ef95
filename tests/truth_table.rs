//! The truth table: every shape of a deadlock, and of what only looks like one, live, through the wrappers of std and of
//! parking_lot alike.
//!
//! All locks are leaked, so that no lock dies: what is kept of a dead lock is kept by its class, and the rows share their
//! sites. No order is forced by time: threads meet at barriers that the detector does not see.
#![cfg(feature = "detect")]

#[path = "truth_table/kits.rs"]
mod kits;
#[path = "truth_table/lockdep.rs"]
mod lockdep;
#[path = "truth_table/rows.rs"]
mod rows;
