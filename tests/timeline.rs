//! `gordian timeline`: what it says of an event loop agrees with the events, and these with the program. Nothing depends on
//! how fast the machine is.
#![cfg(feature = "cli")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

fn run(args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gordian"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    let output = command.output().expect("the command starts");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (output.status.code().expect("it ends by itself"), text(&output.stdout), text(&output.stderr))
}

fn document(args: &[&str]) -> Value {
    let (code, text, stderr) = run(&[&["timeline"], args, &["--format", "json"]].concat());
    assert_eq!((code, stderr.as_str()), (0, ""), "{args:?}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name}: {value}"))
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name}: {value}"))
}

#[test]
fn every_file_can_be_shown() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/timeline");
    let files = std::fs::read_dir(folder).expect("the folder").map(|file| file.expect("an entry").path());
    let files: BTreeSet<String> = files
        .map(|file| file.file_stem().expect("a name").to_string_lossy().replace('_', "-"))
        .filter(|name| name != "mod")
        .collect();
    let list = document(&[]);
    let listed = items(&list, "timelines").iter();
    let here = listed.filter(|entry| entry["path"].as_str().is_some_and(|path| path.contains("/timeline/")));
    let here: BTreeSet<String> = here.map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(files, here);
    assert!(
        items(&list, "timelines").iter().all(|entry| entry["title"].as_str().is_some_and(|title| !title.is_empty()))
    );
}

#[test]
fn wrong_usage_is_2_and_says_what_to_do() {
    let wrong: [(&[&str], &str); 3] = [
        (&["cpu-in-the-lop"], "similar value exists: 'cpu-in-the-loop'"),
        (&["--fixed"], "<NAME>"),
        (&["to-and-fro", "--timeout", "0"], "--timeout"),
    ];
    for (args, reason) in wrong {
        let (code, stdout, stderr) = run(&[&["timeline"], args].concat());
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
        assert!(stderr.contains(reason), "{args:?}: {stderr}");
    }
}

/// The tasks agree with the events.
fn consistent(timeline: &Value) {
    let events = items(timeline, "events");
    assert!(events.is_sorted_by_key(|event| number(event, "at_ns")));
    assert!(events.iter().all(|event| timeline["threads"][number(event, "thread").to_string()].is_string()));
    let mut polls: BTreeMap<u64, u64> = BTreeMap::new();
    for event in events.iter().filter(|event| event["what"] == "poll-begin") {
        *polls.entry(number(event, "task")).or_default() += 1;
    }
    for lane in items(timeline, "tasks") {
        let task = number(lane, "task");
        assert_eq!(number(lane, "polls"), polls.get(&task).copied().unwrap_or(0), "{lane}");
        assert_eq!(lane["end"], "ready", "{lane}");
        assert!(lane["site"]["file"].as_str().is_some_and(|file| file.starts_with("scenarios/timeline/")), "{lane}");
        let spans = items(lane, "spans");
        assert!(spans.iter().all(|span| number(span, "from_ns") < number(span, "to_ns")), "{lane}");
        assert!(spans.windows(2).all(|pair| pair[0]["to_ns"] == pair[1]["from_ns"]), "no gaps: {lane}");
        let all = |states: &[&str]| -> Vec<u64> {
            let spans = spans.iter().filter(|span| states.iter().any(|state| span["state"] == *state));
            spans.map(|span| number(span, "to_ns") - number(span, "from_ns")).collect()
        };
        let polled = all(&["polled"]);
        assert_eq!(number(lane, "polled_ns"), polled.iter().sum::<u64>(), "{lane}");
        assert_eq!(number(lane, "longest_poll_ns"), polled.iter().copied().max().unwrap_or(0), "{lane}");
        assert_eq!(number(lane, "waited_ns"), all(&["queued", "overdue"]).iter().sum::<u64>(), "{lane}");
        assert!(number(lane, "longest_wait_ns") <= number(lane, "waited_ns"), "{lane}");
    }
    for stall in items(timeline, "stalls") {
        let waited = items(stall, "waited");
        assert!(!waited.is_empty(), "{stall}");
        assert!(
            waited.iter().all(|waited| (1..=number(stall, "poll_ns")).contains(&number(waited, "for_ns"))),
            "{stall}"
        );
        assert!(waited.iter().all(|waited| waited["task"] != stall["task"]), "{stall}");
    }
}

