//! JUDGE: one analysis, one folder. An analysis reads events and yields findings; it never prints.

pub mod async_hazard;
pub mod atomicity;
pub mod happens_before;
pub mod lock_order;
pub mod predict;
pub mod sections;
pub mod serialisability;
pub mod wait_for;
