//! Which module may use which: the picture in `lib.rs`, enforced by reading the sources.
//!
//! Comments, and unit tests (`#[cfg(test)] mod …` at the end of a file), may name what they like.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The modules of the crate, and what each may use beside itself: modules, and names that `lib.rs` gives out again.
/// `*`: everything.
const LAYERS: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("finding", &["event"]),
    ("primitive", &[]),
    // PRODUCE
    ("name", &[]),
    ("config", &[]),
    ("check", &["analysis", "config", "event", "finding", "record", "report"]),
    ("sync", &["event", "name", "primitive", "record", "Named"]),
    ("task", &["record"]),
    ("thread", &["event", "name", "primitive", "record", "Named"]),
    ("parking_lot", &["event", "name", "primitive", "record", "sync", "Named"]),
    ("shared", &["event", "name", "primitive", "record", "Named"]),
    // Compiled a second time over a program's own tokio: it knows the recorder by its hooks alone.
    ("tokio", &["event", "runtime", "Named"]),
    ("async_lock", &["event", "runtime", "Named"]),
    ("futures", &["event", "runtime", "Named"]),
    ("region", &["record"]),
    ("allocator", &["record"]),
    ("unobserved", &["event", "name", "primitive", "record", "Named"]),
    // What stands in for `std` and `core`: crates of their own, over the wrappers.
    ("facade", &["Allocator", "event", "name", "parking_lot", "record", "runtime", "sync", "thread", "tokio", "Named"]),
    // CARRY
    ("record", &["analysis", "clock", "config", "engine", "event", "finding", "primitive", "report", "trace"]),
    ("runtime", &["event", "record"]),
    ("trace", &["event"]),
    // JUDGE
    ("clock", &["event"]),
    ("analysis", &["clock", "event", "finding"]),
    ("engine", &["analysis", "event", "finding"]),
    // TELL
    ("report", &["event", "finding"]),
    // RUN
    ("cli", &["*"]),
    ("main", &["cli"]),
    ("bin", &["cli"]),
];

/// What only some files may name: the text, the paths under `src` that may, the reason.
const RESERVED: &[(&str, &[&str], &str)] = &[
    ("owo_colors", &["cli", "report/style.rs"], "colours are chosen in one place"),
    ("annotate_snippets", &["report/snippet"], "sources are drawn in one place"),
    ("clap", &["cli"], "arguments are the command's"),
    ("serde_sarif", &["report/sarif.rs"], "each form of report is written in one place"),
    ("quick_junit", &["report/junit.rs"], "each form of report is written in one place"),
    ("toml", &["cli"], "the configuration is the command's"),
    ("globset", &["cli"], "suppressions are the command's"),
    ("indicatif", &["cli"], "progress is the command's"),
    ("nix", &["cli/cost"], "what a process used and may have is read in one place"),
    ("procfs", &["cli/cost"], "what a process used and may have is read in one place"),
    ("println!", &["cli", "primitive/modelled.rs"], "only the command prints, and a model its executions"),
    ("print!", &["cli"], "only the command prints"),
    ("eprintln!", &["cli", "record"], "only the command prints, and a recorder that no one reads"),
    ("eprint!", &["cli", "record"], "only the command prints, and a recorder that no one reads"),
    ("io::stdout", &["cli", "record/process.rs"], "only the command prints, and who ends a process flushes"),
    ("process::exit", &["cli", "record"], "only the command ends the process, and a recorder that was asked to"),
    ("process::abort", &["record"], "only a recorder that was asked to ends the process"),
    ("gordian_loom", &["primitive.rs"], "one seam for a cfg"),
];

/// What a scenario may use of the crate: what a user may.
const FOR_USERS: &[&str] =
    &["Named", "Shared", "atomic", "parking_lot", "sync", "task", "thread", "tokio", "unobserved"];

/// The lines of a file that are code, with their 1-based numbers; unit tests and the insides of strings are left out.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let tests =
        ["#[cfg(test)]\nmod ", "#[cfg(test)]\npub(crate) mod "].iter().filter_map(|tests| text.find(tests)).min();
    let code = &text[..tests.unwrap_or(text.len())];
    let lines = code.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with("//"));
    lines.map(|(line, number)| (number, without_text(line))).collect()
}

/// A line without its trailing comment and the insides of its strings.
fn without_text(line: &str) -> String {
    let line = line.replace(r#"'"'"#, "''").replace(r"\\", "").replace(r#"\""#, "");
    let code: String = line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    code.split("//").next().unwrap_or_default().to_owned()
}

/// All Rust files below a directory, with their paths from there, in a stable order.
fn sources(directory: &str) -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut files = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("the directory exists") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("it is below").to_string_lossy().replace('\\', "/");
                files.push((name, path));
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "{directory} has sources");
    files
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The places of `word` in the line where it stands alone.
fn places<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let alone = move |place: usize| {
        !line[..place].chars().next_back().is_some_and(is_word)
            && !line[place + word.len()..].chars().next().is_some_and(is_word)
    };
    line.match_indices(word).map(|(place, _)| place).filter(move |&place| alone(place))
}

