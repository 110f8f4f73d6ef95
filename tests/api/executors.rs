//! Tasks under executors, and what is found of them.

use std::task::Poll;

use futures::executor::LocalPool;
use futures::future::poll_fn;
use futures::task::LocalSpawnExt;
use gordian::finding::{Finding, Kind, Tier};
use gordian::task::instrument;

/// The findings of a closure, which may hang.
pub(crate) fn found(run: impl FnOnce() + Send + 'static) -> Vec<(Kind, Tier)> {
    let findings = gordian::findings_of(run).findings;
    let here = |finding: &Finding| finding.sites.iter().any(|site| site.site.file.starts_with("tests/"));
    assert!(findings.iter().all(here), "{findings:#?}");
    let mut kinds: Vec<_> = findings.iter().map(|finding| (finding.kind, finding.tier)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Lets the others go first.
pub(crate) async fn give_way() {
    let mut first = true;
    poll_fn(move |cx| {
        if !std::mem::replace(&mut first, false) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs two tasks on one thread, as far as they come.
pub(crate) fn on_local_pool<S: Clone, A, B>(shared: S, one: impl FnOnce(S) -> A, other: impl FnOnce(S) -> B)
where
    A: Future<Output = ()> + 'static,
    B: Future<Output = ()> + 'static,
{
    let mut pool = LocalPool::new();
    pool.spawner().spawn_local(instrument(one(shared.clone()))).unwrap();
    pool.spawner().spawn_local(instrument(other(shared))).unwrap();
    pool.run_until_stalled();
}
