//! `cargo gordian` on the plain programs of `tests/unchanged`.
//!
//! All share one runtime and one target directory, so the first test to come pays for both.

#![cfg(feature = "cli")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Something that all runs of these tests share, so that a second run finds it built.
fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// `cargo gordian` with these words, in the folder of the plain programs.
fn cargo_gordian(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gordian"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/unchanged"));
    command.arg("gordian").args(words);
    command.env("GORDIAN_CACHE", shared("runtimes")).env("CARGO_TARGET_DIR", shared("unchanged"));
    // What the cargo that runs these tests was told is not for the one that they run.
    for name in ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTDOCFLAGS", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET"] {
        command.env_remove(name);
    }
    command
}

fn output(command: &mut Command) -> Output {
    command.output().expect("the command starts")
}

/// Standard output and standard error, one after the other.
fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn shows(words: &[&str], expected: &[&str]) -> String {
    let text = text(&output(&mut cargo_gordian(words)));
    for expected in expected {
        assert!(text.contains(expected), "cargo gordian {words:?} does not show `{expected}`:\n{text}");
    }
    text
}

#[test]
fn locks_of_std_are_watched() {
    let text = shows(&["run", "--bin", "std_ab_ba"], &["lock-order-cycle", "plain/src/bin/std_ab_ba.rs:10:"]);
    assert!(text.contains("plain/src/lib.rs:13:"), "it says where the locks were made:\n{text}");
    assert!(text.contains(": std_ab_ba::main::{{closure}} at plain/src/bin/std_ab_ba.rs:10"), "whole names:\n{text}");
}

/// Cargo's `-q` silences cargo.
#[test]
fn a_quiet_cargo_leaves_the_findings() {
    for words in [["-q", "run"], ["run", "-q"]] {
        let text = shows(&[&words[..], &["--bin", "std_ab_ba"]].concat(), &["lock-order-cycle", "1 finding"]);
        assert!(!text.contains("Finished") && !text.contains("Running"), "{text}");
    }
}

#[test]
fn locks_of_parking_lot_are_watched() {
    shows(&["run", "--bin", "parking_lot_ab_ba"], &["lock-order-cycle", "plain/src/bin/parking_lot_ab_ba.rs:13:"]);
}

