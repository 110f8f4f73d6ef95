//! How the command ends.

use std::process::Termination;

/// The exit codes of `gordian`, the same for every command; README and `--help` repeat them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ExitCode {
    /// Nothing to complain about.
    Clean = 0,
    /// Findings at or over the tier that `--deny` names; for `selftest`, a scenario that does not meet its marks.
    Findings = 1,
    /// The command line is wrong, or an `--output` file cannot be written.
    Usage = 2,
    /// An input cannot be read, or is malformed. It outweighs findings in other inputs.
    Input = 3,
    /// The program under test failed by itself, or the run was cut short, and there is no finding.
    Failed = 4,
}

impl Termination for ExitCode {
    fn report(self) -> std::process::ExitCode {
        std::process::ExitCode::from(self as u8)
    }
}
