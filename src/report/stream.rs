//! What a watched process leaves for the one that started it: a file of lines, each a JSON value.
//!
//! Each line is written by one append as soon as it is known, so that however the process ends, what it had found is
//! there. The first line says which process it is. The reader has to expect a last line that was cut, and a file
//! that is still growing.

use serde::{Deserialize, Serialize};

use crate::event::{Mode, ObjectKind, Site};
use crate::finding::{Finding, Fingerprint};

/// The version of the lines. A reader refuses another one.
pub const STREAM_VERSION: u32 = 2;

/// The exit code of a process that was ended because of an observed deadlock.
pub const DEADLOCK_EXIT: i32 = 86;

/// One line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// Who writes. The first line.
    Process(Process),
    /// A finding that is new in the process, or the same one again at a higher tier.
    Finding(Finding),
    /// Another test showed a finding that is there already.
    Also(Also),
    /// A finding that was possible is not: no order of the events does it.
    Withdrawn(Withdrawn),
    /// A request for a lock below others, as it looks by the places where locks are made. Each one once.
    Order(Order),
    /// How it ended. Absent when it was killed, and as long as it runs.
    Ended(Ended),
    /// Something that the reader of the report should know.
    Note(String),
}

/// What runs the process's code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Harness {
    /// `main` is that of `libtest`: each test runs in a thread that has the test's name.
    Libtest,
}

/// A process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Process {
    /// [`STREAM_VERSION`].
    pub version: u32,
    /// Its number.
    pub pid: u32,
    /// Its first hook, in nanoseconds since 1970.
    pub started: u64,
    /// Path of the program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Who runs its code, if that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub harness: Option<Harness>,
}

/// A known finding, shown by another test.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Also {
    /// The finding.
    pub fingerprint: Fingerprint,
    /// The test.
    pub test: String,
}

/// A known finding that was possible, and is not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The finding.
    pub fingerprint: Fingerprint,
    /// The test that had shown it: what others have shown stays.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test: Option<String>,
}

/// A request that may wait, made while other locks were held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// What was held, oldest first. Empty for a writer of a reader-writer lock who held nothing: readers wait for it.
    pub held: Vec<Taken>,
    /// What was asked for.
    pub wanted: Taken,
    /// Who: the thread's name or number.
    pub owner: String,
    /// The test that it was part of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test: Option<String>,
}

/// A lock that is held or wanted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Taken {
    /// Where it was made.
    pub made: Site,
    /// What it is.
    pub kind: ObjectKind,
    /// How it is held or wanted.
    pub mode: Mode,
    /// Where it was taken or asked for.
    pub at: Site,
}

/// How a process ended, as far as it could tell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It came to its exit.
    Exited,
    /// It was ended, with the code [`DEADLOCK_EXIT`], because of this finding.
    Deadlock(Fingerprint),
}

impl Line {
    /// The line with its line feed.
    ///
    /// # Panics
    ///
    /// Never: lines have no key that is not a string and no value that JSON lacks.
    #[cfg(feature = "detect")]
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut buffer = vec![0; 4096];
        let length = loop {
            match serde_json_core::to_slice(self, &mut buffer) {
                Ok(length) => break length,
                Err(serde_json_core::ser::Error::BufferFull) => buffer.resize(buffer.len() * 2, 0),
                Err(error) => unreachable!("a line is plain data: {error}"),
            }
        };
        buffer.truncate(length);
        let mut text = String::from_utf8(buffer).expect("JSON is text");
        text.push('\n');
        text
    }

    /// The line that `text` is.
    ///
    /// # Errors
    ///
    /// If it is none, or was cut.
    #[cfg(feature = "json")]
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

#[cfg(all(test, feature = "json"))]
mod tests {
    use super::*;
    use crate::finding::{Kind, Tier};

    #[test]
    fn a_line_comes_back() {
        let taken = |line| Taken {
            made: Site::new("a.rs", line, 1),
            kind: ObjectKind::RwLock,
            mode: Mode::SharedRecursive,
            at: Site::new("a b.rs", line, 2),
        };
        let finding = Finding::new(Kind::LostWakeup, Tier::Observed, "two\nlines".to_owned(), vec![], vec![]);
        let fingerprint = finding.fingerprint.clone();
        let lines = [
            Line::Process(Process {
                version: STREAM_VERSION,
                pid: 7,
                started: u64::MAX,
                program: "/a b/c".to_owned(),
                arguments: vec!["--exact".to_owned(), "x::y".to_owned()],
                harness: Some(Harness::Libtest),
            }),
            Line::Finding(finding),
            Line::Also(Also { fingerprint: fingerprint.clone(), test: "x::y".to_owned() }),
            Line::Withdrawn(Withdrawn { fingerprint: fingerprint.clone(), test: None }),
            Line::Order(Order { held: vec![taken(1)], wanted: taken(2), owner: "w".to_owned(), test: None }),
            Line::Ended(Ended::Exited),
            Line::Ended(Ended::Deadlock(fingerprint)),
            Line::Note("full".to_owned()),
        ];
        for line in lines {
            let json = line.to_json();
            assert_eq!(json.find('\n'), Some(json.len() - 1), "one line: {json}");
            assert_eq!(Line::from_json(&json).unwrap(), line);
            assert!(Line::from_json(&json[..json.len() - 2]).is_err());
        }
    }
}