#[test]
fn arguments_and_features_reach_cargo_and_the_program() {
    let words = ["run", "--quiet", "-p", "plain", "--features", "loud", "--", "--deny", "x"];
    let output = output(&mut cargo_gordian(&words));
    let text = text(&output);
    assert!(text.contains(r#"LOUD, built by the script, ["--deny", "x"]"#), "{text}");
    assert_eq!(output.status.code(), Some(0), "{text}");
}

#[test]
fn tests_of_all_sorts_run() {
    let passed = [
        "test traits_of_std_hold ... ok",
        "test a_message_arrives ... ok",
        "test an_allocator_sees_the_program_alone ... ok",
        "test plain/src/lib.rs - two (line 8) ... ok",
    ];
    shows(&["test", "--workspace", "--exclude", "strict"], &passed);
}

/// In a directory of its own: what is built of `bare` with other features, for other tests, takes the same place.
#[test]
fn a_second_build_compiles_nothing() {
    let build = || {
        let mut command = cargo_gordian(&["build", "-p", "old", "-p", "bare"]);
        let output = output(command.env("CARGO_TARGET_DIR", shared("unchanged-bare")));
        let text = text(&output);
        assert!(text.contains("Finished"), "{text}");
        text
    };
    build();
    let text = build();
    assert!(!text.contains("Compiling"), "{text}");
}

#[test]
fn a_crate_that_does_not_fit_is_named_and_can_be_left_out() {
    shows(&["build", "-p", "strict"], &["evaluation panicked", "error: `strict` compiles", "--leave-out strict"]);
    // Other crates left out make another build.
    let mut command = cargo_gordian(&["build", "--leave-out", "strict", "-p", "strict"]);
    let output = output(command.env("CARGO_TARGET_DIR", shared("unchanged-left-out")));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

/// A script that leaves `mark` in the file `seen`, and goes on with what it was given.
#[cfg(unix)]
fn script(directory: &Path, mark: &str) -> PathBuf {
    let path = directory.join(mark);
    let text = format!("#!/bin/sh\necho {mark} \"$1\" >> {}\nexec \"$@\"\n", directory.join("seen").display());
    std::fs::write(&path, text).expect("the script can be written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, executable).expect("it can be made executable");
    path
}

#[cfg(unix)]
#[test]
fn the_users_own_wrapper_and_runner_are_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let version = output(Command::new("rustc").arg("-vV"));
    let version = text(&version);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let host = host.to_uppercase().replace(['-', '.'], "_");
    let mut build = cargo_gordian(&["build", "-p", "old"]);
    build.env("CARGO_TARGET_DIR", directory.path().join("target"));
    let build = output(build.env("RUSTC_WRAPPER", script(directory.path(), "wrapper")));
    assert_eq!(build.status.code(), Some(0), "{}", text(&build));
    let mut run = cargo_gordian(&["run", "--quiet", "-p", "plain", "--", "kept"]);
    let run = output(run.env(format!("CARGO_TARGET_{host}_RUNNER"), script(directory.path(), "runner")));
    assert!(text(&run).contains(r#"["kept"]"#), "{}", text(&run));
    let seen = std::fs::read_to_string(directory.path().join("seen")).expect("they have been used");
    assert!(seen.lines().any(|line| line.starts_with("wrapper ") && line.ends_with("rustc")), "{seen}");
    assert!(seen.lines().any(|line| line.starts_with("runner ") && line.ends_with("echo")), "{seen}");
}

#[test]
fn without_a_package_there_is_nothing_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = output(cargo_gordian(&["test"]).current_dir(&directory));
    let text = text(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("could not find `Cargo.toml`") && text.contains("--manifest-path"), "{text}");
}

#[test]
fn an_option_of_ours_among_those_of_cargo_is_pointed_out() {
    shows(&["build", "-p", "old", "--deny", "observed"], &["help: if `--deny` is meant for gordian", "before"]);
}

/// Kind and tests of what the command finds.
fn findings(words: &[&str]) -> Vec<(String, Vec<String>)> {
    let output = output(&mut cargo_gordian(words));
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("cargo gordian {words:?}: {error}\n{}", text(&output)));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = report["findings"].as_array().into_iter().flatten();
    found
        .map(|found| (text(&found["kind"]), found["tests"].as_array().into_iter().flatten().map(text).collect()))
        .collect()
}

#[test]
fn only_what_libtest_runs_is_a_test() {
    let found =
        |tests: &[&str]| vec![("lock-order-cycle".to_owned(), tests.iter().map(|&test| test.to_owned()).collect())];
    let own = ["test", "--format", "json", "-p", "harness", "--test", "own_main"];
    assert_eq!(findings(&own), found(&[]), "its threads are no tests");
    assert_eq!(findings(&["test", "--format", "json", "-p", "harness"]), found(&["both_orders"]));
}

#[test]
#[allow(clippy::print_stdout, reason = "a test that is left out says so")]
fn nextest_gives_each_test_a_process() {
    if !Command::new("cargo").args(["nextest", "--version"]).output().is_ok_and(|output| output.status.success()) {
        #[allow(clippy::print_stdout, reason = "says why nothing is tested")]
        {
            println!("left out: cargo-nextest is not installed");
        }
        return;
    }
    let words = ["nextest", "--format", "json", "run", "-p", "harness", "--test", "tested"];
    assert_eq!(findings(&words), [("lock-order-cycle".to_owned(), vec!["both_orders".to_owned()])]);
    shows(&words[..1].iter().chain(&words[3..]).copied().collect::<Vec<_>>(), &["2 tests run: 2 passed"]);
}

#[test]
fn a_baseline_outlives_lines_that_move() {
    const PROGRAM: &str = "
        use std::sync::{Arc, Mutex};

        fn main() {
            let (a, b) = (Mutex::new(1), Mutex::new(2));
            let first = Arc::new(());
            std::thread::scope(|scope| {
                let (a, b, here) = (&a, &b, Arc::clone(&first));
                scope.spawn(move || {
                    let _here = here;
                    let _a = a.lock().unwrap();
                    let _b = b.lock().unwrap();
                });
                while Arc::strong_count(&first) > 1 {}
                scope.spawn(|| {
                    let _held = b.lock().unwrap();
                    let _wanted = a.lock().unwrap();
                });
            });
        }
    ";
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("a file");
    std::fs::create_dir(directory.path().join("src")).expect("a directory");
    write("Cargo.toml", "[package]\nname = \"moving\"\nedition = \"2024\"\n[workspace]\n");
    write("src/main.rs", PROGRAM);
    let gordian = |option: &str| {
        let mut command = cargo_gordian(&["run", option, "known.txt"]);
        command.current_dir(&directory).env("CARGO_TARGET_DIR", directory.path().join("target"));
        output(&mut command)
    };
    let written = text(&gordian("--write-baseline"));
    assert!(written.contains("1 finding accepted"), "{written}");
    write("src/main.rs", &PROGRAM.replace("fn main", "/// Comes before.\npub fn before() {}\n\nfn main"));
    let moved = gordian("--baseline");
    assert!(moved.status.success() && text(&moved).contains("1 known"), "{}", text(&moved));
    write("src/main.rs", &PROGRAM.replace("first", "one"));
    let changed = gordian("--baseline");
    assert_eq!(changed.status.code(), Some(0), "other statements are not part of it: {}", text(&changed));
    write("src/main.rs", &PROGRAM.replace("_wanted", "_other"));
    assert_eq!(gordian("--baseline").status.code(), Some(1), "another statement is another finding");
}
