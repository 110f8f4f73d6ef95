//! CARRY: the live recorder behind the wrappers.
