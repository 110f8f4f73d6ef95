//! The environment variables through which the command, its compiler wrapper, its runner and the runtime speak.

use crate::OnDeadlock;

/// For the wrapper: the directory of the runtime.
pub(super) const RUNTIME: &str = "GORDIAN_RUNTIME";
/// For the wrapper: crates to compile as they are, separated by commas.
pub(super) const LEAVE_OUT: &str = "GORDIAN_LEAVE_OUT";
/// For the wrapper: the user's own wrapper.
pub(super) const INNER_WRAPPER: &str = "GORDIAN_INNER_WRAPPER";
/// For the wrapper: what compiles documentation tests.
pub(super) const INNER_RUSTDOC: &str = "GORDIAN_INNER_RUSTDOC";
/// For the runner: the user's own `RUSTDOC`.
pub(super) const USERS_RUSTDOC: &str = "GORDIAN_USERS_RUSTDOC";
/// All that is for the wrapper and the runner.
pub(super) const OF_THE_WRAPPER: [&str; 5] = [RUNTIME, LEAVE_OUT, INNER_WRAPPER, INNER_RUSTDOC, USERS_RUSTDOC];

/// For the program: the directory that its findings go to.
pub(super) const REPORT: &str = "GORDIAN_REPORT";
/// For the program: what to do about a deadlock.
pub(super) const ON_DEADLOCK: &str = "GORDIAN_ON_DEADLOCK";
/// For the program: predict, or do not.
pub(super) const PREDICT: &str = "GORDIAN_PREDICT";
/// For the program: it is a harness of tests. The runner takes it away from those that are none.
pub(super) const HARNESS: &str = "GORDIAN_HARNESS";

/// For the program: the root of its workspace.
pub(super) const ROOT: &str = "GORDIAN_ROOT";

/// Where runtimes are kept, instead of the user's cache directory.
pub(super) const CACHE: &str = "GORDIAN_CACHE";

/// The first argument that makes this executable a runner.
pub(super) const RUNNER: &str = "__runner";

/// As [`ON_DEADLOCK`] has it.
pub(super) const fn name_of(on_deadlock: OnDeadlock) -> &'static str {
    match on_deadlock {
        OnDeadlock::Abort => "abort",
        OnDeadlock::Panic => "panic",
        OnDeadlock::Continue => "continue",
    }
}