/// The first path segments that the code takes from the crate's root: `a`, and `b` and `c` of `crate::{b::X, c}`.
fn uses(lines: &[(usize, String)]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, (number, line)) in lines.iter().enumerate() {
        for root in ["crate", "gordian"] {
            for place in places(line, root) {
                let Some(rest) = line[place + root.len()..].strip_prefix("::") else { continue };
                if rest.starts_with('{') {
                    let following = lines[index + 1..].iter().map(|(_, line)| line.as_str());
                    let text: String = std::iter::once(rest).chain(following).collect();
                    found.extend(group(&text).into_iter().map(|name| (*number, name)));
                } else {
                    found.push((*number, rest.chars().take_while(|&c| is_word(c)).collect()));
                }
            }
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

/// The first segments of a braced group, up to its closing brace.
fn group(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut item = String::new();
    for c in text.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        let ends_item = depth == 0 || (depth == 1 && matches!(c, ',' | '{'));
        if ends_item {
            names.push(item.trim().chars().take_while(|&c| is_word(c)).collect());
            item.clear();
        } else {
            item.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name: &String| !name.is_empty());
    names
}

fn report(broken: &[String]) {
    assert!(broken.is_empty(), "the layers are broken:\n{}", broken.join("\n"));
}

#[test]
fn modules_use_only_what_is_below_them() {
    let mut broken = Vec::new();
    for (name, path) in sources("src") {
        let module = name.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == module) else {
            broken.push(format!("src/{name}: `{module}` has no row in LAYERS"));
            continue;
        };
        for (line, used) in uses(&code(&path)) {
            if used != module && !allowed.contains(&used.as_str()) && !allowed.contains(&"*") {
                let list = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
                broken.push(format!("src/{name}:{line}: `{module}` uses `{used}`; it may use {list}"));
            }
        }
    }
    report(&broken);
}

#[test]
fn reserved_names_stay_where_they_belong() {
    let mut broken = Vec::new();
    for (name, path) in sources("src") {
        let allowed = |paths: &[&str]| {
            paths
                .iter()
                .any(|path| name == *path || name == format!("{path}.rs") || name.starts_with(&format!("{path}/")))
        };
        let lines = code(&path);
        for (text, paths, reason) in RESERVED.iter().filter(|(_, paths, _)| !allowed(paths)) {
            for (line, _) in lines.iter().filter(|(_, line)| places(line, text).next().is_some()) {
                broken.push(format!("src/{name}:{line}: `{text}` belongs to {}: {reason}", paths.join(", ")));
            }
        }
    }
    report(&broken);
}

#[test]
fn scenarios_are_written_as_a_user_would_write_them() {
    let mut broken = Vec::new();
    for (name, path) in sources("scenarios") {
        // The registry is not a scenario.
        if name == "mod.rs" {
            continue;
        }
        for (line, used) in uses(&code(&path)) {
            if !FOR_USERS.contains(&used.as_str()) {
                let allowed = FOR_USERS.join(", ");
                broken.push(format!("scenarios/{name}:{line}: uses `{used}`; a scenario may use {allowed}"));
            }
        }
    }
    report(&broken);
}

#[test]
fn the_table_itself_has_no_cycle() {
    // Peel off the modules that use only what has been peeled off already.
    let mut peeled: BTreeSet<&str> = BTreeSet::new();
    let mut rest: Vec<_> =
        LAYERS.iter().copied().filter(|(_, allowed)| !allowed.contains(&"*") && *allowed != ["cli"]).collect();
    while !rest.is_empty() {
        let (free, bound): (Vec<_>, Vec<_>) = rest.iter().partition(|(_, allowed)| {
            allowed.iter().all(|used| peeled.contains(used) || ["Allocator", "Named"].contains(used))
        });
        assert!(!free.is_empty(), "these use one another: {bound:?}");
        peeled.extend(free.iter().map(|(module, _)| *module));
        rest = bound;
    }
}

#[test]
fn the_scanner_sees_every_form_of_use() {
    let line = |text: &str| uses(&[(7, text.to_owned())]).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    assert_eq!(line("use crate::event::Site;"), ["event"]);
    assert_eq!(line("pub(crate) fn f(a: crate::event::Site) -> gordian::finding::Kind;"), ["event", "finding"]);
    assert_eq!(line("use crate::{event::{Op, Site}, clock::Epoch};"), ["event", "clock"]);
    assert_eq!(line("pub(in crate::record) fn f() {}"), ["record"]);
    assert_eq!(line("use crates::x; my_crate::y; $crate::z"), ["z"]);
    let lines = [(1, "use gordian::{".to_owned()), (2, "    sync,".to_owned()), (3, "    record::x};".to_owned())];
    assert_eq!(uses(&lines), [(1, "sync".to_owned()), (1, "record".to_owned())]);
    assert_eq!(without_text(r#"f("a \" crate::x", '"', crate::y) // crate::z"#), r#"f("", '', crate::y) "#);
    assert_eq!(places("eprintln!(); println!()", "println!").collect::<Vec<_>>(), [13]);
}
