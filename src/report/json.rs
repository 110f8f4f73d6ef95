//! The report for programs: versioned, with stable names and field order.

use serde::Serialize;

use super::document::{Report, Summary, Suppressed, Unused};
use crate::finding::{Finding, Refutation};

/// The version of the JSON format. It rises when a field changes its meaning or goes away; new fields may come any time.
pub const FORMAT_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    tool: Tool,
    findings: Vec<Entry<'a, Finding>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressed: Vec<Entry<'a, Suppressed>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    folded: Vec<Package<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    known: Vec<Entry<'a, Finding>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refuted: Vec<Entry<'a, Refutation>>,
    summary: Summary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<Input<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unused_suppressions: &'a [Unused],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unseen_baseline: &'a [String],
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Entry<'a, T> {
    #[serde(flatten)]
    finding: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
}

#[derive(Serialize)]
struct Package<'a> {
    package: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    findings: &'a [Finding],
}

#[derive(Serialize)]
struct Input<'a> {
    path: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
}

/// The report as one JSON document with a final newline.
///
/// `{"version":1,"tool":{"name","version"},"findings":[…],"summary":{…}}`; with several parts each finding has `input`,
/// and `inputs` has a summary of each. The same bug in two inputs stays two entries with one fingerprint. What is set
/// aside is in `suppressed` (each with its `suppression` and `reason`), `folded` (by package) and `known`; what matched
/// nothing in `unused_suppressions` and `unseen_baseline`; what prediction refuted, if that was asked for, in `refuted`
/// (each with its `finding` and `reason`). A list that is empty is left out, except `findings`.
///
/// # Panics
///
/// Never: findings have no key that is not a string and no value that JSON lacks.
#[must_use]
pub fn json(report: &Report) -> String {
    let parts = &report.parts;
    let several = parts.len() > 1;
    let mut document = Document {
        version: FORMAT_VERSION,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        findings: Vec::new(),
        suppressed: Vec::new(),
        folded: Vec::new(),
        known: Vec::new(),
        refuted: Vec::new(),
        summary: parts.iter().fold(Summary::default(), |total, part| total.and(&part.summary)),
        inputs: Vec::new(),
        unused_suppressions: &report.unused,
        unseen_baseline: &report.unseen,
    };
    for part in parts {
        let input = part.input.as_deref().filter(|_| several);
        let entry = |finding| Entry { finding, input };
        document.findings.extend(part.findings.iter().map(entry));
        document.known.extend(part.known.iter().map(entry));
        document.refuted.extend(part.refuted.iter().map(|finding| Entry { finding, input }));
        document.suppressed.extend(part.suppressed.iter().map(|finding| Entry { finding, input }));
        for folded in &part.folded {
            document.folded.push(Package { package: folded.package(), input, findings: &folded.findings });
        }
        document.inputs.extend(input.map(|path| Input { path, summary: &part.summary }));
    }
    pretty(&document)
}

/// A value whose keys are strings as indented JSON with a final newline.
pub(super) fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("all keys are strings");
    text.push('\n');
    text
}
