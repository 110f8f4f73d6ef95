//! TELL: findings as text, JSON and graphs. A report never decides.
//!
//! [`text()`] is what the failing test of a wrapper user prints; a command makes a [`Report`] and prints it in any form.
//! Source lines are read from disk where they can be found; a report is complete without them. Whatever comes from a
//! finding is escaped before it reaches a terminal, because the names in a trace file are not ours.
//!
//! Layout:
//!
//! - [`Report`]: what there is to tell, by what became of each finding; [`origin`]: whose code a finding lies in.
//! - [`text()`], [`report_text`], [`tally`]: the report for people; `snippet` draws the source lines (annotate-snippets with feature
//!   `cli`, a plain listing without), `source` finds them, `stack` trims stacks to the user's own frames, `witness` draws a
//!   reordering.
//! - [`identify`]: fingerprints that stay the same when lines move; `anchor` names places by the code around them.
//! - `json`, with the feature `json`: the versioned report for programs. With feature `cli`: `sarif` (SARIF 2.1.0), `junit` (JUnit XML),
//!   `github` (annotations and a job summary).
//! - [`dot`]: the lock-order graph.
//! - [`explain`]: one page for each kind of finding.
//! - [`stream`]: what a watched process leaves for the one that started it.
//! - [`Style`], [`Styles`]: colours, plain by default.

mod anchor;
mod document;
pub mod dot;
pub mod explain;
#[cfg(feature = "cli")]
mod github;
mod identity;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "cli")]
mod junit;
pub mod origin;
#[cfg(feature = "cli")]
mod sarif;
mod snippet;
mod source;
mod stack;
pub mod stream;
mod style;
mod text;
mod witness;

pub use document::{Folded, Part, Report, Summary, Suppressed, Unused};
#[cfg(feature = "cli")]
pub use github::{github, github_summary};
pub use identity::identify;
#[cfg(feature = "json")]
pub use json::{FORMAT_VERSION, json};
#[cfg(feature = "cli")]
pub use junit::junit;
#[cfg(feature = "cli")]
pub use sarif::sarif;
#[cfg(feature = "detect")]
pub(crate) use source::statement;
pub use style::{Paint, Style, Styles};
pub use text::{escape, main_operation, main_place, report_text, tally, text, text_with};
pub use witness::wrap;
