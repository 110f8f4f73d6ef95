//! CARRY: the live recorder behind the wrappers.

pub(crate) mod log;
