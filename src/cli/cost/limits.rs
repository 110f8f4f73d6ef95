//! How much this machine and this user may have: a measurement takes what there is, and never all of it.

/// A limit: how many, and what sets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Limit {
    pub(super) at_most: usize,
    pub(super) reason: String,
}

/// What a measurement needs for each unit of its size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    pub(super) threads: bool,
    pub(super) files: bool,
}

/// The strictest limit for what needs this, if there is one.
pub(super) fn strictest(need: Need) -> Option<Limit> {
    let threads = if need.threads { known::threads() } else { Vec::new() };
    let files = if need.files { known::files() } else { Vec::new() };
    threads.into_iter().chain(files).min_by_key(|limit| limit.at_most)
}

#[cfg(target_os = "linux")]
mod known {
    use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
    use procfs::Current as _;

    use super::Limit;

    /// Memory that a waiting thread takes, the system's part with it, rounded up.
    const BYTES_OF_THREAD: u64 = 64 << 10;
    /// Addresses that a thread takes: its stack, and its share of the allocator's arenas.
    const ADDRESSES_OF_THREAD: u64 = 4 << 20;
    /// Files that a process has open besides.
    const OTHER_FILES: u64 = 32;

    fn limit(at_most: u64, reason: String) -> Limit {
        Limit { at_most: usize::try_from(at_most).unwrap_or(usize::MAX).max(1), reason }
    }

    fn soft(resource: Resource) -> Option<u64> {
        let (soft, _) = getrlimit(resource).ok()?;
        (soft != RLIM_INFINITY).then_some(soft)
    }

    pub(super) fn threads() -> Vec<Limit> {
        let mut limits = Vec::new();
        // The user's other processes count as well, and shall be able to go on. Root is not held to this limit.
        if !nix::unistd::geteuid().is_root()
            && let Some(processes) = soft(Resource::RLIMIT_NPROC)
        {
            limits.push(limit(processes / 2, format!("half of the {processes} threads of a user (ulimit -u)")));
        }
        if let Some(addresses) = soft(Resource::RLIMIT_AS) {
            let reason = format!("the {} MiB of addresses of a process (ulimit -v)", addresses >> 20);
            limits.push(limit(addresses / ADDRESSES_OF_THREAD, reason));
        }
        if let Ok(all) = procfs::sys::kernel::threads_max() {
            limits.push(limit(u64::from(all) / 2, format!("half of the {all} threads of this system")));
        }
        if let Ok(maps) = procfs::sys::vm::max_map_count() {
            limits.push(limit(maps / 4, format!("the {maps} memory areas of a process (vm.max_map_count)")));
        }
        if let Some(pids) = of_group("pids.max") {
            limits.push(limit(pids / 2, format!("half of the {pids} threads of this control group (pids.max)")));
        }
        let memory = procfs::Meminfo::current().ok().and_then(|memory| memory.mem_available);
        let group = of_group("memory.max").map(|most| most.saturating_sub(of_group("memory.current").unwrap_or(0)));
        if let Some(free) = [memory, group].into_iter().flatten().min() {
            let reason = format!("half of the {} MiB of free memory", free >> 20);
            limits.push(limit(free / 2 / BYTES_OF_THREAD, reason));
        }
        limits
    }

    pub(super) fn files() -> Vec<Limit> {
        let files = soft(Resource::RLIMIT_NOFILE);
        let limits = files.map(|files| {
            limit(files.saturating_sub(OTHER_FILES), format!("the {files} open files of a process (ulimit -n)"))
        });
        limits.into_iter().collect()
    }

    /// A number of the control group that this process is in; in a container it is the root of what can be seen.
    fn of_group(file: &str) -> Option<u64> {
        let groups = procfs::process::Process::myself().and_then(|process| process.cgroups()).ok()?;
        let own = groups.0.iter().find(|group| group.hierarchy == 0)?.pathname.trim_start_matches('/').to_owned();
        let root = std::path::Path::new("/sys/fs/cgroup");
        let text =
            std::fs::read_to_string(root.join(own).join(file)).or_else(|_| std::fs::read_to_string(root.join(file)));
        // `max` is no limit.
        text.ok()?.trim().parse().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod known {
    use super::Limit;

    #[cfg(unix)]
    fn soft(resource: nix::sys::resource::Resource) -> Option<u64> {
        nix::sys::resource::getrlimit(resource).ok().map(|(soft, _)| u64::from(soft))
    }

    /// Where nothing is known, a careful guess.
    pub(super) fn threads() -> Vec<Limit> {
        vec![Limit { at_most: 1_000, reason: "the limits of this system are not known".to_owned() }]
    }

    pub(super) fn files() -> Vec<Limit> {
        #[cfg(unix)]
        let files = soft(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap_or(256);
        #[cfg(not(unix))]
        let files = 256;
        let at_most = usize::try_from(files.saturating_sub(32)).unwrap_or(usize::MAX).max(1);
        vec![Limit { at_most, reason: format!("the {files} open files of a process") }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_leaves_something_to_do() {
        let limit = strictest(Need { threads: true, files: true }).expect("one is always known");
        assert!(limit.at_most >= 1 && !limit.reason.is_empty());
        assert_eq!(strictest(Need { threads: false, files: false }), None);
    }
}
