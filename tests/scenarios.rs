//! Every bundled scenario, buggy and fixed, against the marks in its source; and the registry against the folder.
#![cfg(feature = "cli")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use gordian::cli::scenarios::{self, Form, Scenario};
use gordian::engine::{Engine, Judge};
use gordian::finding::{Finding, Kind, Tier};
use gordian::trace::TraceReader;
use serde_json::Value;

/// Runs the command and reads what it prints as JSON.
fn document(args: &[&str]) -> (Option<i32>, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gordian"));
    command.args(args).args(["--format", "json"]).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    let output = command.env_remove("RUST_BACKTRACE").output().expect("the command starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let document = serde_json::from_str(&text);
    (output.status.code(), document.unwrap_or_else(|error| panic!("{args:?}: {error}\n{text}")))
}

fn findings(scenario: &Scenario) -> Vec<Finding> {
    let (code, report) = document(&["run", &scenario.name]);
    assert_eq!(code, Some(1), "{}", scenario.name);
    serde_json::from_value(report["findings"].clone()).expect("findings")
}

#[test]
fn every_scenario_finds_what_it_is_marked_with_and_its_fixed_twin_nothing() {
    let (code, table) = document(&["selftest"]);
    let rows = table["scenarios"].as_array().expect("rows");
    assert_eq!(rows.len(), scenarios::all().len());
    let wrong: Vec<&Value> = rows.iter().filter(|row| row["right"] != true).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(code, Some(0));
}

#[test]
fn the_kinds_of_threaded_programs_are_all_there() {
    let threads = scenarios::all().iter().filter(|scenario| scenario.form() == Form::Threads);
    let marked: BTreeSet<Kind> = threads.flat_map(Scenario::kinds).collect();
    let kinds = [
        Kind::LockOrderCycle,
        Kind::SelfDeadlock,
        Kind::RecursiveRead,
        Kind::WaitCycle,
        Kind::LostWakeup,
        Kind::PoolStarvation,
        Kind::DataRace,
        Kind::LostUpdate,
        Kind::AtomicityViolation,
        Kind::ResourceLeak,
    ];
    assert_eq!(marked, BTreeSet::from(kinds));
}

#[test]
fn pairs_cover_the_kinds_and_the_readme_tells_them_as_they_are() {
    let kinds: BTreeSet<Kind> =
        scenarios::pairs().flat_map(|pair| [pair.threads.kinds(), pair.tasks.kinds()].concat()).collect();
    assert!(kinds.len() >= 15, "{kinds:?}");
    assert!(scenarios::pairs().count() >= 20);
    let words = |scenario: &Scenario| match scenario.kinds().as_slice() {
        [] => "nothing".to_owned(),
        kinds => kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "),
    };
    let readme = include_str!("../README.md");
    let (_, table) = readme.split_once("| pair | threads | async |").expect("the table of pairs");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let name = cells[0].trim_matches('`');
        let pair = scenarios::pairs().find(|pair| pair.name() == name).unwrap_or_else(|| panic!("{row}: no such pair"));
        assert_eq!((cells[1], cells[2]), (&*words(pair.threads), &*words(pair.tasks)), "{name}");
        count += 1;
    }
    assert!(count >= 10);
}

#[test]
fn a_pair_is_shown_side_by_side_and_one_below_the_other() {
    let (code, comparison) = document(&["compare", "double-lock"]);
    assert_eq!(code, Some(0));
    assert_eq!((&comparison["version"], &comparison["pair"]), (&Value::from(1), &Value::from("double-lock")));
    assert_eq!(comparison["same_kind"], true);
    for (form, scenario) in [("threads", "double-lock"), ("async", "double-lock-async")] {
        let side = &comparison[form];
        assert_eq!((&side["form"], &side["scenario"]), (&Value::from(form), &Value::from(scenario)));
        assert_eq!(side["kinds"], serde_json::json!(["self-deadlock"]));
        assert_eq!(side["buggy"]["findings"].as_array().map(Vec::len), Some(1));
        assert_eq!(side["fixed"], serde_json::json!({"findings": [], "trouble": null}));
    }
    let text = |layout: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gordian"));
        command.args(["compare", "double-lock-async", "--layout", layout]).current_dir(env!("CARGO_MANIFEST_DIR"));
        String::from_utf8(command.stdin(Stdio::null()).output().expect("the command starts").stdout).expect("UTF-8")
    };
    let (stacked, columns) = (text("auto"), text("columns"));
    for told in [&stacked, &columns] {
        assert_eq!(told.matches("error[self-deadlock]").count(), 2, "{told}");
        assert_eq!(told.matches("fixed twin: silent").count(), 2, "{told}");
        assert!(told.contains("\nsame kind: self-deadlock\n"), "{told}");
        assert!(told.contains("the same, more quietly"), "{told}");
    }
    assert!(!stacked.contains('│'), "a pipe gets no columns: {stacked}");
    let end = columns.find("\nsame kind").expect("the verdict");
    let mut rows = columns[..end].lines();
    assert!(rows.all(|line| line.contains('│') && line.chars().count() <= 150), "{columns}");
}

