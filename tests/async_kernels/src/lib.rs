//! What the kernels share.

/// Runs the buggy form, or with the argument `fixed` the fixed one.
pub fn choose(buggy: fn(), fixed: fn()) {
    match std::env::args().nth(1).as_deref() {
        None => buggy(),
        Some("fixed") => fixed(),
        Some(other) => panic!("`{other}`: the only argument is `fixed`"),
    }
}

/// Runs on one thread, until it ends.
pub fn one_thread<F: std::future::Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Runs on two workers, until it ends.
pub fn two_workers<F: std::future::Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}
