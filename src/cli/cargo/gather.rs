//! What the watched processes have left, as one.
//!
//! Files are read as they are: of a process that still runs, or was killed, everything counts that it had written. So
//! whoever is interrupted gathers as always.

mod crossing;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use crate::finding::{Finding, Findings, Fingerprint};
use crate::report::stream::{Ended, Line, Order, Process, STREAM_VERSION, Withdrawn};

/// Everything that a directory of reports says.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The findings: those of the processes, each once, oldest first, then those that only several processes show.
    pub findings: Vec<Found>,
    /// The processes, oldest first.
    pub processes: Vec<Watched>,
    /// What could not be read, or was not written: a sentence each.
    pub troubles: Vec<String>,
    /// Something that a process had found may be missing: its file could not be read, or not be written to its end.
    pub incomplete: bool,
}

/// A finding and where it was made.
#[derive(Debug)]
pub struct Found {
    /// The strongest evidence, and all tests that showed it.
    pub finding: Finding,
    /// How many processes showed it. Of an order that only several processes show: how many took part.
    pub processes: usize,
}

/// A process and what came of it.
#[derive(Debug)]
pub struct Watched {
    /// Its file.
    pub file: PathBuf,
    /// Which it was; `None` if the file does not say.
    pub process: Option<Process>,
    /// How it ended. `None`: it was killed, or still runs.
    pub ended: Option<Ended>,
    /// How many findings are its own.
    pub findings: usize,
}

/// Reads all reports in a directory. Cost: linear in what was written, plus the search for cycles among the orders.
///
/// # Errors
///
/// If the directory can't be read. A file that can't be is a [trouble](Gathered::troubles).
pub fn gather(directory: &Path) -> io::Result<Gathered> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    let mut troubles = Vec::new();
    let mut reports: Vec<Report> = files.into_iter().filter_map(|file| Report::read(file, &mut troubles)).collect();
    let incomplete = !troubles.is_empty();
    for report in &reports {
        let name = report.name();
        troubles.extend(report.notes.iter().map(|note| format!("{name}: {note}")));
    }
    reports.sort_by_key(|report| report.process.as_ref().map_or(u64::MAX, |process| process.started));
    let mut gathered = merge(&reports);
    gathered.troubles.splice(0..0, troubles);
    gathered.incomplete = incomplete;
    Ok(gathered)
}

/// One file.
struct Report {
    file: PathBuf,
    process: Option<Process>,
    findings: Findings,
    orders: Vec<Order>,
    ended: Option<Ended>,
    notes: Vec<String>,
}

impl Report {
    /// `None` if nothing in it can be understood. Lines that can't be are told, and the others count.
    fn read(file: PathBuf, troubles: &mut Vec<String>) -> Option<Self> {
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) => {
                troubles.push(format!("{}: cannot be read: {error}", file.display()));
                return None;
            }
        };
        let mut report = Self {
            file,
            process: None,
            findings: Findings::default(),
            orders: Vec::new(),
            ended: None,
            notes: Vec::new(),
        };
        for (line, number) in bytes.split(|&byte| byte == b'\n').zip(1..) {
            if line.is_empty() {
                continue;
            }
            let last = bytes.len() == line.as_ptr().addr() - bytes.as_ptr().addr() + line.len();
            match std::str::from_utf8(line)
                .map_err(|error| error.to_string())
                .and_then(|line| Line::from_json(line).map_err(|error| error.to_string()))
            {
                Ok(Line::Process(process)) if process.version != STREAM_VERSION => {
                    troubles.push(format!(
                        "{}: written by another version of gordian (format {}, this one reads {STREAM_VERSION})",
                        report.file.display(),
                        process.version
                    ));
                    return None;
                }
                Ok(line) => report.add(line),
                Err(_) if last => {
                    troubles.push(format!("{}:{number}: the last line is cut", report.file.display()));
                }
                Err(error) => troubles.push(format!("{}:{number}: damaged: {error}", report.file.display())),
            }
        }
        if report.process.is_none() {
            troubles.push(format!("{}: does not say which process wrote it", report.file.display()));
        }
        Some(report)
    }

    fn add(&mut self, line: Line) {
        match line {
            Line::Process(process) => self.process = Some(process),
            Line::Finding(finding) => drop(self.findings.add(finding)),
            Line::Also(also) => {
                if let Some(known) = self.findings.get(&also.fingerprint).cloned() {
                    self.findings.add(Finding { tests: vec![also.test], ..known });
                }
            }
            Line::Withdrawn(Withdrawn { fingerprint, test }) => self.findings.withdraw(&fingerprint, test.as_deref()),
            Line::Order(order) => self.orders.push(order),
            Line::Ended(ended) => self.ended = Some(ended),
            Line::Note(note) => self.notes.push(note),
        }
    }

    /// What the process is called in a report.
    fn name(&self) -> String {
        let program = self.process.as_ref().and_then(|process| Path::new(&process.program).file_name());
        program.or(self.file.file_stem()).map(|name| name.display().to_string()).unwrap_or_default()
    }
}

