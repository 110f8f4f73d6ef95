//! What reports look like, against `tests/snapshots`. Run with `BLESS=1` to accept what they look like now.

use std::path::Path;

use gordian::event::{Mode, ObjectKind, Site};
use gordian::finding::{Finding, Held, Involved, Kind, Move, SiteReport, Tier};
use gordian::report::dot::{Edge, GraphView, Node, dot};
use gordian::report::{Part, Style, Summary, json, tally, text};

const BANK: &str = "tests/snapshots/bank.rs";

/// Compares with the snapshot, or replaces it when the environment has `BLESS`.
fn snapshot(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, actual).expect("the snapshot can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name} differs; BLESS=1 accepts it");
}

fn operation(role: &str, owner: &str, place: (u32, u32), held: &[(&str, Mode, (u32, u32))]) -> SiteReport {
    SiteReport {
        role: role.to_owned(),
        site: Site::new(BANK, place.0, place.1),
        owner: owner.to_owned(),
        held: held
            .iter()
            .map(|&(lock, mode, (line, column))| Held {
                lock: lock.to_owned(),
                mode,
                at: Site::new(BANK, line, column),
            })
            .collect(),
        event: None,
        stack: Vec::new(),
    }
}

fn made(object: &str, kind: ObjectKind, place: Option<(u32, u32)>) -> Involved {
    Involved { object: object.to_owned(), kind, created: place.map(|(line, column)| Site::new(BANK, line, column)) }
}

fn cycle() -> Finding {
    let mut auditor = operation("waits for `balance`", "auditor", (21, 22), &[("log", Mode::Exclusive, (19, 27))]);
    auditor.stack = vec![
        "<gordian::sync::mutex::Mutex<T>>::lock at src/sync/mutex.rs:40:9".to_owned(),
        "bank::audit at tests/snapshots/bank.rs:21:22".to_owned(),
        "std::sys::backtrace::__rust_begin_short_backtrace".to_owned(),
    ];
    let mut payer = operation("waits for `log`", "payer", (15, 17), &[("balance", Mode::Exclusive, (13, 39))]);
    payer.stack = vec!["bank::pay at tests/snapshots/bank.rs:15:17".to_owned()];
    Finding::new(
        Kind::LockOrderCycle,
        Tier::Possible,
        "`balance` and `log` are taken in both orders".to_owned(),
        vec![auditor, payer],
        vec![made("balance", ObjectKind::Mutex, Some((9, 31))), made("log", ObjectKind::Mutex, Some((9, 58)))],
    )
    .with_help("take `balance` and `log` in one order everywhere")
}

/// A race of a trace: places without lines, positions, a name that would like to command the terminal.
fn race() -> Finding {
    let place = |token: &str, event| SiteReport {
        role: "write of V\u{1b}[31m1".to_owned(),
        site: Site::new(token, 0, 0),
        owner: "T1".to_owned(),
        held: vec![Held { lock: "L1".to_owned(), mode: Mode::Shared, at: Site::new("7", 0, 0) }],
        event: Some(event),
        stack: Vec::new(),
    };
    let objects = vec![made("V1", ObjectKind::Cell, None)];
    let sites = vec![place("12", 40), place("9", 31)];
    let mut finding = Finding::new(Kind::DataRace, Tier::Predicted, "V1 is raced for".to_owned(), sites, objects);
    finding.confirmed = true;
    let step = |event, token: &str, next| Move {
        owner: "T1".to_owned(),
        action: "writes `V\u{1b}[31m1`".to_owned(),
        site: Site::new(token, 0, 0),
        event,
        through: false,
        next,
    };
    finding.witness = vec![step(31, "9", false), step(40, "12", true)];
    finding
}

#[test]
fn no_findings_are_no_text() {
    assert_eq!(text(&[], Style::Coloured), "");
    assert_eq!(tally(&[]), "no findings");
    assert_eq!(tally(&[race(), cycle(), race()]), "3 findings (2 predicted, 1 possible)");
}

#[test]
fn a_report_is_plain_unless_asked() {
    assert!(!text(&[cycle(), race()], Style::Plain).contains('\u{1b}'));
}

#[test]
#[cfg(feature = "cli")]
fn text_with_drawn_sources() {
    snapshot("findings.txt", &text(&[cycle(), race()], Style::Plain));
    assert!(text(&[cycle()], Style::Coloured).contains("\u{1b}["));
}

#[test]
#[cfg(not(feature = "cli"))]
fn text_with_listed_sources() {
    snapshot("findings-listed.txt", &text(&[cycle(), race()], Style::Plain));
}

#[test]
fn json_of_one_run_and_of_several_inputs() {
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let part = |input: Option<&str>, findings: Vec<Finding>, truncated: Option<&str>| Part {
        input: input.map(str::to_owned),
        summary: Summary {
            events: Some(68),
            threads: Some(3),
            truncated: truncated.map(str::to_owned),
            ..Summary::of(&findings)
        },
        findings,
        ..Part::default()
    };
    let one = json(&[part(Some("a.std"), vec![cycle(), race()], None)]);
    snapshot("one.json", &one.replace(&version, "\"version\": \"VERSION\""));
    let several = json(&[
        part(Some("a.std"), vec![race()], None),
        part(Some("b.gordian"), vec![race()], Some("the last block is incomplete")),
    ]);
    snapshot("several.json", &several.replace(&version, "\"version\": \"VERSION\""));
}

#[test]
fn a_graph_marks_its_cycles() {
    let node = |label: &str, line| Node { label: label.to_owned(), created: Some(Site::new(BANK, line, 31)) };
    let edge = |from, to, held, wanted, in_cycle| Edge {
        from,
        to,
        held,
        wanted,
        threads: vec!["payer".to_owned(), "auditor".to_owned()],
        held_at: Site::new(BANK, 13, 39),
        wanted_at: Site::new(BANK, 15, 17),
        in_cycle,
    };
    let graph = GraphView {
        nodes: vec![node("balance", 9), node("the \"log\"", 9), Node { label: "rwlock".to_owned(), created: None }],
        edges: vec![
            edge(0, 1, Mode::Exclusive, Mode::Exclusive, true),
            edge(1, 0, Mode::Exclusive, Mode::Shared, true),
            edge(0, 2, Mode::Upgradable, Mode::SharedRecursive, false),
        ],
    };
    snapshot("graph.dot", &dot(&graph));
}