#[test]
fn every_file_is_in_the_registry() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files = BTreeSet::new();
    for group in std::fs::read_dir(&root).expect("the folder") {
        let group = group.expect("an entry").path();
        if !group.is_dir() {
            assert_eq!(group.file_name().expect("a name"), "mod.rs");
            continue;
        }
        // What `compare --cost` measures and `timeline` shows have registries of their own, which `tests/cost.rs` and
        // `tests/timeline.rs` hold them to.
        if group.ends_with("cost") || group.ends_with("timeline") {
            continue;
        }
        for file in std::fs::read_dir(&group).expect("a group") {
            let file = file.expect("an entry").path();
            let path = file.strip_prefix(&root).expect("it is below").to_string_lossy().replace('\\', "/");
            files.insert(format!("scenarios/{path}"));
        }
    }
    let registered: BTreeSet<String> = scenarios::all().iter().map(|scenario| scenario.path.clone()).collect();
    assert_eq!(files, registered);
}

#[test]
fn an_order_from_a_lucky_run_is_predicted_and_a_deadlock_is_observed() {
    for (name, tier) in
        [("ab-ba", Tier::Predicted), ("ab-ba-blocked", Tier::Observed), ("part-of-the-program", Tier::Observed)]
    {
        let scenario = scenarios::find(name).expect("it is bundled");
        let findings = findings(scenario);
        assert_eq!(findings.len(), 1, "{name}");
        let finding = &findings[0];
        assert_eq!((finding.kind, finding.tier), (Kind::LockOrderCycle, tier), "{name}");
        let owners: BTreeSet<&str> = finding.sites.iter().map(|site| site.owner.as_str()).collect();
        assert_eq!(
            (owners.len(), finding.sites.len()),
            (2, 4),
            "{name}: where each took one lock and wanted the other"
        );
        for site in &finding.sites {
            let innermost = site.stack.first().expect("a stack without RUST_BACKTRACE");
            assert!(innermost.ends_with(&format!(" at {}:{}", scenario.path, site.site.line)), "{name}: {innermost}");
            assert!(site.stack.iter().all(|frame| frame.contains(&scenario.path)), "{name}: {:?}", site.stack);
        }
    }
}

/// Nothing goes wrong in these runs, and what could is in the report with the order that leads to it. `possible` where a
/// thread would have to do, after it saw something else than it did, what another one did.
#[test]
fn lucky_runs_show_what_could_have_been() {
    let wanted = [
        ("dining-philosophers", Kind::LockOrderCycle, Tier::Predicted, 5),
        ("mark-bit-wiped", Kind::LostUpdate, Tier::Predicted, 2),
        ("proposed-twice", Kind::LostUpdate, Tier::Possible, 2),
        ("session-replaced", Kind::AtomicityViolation, Tier::Possible, 2),
    ];
    for (name, kind, tier, threads) in wanted {
        let findings = findings(scenarios::find(name).expect("it is bundled"));
        let [finding] = &findings[..] else { panic!("{name}: {findings:#?}") };
        assert_eq!((finding.kind, finding.tier), (kind, tier), "{name}");
        let next: BTreeSet<&str> =
            finding.witness.iter().filter(|step| step.next).map(|step| step.owner.as_str()).collect();
        assert_eq!(next.len(), threads, "{name}");
    }
}

#[test]
fn a_recorded_scenario_leaves_a_trace() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("ab-ba.gordian");
    let path = file.to_string_lossy();
    let (code, _) = document(&["run", "ab-ba", "--record", &path]);
    assert_eq!(code, Some(1));
    assert!(std::fs::metadata(&file).expect("the trace").len() > 0);
    let unwritable = directory.path().join("no/such/directory/trace");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gordian"));
    let output = command.args(["run", "ab-ba", "--record"]).arg(&unwritable).output().expect("the command starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write"));
}

#[test]
fn the_report_in_the_readme_is_the_one_that_is_printed() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gordian"));
    let output = command.args(["run", "ab-ba"]).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("it starts");
    // Names of functions are longer without optimisation; the places of the frames are the same.
    let place = |line: &str| match line.trim_start().split_once(": ") {
        Some((depth, frame)) if depth.parse::<u32>().is_ok() => frame.rsplit(' ').next().map(str::to_owned),
        _ => Some(line.to_owned()),
    };
    let places = |text: &str| text.trim_end().lines().map(place).collect::<Vec<_>>();
    let readme = include_str!("../README.md");
    let (_, report) = readme.split_once("```text\n").expect("a report");
    let (report, _) = report.split_once("```").expect("its end");
    assert_eq!(places(report), places(&String::from_utf8(output.stdout).expect("UTF-8")));
}

