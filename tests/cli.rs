//! The command as its users see it: what it prints where, and how it ends.
#![cfg(feature = "cli")]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use gordian::finding::Kind;
use serde_json::Value;

/// The command with an environment that doesn't depend on ours.
fn gordian(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gordian"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

fn run(args: &[&str]) -> Output {
    gordian(args).output().expect("the command starts")
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (output.status.code().expect("it ends by itself"), text(&output.stdout), text(&output.stderr))
}

fn document(args: &[&str]) -> Value {
    let (_, stdout, stderr) = told(&run(args));
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{args:?}: {error}\n{stdout}\n{stderr}"))
}

#[test]
fn help_teaches_and_is_no_error() {
    for command in ["list", "run", "compare", "selftest", "analyze", "explain", "graph"] {
        let (code, stdout, stderr) = told(&run(&[command, "--help"]));
        assert_eq!((code, stderr.as_str()), (0, ""), "{command}");
        assert!(stdout.contains("Examples:\n") || stdout.contains("Examples:"), "{command}: {stdout}");
        assert!(stdout.contains("--format"), "{command}");
    }
    let (code, stdout, _) = told(&run(&["--help"]));
    assert_eq!(code, 0);
    assert!(stdout.contains("Exit codes:"), "{stdout}");
    assert!(!stdout.contains("__run"), "the child's command is hidden: {stdout}");
    assert_eq!(told(&run(&["--version"])).0, 0);
}

#[test]
fn wrong_usage_is_2_and_says_what_to_do() {
    let wrong: [(&[&str], &str); 12] = [
        (&[], "Usage: gordian"),
        (&["frobnicate"], "unrecognized subcommand"),
        (&["run"], "<NAME>"),
        (&["run", "ab-bb"], "similar value exists: 'ab-ba'"),
        (&["run", "ab-ba", "--timeout", "0"], "--timeout"),
        (&["compare", "informant"], "`gordian compare` lists the pairs"),
        (&["explain", "data-rice"], "similar value exists: 'data-race'"),
        (&["analyze"], "<FILE>"),
        (&["analyze", "-", "-"], "read only once"),
        (&["analyze", "-", "--deny", "everything"], "possible values: possible, predicted, observed"),
        (&["list", "--output", "report.json"], "--output FORMAT=FILE"),
        (&["list", "--output", "json=a", "--output", "text=a"], "twice"),
    ];
    for (args, reason) in wrong {
        let (code, stdout, stderr) = told(&run(args));
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
        assert!(stderr.contains(reason), "{args:?}: {stderr}");
    }
}

#[test]
fn an_input_that_cannot_be_read_is_3() {
    let (code, _, stderr) = told(&run(&["analyze", "no/such/trace.std"]));
    assert_eq!(code, 3);
    assert!(stderr.starts_with("error: no/such/trace.std: cannot be read: "), "{stderr}");
    assert!(stderr.contains("\nhelp: "), "{stderr}");
    assert_eq!(told(&run(&["graph", "no/such/trace.std"])).0, 3);
    assert_eq!(told(&run(&["analyze", "src"])).0, 3, "a directory");
}

#[test]
fn a_bug_is_1_and_its_fixed_twin_is_silent() {
    let (code, stdout, _) = told(&run(&["run", "ab-ba"]));
    assert_eq!(code, 1);
    assert!(stdout.starts_with("error[lock-order-cycle] "), "{stdout}");
    assert!(stdout.contains("1 finding"), "{stdout}");
    let (code, stdout, stderr) = told(&run(&["run", "ab-ba", "--fixed"]));
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", ""));
}

#[test]
fn the_gate_lets_weaker_tiers_pass() {
    let findings = document(&["run", "ab-ba", "--format", "json"]);
    let tier = findings["findings"][0]["tier"].as_str().expect("a finding").to_owned();
    assert_eq!(told(&run(&["run", "ab-ba", "--deny", &tier])).0, 1);
    if tier != "observed" {
        assert_eq!(told(&run(&["run", "ab-ba", "--deny", "observed"])).0, 0);
    }
}

#[test]
fn json_has_the_promised_shape() {
    let report = document(&["run", "ab-ba", "--format", "json"]);
    assert_eq!(report["version"], 1);
    assert_eq!(report["tool"]["name"], "gordian");
    let finding = &report["findings"][0];
    assert_eq!(finding["kind"], "lock-order-cycle");
    assert_eq!(finding["fingerprint"].as_str().map(str::len), Some(16));
    assert!(finding["confirmed"].is_boolean() && finding["message"].is_string() && finding["witness"].is_array());
    for site in finding["sites"].as_array().expect("sites") {
        for key in ["role", "file", "owner"] {
            assert!(site[key].is_string(), "{key}: {site}");
        }
        assert!(site["line"].is_u64() && site["column"].is_u64() && site["held"].is_array(), "{site}");
    }
    let count: u64 =
        ["observed", "predicted", "possible"].iter().filter_map(|tier| report["summary"][tier].as_u64()).sum();
    assert_eq!(count, report["findings"].as_array().map_or(0, Vec::len) as u64);
    let empty = document(&["run", "ab-ba", "--fixed", "--format", "json"]);
    assert_eq!(empty["findings"], Value::Array(vec![]));
}

#[test]
fn outputs_go_to_files_beside_standard_output() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let json = format!("json={}", path("a.json"));
    let text = format!("text={}", path("a.txt"));
    let args = ["run", "ab-ba", "--color", "always", "--output", &json, "--output", &text];
    let (code, stdout, _) = told(&run(&args));
    assert_eq!(code, 1);
    assert!(stdout.contains("\u{1b}["), "standard output is coloured: {stdout}");
    let read = |name: &str| std::fs::read_to_string(Path::new(&path(name))).expect("it was written");
    assert!(serde_json::from_str::<Value>(&read("a.json")).is_ok());
    assert!(read("a.txt").starts_with("error[lock-order-cycle] "), "files have no colours");

    let (code, stdout, _) = told(&run(&["run", "ab-ba", "--quiet"]));
    assert_eq!((code, stdout.as_str()), (1, ""));
    let unwritable = format!("json={}", path("no/such/directory/a.json"));
    let (code, _, stderr) = told(&run(&["list", "--output", &unwritable]));
    assert_eq!(code, 2);
    assert!(stderr.contains("cannot write"), "{stderr}");
}