fn merge(reports: &[Report]) -> Gathered {
    let mut all = Findings::default();
    let mut shown: FxHashMap<Fingerprint, BTreeSet<usize>> = FxHashMap::default();
    for (at, report) in reports.iter().enumerate() {
        for finding in report.findings.as_slice() {
            shown.entry(finding.fingerprint.clone()).or_default().insert(at);
            all.add(finding.clone());
        }
    }
    let told: Vec<crossing::Told<'_>> = reports
        .iter()
        .enumerate()
        .flat_map(|(process, report)| report.orders.iter().map(move |order| crossing::Told { process, order }))
        .collect();
    let names: Vec<String> = reports.iter().map(Report::name).collect();
    let (crossings, cut) = crossing::judge(&told, &names);
    for (finding, processes) in crossings {
        // One that a process has found by itself, of its own locks, has its evidence there.
        if all.get(&finding.fingerprint).is_none() {
            shown.entry(finding.fingerprint.clone()).or_default().extend(processes);
            all.add(finding);
        }
    }
    let watched = |report: &Report| Watched {
        file: report.file.clone(),
        process: report.process.clone(),
        ended: report.ended.clone(),
        findings: report.findings.as_slice().len(),
    };
    Gathered {
        findings: all
            .into_vec()
            .into_iter()
            .map(|finding| Found { processes: shown[&finding.fingerprint].len(), finding })
            .collect(),
        processes: reports.iter().map(watched).collect(),
        troubles: cut
            .then(|| "the search for lock-order cycles across processes was cut short".to_owned())
            .into_iter()
            .collect(),
        incomplete: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Kind, Tier};
    use crate::report::stream::Also;

    fn process(pid: u32) -> Line {
        Line::Process(Process {
            version: STREAM_VERSION,
            pid,
            started: u64::from(pid),
            program: format!("/target/debug/p{pid}"),
            arguments: vec![],
            harness: None,
        })
    }

    fn finding(tier: Tier, tests: &[&str]) -> Finding {
        let finding = Finding::new(Kind::DataRace, tier, format!("{tier:?}"), vec![], vec![]);
        Finding { tests: tests.iter().map(|&test| test.to_owned()).collect(), ..finding }
    }

    /// Reports with these contents, by file name.
    fn gathered(files: &[(&str, Vec<String>)]) -> Gathered {
        let directory = tempfile::tempdir().unwrap();
        for (name, lines) in files {
            std::fs::write(directory.path().join(name), lines.concat()).unwrap();
        }
        gather(directory.path()).unwrap()
    }

    fn json(lines: &[Line]) -> Vec<String> {
        lines.iter().map(Line::to_json).collect()
    }

    #[test]
    fn findings_are_merged_with_their_tests() {
        let also = Also { fingerprint: finding(Tier::Possible, &[]).fingerprint, test: "c".to_owned() };
        let one = [process(1), Line::Finding(finding(Tier::Possible, &["a"])), Line::Also(also)];
        let two = [process(2), Line::Finding(finding(Tier::Observed, &["b", "a"])), Line::Ended(Ended::Exited)];
        // Oldest first, whatever the files are called.
        let all = gathered(&[("9.jsonl", json(&one)), ("10.jsonl", json(&two)), ("x.trace", vec!["?".to_owned()])]);
        let [found] = &all.findings[..] else { panic!("{all:?}") };
        assert_eq!((found.finding.tier, found.finding.message.as_str()), (Tier::Observed, "Observed"));
        assert_eq!((&found.finding.tests[..], found.processes), (&["a", "c", "b"].map(str::to_owned)[..], 2));
        let pids: Vec<_> = all.processes.iter().map(|watched| watched.process.as_ref().unwrap().pid).collect();
        assert_eq!(pids, [1, 2]);
        assert_eq!([&all.processes[0].ended, &all.processes[1].ended], [&None, &Some(Ended::Exited)]);
        assert_eq!((&all.troubles[..], all.incomplete), (&[][..], false));
    }

    #[test]
    fn what_is_withdrawn_is_gone_unless_others_showed_it() {
        let withdrawn = |test: Option<&str>| {
            let fingerprint = finding(Tier::Possible, &[]).fingerprint;
            Line::Withdrawn(Withdrawn { fingerprint, test: test.map(str::to_owned) })
        };
        let left = |tier, tests: &[&str], lines: &[Option<&str>]| {
            let mut all = vec![process(1), Line::Finding(finding(tier, tests))];
            all.extend(lines.iter().map(|test| withdrawn(*test)));
            let mut all = gathered(&[("1.jsonl", json(&all))]).findings;
            all.pop().map(|found| found.finding.tests)
        };
        assert_eq!(left(Tier::Possible, &[], &[None]), None);
        assert_eq!(left(Tier::Possible, &["a"], &[Some("a")]), None);
        assert_eq!(left(Tier::Possible, &["a", "b"], &[Some("a")]), Some(vec!["b".to_owned()]));
        assert_eq!(left(Tier::Possible, &["a", "b"], &[Some("a"), Some("b")]), None);
        assert_eq!(left(Tier::Possible, &["a"], &[Some("b")]), Some(vec!["a".to_owned()]));
        assert_eq!(left(Tier::Possible, &[], &[Some("b")]), Some(vec![]), "shown by no test");
        assert_eq!(left(Tier::Observed, &["a"], &[Some("a")]), Some(vec!["a".to_owned()]));
        assert_eq!(left(Tier::Predicted, &["a", "b"], &[Some("a")]), Some(vec!["b".to_owned()]));
        let one = [process(1), Line::Finding(finding(Tier::Possible, &[])), withdrawn(None)];
        let two = [process(2), Line::Finding(finding(Tier::Possible, &[]))];
        let all = gathered(&[("1.jsonl", json(&one)), ("2.jsonl", json(&two))]);
        assert_eq!(all.findings.iter().map(|found| found.processes).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn damage_takes_nothing_else_with_it() {
        let whole = Line::Finding(finding(Tier::Possible, &[])).to_json();
        let cut = whole[..whole.len() - 9].to_owned();
        let lines = vec![process(1).to_json(), format!("{cut}\n"), "\u{0}\n".to_owned(), whole.clone(), cut];
        let all = gathered(&[("1.jsonl", lines), ("2.jsonl", vec![whole]), ("3.jsonl", vec![])]);
        assert_eq!((all.findings.len(), all.findings[0].processes), (1, 2));
        assert!(all.incomplete);
        let short: Vec<&str> = all.troubles.iter().map(|trouble| trouble.rsplit_once('/').unwrap().1).collect();
        assert!(short[0].starts_with("1.jsonl:2: damaged: "), "{short:?}");
        assert!(short[1].starts_with("1.jsonl:3: damaged: "), "{short:?}");
        assert_eq!(
            short[2..],
            [
                "1.jsonl:5: the last line is cut",
                "2.jsonl: does not say which process wrote it",
                "3.jsonl: does not say which process wrote it"
            ]
        );
    }

    #[test]
    fn another_version_is_refused() {
        let line = process(1).to_json().replace("\"version\":2", "\"version\":3");
        let all = gathered(&[("1.jsonl", vec![line, Line::Finding(finding(Tier::Possible, &[])).to_json()])]);
        assert!(all.findings.is_empty() && all.processes.is_empty());
        assert!(all.troubles[0].ends_with("written by another version of gordian (format 3, this one reads 2)"));
        assert!(gather(Path::new("no/such/directory")).is_err());
    }
}
