//! Threads that no hook has seen: while there is one, who knows what it may still do.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{context, process, threads};

/// Threads of ours. The user's program has nothing from them.
static OWN: AtomicUsize = AtomicUsize::new(0);

/// The current thread is one of ours as long as this lives.
pub(crate) struct Own(());

impl Own {
    pub(crate) fn new() -> Self {
        OWN.fetch_add(1, Ordering::AcqRel);
        Self(())
    }

    /// Starts a thread of ours.
    pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let body = move || {
            context::set_unwatched();
            let _own = Self::new();
            run();
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        OWN.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Are there threads in the process that no hook has seen?
///
/// Called while the wait graph is locked and all threads that it knows wait: then none of them can begin or end
/// meanwhile. A thread that is on its way out counts as a stranger, one that is not known *yet* too.
///
/// The main thread of a libtest binary is no stranger while it sleeps until a test ends: it starts another test only
/// then. On systems that can't tell, no strangers are assumed, but in a libtest binary, where there always is one.
#[cfg(target_os = "linux")]
pub(crate) fn are_there() -> bool {
    let expected = threads::known_to_live() + OWN.load(Ordering::Acquire);
    if !process::is_libtest() {
        return count().is_some_and(|tasks| tasks > expected);
    }
    if threads::is_main_known() {
        return count().is_none_or(|tasks| tasks > expected);
    }
    // It has slept all the time while the others were counted: woken up, it would have counted a switch more.
    let before = main::sleep();
    let others = count();
    before.is_none() || before != main::sleep() || others.is_none_or(|tasks| tasks > expected + 1)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn are_there() -> bool {
    process::is_libtest()
}

#[cfg(target_os = "linux")]
fn count() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// The main thread, from outside.
#[cfg(target_os = "linux")]
mod main {
    /// How often it has gone to sleep, if it sleeps now, on a futex: that is, until another thread wakes it. `None` if not.
    pub(super) fn sleep() -> Option<u64> {
        let task = format!("/proc/self/task/{}", std::process::id());
        let status = std::fs::read_to_string(format!("{task}/status")).ok()?;
        let call = std::fs::read_to_string(format!("{task}/syscall")).ok()?;
        asleep(&status, &call)
    }

    fn asleep(status: &str, call: &str) -> Option<u64> {
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let on_futex = call.split_whitespace().next()?.parse() == Ok(libc::SYS_futex);
        let asleep = field("State:")?.starts_with('S') && on_futex;
        let switches = field("voluntary_ctxt_switches:")?.parse().ok()?;
        asleep.then_some(switches)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn sleep_is_told_from_the_rest() {
            let status = |state: &str| {
                format!("Name:\tx\nState:\t{state}\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t7\n")
            };
            let futex = format!("{} 0x7f 0x89 0x0 0x0 0x0 0x0 0x7ffc 0x7fd1\n", libc::SYS_futex);
            assert_eq!(asleep(&status("S (sleeping)"), &futex), Some(12));
            assert_eq!(asleep(&status("R (running)"), &futex), None);
            assert_eq!(asleep(&status("S (sleeping)"), "-1 0x7ffc 0x7fd1\n"), None);
            assert_eq!(asleep(&status("S (sleeping)"), "running\n"), None);
            assert_eq!(asleep(&status("S (sleeping)"), ""), None);
        }
    }
}
