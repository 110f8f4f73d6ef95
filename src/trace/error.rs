//! What can be wrong with a trace: never a finding, always broken input.

use std::fmt;

/// A rule of STD text. The first four are about what a line may look like, the others about what may happen when.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// A line is `thread|op(decor)|location`.
    MalformedLine,
    /// The operation is one of `r`, `w`, `acq`, `rel`, `req`, `fork`, `join`, `begin`, `end`.
    UnknownOperation,
    /// Tokens are of printable characters other than `|`, `(`, `)`, `*` and space; the file is UTF-8.
    UnsupportedCharacter,
    /// A line has at most [`MAX_LINE`](super::MAX_LINE) bytes.
    LineTooLong,
    /// A variable is written before it is read. Only [strict](super::StdOptions::strict) readers insist on it in an
    /// otherwise well-formed trace: recordings may begin after the initialisation.
    ReadFromUnwrittenMemory,
    /// Only a lock that was acquired is released.
    ReleaseNonAcquiredLock,
    /// Only the holder releases a lock.
    ReleaseNonOwningLock,
    /// A lock that is held, by whomever, is not acquired.
    RepeatedLockAcquisition,
    /// A lock is released once for each acquisition.
    RepeatedLockRelease,
    /// A thread is forked at most once.
    RepeatedFork,
    /// A thread is forked before it does anything (`begin` apart), and not by itself.
    ForkOfRunningThread,
    /// Only a thread that was forked is joined, and not by itself.
    JoinOfUnforkedThread,
    /// A thread is joined at most once.
    RepeatedJoin,
    /// A thread that was joined does nothing more.
    EventAfterJoin,
}

impl Rule {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MalformedLine => "malformed-line",
            Self::UnknownOperation => "unknown-operation",
            Self::UnsupportedCharacter => "unsupported-character",
            Self::LineTooLong => "line-too-long",
            Self::ReadFromUnwrittenMemory => "read-from-unwritten-memory",
            Self::ReleaseNonAcquiredLock => "release-non-acquired-lock",
            Self::ReleaseNonOwningLock => "release-non-owning-lock",
            Self::RepeatedLockAcquisition => "repeated-lock-acquisition",
            Self::RepeatedLockRelease => "repeated-lock-release",
            Self::RepeatedFork => "repeated-fork",
            Self::ForkOfRunningThread => "fork-of-running-thread",
            Self::JoinOfUnforkedThread => "join-of-unforked-thread",
            Self::RepeatedJoin => "repeated-join",
            Self::EventAfterJoin => "event-after-join",
        }
    }

    /// Is this about the look of a line (rather than about what may happen when)?
    #[must_use]
    pub const fn is_syntax(self) -> bool {
        matches!(self, Self::MalformedLine | Self::UnknownOperation | Self::UnsupportedCharacter | Self::LineTooLong)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A line of STD text that breaks a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// 1-based line number.
    pub line: u64,
    /// The rule.
    pub rule: Rule,
    /// The line itself, lossily decoded and cut after 200 bytes.
    pub text: String,
    /// What exactly is wrong, one phrase; empty when the rule says it all.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: `{}`", self.line, self.rule, self.text.escape_debug())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

/// Why a trace cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum TraceError {
    /// The input itself failed.
    Io(std::io::Error),
    /// STD text that does not parse or is not well formed. `violation` is the first line that breaks a rule; where it
    /// was one that is tolerated in a trace otherwise well formed, `then` is the line that is not.
    Text {
        /// The earliest violation: the verdict.
        violation: Box<Violation>,
        /// The violation that stopped the reader, where that is a later one.
        then: Option<Box<Violation>>,
    },
    /// A binary trace of another major version.
    IncompatibleMajor {
        /// The file's version.
        file: super::FormatVersion,
    },
    /// A binary trace of a later minor version: it may hold what this reader does not know.
    NewerMinor {
        /// The file's version.
        file: super::FormatVersion,
    },
    /// A binary trace is damaged.
    Damaged {
        /// Byte offset of the block (or header) that is damaged.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
}

impl TraceError {
    /// Damage at a byte offset.
    pub(crate) fn damaged(offset: u64, reason: impl Into<String>) -> Self {
        Self::Damaged { offset, reason: reason.into() }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Text { violation, then: None } => violation.fmt(f),
            Self::Text { violation, then: Some(then) } => write!(f, "{violation}, and {then}"),
            Self::IncompatibleMajor { file } => {
                let current = super::FormatVersion::CURRENT;
                write!(f, "format version {file} cannot be read, only {current}: record the trace again, or ")?;
                f.write_str("read it with the release that wrote it")
            }
            Self::NewerMinor { file } => {
                let current = super::FormatVersion::CURRENT;
                write!(f, "format version {file} is newer than this reader's {current}: read it with a later release")
            }
            Self::Damaged { offset, reason } => write!(f, "damaged at byte {offset}: {reason}"),
        }
    }
}

impl std::error::Error for TraceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Io(error) = self { Some(error) } else { None }
    }
}

impl From<std::io::Error> for TraceError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}
