//! The bundled scenarios: real bugs as small programs, each with a fixed twin and marks on its guilty lines.
//!
//! A scenario is one file `scenarios/GROUP/NAME.rs`. The first line of its `//!` header is the title, a line
//! `//! origin: …` says where the bug comes from. It has `pub fn buggy()` and `pub fn fixed()`. A line that ends in
//! `//~ KIND` (or `//~ KIND, KIND`) is a site of a finding of that kind in the buggy form.
//!
//! `GROUP/NAME_async.rs` is the bug of `GROUP/NAME.rs` as tasks: the two are a [`Pair`]. The header of the async one says
//! in a paragraph `//! becomes: …` what the same mistake becomes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Serialize;

use crate::finding::{Finding, Kind, UnknownKind};

#[path = "../../scenarios/mod.rs"]
#[allow(unreachable_pub, reason = "scenarios are written as a user would write them")]
mod registry;

/// A bundled scenario.
#[derive(Debug)]
pub struct Scenario {
    /// What the user types: the file's name with `-` for `_`.
    pub name: String,
    /// Its folder.
    pub group: &'static str,
    /// Its file, from the root of the package: `scenarios/GROUP/NAME.rs`.
    pub path: String,
    /// The text of its file.
    pub source: &'static str,
    /// The bug.
    pub buggy: fn(),
    /// The same program without it.
    pub fixed: fn(),
}

/// What runs side by side in a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Threads.
    Threads,
    /// Tasks of an async runtime.
    Async,
}

impl Form {
    /// As users read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Async => "async",
        }
    }
}

/// The end of the name of an async scenario.
const ASYNC: &str = "-async";

/// One bug as threads and as tasks.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// The threads.
    pub threads: &'static Scenario,
    /// The tasks.
    pub tasks: &'static Scenario,
}

impl Pair {
    /// The name of both: that of the threads.
    #[must_use]
    pub fn name(&self) -> &'static str {
        &self.threads.name
    }
}

/// What a mark and a finding's site have in common: the kind, and the 1-based line.
pub type Mark = (Kind, u32);

impl Scenario {
    pub(super) fn new(group: &'static str, module: &str, source: &'static str, buggy: fn(), fixed: fn()) -> Self {
        let path = format!("scenarios/{group}/{module}.rs");
        Self { name: module.replace('_', "-"), group, path, source, buggy, fixed }
    }

    /// The first line of the header.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.header().next().unwrap_or_default()
    }

    /// Where the bug comes from.
    #[must_use]
    pub fn origin(&self) -> &'static str {
        self.header().find_map(|line| line.strip_prefix("origin:")).unwrap_or_default().trim()
    }

    fn header(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim)
    }

    /// What the same mistake becomes, compared with the threads: for an async scenario a sentence or two, else empty.
    #[must_use]
    pub fn becomes(&self) -> String {
        let mut lines = self.header().skip_while(|line| !line.starts_with("becomes:"));
        let first = lines.next().and_then(|line| line.strip_prefix("becomes:")).unwrap_or_default().trim();
        let rest = lines.take_while(|line| !line.is_empty());
        std::iter::once(first).chain(rest).collect::<Vec<_>>().join(" ")
    }

    /// What runs side by side in it.
    #[must_use]
    pub fn form(&self) -> Form {
        if self.name.ends_with(ASYNC) { Form::Async } else { Form::Threads }
    }

    /// The pair that it belongs to, if the same bug is there in the other form, too.
    #[must_use]
    pub fn pair(&self) -> Option<Pair> {
        let name = self.name.strip_suffix(ASYNC).unwrap_or(&self.name);
        Some(Pair { threads: find(name)?, tasks: find(&format!("{name}{ASYNC}"))? })
    }

    /// The same bug in the other form.
    #[must_use]
    pub fn twin(&self) -> Option<&'static Scenario> {
        let pair = self.pair()?;
        Some(if self.form() == Form::Async { pair.threads } else { pair.tasks })
    }

    /// The marks in the source.
    ///
    /// # Errors
    ///
    /// [`UnknownKind`] when a mark names none.
    pub fn marks(&self) -> Result<BTreeSet<Mark>, UnknownKind> {
        let marked =
            self.source.lines().zip(1..).filter_map(|(line, number)| Some((line.rsplit_once("//~")?.1, number)));
        marked
            .flat_map(|(kinds, number)| kinds.split(',').map(move |kind| Ok((kind.trim().parse()?, number))))
            .collect()
    }

    /// The kinds of its marks, in the order of [`Kind::ALL`].
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let marks = self.marks().unwrap_or_default();
        let kinds: BTreeSet<Kind> = marks.into_iter().map(|(kind, _)| kind).collect();
        kinds.into_iter().collect()
    }

    /// What of the findings lies in the scenario's file, in the form of marks.
    #[must_use]
    pub fn sites(&self, findings: &[Finding]) -> BTreeSet<Mark> {
        let sites = findings.iter().flat_map(|finding| finding.sites.iter().map(|site| (finding.kind, &site.site)));
        sites.filter(|(_, site)| self.is_file(&site.file)).map(|(kind, site)| (kind, site.line)).collect()
    }

    /// The compiler's path of the file is relative to the workspace, or absolute in a package of the registry.
    fn is_file(&self, path: &str) -> bool {
        path.strip_suffix(self.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    }
}

