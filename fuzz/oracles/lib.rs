//! What each fuzz target asserts of any bytes. A target is a function here; so the tests of the package run the same on
//! the corpus, without libFuzzer.

mod clocks;
mod happens_before;
mod lock_order;
#[allow(dead_code, reason = "what else the tests of prediction ask it for")]
mod predict;
mod serialisability;
mod trace;

/// Bytes that the naive twins get: they are quadratic and worse.
const FOR_TWINS: usize = 384;

fn cut(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(FOR_TWINS)]
}

/// The trace reader, on the bytes as they are, and as the blocks of a binary trace whose frame is right.
pub fn trace(bytes: &[u8]) {
    trace::check(bytes);
    trace::check(&trace::framed(bytes));
}

/// Clocks against maps from slot to time, and against the sets of accesses that they stand for.
pub fn clocks(bytes: &[u8]) {
    clocks::check_vectors(cut(bytes));
    clocks::check_threads(cut(bytes));
}

/// The lock-order graph against a search over all sequences of requests.
pub fn lock_order(bytes: &[u8]) {
    lock_order::check(cut(bytes));
}

/// The race checker against the transitive closure of happens-before.
pub fn happens_before(bytes: &[u8]) {
    happens_before::check(cut(bytes));
}

/// Prediction against a search over all correct reorderings.
pub fn predict(bytes: &[u8]) {
    predict::check(bytes);
}

/// The two judges of serialisability against the graph of all conflicts.
pub fn serialisability(bytes: &[u8]) {
    serialisability::check(cut(bytes));
}
