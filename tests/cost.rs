//! `gordian compare --cost`: the structure and the consistency of what it says. Never how long something took.
#![cfg(feature = "cli")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn gordian(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gordian"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (output.status.code().expect("it ends by itself"), text(&output.stdout), text(&output.stderr))
}

fn run(args: &[&str]) -> (i32, String, String) {
    told(&gordian(args).output().expect("the command starts"))
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The measurement's names and those of their forms.
fn listed() -> Vec<(String, Vec<String>)> {
    let (code, list, _) = run(&["compare", "--cost", "--format", "json"]);
    assert_eq!(code, 0);
    let list = document(&list);
    let text = |value: &Value| value.as_str().expect("a name").to_owned();
    let entries = list["measurements"].as_array().expect("measurements").iter();
    entries
        .map(|entry| (text(&entry["name"]), entry["forms"].as_array().expect("forms").iter().map(text).collect()))
        .collect()
}

#[test]
fn every_file_is_a_measurement() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/cost");
    let files = std::fs::read_dir(folder).expect("the folder").map(|file| file.expect("an entry").path());
    let files: BTreeSet<String> = files
        .map(|file| file.file_stem().expect("a name").to_string_lossy().into_owned())
        .filter(|name| name != "mod")
        .collect();
    assert_eq!(files, listed().into_iter().map(|(name, _)| name).collect());
}

#[test]
fn wrong_usage_is_2_and_says_what_to_do() {
    let wrong: [(&[&str], &str); 5] = [
        (&["--cost", "wait"], "similar value exists: 'waits'"),
        (&["--cost", "waits", "--size", "0"], "--size"),
        (&["--cost", "waits", "--rounds", "0"], "--rounds"),
        (&["--size", "3"], "--cost"),
        (&["ab-ba", "--cost", "waits"], "cannot be used with"),
    ];
    for (args, reason) in wrong {
        let (code, stdout, stderr) = run(&[&["compare"], args].concat());
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
        assert!(stderr.contains(reason), "{args:?}: {stderr}");
    }
}

/// A number of a row; absent where the system does not tell.
fn number(row: &Value, name: &str) -> Option<u64> {
    assert!(row.get(name).is_some_and(|value| value.is_null() || value.is_u64()), "{name}: {row}");
    row[name].as_u64()
}

