//! Stacks as a reader wants them: the user's own frames.

/// Crates whose frames say nothing about the user's program: ours, the standard library's, the locks underneath.
const OURS: [&str; 10] =
    ["gordian", "std", "core", "alloc", "test", "backtrace", "parking_lot", "lock_api", "parking_lot_core", "__rustc"];

/// Symbols of no crate that begin every thread.
const ENTRY: [&str; 8] = [
    "main",
    "_start",
    "__libc_start_main",
    "__libc_start_call_main",
    "start_thread",
    "clone",
    "clone3",
    "rust_begin_unwind",
];

/// Where the bundled scenarios live in this crate.
const SCENARIOS: &str = "gordian::cli::scenarios::registry::";

/// The frames of user code, innermost first; all frames when none is the user's.
///
/// A frame is `symbol at place`, as the recorder writes it. The bundled scenarios are user code, though compiled into
/// this crate; their place in it is left out.
pub(super) fn user_frames(stack: &[String]) -> Vec<String> {
    let users: Vec<String> =
        stack.iter().filter(|frame| is_users(frame)).map(|frame| frame.replace(SCENARIOS, "")).collect();
    if users.is_empty() { stack.to_vec() } else { users }
}

fn is_users(frame: &str) -> bool {
    let symbol = frame.split(" at ").next().unwrap_or(frame).trim();
    // `<core::x::Y<T> as user::Trait>::f`: the type decides, without its sigils.
    let symbol = symbol.trim_start_matches(['<', '&', '*', '(', '[']);
    let symbol = symbol.trim_start_matches("mut ").trim_start_matches("const ").trim_start_matches("dyn ");
    let root = symbol.split("::").next().unwrap_or(symbol);
    // Legacy mangling leaves a hash on crate names in some frames: `core[3a5…]`.
    let root = root.split('[').next().unwrap_or(root);
    if root == "gordian" {
        return symbol.contains("::scenarios::");
    }
    !symbol.is_empty() && !OURS.contains(&root) && !ENTRY.contains(&symbol) && !root.starts_with("__rust_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_users_frames_stay() {
        let stack = [
            "gordian::record::stack::capture at src/record/stack.rs:9:5",
            "<gordian::sync::mutex::Mutex<T>>::lock at src/sync/mutex.rs:20:9",
            "bank::transfer at src/bank.rs:12:9",
            "gordian::cli::scenarios::registry::deadlock::ab_ba::buggy at scenarios/deadlock/ab_ba.rs:9:1",
            "<bank::Teller as core::ops::Drop>::drop",
            "<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once",
            "core[1234abcd]::ops::function::FnOnce::call_once",
            "std::sys::thread::unix::Thread::new::thread_start",
            "__rust_try",
            "start_thread",
        ]
        .map(str::to_owned);
        let expected = [&stack[2], "deadlock::ab_ba::buggy at scenarios/deadlock/ab_ba.rs:9:1", &stack[4]];
        assert_eq!(user_frames(&stack), expected);
        assert_eq!(user_frames(&stack[7..]).len(), 3, "a stack with no frame of the user's is shown whole");
    }
}
