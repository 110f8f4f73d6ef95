//! Two locks in both orders.
//!
//! origin: every textbook

use gordian::event::{Mode, ObjectKind, Site};
use gordian::finding::{Finding, Held, Involved, Kind, SiteReport, Tier};

pub fn buggy() {
    let line = line!();
    let site = |line: u32, owner: &str, want: &str, have: &str| SiteReport {
        role: format!("waits for `{want}`"), //~ lock-order-cycle
        site: Site::new(file!(), line, 9),
        owner: owner.to_owned(), //~ lock-order-cycle
        held: vec![Held { lock: have.to_owned(), mode: Mode::Exclusive, at: Site::new(file!(), line - 1, 14) }],
        event: None,
        stack: vec!["toy::ab_ba::buggy at scenarios/toy/ab_ba.rs:10:5".to_owned()],
    };
    let object = |name: &str| Involved {
        object: name.to_owned(),
        kind: ObjectKind::Mutex,
        created: Some(Site::new(file!(), line, 9)),
    };
    let sites = vec![site(line + 2, "phil 1", "right", "left"), site(line + 4, "phil 2", "left", "right")];
    let message = "`left` and `right` are taken in both orders".to_owned();
    let objects = vec![object("left"), object("right")];
    gordian::cli::run::tell(
        Finding::new(Kind::LockOrderCycle, Tier::Possible, message, sites, objects)
            .with_help("take them in one order everywhere"),
    );
}

pub fn fixed() {}