#[test]
fn every_form_of_every_measurement_is_measured() {
    const SIZE: u64 = 2;
    let args = ["compare", "--cost", "all", "--size", "2", "--rounds", "1", "--format", "json"];
    let (code, report, stderr) = run(&args);
    assert_eq!((code, stderr.as_str()), (0, ""), "{report}");
    let report = document(&report);
    assert_eq!((&report["version"], &report["interrupted"]), (&Value::from(1), &Value::from(false)));
    assert!(report["machine"]["cores"].as_u64().is_some_and(|cores| cores >= 1));
    let measurements = report["measurements"].as_array().expect("measurements");
    let forms = |measured: &Value| {
        let rows = measured["rows"].as_array().expect("rows");
        rows.iter().map(|row| row["form"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let named = |measured: &Value| (measured["name"].as_str().expect("a name").to_owned(), forms(measured));
    assert_eq!(measurements.iter().map(named).collect::<Vec<_>>(), listed());
    for measured in measurements {
        assert_eq!(measured["notes"], Value::Array(vec![]), "{measured}");
        for key in ["title", "unit", "latency", "source"] {
            assert!(measured[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {measured}");
        }
        let rows = measured["rows"].as_array().expect("rows");
        for row in rows {
            assert_eq!((row["size"].as_u64(), row["rounds"].as_u64()), (Some(SIZE), Some(1)), "{row}");
            assert!(row["lines"].as_u64().is_some_and(|lines| lines > 2), "{row}");
            consistent(row);
            figure(measured["name"].as_str().expect("a name"), row, &rows[0]);
        }
    }
    let comparison = report["comparison"].as_array().expect("the comparison");
    assert_eq!(comparison.len(), 6);
    for side in ["threads", "async"] {
        assert!(comparison.iter().all(|feature| feature[side]["missing"] == Value::Array(vec![])), "{comparison:?}");
    }
}

fn consistent(row: &Value) {
    assert!(number(row, "wall_ns").is_some_and(|wall| wall > 0), "{row}");
    assert!(number(row, "p50_ns").expect("latencies") <= number(row, "p99_ns").expect("latencies"), "{row}");
    number(row, "cpu_ns");
    let memory = number(row, "peak_bytes").zip(number(row, "added_bytes"));
    assert!(memory.is_none_or(|(peak, added)| added < peak), "{row}");
    let switches = number(row, "voluntary_switches").zip(number(row, "involuntary_switches"));
    assert_eq!(switches.is_some(), cfg!(unix), "{row}");
    let threads = number(row, "threads");
    assert_eq!(threads.is_some_and(|threads| threads >= 1), cfg!(target_os = "linux"), "{row}");
}

/// What comes out follows from the other numbers.
fn figure(measurement: &str, row: &Value, first: &Value) {
    let value = row["figure"]["value"].as_f64().expect("a figure");
    let count = |row: &Value, name| number(row, name).expect("a number") as f64;
    let (wall, size) = (count(row, "wall_ns"), count(row, "size"));
    let (expected, unit) = match measurement {
        "waits" => (size / wall * 1e9, "waits/s"),
        "cpu" => (count(first, "wall_ns") / wall, "times"),
        "switches" => (wall / (size * 2.0), "ns/switch"),
        "memory" => (count(row, "added_bytes") / (size - 1.0), "bytes/each"),
        "server" => (size * 50.0 / wall * 1e9, "requests/s"),
        "callbacks" => (wall / (size * 6.0), "ns/question"),
        other => panic!("{other} has no figure here"),
    };
    assert!((value - expected).abs() <= expected * 1e-9, "{value} is not {expected}: {row}");
    assert_eq!(row["figure"]["unit"], unit);
    let threads = |count: u64| assert_eq!(row["threads"].as_u64().unwrap_or(count), count, "{row}");
    match (measurement, row["form"].as_str().expect("a name")) {
        // Where all are there when they are counted.
        ("memory", "threads") => threads(number(row, "size").expect("a size") + 1),
        ("memory" | "waits" | "switches" | "callbacks" | "server", "tasks" | "callbacks" | "awaited") => threads(1),
        ("switches", _) => threads(2),
        _ => {}
    }
    if measurement == "waits" {
        // No wait ends before its time, and none after the run.
        assert!(count(row, "p50_ns") >= 200e6 && count(row, "p99_ns") <= wall, "{row}");
    }
    let found = if row["form"] == "event-loop" { Value::from("blocking-in-async") } else { Value::Null };
    assert_eq!(row["mistake"], found, "{row}");
}

#[test]
fn the_tables_are_there() {
    let args = ["compare", "--cost", "callbacks", "memory", "--size", "2", "--rounds", "2"];
    let (code, text, stderr) = run(&args);
    assert_eq!((code, stderr.as_str()), (0, ""), "{text}");
    let machine = text.lines().next().expect("the machine");
    assert!(machine.contains("core"), "{machine}");
    for column in ["result", "wall", "CPU", "memory", "switches", "taken", "threads", "p50", "p99", "lines"] {
        assert!(text.lines().nth(1).is_some_and(|header| header.contains(column)), "{column}: {text}");
    }
    assert!(text.contains("| callbacks ×2 ") && text.contains("/question"), "{text}");
    for term in ["核心目標", "底層機制", "適用場景", "效能指標", "主要挑戰", "資源消耗"] {
        assert!(text.contains(term), "{term}: {text}");
    }
    // What was not measured says how it can be.
    assert!(text.contains("gordian compare --cost switches"), "{text}");
    assert!(text.contains(" each, of 2 threads"), "{text}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_low_limit_makes_the_size_smaller() {
    let gordian = env!("CARGO_BIN_EXE_gordian");
    let script =
        format!("ulimit -n 64 && exec '{gordian}' compare --cost server callbacks --size 100 --rounds 1 --format json");
    let output = Command::new("sh").args(["-c", &script]).output().expect("sh runs");
    let (code, report, stderr) = told(&output);
    assert_eq!((code, stderr.as_str()), (0, ""), "{report}");
    let report = document(&report);
    let server = &report["measurements"][0];
    let notes = server["notes"].as_array().expect("notes");
    assert!(notes[0].as_str().is_some_and(|note| note.contains("instead of 100: the 64 open files")), "{notes:?}");
    assert!(server["rows"].as_array().expect("rows").iter().all(|row| row["size"].as_u64() <= Some(32)), "{server}");
    assert_eq!(report["measurements"][1]["rows"][0]["size"], 100, "what needs no files is as asked");
}

#[test]
#[cfg(target_os = "linux")]
fn ctrl_c_ends_it_with_what_is_known() {
    let args = ["compare", "--cost", "all", "--size", "1", "--rounds", "1000", "--format", "json"];
    let running = gordian(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
    // Once it has a child it listens.
    let children = format!("/proc/{0}/task/{0}/children", running.id());
    while std::fs::read_to_string(&children).expect("the system tells children").trim().is_empty() {
        std::thread::yield_now();
    }
    let signal = Command::new("kill").args(["-INT", &running.id().to_string()]).status().expect("kill runs");
    assert!(signal.success());
    let (code, report, stderr) = told(&running.wait_with_output().expect("it ends"));
    assert_eq!((code, stderr.as_str()), (4, ""), "{report}");
    let report = document(&report);
    assert_eq!(report["interrupted"], true);
    assert_eq!(report["measurements"].as_array().map(Vec::len), Some(1), "the first was under way");
    assert_eq!(report["comparison"].as_array().map(Vec::len), Some(6));
}
