//! Errors of the command: broken input and wrong usage, never findings.

use std::fmt;

use super::exit_code::ExitCode;
use crate::report::escape;

/// What went wrong, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Error {
    pub(super) code: ExitCode,
    /// One sentence that names the thing.
    pub(super) message: String,
    /// What another program said to it, in lines.
    pub(super) output: Option<String>,
    /// What the user can do, if we know.
    pub(super) help: Option<String>,
}

impl Error {
    pub(super) fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), output: None, help: None }
    }

    pub(super) fn with_output(mut self, output: impl Into<String>) -> Self {
        self.output = Some(output.into());
        self
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", escape(&self.message))?;
        for line in self.output.iter().flat_map(|output| output.lines()) {
            write!(f, "\n  | {}", escape(line))?;
        }
        match &self.help {
            Some(help) => write!(f, "\nhelp: {}", escape(help)),
            None => Ok(()),
        }
    }
}

/// Where in an input an error is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Position {
    /// 1-based line of a text.
    Line(u64),
    /// 1-based line and column of a text.
    LineColumn(u64, u64),
    /// Byte offset in a binary file.
    Offset(u64),
}

/// An input that cannot be read, or is malformed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct InputError {
    /// The file, or `standard input`.
    pub(super) input: String,
    /// The place in it, if the error has one.
    pub(super) position: Option<Position>,
    /// What is wrong there.
    pub(super) reason: String,
    /// What the user can do.
    pub(super) help: Option<String>,
}

impl From<InputError> for Error {
    fn from(error: InputError) -> Self {
        let position = match error.position {
            Some(Position::Line(line)) => format!(":{line}"),
            Some(Position::LineColumn(line, column)) => format!(":{line}:{column}"),
            Some(Position::Offset(offset)) => format!(": at byte {offset}"),
            None => String::new(),
        };
        let message = format!("{}{position}: {}", error.input, error.reason);
        Self { code: ExitCode::Input, message, output: None, help: error.help }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_error_names_file_place_reason_and_cure() {
        let error = InputError {
            input: "a.std".to_owned(),
            position: Some(Position::Line(7)),
            reason: "`T1|lock(L2)` has no third field".to_owned(),
            help: Some("a line is T<thread>|op(object)|location".to_owned()),
        };
        assert_eq!(
            Error::from(error.clone()).to_string(),
            "error: a.std:7: `T1|lock(L2)` has no third field\nhelp: a line is T<thread>|op(object)|location"
        );
        let error = Error::from(InputError { position: Some(Position::Offset(12)), help: None, ..error });
        assert_eq!(error.to_string(), "error: a.std: at byte 12: `T1|lock(L2)` has no third field");
        assert_eq!(error.code, ExitCode::Input);
    }

    #[test]
    fn the_output_of_another_program_keeps_its_lines() {
        let error =
            Error::new(ExitCode::Failed, "cargo failed").with_output("one\n\u{1b}[2Jtwo\n").with_help("see above");
        assert_eq!(error.to_string(), "error: cargo failed\n  | one\n  | \\u{1b}[2Jtwo\nhelp: see above");
    }
}
