//! One report of everything in every form, against `tests/snapshots`. Run with `INSTA_UPDATE=always` to accept what they
//! look like now.

use std::path::{Path, PathBuf};

use gordian::event::{Mode, ObjectKind, Site};
use gordian::finding::{Finding, Held, Involved, Kind, Move, SiteReport, Tier};
use gordian::report::{self, Folded, Part, Report, Style, Suppressed, Unused, origin};

use super::schema::validate;

const BANK: &str = "tests/snapshots/bank.rs";
const POOL: &str = "/home/u/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pool-1.2.3/src/a b.rs";
const STD: &str = "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/sync/mpmc/list.rs";

/// Compares with the snapshot; the version of the tool may change.
fn snapshot(name: &str, actual: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let version = |quoted: &str| quoted.replace("VERSION", env!("CARGO_PKG_VERSION"));
    let mut actual = actual.to_owned();
    for key in ["\"version\": \"VERSION\"", "\"semanticVersion\": \"VERSION\""] {
        actual = actual.replace(&version(key), key);
    }
    settings.bind(|| insta::assert_snapshot!(name, actual));
}

fn operation(role: &str, owner: &str, site: Site) -> SiteReport {
    let (role, owner) = (role.to_owned(), owner.to_owned());
    SiteReport { role, site, owner, held: Vec::new(), event: None, stack: Vec::new() }
}

fn cycle() -> Finding {
    let side = |owner: &str, first: (&str, Site), then: (&str, Site), function: &str| {
        let held = Held { lock: first.0.to_owned(), mode: Mode::Exclusive, at: first.1.clone() };
        let mut took = operation(&format!("takes `{}`", first.0), owner, first.1);
        took.stack = vec![format!("bank::{function} at {}", took.site)];
        let mut wants = operation(&format!("wants `{}`", then.0), owner, then.1);
        wants.stack = vec![format!("bank::{function} at {}", wants.site), "std::thread::spawn".to_owned()];
        wants.held = vec![held];
        [took, wants]
    };
    let at = |line, column| Site::new(BANK, line, column);
    let payer = side("payer", ("balance", at(13, 39)), ("log", at(15, 17)), "pay");
    let auditor = side("auditor", ("log", at(19, 27)), ("balance", at(21, 22)), "audit");
    let made = |object: &str, column| Involved {
        object: object.to_owned(),
        kind: ObjectKind::Mutex,
        created: Some(Site::new(BANK, 9, column)),
    };
    Finding::new(
        Kind::LockOrderCycle,
        Tier::Possible,
        "`balance` and `log` are taken in both orders".to_owned(),
        payer.into_iter().chain(auditor).collect(),
        vec![made("balance", 31), made("log", 58)],
    )
    .with_help("take `balance` and `log` in one order everywhere")
}

fn race(kind: Kind, tier: Tier, sites: [Site; 2]) -> Finding {
    let [one, two] = sites;
    let sites = vec![operation("write of `total`", "adder", one), operation("read of `total`", "main", two)];
    Finding::new(kind, tier, "`total` <is> raced for, 100 %".to_owned(), sites, vec![])
}

/// A finding of a trace: no lines, positions in the stream, and a name with more in it than a name.
fn traced() -> Finding {
    let place = |token: &str, owner: &str, event| {
        let mut place = operation("write of V\u{1b}[31m1", owner, Site::new(token, 0, 0));
        place.event = Some(event);
        place
    };
    let sites = vec![place("12", "T2", 40), place("9", "T1", 31)];
    let mut finding =
        Finding::new(Kind::DataRace, Tier::Predicted, "V1 is raced for\n::error::forged".to_owned(), sites, vec![]);
    let write = |owner: &str, line, event| Move {
        owner: owner.to_owned(),
        action: "writes `V1`".to_owned(),
        site: Site::new("src/a.rs", line, 5),
        event,
        through: false,
        next: true,
    };
    finding.witness = vec![write("T1", 9, 9), write("T2", 12, 12)];
    finding
}

fn everything() -> Report {
    let silenced = race(Kind::LostUpdate, Tier::Observed, [Site::new(BANK, 14, 5), Site::new(POOL, 3, 9)]);
    let folded = race(Kind::DataRace, Tier::Observed, [Site::new(POOL, 7, 1), Site::new(STD, 8, 2)]);
    let mut shared = race(Kind::DataRace, Tier::Observed, [Site::new(POOL, 7, 1), Site::new(BANK, 15, 5)]);
    shared.tests = vec!["a::one".to_owned(), "b::two".to_owned()];
    let program = Part {
        input: Some("bank".to_owned()),
        findings: vec![cycle(), shared],
        suppressed: vec![Suppressed {
            finding: silenced,
            suppression: "legacy".to_owned(),
            reason: "single-threaded by contract".to_owned(),
        }],
        folded: vec![Folded { origin: origin::origin(&folded), findings: vec![folded] }],
        known: vec![race(Kind::LostWakeup, Tier::Observed, [Site::new(BANK, 1, 1), Site::new(BANK, 2, 1)])],
        ..Part::default()
    };
    let trace = Part { input: Some("trace <1>.std".to_owned()), findings: vec![traced()], ..Part::default() };
    let clean = Part { input: Some("clean".to_owned()), ..Part::default() };
    Report {
        deny: Tier::Predicted,
        exit_code: 1,
        root: Some(PathBuf::from("/home/u/bank")),
        unused: vec![Unused { suppression: "gone".to_owned(), at: Site::new("gordian.toml", 6, 0) }],
        unseen: vec!["0123456789abcdef # data-race src/old.rs:1".to_owned()],
        ..Report::new([program, trace, clean].map(Part::counted).into())
    }
}

/// The log that the schema is tried on.
pub(super) fn log() -> String {
    report::sarif(&everything())
}

#[test]
fn text() {
    snapshot("everything.txt", &report::report_text(&everything(), Style::Plain));
}

#[test]
fn json() {
    snapshot("everything.json", &report::json(&everything()));
}

#[test]
fn sarif_is_what_the_schema_wants() {
    let mut log = validate(&log());
    // The pages of the rules have tests of their own.
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array_mut().expect("rules");
    assert_eq!(rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect::<Vec<_>>(), names());
    assert!(rules.iter().all(|rule| rule["help"]["markdown"].as_str().is_some_and(|page| page.starts_with("# "))));
    rules.clear();
    snapshot("everything.sarif", &serde_json::to_string_pretty(&log).expect("JSON"));
    validate(&report::sarif(&Report::new(Vec::new())));
}

fn names() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.name()).collect()
}

#[test]
fn junit() {
    snapshot("everything.xml", &report::junit(&everything()));
}

#[test]
fn github() {
    let commands = report::github(&everything(), Some(Path::new("/home/u")));
    assert!(commands.lines().all(|line| line.starts_with("::")), "{commands}");
    snapshot("everything.github", &commands);
    snapshot("everything.md", &report::github_summary(&everything()));
    assert_eq!(report::github(&Report::new(vec![Part::default()]), None), "");
}
