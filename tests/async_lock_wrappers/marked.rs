//! Bugs with marks on the lines that their findings name: all of them, and no others.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gordian::async_lock::{Mutex, OnceCell, RwLock, RwLockUpgradableReadGuard};

use super::everywhere::Executor;
use super::executors::give_way;
use super::findings::until;

/// The kinds and lines of what is found, beside the lines marked with the kind between `after` and the next function.
fn assert_marked(after: &str, run: impl FnOnce() + Send + 'static) {
    let text = include_str!("marked.rs");
    let start = text.find(&format!("fn {after}")).expect("the function is here");
    let end = text[start..].find("\n}").map_or(text.len(), |end| start + end);
    let first = text[..start].lines().count() as u32;
    let lines = (first..).zip(text[start..end].lines());
    let marked: BTreeSet<_> =
        lines.filter_map(|(line, code)| Some((code.split_once("//~ ")?.1.to_owned(), line + 1))).collect();
    let findings = gordian::findings_of(run).findings;
    let here = |site: &gordian::event::Site| site.file.ends_with("marked.rs").then_some(site.line);
    let found: BTreeSet<_> = findings
        .iter()
        .flat_map(|finding| finding.sites.iter().filter_map(|site| Some((finding.kind.to_string(), here(&site.site)?))))
        .collect();
    assert_eq!(found, marked, "{findings:#?}");
}

#[test]
fn an_upgrade_against_a_reader() {
    async fn settles((stock, ledger): (Arc<RwLock<u32>>, Arc<Mutex<u32>>)) {
        let read = stock.upgradable_read().await;
        let mut ledger = ledger.lock().await; //~ lock-order-cycle
        give_way().await;
        *ledger += *read;
        *RwLockUpgradableReadGuard::upgrade(read).await = 0; //~ lock-order-cycle
    }
    async fn reports((stock, ledger): (Arc<RwLock<u32>>, Arc<Mutex<u32>>)) {
        let read = stock.read().await; //~ lock-order-cycle
        give_way().await;
        let ledger = ledger.lock().await; //~ lock-order-cycle
        assert!(*ledger <= *read);
    }
    assert_marked("an_upgrade_against_a_reader", || {
        Executor::Tokio.run((Arc::new(RwLock::new(1)), Arc::new(Mutex::new(0))), settles, reports);
    });
}

#[test]
fn a_reader_calls_one_that_reads() {
    type Config = (Arc<RwLock<u32>>, Arc<AtomicU32>);
    async fn limit((config, _): &Config) -> u32 {
        *config.read().await //~ recursive-read
    }
    async fn serves(shared: Config) {
        let config = shared.0.read().await; //~ recursive-read
        shared.1.store(1, Ordering::SeqCst);
        give_way().await;
        assert!(*config <= limit(&shared).await);
    }
    async fn reloads((config, step): Config) {
        until(&step, 1).await;
        *config.write().await += 1; //~ recursive-read
    }
    assert_marked("a_reader_calls_one_that_reads", || {
        Executor::Tokio.run((Arc::new(RwLock::new(1)), Arc::new(AtomicU32::new(0))), serves, reloads);
    });
}

#[test]
fn a_cell_whose_initialiser_asks_for_it() {
    async fn address(host: &OnceCell<String>, port: &OnceCell<u16>) -> String {
        let port = port
            .get_or_init(|| async { host.get_or_init(|| async { "a:1".into() }).await.len() as u16 }) //~ self-deadlock
            .await;
        format!("localhost:{port}")
    }
    assert_marked("a_cell_whose_initialiser_asks_for_it", || {
        Executor::Tokio.block_on(async {
            let (host, port) = (OnceCell::new(), OnceCell::new());
            host.get_or_init(|| address(&host, &port)).await; //~ self-deadlock
        });
    });
}