/// Before anything is run, and without a trace of the attempt.
#[test]
fn a_file_that_cannot_be_written_is_refused_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    std::fs::write(here.join("there"), "kept").expect("it can be written");
    let nowhere = here.join("no/such").display().to_string();
    let not_a_directory = here.join("there/file").display().to_string();
    for (option, prefix) in [("--record", ""), ("--write-baseline", ""), ("--output", "json=")] {
        for file in ["-", "", ".", &nowhere, &not_a_directory] {
            let mut command = gordian(&["run", "ab-ba", option, &format!("{prefix}{file}")]);
            let (code, stdout, stderr) = told(&command.current_dir(here).output().expect("the command starts"));
            assert_eq!((code, stdout.as_str()), (2, ""), "{option} {file}: {stderr}");
            let says = match file {
                "-" if option == "--output" => "--format says what standard output gets",
                "-" => "standard output is for the report: name a file (`./-`",
                "" => option,
                file => &format!("cannot write {file}: "),
            };
            assert!(stderr.contains(says), "{option} {file}: {stderr}");
        }
    }
    // Some that can be, beside one that cannot.
    let args = ["analyze", "there", "--witness", "w", "--write-baseline", "b", "--output", "text=there"];
    let mut command = gordian(&[&args[..], &["--output", "json=t", "--output", "json=no/such"]].concat());
    let (code, _, stderr) = told(&command.current_dir(here).output().expect("the command starts"));
    assert!(code == 2 && stderr.contains("cannot write no/such"), "{stderr}");
    let left: Vec<_> = std::fs::read_dir(here).expect("it is there").map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["there"]);
    assert_eq!(std::fs::read_to_string(here.join("there")).expect("it is there"), "kept");
}

