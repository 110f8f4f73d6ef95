//! What the system knows of this process and this machine; `None` where it does not tell.

use std::time::Duration;

/// What the process has used so far, by all its threads.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Usage {
    pub(super) cpu: Option<Duration>,
    /// Times that a thread gave up its core because it had to wait.
    pub(super) voluntary: Option<u64>,
    /// Times that one was taken from its core.
    pub(super) involuntary: Option<u64>,
}

/// What the process is made of now.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Extent {
    /// Bytes of memory in use.
    pub(super) resident: Option<u64>,
    /// The most that this ever was.
    pub(super) peak: Option<u64>,
    /// Threads.
    pub(super) threads: Option<u64>,
}

#[cfg(unix)]
impl Usage {
    pub(super) fn now() -> Self {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike as _;

        let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Self::default() };
        let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Self {
            cpu: count(cpu).map(Duration::from_micros),
            voluntary: count(usage.voluntary_context_switches()),
            involuntary: count(usage.involuntary_context_switches()),
        }
    }
}

/// A `long`, whatever its width.
#[cfg(unix)]
fn count(count: impl TryInto<u64>) -> Option<u64> {
    count.try_into().ok()
}

#[cfg(not(unix))]
impl Usage {
    pub(super) fn now() -> Self {
        Self::default()
    }
}

#[cfg(target_os = "linux")]
impl Extent {
    pub(super) fn now() -> Self {
        let Ok(status) = procfs::process::Process::myself().and_then(|process| process.status()) else {
            return Self::default();
        };
        let bytes = |kibibytes: Option<u64>| kibibytes.map(|kibibytes| kibibytes * 1024);
        Self { resident: bytes(status.vmrss), peak: bytes(status.vmhwm), threads: Some(status.threads) }
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
impl Extent {
    pub(super) fn now() -> Self {
        use nix::sys::resource::{UsageWho, getrusage};

        // macOS counts bytes, the others kibibytes.
        let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
        let peak = getrusage(UsageWho::RUSAGE_SELF).ok().and_then(|usage| u64::try_from(usage.max_rss()).ok());
        // What is in use now is not told; at the start of a process it is what it was at most.
        let peak = peak.map(|peak| peak * unit);
        Self { resident: peak, peak, threads: None }
    }
}

#[cfg(not(unix))]
impl Extent {
    pub(super) fn now() -> Self {
        Self::default()
    }
}

/// Keeps this process to the first core that it may use. False where that cannot be had.
#[cfg(target_os = "linux")]
pub(super) fn keep_to_one_core() -> bool {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    let me = Pid::from_raw(0);
    let Ok(allowed) = sched_getaffinity(me) else { return false };
    let Some(first) = (0..CpuSet::count()).find(|&core| allowed.is_set(core).unwrap_or(false)) else { return false };
    let mut one = CpuSet::new();
    one.set(first).is_ok() && sched_setaffinity(me, &one).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn keep_to_one_core() -> bool {
    false
}

/// Ends this process when its parent is gone, without a thread of its own: that would be counted.
#[cfg(target_os = "linux")]
pub(super) fn end_with_parent() {
    // Where it is refused, the time limits of the programs end them.
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
}

#[cfg(not(target_os = "linux"))]
pub(super) fn end_with_parent() {}
