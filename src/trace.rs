//! CARRY: traces as files, binary and STD text.
