//! Tasks under the wrappers of tokio: each bug with its fixed twin, on one thread or with the order forced, so that nothing
//! depends on time.
#![cfg(all(feature = "tokio", feature = "detect"))]

#[path = "tasks/deadlocks.rs"]
mod deadlocks;
#[path = "tasks/hazards.rs"]
mod hazards;
#[path = "tasks/memory.rs"]
mod memory;
#[path = "tasks/rough.rs"]
mod rough;

use gordian::finding::{Finding, Kind, Tier};
use gordian::tokio::runtime::{Builder, Runtime};

/// A runtime on one thread, which stops nobody: what hangs is found, and its check goes on.
fn single() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Checks a future on a runtime of one thread.
fn on_one_thread<F>(future: impl FnOnce() -> F + Send + 'static) -> Vec<Finding>
where
    F: Future<Output = ()>,
{
    let outcome = gordian::findings_of(move || {
        let runtime = single();
        runtime.block_on(future());
    });
    outcome.findings
}

/// The kinds and tiers of the findings, each once, sorted.
fn kinds(findings: &[Finding]) -> Vec<(Kind, Tier)> {
    let mut kinds: Vec<_> = findings.iter().map(|finding| (finding.kind, finding.tier)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// The findings are these, and each names at least one place in this directory.
#[track_caller]
fn assert_found(findings: &[Finding], expected: &[(Kind, Tier)]) {
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(kinds(findings), expected, "{findings:#?}");
    for finding in findings {
        assert!(finding.sites.iter().any(|site| site.site.file.starts_with("tests/tasks")), "{finding:#?}");
    }
}
