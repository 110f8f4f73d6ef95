//! Stacks: captured once for each place that takes a lock or touches a cell, resolved only when a report shows them.

mod symbols;
mod table;

use std::cell::Cell;
use std::hash::{Hash as _, Hasher as _};
use std::sync::LazyLock;

use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHasher};

use symbols::Symbol;

use super::registry::LiveNames;
use super::sink::Reporting;
use crate::event::{Names as _, Site, SiteId, ThreadId};
use crate::report::origin;

/// Frames kept of a stack.
const DEPTH: usize = 64;

struct Stack {
    /// Whose it is.
    thread: Option<ThreadId>,
    frames: Box<[usize]>,
}

static STACKS: LazyLock<Mutex<FxHashMap<SiteId, Stack>>> = LazyLock::new(Mutex::default);

thread_local! {
    static THREAD: Cell<Option<ThreadId>> = const { Cell::new(None) };
}

/// The current thread, if hooks have seen it.
pub(crate) fn thread() -> Option<ThreadId> {
    THREAD.get()
}

/// Says who captures the stacks of the current thread.
pub(crate) fn belong_to(thread: ThreadId) {
    THREAD.set(Some(thread));
}

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
    STACKS.lock().entry(site).or_insert_with(|| Stack { thread: THREAD.get(), frames: frames.into_boxed_slice() });
}

/// Is the current thread dropping the state of a future that is suspended? Between a guard that is dropped and the poll of
/// its future there is nothing but the guard's own drop; with the drop of a whole future in between, nothing polls it. Each
/// stack is looked at once. Without symbols the answer is no.
pub(crate) fn is_in_drop_of_future() -> bool {
    let mut frames = [0; 24];
    let mut count = 0;
    backtrace::trace(|frame| {
        frames[count] = frame.ip() as usize;
        count += 1;
        count < frames.len()
    });
    let mut key = FxHasher::default();
    frames.hash(&mut key);
    let key = key.finish();
    if let Some(&known) = DROPS.lock().get(&key) {
        return known;
    }
    // Reading the symbols takes long, and is no doing of the program's.
    let _reading = Reporting::new();
    let mut verdict = None;
    for &ip in &frames[..count] {
        if verdict.is_some() {
            break;
        }
        for name in symbols::at(ip).into_iter().filter_map(|symbol| symbol.name) {
            let drops = name.contains("drop_in_place");
            let is_state = name.contains("{{closure}}") || name.contains("{async_");
            if verdict.is_none() && is_state && !name.trim_start_matches('<').starts_with("gordian::") {
                verdict = Some(drops);
            }
        }
    }
    *DROPS.lock().entry(key).or_insert(verdict == Some(true))
}

/// Is the current thread dropping the suspended state of this function, or of an async block in it?
pub(crate) fn is_in_drop_of(function: &str) -> bool {
    // As above.
    let _reading = Reporting::new();
    let mut found = false;
    backtrace::trace(|frame| {
        for name in symbols::at(frame.ip() as usize).into_iter().filter_map(|symbol| symbol.name) {
            let state = name.split_once("drop_in_place<").and_then(|(_, dropped)| dropped.strip_prefix(function));
            found |= state.is_some_and(|rest| rest.starts_with("::{"));
        }
        !found
    });
    found
}

/// Where the user's own code called what the current thread is in: the innermost frame that lies in no package of a registry.
pub(crate) fn called_from() -> Option<Site> {
    // As above.
    let _reading = Reporting::new();
    let mut found = None;
    backtrace::trace(|frame| {
        found = own_site(frame.ip() as usize);
        found.is_none()
    });
    found
}

/// As [`called_from`], of the operation with which the owner came first to a place.
pub(crate) fn caller(site: SiteId, owner: ThreadId) -> Option<Site> {
    let frames = STACKS.lock().get(&site).filter(|stack| stack.thread == Some(owner))?.frames.clone();
    // As above.
    let _reading = Reporting::new();
    frames.iter().find_map(|&ip| own_site(ip))
}

/// The user's own place in a frame, if it lies in no package of a registry.
fn own_site(ip: usize) -> Option<Site> {
    symbols::at(ip).into_iter().find_map(|symbol| {
        let Symbol { name: Some(name), site: Some(site) } = symbol else { return None };
        let is_own = whose(&name, Some(&site.file)) == Whose::User && is_workspace(&site.file);
        is_own.then(|| Site { file: shorten(&site.file).to_owned(), ..site })
    })
}

/// Is it the user's own code that the file is of?
pub(crate) fn is_workspace(file: &str) -> bool {
    origin::place(file).origin == origin::Origin::Workspace
}

