//! What comes from outside of the process: while something may, a waker that somebody keeps may still be used.
//!
//! The system's word is taken for it. A readiness queue (epoll) tells what it watches, and the process's status which signals
//! have handlers.

use std::sync::atomic::{AtomicBool, Ordering};

use super::process;
use crate::analysis::wait_for::SessionId;

/// Something was seen once that may come from outside: then the question is not asked any more.
static SEEN: AtomicBool = AtomicBool::new(!cfg!(target_os = "linux"));

/// Is it of any use to know of tasks whose wakers are kept by who knows whom? Only if all threads of the process can be
/// known, and nothing comes from outside.
pub(crate) fn is_shut(session: SessionId) -> bool {
    session == SessionId::default() && process::get().is_some() && !SEEN.load(Ordering::Relaxed)
}

/// Could something from outside wake a task? Asked while all threads of the process wait.
pub(crate) fn could_act() -> bool {
    if !SEEN.load(Ordering::Relaxed) && !is_closed_in() {
        SEEN.store(true, Ordering::Relaxed);
    }
    SEEN.load(Ordering::Relaxed) || !others_wait_for_one_another()
}

#[cfg(not(target_os = "linux"))]
fn is_closed_in() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn others_wait_for_one_another() -> bool {
    false
}

#[cfg(target_os = "linux")]
fn is_closed_in() -> bool {
    linux::catches_no_signals() && linux::watches_nothing()
}

#[cfg(target_os = "linux")]
use linux::others_wait_for_one_another;

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{read_dir, read_link, read_to_string};

    /// Signals that a thread sends to itself by an error, and the two with which a C library stops threads.
    const INTERNAL: [libc::c_int; 8] =
        [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGSYS, 32, 33];

    pub(super) fn catches_no_signals() -> bool {
        let status = read_to_string("/proc/self/status").unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        let internal = INTERNAL.iter().fold(0, |mask, signal| mask | 1 << (signal - 1));
        caught.is_some_and(|caught| caught & !internal == 0)
    }

    /// No readiness queue watches more than what its owner wakes itself with.
    pub(super) fn watches_nothing() -> bool {
        let Some(descriptors) = descriptors() else { return false };
        let queues = descriptors.iter().filter(|(_, target)| target == "anon_inode:[eventpoll]");
        queues.map(|(queue, _)| watched(queue)).all(|watched| {
            watched.is_some_and(|watched| {
                let mut events = 0;
                watched.iter().all(|descriptor| {
                    let target = descriptors.iter().find(|(other, _)| other == descriptor).map(|(_, target)| target);
                    match target.map(String::as_str) {
                        Some("anon_inode:[eventfd]") => {
                            events += 1;
                            events == 1
                        }
                        Some(socket) if socket.starts_with("socket:") => {
                            let same = descriptors.iter().filter(|(_, other)| other == socket).count();
                            same > 1 && descriptor.parse().is_ok_and(is_one_of_a_pair)
                        }
                        _ => false,
                    }
                })
            })
        })
    }

    /// Do all other threads wait for a thread of the process, or in a readiness queue? One that reads from a terminal does not.
    pub(super) fn others_wait_for_one_another() -> bool {
        // SAFETY: it has no precondition.
        let own = unsafe { libc::gettid() }.to_string();
        let Ok(tasks) = read_dir("/proc/self/task") else { return false };
        tasks.filter_map(Result::ok).filter(|task| task.file_name().as_encoded_bytes() != own.as_bytes()).all(|task| {
            let call = read_to_string(task.path().join("syscall")).unwrap_or_default();
            call.split_whitespace().next().and_then(|number| number.parse().ok()).is_some_and(waits)
        })
    }

    fn waits(call: libc::c_long) -> bool {
        #[cfg(target_arch = "x86_64")]
        if call == libc::SYS_epoll_wait {
            return true;
        }
        [libc::SYS_futex, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2].contains(&call)
    }

    /// The open descriptors, and what each is.
    fn descriptors() -> Option<Vec<(String, String)>> {
        let each = |entry: std::io::Result<std::fs::DirEntry>| {
            let entry = entry.ok()?;
            let target = read_link(entry.path()).ok()?;
            Some((entry.file_name().into_string().ok()?, target.to_string_lossy().into_owned()))
        };
        // That of this very directory has gone by now.
        Some(read_dir("/proc/self/fd").ok()?.filter_map(each).collect())
    }

    /// What a readiness queue watches.
    fn watched(queue: &str) -> Option<Vec<String>> {
        let info = read_to_string(format!("/proc/self/fdinfo/{queue}")).ok()?;
        let watched = info.lines().filter_map(|line| line.strip_prefix("tfd:"));
        watched.map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
    }

    /// A socket without a name whose peer has none: tokio tells itself of signals by such a one, of which each runtime has a
    /// duplicate.
    fn is_one_of_a_pair(descriptor: libc::c_int) -> bool {
        type Name = unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;
        let is_unnamed = |name: Name| {
            // SAFETY: all zeroes are a valid address.
            let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
            let mut length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
            // SAFETY: the pointers are those of a place for the address and of its length.
            let result = unsafe { name(descriptor, (&raw mut address).cast(), &raw mut length) };
            result == 0
                && libc::c_int::from(address.sun_family) == libc::AF_UNIX
                && length as usize == size_of::<libc::sa_family_t>()
        };
        is_unnamed(libc::getsockname) && is_unnamed(libc::getpeername)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_socket_is_told_from_one_of_a_pair() {
            use std::os::fd::AsRawFd as _;
            use std::os::unix::net::UnixStream;

            let (one, other) = UnixStream::pair().unwrap();
            assert!(is_one_of_a_pair(one.as_raw_fd()) && is_one_of_a_pair(other.as_raw_fd()));
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            assert!(!is_one_of_a_pair(listener.as_raw_fd()));
            let connected = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            assert!(!is_one_of_a_pair(connected.as_raw_fd()));
        }

        #[test]
        fn what_is_open_is_known() {
            let file = std::fs::File::open("/proc/self/status").unwrap();
            let number = std::os::fd::AsRawFd::as_raw_fd(&file).to_string();
            assert!(descriptors().unwrap().iter().any(|(descriptor, _)| *descriptor == number));
        }
    }
}
