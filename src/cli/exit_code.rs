//! How the command ends.

use std::process::Termination;

/// The exit codes of `gordian`, the same for every command; README and `--help` repeat them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ExitCode {
    /// Nothing to complain about.
    Clean = 0,
    /// Findings that count, at or over the tier that `--deny` names; for `selftest`, a scenario that does not meet its marks.
    Findings = 1,
    /// The command line is wrong, or an `--output` file cannot be written.
    Usage = 2,
    /// An input cannot be read, or is malformed. It outweighs findings in other inputs.
    Input = 3,
    /// The program under test failed by itself, or the run was cut short, and there is no finding.
    Failed = 4,
}

impl ExitCode {
    /// How a command ends that would end like this without findings: findings that count outweigh everything but a broken
    /// input.
    pub(super) fn or_findings(self, count: bool) -> Self {
        if count && self != Self::Input { Self::Findings } else { self }
    }
}

impl Termination for ExitCode {
    fn report(self) -> std::process::ExitCode {
        std::process::ExitCode::from(self as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_outweigh_all_but_a_broken_input() {
        assert_eq!(ExitCode::Clean.or_findings(true), ExitCode::Findings);
        assert_eq!(ExitCode::Failed.or_findings(true), ExitCode::Findings);
        assert_eq!(ExitCode::Input.or_findings(true), ExitCode::Input);
        assert_eq!(ExitCode::Failed.or_findings(false), ExitCode::Failed);
        assert_eq!(ExitCode::Clean.or_findings(false), ExitCode::Clean);
    }
}
