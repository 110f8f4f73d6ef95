//! Stacks: captured once for each place that takes a lock or touches a cell, resolved only when a report shows them.

use std::sync::LazyLock;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::event::SiteId;

/// Frames kept of a stack.
const DEPTH: usize = 64;

static STACKS: LazyLock<Mutex<FxHashMap<SiteId, Box<[usize]>>>> = LazyLock::new(Mutex::default);

/// Takes the stack of the first operation at a place. Costs some microseconds, once for each place.
#[cold]
pub(crate) fn capture_first(site: SiteId) {
    if STACKS.lock().contains_key(&site) {
        return;
    }
    let mut frames = Vec::with_capacity(DEPTH);
    backtrace::trace(|frame| {
        frames.push(frame.ip() as usize);
        frames.len() < DEPTH
    });
    STACKS.lock().entry(site).or_insert_with(|| frames.into_boxed_slice());
}

/// The frames of the place's first operation, innermost first, without ours and those of the runtime: "function at
/// file:line". Works without RUST_BACKTRACE; in a build without debug information only the names are there.
pub(crate) fn resolve(site: SiteId) -> Vec<String> {
    let frames = STACKS.lock().get(&site).cloned().unwrap_or_default();
    let mut lines = Vec::new();
    for ip in frames.iter().map(|&ip| ip.saturating_sub(1)) {
        backtrace::resolve(ip as *mut std::ffi::c_void, |symbol| {
            let Some(name) = symbol.name().map(|name| format!("{name:#}")) else { return };
            let place = symbol.filename().map(|file| {
                let site = crate::event::Site::new(&file.to_string_lossy(), symbol.lineno().unwrap_or(0), 0);
                format!(" at {site}")
            });
            lines.push((is_ours(&name), is_runtime(&name), format!("{name}{}", place.unwrap_or_default())));
        });
    }
    // Ours are innermost; the runtime's are below the thread's closure or `main`.
    lines
        .into_iter()
        .skip_while(|(ours, runtime, _)| *ours || *runtime)
        .take_while(|(_, _, line)| !line.contains("__rust_begin_short_backtrace"))
        .filter(|(ours, runtime, _)| !ours && !runtime)
        .map(|(_, _, line)| line)
        .collect()
}

fn is_ours(name: &str) -> bool {
    let name = name.trim_start_matches('<');
    ["gordian::record", "gordian::sync", "gordian::thread", "gordian::parking_lot", "gordian::shared"]
        .iter()
        .any(|ours| name.starts_with(ours))
        || name.starts_with("backtrace::")
}

fn is_runtime(name: &str) -> bool {
    let name = name.trim_start_matches('<');
    ["std::", "core::", "alloc::", "test::", "__libc", "_start", "main", "clone", "start_thread", "rust_"].iter().any(
        |runtime| {
            if runtime.ends_with(':') || runtime.ends_with('_') { name.starts_with(runtime) } else { name == *runtime }
        },
    )
}
