//! The report for GitHub Actions: workflow commands that become annotations, and a job summary.

use std::fmt::Write as _;
use std::path::Path;

use super::document::Report;
use super::origin::{self, Origin, shorten};
use super::style::{Style, Styles};
use super::text::{self, aside, escape, folded_line, main_operation, main_place, tally, tests, tier_word};
use crate::event::Site;
use crate::finding::{Finding, SiteReport, Tier};

/// Most bytes of details in a summary; GitHub takes 1 MiB in all.
const MOST_DETAILS: usize = 512 << 10;

/// The report as workflow commands, one a line: an `error` for what is observed or predicted, a `warning` for what is
/// possible and for a suppression that matches nothing, a `notice` for each package of folded findings. Paths are
/// relative to `repository` where they lie below it. Empty when there is nothing to tell.
#[must_use]
pub fn github(report: &Report, repository: Option<&Path>) -> String {
    let mut out = String::new();
    let place = |site: &Site| in_repository(report, &site.file, repository).map(|file| (file, site.clone()));
    for part in &report.parts {
        for finding in &part.findings {
            let command = match finding.tier {
                Tier::Observed | Tier::Predicted => "error",
                Tier::Possible => "warning",
            };
            let title = format!("{} ({})", finding.kind, tier_word(finding.tier));
            // The user's own place is the one to be annotated.
            let own = |operation: &&SiteReport| origin::place(&operation.site.file).origin == Origin::Workspace;
            let main = main_operation(finding);
            let site = main.filter(own).or_else(|| finding.sites.iter().find(own)).or(main);
            let site = site.and_then(|operation| place(&operation.site));
            say(&mut out, command, site, &title, &message(finding));
        }
        for folded in &part.folded {
            say(&mut out, "notice", None, &format!("findings in {}", folded.package()), &folded_line(folded));
        }
    }
    for unused in &report.unused {
        say(&mut out, "warning", place(&unused.at), "unused suppression", &unused.message());
    }
    let remarks = report.remarks();
    for remark in &remarks[report.unused.len()..] {
        say(&mut out, "notice", None, env!("CARGO_PKG_NAME"), remark);
    }
    out
}

/// The sentence, each operation with its place, the advice.
fn message(finding: &Finding) -> String {
    let mut out = finding.message.clone();
    for operation in &finding.sites {
        let _ = write!(out, "\n{}: {} at {}", operation.owner, operation.role, operation.site);
    }
    for help in &finding.help {
        let _ = write!(out, "\nhelp: {help}");
    }
    if let Some(tests) = tests(&finding.tests) {
        let _ = write!(out, "\n{tests}");
    }
    let _ = write!(out, "\nfingerprint {}, more: gordian explain {}", finding.fingerprint, finding.kind);
    shorten(&out).into_owned()
}

/// A workflow command. What ends a property or the command in GitHub's grammar is escaped as it asks; what commands a
/// terminal, as everywhere.
fn say(out: &mut String, command: &str, place: Option<(String, Site)>, title: &str, message: &str) {
    let _ = write!(out, "::{command} ");
    if let Some((file, site)) = place.filter(|(_, site)| site.line > 0) {
        let _ = write!(out, "file={},line={},", property(&file), site.line);
        if site.column > 0 {
            let _ = write!(out, "col={},", site.column);
        }
    }
    let lines: Vec<String> = message.lines().map(|line| data(&escape(line))).collect();
    let _ = writeln!(out, "title={}::{}", property(title), lines.join("%0A"));
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&escape(text)).replace(':', "%3A").replace(',', "%2C")
}

/// The path from the repository's root; `None` when it lies elsewhere, where nothing can be annotated.
fn in_repository(report: &Report, path: &str, repository: Option<&Path>) -> Option<String> {
    let path = report.below_root(path)?;
    let folder =
        report.root.as_deref().zip(repository).and_then(|(root, repository)| root.strip_prefix(repository).ok());
    Some(folder.map_or_else(|| path.to_owned(), |folder| folder.join(path).to_string_lossy().replace('\\', "/")))
}

/// The job summary, in Markdown: the tally, a table, and each finding in full to be opened.
#[must_use]
pub fn github_summary(report: &Report) -> String {
    let mut out = String::from("## gordian\n\n");
    for part in &report.parts {
        if let Some(input) = &part.input {
            let _ = writeln!(out, "### {}\n", html(input));
        }
        let _ = writeln!(out, "{}{}\n", tally(&part.findings), html(&aside(part)));
        if part.findings.is_empty() {
            continue;
        }
        out.push_str("| finding | tier | where | what |\n|---|---|---|---|\n");
        for finding in &part.findings {
            let (site, what) = (cell(&main_place(finding)), cell(&shorten(&finding.message)));
            let _ = writeln!(out, "| {} | {} | {site} | {what} |", finding.kind, tier_word(finding.tier));
        }
        out.push('\n');
        for finding in &part.findings {
            let told = text::one(finding, &Styles::new(Style::Plain));
            if out.len() + told.len() > MOST_DETAILS {
                out.push_str("The rest is too long for a summary.\n\n");
                break;
            }
            let title = format!("{} ({})", finding.kind, finding.fingerprint);
            let _ = writeln!(out, "<details><summary>{title}</summary>\n\n<pre>\n{}</pre>\n</details>\n", html(&told));
        }
    }
    for folded in report.parts.iter().flat_map(|part| &part.folded) {
        let _ = writeln!(out, "- {}", html(&folded_line(folded)));
    }
    for remark in report.remarks() {
        let _ = writeln!(out, "- {}", html(&shorten(&escape(&remark))));
    }
    out
}

/// A cell of a Markdown table.
fn cell(text: &str) -> String {
    html(&escape(text)).replace('|', "\\|")
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_start_a_command() {
        let mut out = String::new();
        say(
            &mut out,
            "error",
            Some(("a,b:c.rs".to_owned(), Site::new("x", 3, 0))),
            "t: 100 %",
            "one\r\n::error ::two 5 %",
        );
        assert_eq!(out, "::error file=a%2Cb%3Ac.rs,line=3,title=t%3A 100 %25::one%0A::error ::two 5 %25\n");
    }

    #[test]
    fn a_table_stays_a_table() {
        assert_eq!(cell("a|<b>\n"), "a\\|&lt;b&gt;\\n");
    }
}
