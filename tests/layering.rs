//! Which module may use which: the picture in `lib.rs`, enforced by reading the sources.
//!
//! Comments, and unit tests (modules under `#[cfg(test)]`, in the file or in one of their own), may name what they like.

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
    let read =
        |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // The module that this one is part of: `a.rs` or `a/mod.rs` of `a/b.rs`, or a root beside it.
    let directory = path.parent().expect("a file is in a directory");
    let roots = ["mod.rs", "lib.rs", "main.rs"].map(|root| directory.join(root));
    let parents = roots.into_iter().chain([directory.with_extension("rs")]).filter(|parent| parent != path);
    let name = path.file_stem().expect("it has a name").to_string_lossy();
    let is_test = |parent: PathBuf| parent.is_file() && test_free(&read(&parent)).1.iter().any(|test| *test == name);
    if parents.into_iter().any(is_test) { Vec::new() } else { test_free(&read(path)).0 }
}

/// The lines of code outside of modules of unit tests, and the names of such modules that have a file of their own.
fn test_free(text: &str) -> (Vec<(usize, String)>, Vec<String>) {
    let (mut code, mut elsewhere) = (Vec::new(), Vec::new());
    let (mut attribute, mut is_test) = (String::new(), false);
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with("//"));
    while let Some((line, number)) = lines.next() {
        let line = without_text(line);
        code.push((number, line.clone()));
        let mut rest = line.as_str();
        // An attribute may take several lines, and what it is about begins after all of them.
        while !attribute.is_empty() || rest.trim_start().starts_with("#[") {
            let end = rest.char_indices().find(|&(_, c)| {
                attribute.push(c);
                attribute.matches('[').count() == attribute.matches(']').count() && c == ']'
            });
            let Some((end, _)) = end else {
                rest = "";
                break;
            };
            is_test |= is_for_tests(&attribute);
            attribute.clear();
            rest = &rest[end + 1..];
        }
        if rest.trim().is_empty() {
            continue;
        }
        if let Some(name) = module(rest).filter(|_| std::mem::take(&mut is_test)) {
            code.pop();
            if rest.trim_end().ends_with(';') {
                elsewhere.push(name.to_owned());
            } else if !rest.trim_end().ends_with('}') {
                // Up to the brace that stands below its beginning.
                let indent = &line[..line.len() - line.trim_start().len()];
                let _ = lines.find(|(line, _)| line.strip_prefix(indent).is_some_and(|line| line.starts_with('}')));
            }
        }
        is_test = false;
    }
    (code, elsewhere)
}

/// The name of the module that begins here.
fn module(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub").map_or(line, |seen| {
        let scope = seen.strip_prefix('(').and_then(|scope| scope.split_once(')'));
        scope.map_or(seen, |(_, after)| after).trim_start()
    });
    line.strip_prefix("mod ")?.split(|c| !is_word(c)).next()
}

/// Is it `#[cfg(test)]`, or one that asks for `test` and more?
fn is_for_tests(attribute: &str) -> bool {
    let attribute: String = attribute.split_whitespace().collect();
    let Some(asked) = attribute.strip_prefix("#[cfg(").and_then(|asked| asked.strip_suffix(")]")) else { return false };
    let all = asked.strip_prefix("all(").and_then(|all| all.strip_suffix(')')).unwrap_or(asked);
    let mut depth = 0;
    let parts = all.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    parts.into_iter().any(|part| part == "test")
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

#[test]
fn the_scanner_knows_unit_tests_from_code() {
    let heads = [
        "#[cfg(test)]\nmod tests {",
        "#[cfg(test)] mod tests {",
        "#[cfg(test)]\npub(in crate::a) mod tests {",
        "#[cfg(test)]\n#[allow(clippy::x, reason = \"it's ] so\")]\n/// Says.\n\npub mod tests {",
        "#[allow(x)]\n#[cfg(\n    all(\n        test,\n        not(y),\n    )\n)]\nmod tests {",
        "#[cfg(all(not(y), test))]\nmod tests {",
    ];
    let seen = |text: &str| {
        let (code, elsewhere) = test_free(text);
        (uses(&code).into_iter().map(|(_, name)| name).collect::<Vec<_>>(), elsewhere)
    };
    for head in heads {
        let text = format!("use crate::a;\n{head}\n    use crate::b;\n    fn f() {{\n    }}\n}}\nuse crate::c;\n");
        assert_eq!(seen(&text), (vec!["a".to_owned(), "c".to_owned()], vec![]), "{text}");
        let text = format!("use crate::a;\n{};\nuse crate::c;\n", head.trim_end_matches(" {"));
        assert_eq!(seen(&text), (vec!["a".to_owned(), "c".to_owned()], vec!["tests".to_owned()]), "{text}");
    }
    let others = [
        "#[cfg(not(test))]\nmod no {",
        "#[cfg(any(test, x))]\nmod no {",
        "#[cfg(all(x, not(test)))]\nmod no {",
        "#[cfg(test)]\nfn f() {}\nmod no {",
        "#[cfg(test)]\nuse x;\nmod no {",
        "mod no {",
    ];
    for head in others {
        let text = format!("{head}\n    use crate::b;\n}}\nuse crate::c;\n");
        assert_eq!(seen(&text), (vec!["b".to_owned(), "c".to_owned()], vec![]), "{text}");
    }
}
