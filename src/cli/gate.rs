//! Where all commands that report findings end: the policy is applied, the report printed, the exit code chosen.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::args::{GateArgs, ReportFormat, TierName};
use super::error::Error;
use super::exit_code::ExitCode;
use super::options::Common;
use super::output;
use super::policy::{Baseline, Config, Policy};
use crate::OnDeadlock;
use crate::report::{self, Part, Report, Style};

/// What the user wants of the findings, and where the reports go.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) common: Common<ReportFormat>,
    /// Crates that the configuration wants compiled without watching them.
    pub(super) leave_out: Vec<String>,
    /// What the configuration wants after a deadlock.
    pub(super) on_deadlock: Option<OnDeadlock>,
    policy: Policy,
    write_baseline: Option<PathBuf>,
    /// The directory that relative paths of sites start from.
    root: PathBuf,
}

impl GateArgs {
    /// Reads what the arguments name, and the configuration: `--config`, else the `gordian.toml` of the current directory
    /// or the nearest above it. `workspace` is the root of the user's workspace; without it, it is looked for.
    pub(super) fn resolve(self, workspace: Option<&Path>) -> Result<Gate, Error> {
        let here = std::env::current_dir()
            .map_err(|error| Error::new(ExitCode::Usage, format!("there is no current directory: {error}")))?;
        let root = workspace.map_or_else(|| root(&here), Path::to_path_buf);
        let config = match self.config.or_else(|| Config::find(&here)) {
            Some(path) => Config::read(path.strip_prefix(&here).unwrap_or(&path), &root)?,
            None => Config::default(),
        };
        let named = self.baseline.or(config.baseline);
        // The file that is about to be written need not be there.
        let missing = |path: &Path| self.write_baseline.as_deref() == Some(path) && !path.exists();
        let baseline = match named.filter(|path| !missing(path)) {
            Some(path) => Some(Baseline::read(&path)?),
            None => None,
        };
        self.write_baseline.as_deref().map_or(Ok(()), output::check_writable)?;
        let policy = Policy {
            deny: self.deny.or(config.deny).unwrap_or(TierName::Possible).into(),
            deps: self.deps.or(config.deps).unwrap_or(false),
            deny_unused: self.deny_unused_suppressions,
            suppressions: config.suppressions,
            baseline,
        };
        Ok(Gate {
            common: self.common.resolve()?,
            leave_out: config.leave_out,
            on_deadlock: config.on_deadlock,
            policy,
            write_baseline: self.write_baseline,
            root,
        })
    }
}

/// The nearest directory with a `Cargo.lock`, which is the workspace's; else `here`.
fn root(here: &Path) -> PathBuf {
    let locked = here.ancestors().find(|directory| directory.join("Cargo.lock").is_file());
    locked.unwrap_or(here).to_path_buf()
}

impl Gate {
    /// Reports on the parts, which have everything that was found in `findings`, and ends the command: with
    /// [`ExitCode::Findings`] when the gate fails, else as it would end without findings. A broken input outweighs both.
    pub(super) fn conclude(&self, mut parts: Vec<Part>, otherwise: ExitCode) -> Result<ExitCode, Error> {
        self.identify(&mut parts);
        let mut report = self.policy.apply(parts);
        let mut fails = self.policy.fails(&report);
        if let Some(path) = &self.write_baseline {
            let count = self.accept(&report, path)?;
            let findings = if count == 1 { "1 finding".to_owned() } else { format!("{count} findings") };
            report.notes.push(format!("{findings} accepted: written to {}", path.display()));
            fails = false;
        }
        let code = otherwise.or_findings(fails);
        report.exit_code = code as u8;
        report.root = Some(self.root.clone());
        output::print(&self.common, |format, style, _| render(&report, format, style))?;
        let formats = self.common.outputs.iter().map(|(format, _)| *format);
        if std::iter::once(self.common.format).chain(formats).any(|format| format == ReportFormat::Github) {
            summarize(&report)?;
        }
        Ok(code)
    }

    /// Gives the findings of the parts the fingerprints that are told.
    pub(super) fn identify(&self, parts: &mut [Part]) {
        for part in parts {
            report::identify(&mut part.findings, Some(&self.root));
            for refutation in &mut part.refuted {
                report::identify(std::slice::from_mut(&mut refutation.finding), Some(&self.root));
            }
        }
    }

    /// Writes the baseline: what is shown, and what the old one had of what was found.
    fn accept(&self, report: &Report, path: &Path) -> Result<usize, Error> {
        let findings = || report.parts.iter().flat_map(|part| part.findings.iter().chain(&part.known));
        let text = Baseline::write(findings());
        output::write_file(path, &text)?;
        Ok(text.lines().filter(|line| !line.starts_with('#')).count())
    }
}

fn render(report: &Report, format: ReportFormat, style: Style) -> String {
    match format {
        ReportFormat::Text => report::report_text(report, style),
        ReportFormat::Json => report::json(report),
        ReportFormat::Sarif => report::sarif(report),
        ReportFormat::Junit => report::junit(report),
        ReportFormat::Github => {
            report::github(report, std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from).as_deref())
        }
    }
}

/// Adds the report to the summary of the GitHub job, if there is one.
fn summarize(report: &Report) -> Result<(), Error> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(());
    };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    file.and_then(|mut file| file.write_all(report::github_summary(report).as_bytes()))
        .map_err(|error| output::unwritable(&path, &error))
}