/// The line where the report's task is spawned, or its job.
fn line_of(text: &str) -> u64 {
    let source = include_str!("../scenarios/timeline/cpu_in_the_loop.rs");
    let line = source.lines().position(|line| line.contains(text)).expect("it is there");
    u64::try_from(line + 1).expect("a small number")
}

fn lanes_at(timeline: &Value, line: u64) -> Vec<&Value> {
    items(timeline, "tasks").iter().filter(|lane| number(&lane["site"], "line") == line).collect()
}

#[test]
fn a_task_that_computes_keeps_the_others_waiting() {
    let timeline = document(&["cpu-in-the-loop"]);
    consistent(&timeline);
    assert_eq!(timeline["threads"].as_object().map(serde_json::Map::len), Some(1));
    let reporter = lanes_at(&timeline, line_of("let reporter"))[0];
    // It computes until so much time has gone by.
    assert!(number(reporter, "longest_poll_ns") >= 150_000_000, "{reporter}");
    let hearts = lanes_at(&timeline, line_of("let hearts"));
    assert!(hearts.iter().all(|heart| number(heart, "polls") == 11), "ten pauses: {hearts:?}");
    let stall = items(&timeline, "stalls")
        .iter()
        .find(|stall| stall["task"] == reporter["task"] && stall["poll_ns"] == reporter["longest_poll_ns"]);
    let waited: BTreeSet<u64> =
        items(stall.expect("the long poll is one"), "waited").iter().map(|waited| number(waited, "task")).collect();
    assert!(hearts.iter().all(|heart| waited.contains(&number(heart, "task"))), "{waited:?}");
}

#[test]
fn a_job_is_on_a_thread_of_its_own() {
    let timeline = document(&["cpu-in-the-loop", "--fixed"]);
    consistent(&timeline);
    assert_eq!(timeline["threads"].as_object().map(serde_json::Map::len), Some(2));
    let job = lanes_at(&timeline, line_of("spawn_blocking(compute)"))[0];
    assert!(number(job, "longest_poll_ns") >= 150_000_000, "{job}");
    let threads = |lane: &Value| -> BTreeSet<u64> {
        items(lane, "spans").iter().filter_map(|span| span.get("thread")?.as_u64()).collect()
    };
    let elsewhere = items(&timeline, "tasks").iter().filter(|lane| lane["task"] != job["task"]).flat_map(threads);
    assert!(threads(job).is_disjoint(&elsewhere.collect()), "{timeline}");
    assert!(items(&timeline, "stalls").iter().all(|stall| stall["task"] != job["task"]), "nobody waits for the job");
}

#[test]
fn a_message_wakes_who_waits_for_it() {
    for form in [&[][..], &["--fixed"]] {
        let timeline = document(&[&["to-and-fro"], form].concat());
        consistent(&timeline);
        let events = items(&timeline, "events");
        // Whoever is polled again was woken, or had come back to the queue by itself.
        let mut queued: BTreeSet<u64> = BTreeSet::new();
        for event in events {
            let task = number(event, "task");
            match event["what"].as_str().expect("a name") {
                "spawned" | "woken" => drop(queued.insert(task)),
                "poll-begin" => assert!(queued.remove(&task), "{event}"),
                _ => {}
            }
        }
    }
}

#[test]
fn the_picture_has_a_lane_for_each_task() {
    let (code, text, stderr) = run(&["timeline", "cpu-in-the-loop", "--fixed", "--events"]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{text}");
    assert!(text.starts_with("cpu-in-the-loop (fixed): 6 tasks on 2 threads, "), "{text}");
    for label in ["main ", "ready ", "task 1 ", "task 6 "] {
        assert!(text.lines().any(|line| line.trim_start().starts_with(label)), "{label}: {text}");
    }
    assert!(text.contains("# polled") && text.contains("| task 6 "), "{text}");
    assert!(!text.contains('█'), "not a screen: {text}");
    let lines = |what: &str| text.lines().filter(|line| line.ends_with(what)).count();
    assert_eq!((lines("  ready"), lines("  poll begins") > 6), (6, true), "{text}");
}