#[test]
fn a_recording_is_judged_as_the_run_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("run.gordian");
    let trace = trace.to_str().expect("UTF-8");
    let identities = |report: &Value| -> BTreeSet<String> {
        let findings: Vec<Finding> = serde_json::from_value(report["findings"].clone()).expect("findings");
        findings.iter().map(|finding| format!("{} {:?} {}", finding.kind, finding.tier, finding.fingerprint)).collect()
    };
    // One of each kind, and its fixed twin. What tasks do is not in recordings yet.
    let mut seen = BTreeSet::new();
    let threads = scenarios::all().iter().filter(|scenario| scenario.form() == Form::Threads);
    for scenario in threads.filter(|scenario| seen.insert(scenario.kinds())) {
        for fixed in [&[][..], &["--fixed"]] {
            let run: Vec<&str> = ["run", &scenario.name, "--record", trace].iter().chain(fixed).copied().collect();
            let (_, live) = document(&run);
            let (_, recorded) = document(&["analyze", trace]);
            assert_eq!(identities(&live), identities(&recorded), "{} {fixed:?}", scenario.name);
        }
    }
}

/// What a recording of tasks does not show yet, by the kinds that the run itself finds: what tasks wait for, and what their
/// futures do.
const LIVE_ONLY: &[(&str, &[Kind])] = &[
    ("double-lock-async", &[Kind::SelfDeadlock]),
    ("lazy-reentrant-async", &[Kind::SelfDeadlock]),
    ("read-then-write-async", &[Kind::SelfDeadlock]),
    ("barrier-party-dies-async", &[Kind::ResourceLeak]),
    ("channel-full-async", &[Kind::WaitCycle]),
    ("join-each-other-async", &[Kind::WaitCycle]),
    ("join-under-lock-async", &[Kind::WaitCycle]),
    ("lock-never-released-async", &[Kind::ResourceLeak]),
    ("lost-wakeup-async", &[Kind::LostWakeup]),
    ("no-room-at-all-async", &[Kind::LostWakeup]),
    ("own-sender-async", &[Kind::WaitCycle]),
    ("second-connection-async", &[Kind::WaitCycle]),
    ("timer-needs-lock-async", &[Kind::WaitCycle, Kind::BlockingInAsync]),
    ("unpark-before-flag-async", &[Kind::LostWakeup]),
    ("wait-with-second-lock-async", &[Kind::WaitCycle]),
    ("wakeup-swallowed-async", &[Kind::LostWakeup]),
    ("guard-kept-waiting-async", &[Kind::GuardAcrossAwait]),
    ("result-before-work-async", &[Kind::WaitCycle]),
    ("second-send-async", &[Kind::UnpolledFuture]),
    ("sleep-on-the-worker-async", &[Kind::BlockingInAsync]),
    ("timeout-then-lock-async", &[Kind::Futurelock]),
    ("half-transfer-async", &[Kind::CancelledCriticalSection]),
    ("proposed-twice-async", &[Kind::LostUpdate]),
    ("session-replaced-async", &[Kind::LostUpdate]),
];

/// Races that a recording shows only if two threads happened to poll the two tasks: which tasks could be polled at the same
/// time it does not say.
const BY_CHANCE: &[&str] = &["guard-thrown-away-async", "unsynchronised-counter-async", "used-before-finished-async"];

#[test]
fn a_recording_of_tasks_shows_what_is_not_listed_as_live_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorded = |scenario: &Scenario, form: &[&str]| -> BTreeSet<Kind> {
        let trace = folder.path().join(&scenario.name);
        let path = trace.to_str().expect("UTF-8");
        let (code, _) = document(&[&["run", &scenario.name, "--no-predict", "--record", path], form].concat());
        assert_eq!(code, Some(i32::from(form.is_empty())), "{}", scenario.name);
        let mut reader = TraceReader::open_file(&trace).expect("a trace");
        let mut engine = Engine::new(Judge::STREAMING, false);
        engine.feed(1, &reader.read_to_end().expect("it is whole"));
        engine.verdict(reader.names()).findings.iter().map(|finding| finding.kind).collect()
    };
    let mut listed = LIVE_ONLY.iter();
    // The one with a pool of 512 threads, whose starvation is live only too, takes longer than all the others.
    let tasks = scenarios::all().iter().filter(|scenario| scenario.form() == Form::Async);
    for scenario in tasks.filter(|scenario| scenario.name != "pool-of-waiters-async") {
        // What the run itself finds is what the marks say: that is tested above.
        let (live, told) = (BTreeSet::from_iter(scenario.kinds()), recorded(scenario, &[]));
        assert!(told.is_subset(&live), "{}: {told:?} and not {live:?}", scenario.name);
        let missing: Vec<Kind> = live.difference(&told).copied().collect();
        if BY_CHANCE.contains(&scenario.name.as_str()) {
            assert!(missing.iter().all(|kind| *kind == Kind::DataRace), "{}: {missing:?}", scenario.name);
        } else if !missing.is_empty() {
            assert_eq!(listed.next(), Some(&(scenario.name.as_str(), &missing[..])), "{}", scenario.name);
        }
        assert_eq!(recorded(scenario, &["--fixed"]), BTreeSet::new(), "{} --fixed", scenario.name);
    }
    assert_eq!(listed.next(), None, "it is not live only, or there is no such scenario");
}
