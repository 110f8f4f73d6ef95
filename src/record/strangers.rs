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
            context::set_own();
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

/// Could a thread that no hook has seen end a wait?
///
/// Called while the wait graph is locked and all of its threads, `known` in number, wait: then none of them can begin or
/// end meanwhile. A thread that is on its way out, or in, counts as a stranger in a process that someone else watches:
/// there the question is asked again later. Elsewhere it is asked only once, and the thread that asks may be one that
/// ends.
///
/// On systems that can't tell, no strangers are assumed, but in a libtest binary, where there always is one.
#[cfg(target_os = "linux")]
pub(crate) fn are_there(known: usize) -> bool {
    use std::time::Duration;

    /// How often those who have just begun to wait are given the time to fall asleep.
    const ROUNDS: usize = 20;

    if process::get().is_none() {
        return tasks::count().is_some_and(|tasks| tasks > threads::known_to_live() + OWN.load(Ordering::Acquire));
    }
    for _ in 0..ROUNDS {
        match tasks::census(known + OWN.load(Ordering::Acquire), process::is_libtest() && !threads::is_main_known()) {
            tasks::Census::Asleep => return false,
            tasks::Census::Strangers => return true,
            tasks::Census::Awake => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    true
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn are_there(_known: usize) -> bool {
    process::is_libtest()
}

/// The threads of the process as the system sees them.
#[cfg(target_os = "linux")]
mod tasks {
    use std::fs::{read_dir, read_to_string};

    pub(super) enum Census {
        /// All are known, but this one all sleep, and nobody is left to wake them.
        Asleep,
        /// All are known. Some run; say, towards the sleep that the wait graph has announced.
        Awake,
        /// There are others.
        Strangers,
    }

    pub(super) fn count() -> Option<usize> {
        Some(read_dir("/proc/self/task").ok()?.count())
    }

    /// `expected`: how many there may be. `idle_main`: the main thread comes on top. It is that of a libtest binary, which
    /// starts a test only when another one has ended: it must have slept all the time in which the others were looked at.
    /// Woken up meanwhile, it would have counted a switch more.
    pub(super) fn census(expected: usize, idle_main: bool) -> Census {
        let before = idle_main.then(main_sleep);
        let Some(all) = states() else { return Census::Strangers };
        let main_slept = before.is_none_or(|before| before.is_some() && before == main_sleep());
        if !main_slept || all.len() > expected + usize::from(idle_main) {
            return Census::Strangers;
        }
        if all.into_iter().all(|state| state == Some('S')) { Census::Asleep } else { Census::Awake }
    }

    /// The state of each thread; of this one, as if it slept; `None` for one that has gone.
    fn states() -> Option<Vec<Option<char>>> {
        // SAFETY: it has no precondition.
        let own = unsafe { libc::gettid() }.to_string();
        let state = |task: std::fs::DirEntry| {
            if task.file_name().as_encoded_bytes() == own.as_bytes() {
                return Some('S');
            }
            state(&read_to_string(task.path().join("stat")).ok()?)
        };
        read_dir("/proc/self/task").ok()?.map(|task| Some(state(task.ok()?))).collect()
    }

    /// Of a line `PID (NAME) STATE …`.
    fn state(stat: &str) -> Option<char> {
        stat.rsplit_once(") ")?.1.chars().next()
    }

    /// How often the main thread has gone to sleep, if it sleeps now, on a futex: that is, until another thread wakes it.
    fn main_sleep() -> Option<u64> {
        let task = format!("/proc/self/task/{}", std::process::id());
        let status = read_to_string(format!("{task}/status")).ok()?;
        let call = read_to_string(format!("{task}/syscall")).ok()?;
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

        #[test]
        fn a_name_is_no_state() {
            assert_eq!(state("12 (a b) R 1) S 4 5"), Some('S'));
            assert_eq!(state("12 (x) R 4 5"), Some('R'));
            assert_eq!(state("12 (x"), None);
        }

        #[test]
        fn who_runs_is_not_asleep() {
            use std::sync::atomic::{AtomicBool, Ordering};
            static STOP: AtomicBool = AtomicBool::new(false);
            let runs = std::thread::spawn(|| {
                while !STOP.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
            assert!(matches!(census(usize::MAX - 1, false), Census::Awake));
            assert!(matches!(census(1, false), Census::Strangers));
            STOP.store(true, Ordering::Relaxed);
            runs.join().unwrap();
        }
    }
}
