//! `cargo gordian run` on the programs in `tests/known_bad`, which drive released versions of crates with confirmed bugs.
//!
//! The first lines of a program say what is seen of its bug (`seen: KIND TIER PLACE…`, the places as reports show them) or
//! why nothing is (`not seen: …`). With the versions that have the fix, and where nothing is to be seen, it has to be silent.
//! Crates that take long to compile are left to `tests/known_bad.sh`, which runs this with all of them.

#![cfg(feature = "cli")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Program, and the feature that has its crate.
const PROGRAMS: [(&str, &str); 15] = [
    ("bar_inserted_after", "indicatif"),
    ("bridge_reentered", "rayon"),
    ("callsite_in_callsite", "tracing"),
    ("channel_torn_down", "crossbeam-channel"),
    ("deque_stolen_twice", "crossbeam-deque"),
    ("event_in_span", "tracing-log"),
    ("guard_sent_away", "futures-util"),
    ("iterated_while_filled", "thread_local"),
    ("log_inside_format", "fern"),
    ("map_reference_escapes", "dashmap"),
    ("metric_made_twice", "prometheus-client"),
    ("once_fails", "spin"),
    ("oneshot_closed", "tokio"),
    ("receiver_in_waker", "tokio"),
    ("value_not_sync", "tokio"),
];

/// Small crates, of each sort: a lock taken twice, locks in both orders, and what plain memory alone shows.
const QUICK: [&str; 3] = ["fern", "indicatif", "tokio"];

/// What one run is expected to show of a finding.
#[derive(PartialEq, Eq, Debug)]
struct Expected {
    kind: String,
    tier: String,
    places: Vec<String>,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/known_bad")
}

/// What the first lines of a program say: `None` if nothing is seen.
fn expected(program: &str) -> Option<Expected> {
    let text = std::fs::read_to_string(directory().join(format!("src/bin/{program}.rs"))).expect("it can be read");
    let words: Vec<&str> =
        text.lines().map_while(|line| line.strip_prefix("//!")).flat_map(str::split_whitespace).collect();
    let at = words.iter().rposition(|&word| word == "seen:").expect("it says what is seen");
    let ["not", "seen:", ..] = words[at - 1..] else {
        let [kind, tier, places @ ..] = &words[at + 1..] else { panic!("{program}: kind and tier") };
        assert!(!places.is_empty(), "{program}: places");
        let places = places.iter().map(|&place| place.to_owned()).collect();
        return Some(Expected { kind: (*kind).to_owned(), tier: (*tier).to_owned(), places });
    };
    None
}

/// The findings of a run of the program, in the versions with the bug or the fixed ones.
fn run(program: &str, feature: &str, fixed: bool) -> Vec<Value> {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (directory, target) = if fixed { (directory().join("fixed"), "fixed") } else { (directory(), "bad") };
    let output = Command::new(env!("CARGO_BIN_EXE_gordian"))
        .args(["cargo", "run", "--format", "json", "--deps", "--no-default-features", "--features", feature])
        .args(["--bin", program, "--target-dir"])
        .arg(temporary.join("known_bad").join(target))
        .current_dir(directory)
        .env("GORDIAN_CACHE", temporary.join("runtimes"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .expect("the command starts");
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{program}: {error}\n{}", String::from_utf8_lossy(&output.stderr)));
    report["findings"].as_array().cloned().unwrap_or_default()
}

/// The end of the path, and the line.
fn is_at(site: &Value, place: &str) -> bool {
    let (file, line) = (site["file"].as_str().unwrap_or_default(), &site["line"]);
    format!("{file}:{line}").ends_with(&format!("/{place}"))
}

/// Operations, and where what is held there was taken.
fn sites(finding: &Value) -> Vec<&Value> {
    let operations: Vec<&Value> = finding["sites"].as_array().into_iter().flatten().collect();
    let held = operations.iter().flat_map(|site| site["held"].as_array().into_iter().flatten());
    held.map(|held| &held["at"]).chain(operations.iter().copied()).collect()
}

fn judge(program: &str, feature: &str) -> Result<String, String> {
    let (expected, found) = (expected(program), run(program, feature, false));
    let shows = |finding: &Value, expected: &Expected| {
        (finding["kind"].as_str(), finding["tier"].as_str()) == (Some(&expected.kind), Some(&expected.tier))
    };
    let told = match &expected {
        None if found.is_empty() => "not seen".to_owned(),
        None => return Err(format!("{program}: nothing is to be seen, but {found:#?}")),
        Some(expected) => {
            let whole = |finding: &Value| {
                let sites = sites(finding);
                shows(finding, expected)
                    && expected.places.iter().all(|place| sites.iter().any(|site| is_at(site, place)))
            };
            if !found.iter().any(whole) || !found.iter().all(|finding| shows(finding, expected)) {
                return Err(format!("{program}: {expected:?} is to be seen, but {found:#?}"));
            }
            format!("{} {}", expected.tier, expected.kind)
        }
    };
    let manifest = std::fs::read_to_string(directory().join("fixed/Cargo.toml")).expect("it can be read");
    if !manifest.contains(&format!("name = \"{program}\"")) {
        return Ok(format!("{told}; there is no fixed version"));
    }
    let found = run(program, feature, true);
    if found.is_empty() { Ok(format!("{told}; fixed: silent")) } else { Err(format!("{program}, fixed: {found:#?}")) }
}

#[test]
fn what_is_said_of_known_bugs_is_so() {
    let all = std::env::var("KNOWN_BAD").is_ok_and(|which| which == "all");
    let mut wrong = Vec::new();
    for (program, feature) in PROGRAMS {
        // What rayon stands on looks, and stores what others may have stored meanwhile: the value is the same.
        let judged = if feature == "rayon" {
            Ok("left out: a matter of chance".to_owned())
        } else if all || QUICK.contains(&feature) {
            judge(program, feature)
        } else {
            continue;
        };
        match judged {
            Ok(told) => println!("{program:22} {told}"),
            Err(reason) => wrong.push(reason),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_program_is_judged() {
    let files = std::fs::read_dir(directory().join("src/bin")).expect("there are programs");
    let mut names: Vec<String> = files
        .map(|file| file.expect("the entry can be read").path().file_stem().expect("a name").display().to_string())
        .collect();
    names.sort();
    assert_eq!(names, PROGRAMS.map(|(program, _)| program));
    assert_eq!(names.iter().filter(|name| expected(name).is_some()).count(), 5);
}