/// What [`is_in_drop_of_future`] knows, by stack.
static DROPS: LazyLock<Mutex<FxHashMap<u64, bool>>> = LazyLock::new(Mutex::default);

/// The function of the first operation at a place; an async block, or a closure, counts as part of the function around it.
pub(crate) fn function(site: SiteId) -> Option<String> {
    let frames = STACKS.lock().get(&site)?.frames.clone();
    // As above.
    let _reading = Reporting::new();
    let mut found = None;
    for &ip in &frames {
        if found.is_some() {
            break;
        }
        for Symbol { name, site } in symbols::at(ip) {
            let Some(name) = name else { continue };
            let file = site.as_ref().map(|site| site.file.as_str());
            if found.is_none() && whose(&name, file) == Whose::User {
                found = Some(name.split("::{{closure}}").next().unwrap_or_default().to_owned());
            }
        }
    }
    found
}

/// The frames of the place's first operation, innermost first, without ours and those of the runtime: "function at
/// file:line". Works without RUST_BACKTRACE; in a build without debug information only the names are there.
///
/// `owner` is the one who did the reported operation. If the stack is another's, only its innermost frame, the place
/// itself, is true of both.
pub(crate) fn resolve(site: SiteId, owner: &str) -> Vec<String> {
    let (thread, frames) = match STACKS.lock().get(&site) {
        Some(stack) => (stack.thread, stack.frames.clone()),
        None => return Vec::new(),
    };
    let own = thread.is_some_and(|thread| LiveNames.owner_name(thread) == owner);
    let mut lines = Vec::new();
    for &ip in &frames {
        for Symbol { name, site } in symbols::at(ip) {
            let mut name = name.unwrap_or_else(|| "?".to_owned());
            // An inlined function brings its type arguments along: `f<A, B>`, but not so `<A as B>::f`.
            if name.ends_with('>')
                && let Some(start) = name.find('<').filter(|&start| start > 0)
            {
                name.truncate(start);
            }
            let place = site.map(|site| Site { column: 0, ..site });
            let whose = whose(&name, place.as_ref().map(|place| place.file.as_str()));
            let line = match place {
                Some(place) => format!("{name} at {}", Site { file: shorten(&place.file).to_owned(), ..place }),
                None => name,
            };
            lines.push((whose, line));
        }
    }
    // Ours are innermost; the runtime's and ours again are below the thread's closure or `main`.
    let users = lines.into_iter().filter(|(whose, _)| *whose == Whose::User);
    users.map(|(_, line)| line).take(if own { usize::MAX } else { 1 }).collect()
}

#[derive(PartialEq, Eq)]
enum Whose {
    Ours,
    Runtime,
    User,
}

/// Goes by the source file, since inlined functions have only their last name; by name where there is no file.
fn whose(name: &str, file: Option<&str>) -> Whose {
    const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");
    /// Between the user's call and the recorder.
    const BENEATH: [&str; 4] = ["/backtrace-", "/lock_api-", "/parking_lot-", "/tokio-"];
    // The command's own frames, around a scenario, are ours too; scenarios lie outside `src`.
    let ours = match file {
        Some(file) => file.starts_with(SOURCE) || BENEATH.iter().any(|part| file.contains(part)),
        None => name.trim_start_matches('<').starts_with("gordian::") || name.starts_with("backtrace::"),
    };
    // The symbols that begin every thread; a C library with debug information names files for them.
    let entry = name.starts_with("__libc_") || ["_start", "clone", "clone3", "start_thread"].contains(&name);
    let runtime = match file {
        Some(file) => entry || file.starts_with("/rustc/") || file.contains("/lib/rustlib/src/"),
        None => {
            let name = name.trim_start_matches('<');
            ["std::", "core::", "alloc::", "test::", "__", "rust_"].iter().any(|runtime| name.starts_with(runtime))
                || entry
                || ["main", "?"].contains(&name)
        }
    };
    match (ours, runtime) {
        (true, _) => Whose::Ours,
        (_, true) => Whose::Runtime,
        _ => Whose::User,
    }
}

/// The workspace that the program is of; without it, the current directory is meant.
const ROOT: &str = "GORDIAN_ROOT";

/// The path from the root of the workspace, as sites have it, if it lies below it.
fn shorten(file: &str) -> &str {
    static ROOT_OR_HERE: LazyLock<Option<String>> = LazyLock::new(|| {
        let root = std::env::var_os(ROOT).map(Into::into).or_else(|| std::env::current_dir().ok())?;
        Some(format!("{}/", root.to_str()?))
    });
    ROOT_OR_HERE.as_deref().and_then(|root| file.strip_prefix(root)).unwrap_or(file)
}
