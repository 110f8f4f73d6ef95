//! One page for each kind of finding: what it is, an example, the async twin, the fix, what it takes to see it.

use std::fmt::Write as _;

use super::style::{Style, Styles};
use crate::finding::Kind;

/// The page of a kind, as Markdown. Its first line is `# KIND: what it is`.
#[must_use]
pub const fn page(kind: Kind) -> &'static str {
    match kind {
        Kind::LockOrderCycle => include_str!("explain/lock-order-cycle.md"),
        Kind::SelfDeadlock => include_str!("explain/self-deadlock.md"),
        Kind::RecursiveRead => include_str!("explain/recursive-read.md"),
        Kind::WaitCycle => include_str!("explain/wait-cycle.md"),
        Kind::LostWakeup => include_str!("explain/lost-wakeup.md"),
        Kind::Futurelock => include_str!("explain/futurelock.md"),
        Kind::PoolStarvation => include_str!("explain/pool-starvation.md"),
        Kind::UnpolledFuture => include_str!("explain/unpolled-future.md"),
        Kind::DataRace => include_str!("explain/data-race.md"),
        Kind::LostUpdate => include_str!("explain/lost-update.md"),
        Kind::AtomicityViolation => include_str!("explain/atomicity-violation.md"),
        Kind::GuardAcrossAwait => include_str!("explain/guard-across-await.md"),
        Kind::BlockingInAsync => include_str!("explain/blocking-in-async.md"),
        Kind::CancelledCriticalSection => include_str!("explain/cancelled-critical-section.md"),
        Kind::ResourceLeak => include_str!("explain/resource-leak.md"),
    }
}

/// The sentence that the page's title says after the kind's name.
#[must_use]
pub fn title(kind: Kind) -> &'static str {
    let first = page(kind).lines().next().unwrap_or_default();
    first.split_once(": ").map_or(first, |(_, title)| title)
}

/// The page for a reader: Markdown, or with its headings painted.
#[must_use]
pub fn explain(kind: Kind, style: Style) -> String {
    let styles = Styles::new(style);
    let mut out = String::new();
    let mut code = false;
    for line in page(kind).lines() {
        if line.starts_with("```") {
            code = !code;
        }
        // A `#` in a code block begins an attribute, not a heading.
        let heading = line.starts_with('#') && !code;
        let painted = if heading { styles.heading.on(line) } else { line.to_owned() };
        let _ = writeln!(out, "{painted}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_every_part() {
        for &kind in Kind::ALL {
            let page = page(kind);
            assert!(page.starts_with(&format!("# {kind}: ")), "{kind}: the title");
            for part in ["## What it is", "## Example", "## In async code", "## How to fix it", "## What gordian needs"]
            {
                assert_eq!(page.lines().filter(|line| line.starts_with(part)).count(), 1, "{kind}: `{part}`");
            }
            assert!(page.matches("```rust\n").count() >= 2, "{kind}: an example and its async twin");
            assert_eq!(page.matches("```").count() % 2, 0, "{kind}: every code block ends");
            assert!(page.lines().all(|line| line.chars().count() <= 120), "{kind}: fits a terminal");
        }
    }
}
