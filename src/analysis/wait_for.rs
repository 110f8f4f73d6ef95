//! Deadlocks that are: cycles and knots in who waits for whom.
//!
//! One graph over mixed resources. A wait for a lock, a once or a join is an AND wait: it lasts for ever as soon as
//! *one* owner that it needs is stuck. A wait for a message, for space, for a notification, a wake-up token or the other
//! parties of a barrier is an OR wait: any live thread of the session could end it, so it lasts for ever only when *all*
//! of them are stuck. The stuck set is the greatest fixpoint of these two rules over the blocked threads (Knapp's AND/OR
//! model, ACM Computing Surveys 19(4), 1987).
//!
//! **Why a verdict is never wrong.** Only untimed waits enter. A thread enters before it can sleep, with what it holds
//! then; every member of a stuck set is blocked, so what it holds can't change any more. A thread that has been granted
//! what it waits for is either taken out by the one who granted it, before the grant (notifications, messages, tokens),
//! or its lock has no holder among the blocked (locks). Threads that have not been seen are the caller's to exclude.

mod graph;
mod knot;
mod stream;
mod wait;

pub use graph::WaitGraph;
pub use knot::{Backlog, Knot, Member, in_words};
pub use stream::WaitForAnalysis;
pub use wait::{Blocked, Holding, Leg, PoolId, Possession, SessionId, Wait};
