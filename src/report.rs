//! TELL: findings as text, JSON and graphs. A report never decides.
//!
//! [`text()`] and `json()` are what every door of the tool prints: the command, and the failing test of a wrapper user.
//! Source lines are read from disk where they can be found; a report is complete without them. Whatever comes from a
//! finding is escaped before it reaches a terminal, because the names in a trace file are not ours.
//!
//! Layout:
//!
//! - [`text()`], [`tally`]: the report for people; `snippet` draws the source lines (annotate-snippets with feature
//!   `cli`, a plain listing without), `source` finds them, `stack` trims stacks to the user's own frames.
//! - `json()`, with the feature `json`: the versioned report for programs.
//! - [`dot`]: the lock-order graph.
//! - [`explain`]: one page for each kind of finding.
//! - [`Style`], [`Styles`]: colours, plain by default.

pub mod dot;
pub mod explain;
#[cfg(feature = "json")]
mod json;
mod snippet;
mod source;
mod stack;
mod style;
mod text;

#[cfg(feature = "json")]
pub use json::{FORMAT_VERSION, Part, Summary, json};
pub use style::{Paint, Style, Styles};
pub use text::{escape, tally, text};
