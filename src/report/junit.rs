//! The report as JUnit XML, for what collects test results.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::document::{Part, Report};
use super::style::{Style, Styles};
use super::text;
use crate::finding::Finding;

/// The report as a JUnit XML document with a final newline.
///
/// A suite for each part. A finding is a failed test case, or, below the gate's tier, a passed one with the report as its
/// output; a suppressed one is skipped. A part without any has one case, which passed. No times: two reports of the same
/// findings are equal.
///
/// # Panics
///
/// Never: what XML cannot hold is left out of the names.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut document = Document::new(env!("CARGO_PKG_NAME"));
    for part in &report.parts {
        document.add_test_suite(suite(part, report));
    }
    let mut text = document.to_string().expect("the document is written to memory");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn suite(part: &Part, report: &Report) -> TestSuite {
    let name = part.input.as_deref().unwrap_or(env!("CARGO_PKG_NAME"));
    let mut suite = TestSuite::new(name);
    let case = |finding: &Finding, status: TestCaseStatus| {
        let mut case = TestCase::new(format!("{} at {}", finding.kind, text::main_place(finding)), status);
        case.set_classname(name);
        case
    };
    for finding in &part.findings {
        let told = text::one(finding, &Styles::new(Style::Plain));
        if finding.tier >= report.deny {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(finding.kind.name()).set_message(&finding.message).set_description(told);
            suite.add_test_case(case(finding, status));
        } else {
            let mut passed = case(finding, TestCaseStatus::success());
            passed.set_system_out(told);
            suite.add_test_case(passed);
        }
    }
    for silenced in &part.suppressed {
        let mut status = TestCaseStatus::skipped();
        status.set_message(format!("suppressed by {}: {}", silenced.suppression, silenced.reason));
        suite.add_test_case(case(&silenced.finding, status));
    }
    if suite.test_cases.is_empty() {
        let mut clean = TestCase::new("no findings", TestCaseStatus::success());
        clean.set_classname(name);
        suite.add_test_case(clean);
    }
    suite
}