#[test]
fn standard_output_can_be_named_where_nothing_else_goes_there() {
    let args = ["convert", "tests/traces/wellformedness/valid_trace.std"];
    let unnamed = told(&run(&args));
    let named = told(&run(&[&args[..], &["--out", "-"]].concat()));
    assert!(unnamed.0 == 0 && !unnamed.1.is_empty());
    assert_eq!(named, unnamed);
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let coloured = |command: &mut Command| told(&command.output().expect("the command starts")).1.contains('\u{1b}');
    let run = ["run", "ab-ba"];
    let always = ["run", "ab-ba", "--color", "always"];
    let never = ["run", "ab-ba", "--color", "never"];
    assert!(!coloured(&mut gordian(&run)), "a pipe");
    assert!(coloured(gordian(&run).env("CLICOLOR_FORCE", "1")));
    assert!(!coloured(gordian(&run).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")));
    assert!(!coloured(gordian(&run).env("CLICOLOR_FORCE", "0")));
    assert!(coloured(gordian(&always).env("NO_COLOR", "1")), "the flag is stronger");
    assert!(!coloured(gordian(&never).env("CLICOLOR_FORCE", "1")));
}

#[test]
#[cfg(unix)]
fn a_reader_that_has_gone_is_no_error() {
    let mut child = gordian(&["explain", "data-race"])
        .stdout({
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            writer
        })
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stderr = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("UTF-8");
    assert_eq!((child.wait().expect("it ends").code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn every_kind_is_explained() {
    for &kind in Kind::ALL {
        let (code, stdout, _) = told(&run(&["explain", kind.name()]));
        assert_eq!(code, 0);
        assert!(stdout.starts_with(&format!("# {kind}: ")), "{kind}");
    }
    let (code, stdout, _) = told(&run(&["explain"]));
    assert_eq!(code, 0);
    assert!(Kind::ALL.iter().all(|kind| stdout.contains(kind.name())), "{stdout}");
    assert_eq!(document(&["explain", "data-race", "--format", "json"])["kind"], "data-race");
}

#[test]
fn the_list_has_what_run_takes() {
    let list = document(&["list", "--format", "json"]);
    let scenarios = list["scenarios"].as_array().expect("scenarios");
    assert!(scenarios.iter().any(|scenario| scenario["name"] == "ab-ba"));
    let text = told(&run(&["list"])).1;
    for scenario in scenarios {
        let name = scenario["name"].as_str().expect("a name");
        assert!(text.contains(name), "{name}");
    }
}

#[test]
fn selftest_of_one_scenario_is_a_row() {
    let (code, stdout, stderr) = told(&run(&["selftest", "ab-ba"]));
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("1 of 1 scenarios are right"), "{stdout}");
    assert!(stdout.is_ascii(), "not a terminal: {stdout}");
    assert_eq!(document(&["selftest", "ab-ba", "--format", "json"])["scenarios"][0]["right"], true);
}

#[test]
fn the_child_ends_with_its_parent() {
    // The child's standard input is its tie to the parent. Closed at once, it may still end its short run, or not; it
    // must not hang.
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("outcome.json");
    let mut child = gordian(&["__run", "ab-ba", "--findings"])
        .arg(&file)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut input = child.stdin.take().expect("piped");
    input.flush().expect("open");
    drop(input);
    let code = child.wait().expect("it ends").code();
    assert!(matches!(code, Some(0 | 4)), "{code:?}");
}

#[test]
fn a_trace_is_converted_to_text_and_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (run, back, text) = (path("run.gordian"), path("back.gordian"), path("run.std"));
    assert_eq!(told(&self::run(&["run", "ab-ba", "--record", &run])).0, 1);
    let (code, stdout, stderr) = told(&self::run(&["convert", &run]));
    assert_eq!(code, 0);
    assert!(stdout.lines().all(|line| line.split('|').count() == 3), "{stdout}");
    assert!(stdout.contains("|acq(balance)|scenarios/deadlock/ab_ba.rs:"), "{stdout}");
    assert!(stderr.starts_with("note: ") && stderr.contains("are left out"), "{stderr}");
    assert_eq!(told(&self::run(&["convert", &run, "--out", &text, "--quiet"])), (0, String::new(), String::new()));
    assert_eq!(std::fs::read_to_string(&text).expect("it was written"), stdout);
    assert_eq!(
        told(&self::run(&["convert", &text, "--to", "gordian", "--out", &back])),
        (0, String::new(), String::new())
    );
    assert_eq!(told(&self::run(&["convert", &back])).1, stdout);
    let (_, numbers, _) = told(&self::run(&["convert", &run, "--to", "rapid"]));
    let location = |line: &str| line.rsplit('|').next().is_some_and(|number| number.parse::<u32>().is_ok());
    assert!(!numbers.is_empty() && numbers.lines().all(location), "{numbers}");

    let (code, _, stderr) = told(&self::run(&["convert", &text, "--out", &text]));
    assert_eq!(code, 2);
    assert!(stderr.contains("--out names the input"), "{stderr}");
    assert_eq!(std::fs::read_to_string(&text).expect("it is still there"), stdout);
    let unwritable = path("no/such/directory/a.std");
    let (code, _, stderr) = told(&self::run(&["convert", &text, "--out", &unwritable]));
    assert!(code == 2 && stderr.contains("cannot write"), "{stderr}");
    assert_eq!(told(&self::run(&["convert", "no/such/trace.std"])).0, 3);
    let (code, help, _) = told(&self::run(&["convert", "--help"]));
    assert!(code == 0 && help.contains("Examples:"), "{help}");
}

/// A ring of so many threads, each holding a lock and taking the next.
fn ring(count: usize) -> String {
    (0..count)
        .map(|at| {
            let (own, next) = (at, (at + 1) % count);
            format!("T{at}|acq(L{own})|1\nT{at}|acq(L{next})|2\nT{at}|rel(L{next})|3\nT{at}|rel(L{own})|4\n")
        })
        .collect()
}

#[test]
fn a_search_that_stopped_at_its_bounds_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    for (count, cut) in [(32, false), (33, true)] {
        let path = directory.path().join(format!("{count}.std")).display().to_string();
        std::fs::write(&path, ring(count)).expect("it is written");
        let args = ["analyze", &path, "--engine", "lock-order"];
        let (code, stdout, _) = told(&run(&args));
        assert_eq!(code, i32::from(!cut), "{stdout}");
        assert_eq!(stdout.contains("stopped at its bounds"), cut, "{stdout}");
        let summary = &document(&[&args[..], &["--format", "json"]].concat())["summary"];
        assert_eq!(summary["order_cut"].as_bool().unwrap_or(false), cut, "{summary}");
    }
}
