//! The initialiser of a cell needs the cell.
//!
//! origin: the async form of the re-entrant lazy initialiser; BaseIntelligence/bounty-challenge#6680

use tokio::sync::OnceCell;

static CONFIG: OnceCell<u32> = OnceCell::const_new();

async fn default_port() -> u32 {
    *CONFIG.get_or_init(|| async { 1 }).await //~ self-deadlock
}

async fn buggy() {
    let config = CONFIG.get_or_init(|| async { default_port().await + 1 }).await; //~ self-deadlock
    assert_eq!(*config, 2);
}

async fn fixed() {
    let config = CONFIG.get_or_init(|| async { 1 + 1 }).await;
    assert_eq!(*config, 2);
}

fn main() {
    async_kernels::choose(|| async_kernels::one_thread(buggy()), || async_kernels::one_thread(fixed()));
}
