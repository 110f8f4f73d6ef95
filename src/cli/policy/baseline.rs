//! The baseline: fingerprints of findings that are known, one a line, with a comment for whoever reads the diff.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::error::{InputError, Position};
use crate::finding::{Finding, Fingerprint};
use crate::report::{escape, main_place, origin};

const HEADER: &str = "\
# Findings that gordian knows already, by fingerprint: hidden, and not counted.
# Written by --write-baseline, read by --baseline. Any line may be removed, the rest of a line after `#` is a comment.
";

/// A baseline file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(in crate::cli) struct Baseline {
    /// Each fingerprint with the line that has it.
    entries: BTreeMap<Fingerprint, String>,
}

impl Baseline {
    /// Reads a file.
    pub(in crate::cli) fn read(path: &Path) -> Result<Self, InputError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| InputError {
            input: name.clone(),
            position: None,
            reason: format!("the baseline cannot be read: {error}"),
            help: Some(format!("`--write-baseline {name}` makes one of what is found")),
        })?;
        Self::parse(&name, &text)
    }

    /// The baseline in a text; `name` is what errors call it.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, InputError> {
        let mut entries = BTreeMap::new();
        for (line, number) in text.lines().zip(1..) {
            let fingerprint = line.split('#').next().unwrap_or_default().trim();
            if fingerprint.is_empty() {
                continue;
            }
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            if fingerprint.len() != 16 || !fingerprint.bytes().all(is_digit) {
                return Err(InputError {
                    input: name.to_owned(),
                    position: Some(Position::Line(number)),
                    reason: format!("`{fingerprint}` is not a fingerprint"),
                    help: Some("a line has 16 digits of 0-9a-f, and what it likes after a `#`".to_owned()),
                });
            }
            entries.insert(Fingerprint(fingerprint.to_owned()), line.trim().to_owned());
        }
        Ok(Self { entries })
    }

    /// Is the finding known?
    pub(super) fn has(&self, finding: &Finding) -> bool {
        self.entries.contains_key(&finding.fingerprint)
    }

    /// The lines whose fingerprint none of the findings has, sorted.
    pub(super) fn unseen<'a>(&self, findings: impl Iterator<Item = &'a Finding>) -> Vec<String> {
        let seen: BTreeSet<&Fingerprint> = findings.map(|finding| &finding.fingerprint).collect();
        let unseen = self.entries.iter().filter(|(fingerprint, _)| !seen.contains(fingerprint));
        unseen.map(|(_, line)| line.clone()).collect()
    }

    /// The text of a baseline of these findings, sorted, each once.
    pub(in crate::cli) fn write<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
        let line = |finding: &'a Finding| {
            let comment = format!("{} {}: {}", finding.kind, main_place(finding), finding.message);
            (&finding.fingerprint, format!("{} # {}\n", finding.fingerprint, escape(&origin::shorten(&comment))))
        };
        let lines: BTreeMap<&Fingerprint, String> = findings.map(line).collect();
        std::iter::once(HEADER.to_owned()).chain(lines.into_values()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Site;
    use crate::finding::{Kind, SiteReport, Tier};

    fn finding(file: &str, message: &str) -> Finding {
        let operation = SiteReport {
            role: String::new(),
            site: Site::new(file, 3, 5),
            owner: String::new(),
            held: Vec::new(),
            event: None,
            stack: Vec::new(),
        };
        Finding::new(Kind::DataRace, Tier::Possible, message.to_owned(), vec![operation], vec![])
    }

    #[test]
    fn what_is_written_is_known() {
        let (one, two) = (finding("src/a.rs", "a # raced\nfor"), finding("src/b.rs", "b"));
        let text = Baseline::write([&two, &one, &two].into_iter());
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines.len(), 2, "each once: {text}");
        assert!(lines.is_sorted());
        assert!(text.contains(&format!("\n{} # data-race src/a.rs:3:5: a # raced\\nfor\n", one.fingerprint)), "{text}");
        let baseline = Baseline::parse("b", &text).unwrap();
        assert!(baseline.has(&one) && baseline.has(&two) && !baseline.has(&finding("src/c.rs", "c")));
        let unseen = baseline.unseen([&two].into_iter());
        assert!(unseen.len() == 1 && unseen[0].starts_with(&one.fingerprint.0), "{unseen:?}");
    }

    #[test]
    fn what_is_no_fingerprint_is_an_error_with_its_line() {
        for bad in ["0123", "0123456789ABCDEF", "<<<<<<< ours", "0123456789abcdef data-race"] {
            let error = Baseline::parse("known.txt", &format!("# text\n\n{bad}\n")).unwrap_err();
            assert_eq!((&*error.input, error.position), ("known.txt", Some(Position::Line(3))), "{bad}");
            assert!(error.reason.contains(bad), "{}", error.reason);
        }
    }
}
