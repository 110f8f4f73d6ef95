//! The report for programs: versioned, with stable names and field order.

use serde::Serialize;

use crate::finding::{Finding, Refutation, Tier};

/// The version of the JSON format. It rises when a field changes its meaning or goes away; new fields may come any time.
pub const FORMAT_VERSION: u32 = 1;

/// What is known beside the findings.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Summary {
    /// Findings of tier `observed`.
    pub observed: usize,
    /// Findings of tier `predicted`.
    pub predicted: usize,
    /// Findings of tier `possible`.
    pub possible: usize,
    /// Events judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// Threads seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u64>,
    /// Cycles of the lock graph that passed the filters, before they are reduced to findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patterns: Option<u64>,
    /// Why nothing was predicted, though it would have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_predicted: Option<String>,
    /// What prediction left open when its budget was spent: accesses, pairs of accesses, lock-order cycles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<u64>,
    /// States that the searches of prediction reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub states: Option<u64>,
    /// Why the input ended before its end, if it did; the findings are those of the part that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<String>,
    /// The run was cut short by the user; the findings are those known by then.
    pub interrupted: bool,
}

impl Summary {
    /// The counts of `findings`, nothing else.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        Self::default().counting(findings)
    }

    /// The same facts with the counts of `findings`.
    #[must_use]
    pub fn counting(self, findings: &[Finding]) -> Self {
        let count = |tier| findings.iter().filter(|finding| finding.tier == tier).count();
        Self {
            observed: count(Tier::Observed),
            predicted: count(Tier::Predicted),
            possible: count(Tier::Possible),
            ..self
        }
    }

    /// Both together, for a total over several inputs; `threads` adds up, for the threads of two runs are not the same.
    fn and(mut self, other: &Self) -> Self {
        let add = |a: Option<u64>, b: Option<u64>| a.map_or(b, |a| Some(a + b.unwrap_or(0)));
        self.observed += other.observed;
        self.predicted += other.predicted;
        self.possible += other.possible;
        self.events = add(self.events, other.events);
        self.threads = add(self.threads, other.threads);
        self.patterns = add(self.patterns, other.patterns);
        self.not_predicted = self.not_predicted.or_else(|| other.not_predicted.clone());
        self.undecided = add(self.undecided, other.undecided);
        self.states = add(self.states, other.states);
        self.truncated = self.truncated.or_else(|| other.truncated.clone());
        self.interrupted |= other.interrupted;
        self
    }
}

/// The findings of one run or one input.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Part {
    /// The input's name, when they came from one.
    pub input: Option<String>,
    /// The findings, in their stable order.
    pub findings: Vec<Finding>,
    /// What was shown not to happen, if that is to be told.
    pub refuted: Vec<Refutation>,
    /// What else is known; [`json`] takes the counts from here.
    pub summary: Summary,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    tool: Tool,
    findings: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refuted: Vec<Refuted<'a>>,
    summary: Summary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<Input<'a>>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
}

#[derive(Serialize)]
struct Refuted<'a> {
    #[serde(flatten)]
    refutation: &'a Refutation,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
}

#[derive(Serialize)]
struct Input<'a> {
    path: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
}

/// The findings of all parts as one JSON document with a final newline.
///
/// `{"version":1,"tool":{"name","version"},"findings":[…],"summary":{…}}`; with several parts each finding has `input`,
/// and `inputs` has a summary of each. `refuted` is there if anything was, and if it was asked for. The same bug in two inputs stays two entries with one fingerprint.
///
/// # Panics
///
/// Never: findings have no key that is not a string and no value that JSON lacks.
#[must_use]
pub fn json(parts: &[Part]) -> String {
    let several = parts.len() > 1;
    let findings = parts
        .iter()
        .flat_map(|part| {
            let input = part.input.as_deref().filter(|_| several);
            part.findings.iter().map(move |finding| Entry { finding, input })
        })
        .collect();
    let refuted = parts
        .iter()
        .flat_map(|part| {
            let input = part.input.as_deref().filter(|_| several);
            part.refuted.iter().map(move |refutation| Refuted { refutation, input })
        })
        .collect();
    let inputs = parts
        .iter()
        .filter_map(|part| Some(Input { path: part.input.as_deref()?, summary: &part.summary }))
        .filter(|_| several)
        .collect();
    let document = Document {
        version: FORMAT_VERSION,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        findings,
        refuted,
        summary: parts.iter().fold(Summary::default(), |total, part| total.and(&part.summary)),
        inputs,
    };
    let mut text = serde_json::to_string_pretty(&document).expect("findings have string keys only");
    text.push('\n');
    text
}
