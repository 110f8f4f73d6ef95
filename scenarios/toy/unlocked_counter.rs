//! A counter without a lock.
//!
//! origin: every textbook

use gordian::event::Site;
use gordian::finding::{Finding, Kind, SiteReport, Tier};

pub fn buggy() {
    let line = line!();
    let site = |line: u32, owner: &str| SiteReport {
        role: "write of `counter`".to_owned(), //~ data-race
        site: Site::new(file!(), line, 9),
        owner: owner.to_owned(),
        held: Vec::new(),
        event: None,
        stack: Vec::new(),
    };
    let sites = vec![site(line + 2, "a"), site(line + 2, "b")];
    let message = "`counter` is written by two threads at once".to_owned();
    gordian::cli::run::tell(Finding::new(Kind::DataRace, Tier::Observed, message, sites, Vec::new()));
}

pub fn fixed() {}