/// All scenarios, in the order of the registry.
#[must_use]
pub fn all() -> &'static [Scenario] {
    static ALL: LazyLock<Vec<Scenario>> = LazyLock::new(registry::scenarios);
    &ALL
}

/// The scenario of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scenario> {
    all().iter().find(|scenario| scenario.name == name)
}

/// All pairs, in the order of the registry.
pub fn pairs() -> impl Iterator<Item = Pair> {
    all().iter().filter(|scenario| scenario.form() == Form::Async).filter_map(Scenario::pair)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Site;
    use crate::finding::{SiteReport, Tier};

    #[test]
    fn every_scenario_is_complete() {
        let names: BTreeSet<&str> = all().iter().map(|scenario| scenario.name.as_str()).collect();
        assert_eq!(names.len(), all().len(), "names are unique");
        for scenario in all() {
            let name = &scenario.name;
            assert!(!scenario.title().is_empty(), "{name}: the first line of the header is the title");
            assert!(!scenario.origin().is_empty(), "{name}: the header has an `origin:` line");
            scenario.marks().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&scenario.path).is_file(), "{name}");
            if scenario.form() == Form::Async {
                let threads = scenario.twin().unwrap_or_else(|| panic!("{name}: there is no such bug as threads"));
                assert_eq!(threads.group, scenario.group, "{name}: a pair is in one group");
                assert!(!scenario.becomes().is_empty(), "{name}: the header says what the mistake becomes");
            }
        }
    }

    fn sample(source: &'static str) -> Scenario {
        Scenario::new("race", "sample_one", source, || {}, || {})
    }

    #[test]
    fn header_and_marks_are_read() {
        let scenario = sample(
            "//! A title.\n//!\n//! becomes: the same,\n//! later.\n//!\n//! origin: a book, p. 7\nlet x; //~ data-race, lost-update\n\nlet y; //~ data-race",
        );
        assert_eq!(
            (scenario.name.as_str(), scenario.title(), scenario.origin()),
            ("sample-one", "A title.", "a book, p. 7")
        );
        assert_eq!(scenario.becomes(), "the same, later.");
        assert_eq!((scenario.form(), sample("").becomes().as_str()), (Form::Threads, ""));
        let expected = BTreeSet::from([(Kind::DataRace, 7), (Kind::LostUpdate, 7), (Kind::DataRace, 9)]);
        assert_eq!(scenario.marks(), Ok(expected));
        assert_eq!(scenario.kinds(), [Kind::DataRace, Kind::LostUpdate]);
        assert_eq!(sample("x //~ data-rice").marks(), Err(UnknownKind("data-rice".to_owned())));
    }

    #[test]
    fn only_sites_in_the_file_count() {
        let site = |file: &str, line| SiteReport {
            role: String::new(),
            site: Site::new(file, line, 1),
            owner: String::new(),
            held: Vec::new(),
            event: None,
            stack: Vec::new(),
        };
        let sites = vec![
            site("src/cli/../../scenarios/race/sample_one.rs", 4),
            site("/home/u/scenarios/race/sample_one.rs", 5),
            site("other_scenarios/race/sample_one.rs", 6),
            site("scenarios/race/other.rs", 7),
        ];
        let finding = Finding::new(Kind::DataRace, Tier::Observed, String::new(), sites, vec![]);
        assert_eq!(sample("").sites(&[finding]), BTreeSet::from([(Kind::DataRace, 4), (Kind::DataRace, 5)]));
    }
}
