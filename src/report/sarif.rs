//! The report as SARIF 2.1.0, for code scanning and editors.
//!
//! One run with all findings of all parts: a result's `properties.input` says of which. Suppressed findings are results
//! with a suppression; known and folded ones are left out, and counted in notifications.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use serde_sarif::sarif::{
    ArtifactLocation, CodeFlow, Invocation, Location, LogicalLocation, Message, MultiformatMessageString, Notification,
    PhysicalLocation, PropertyBag, Region, ReportingDescriptor, Result as SarifResult, ResultLevel, Run, SCHEMA_URL,
    Sarif, Stack, StackFrame, Suppression, ThreadFlow, ThreadFlowLocation, Tool, ToolComponent, Version,
};

use super::document::{Part, Report};
use super::explain;
use super::json::pretty;
use super::stack::user_frames;
use super::text::main_operation;
use crate::event::Site;
use crate::finding::{Finding, Held, Kind, SiteReport, Tier};

/// The name of our fingerprint among a result's partial fingerprints.
const FINGERPRINT: &str = "gordian/v1";

/// What the relative paths are relative to.
const BASE: &str = "SRCROOT";

/// The report as a SARIF 2.1.0 log with a final newline.
///
/// # Panics
///
/// Never: a log has no key that is not a string.
#[must_use]
pub fn sarif(report: &Report) -> String {
    let writer = Writer { report };
    let results: Vec<SarifResult> = report.parts.iter().flat_map(|part| writer.results(part)).collect();
    let mut run = Run::builder()
        .tool(tool())
        .results(results)
        .invocations(vec![writer.invocation()])
        .column_kind(json!("unicodeCodePoints"))
        .build();
    if let Some(root) = &report.root {
        let mut root = root.to_string_lossy().replace('\\', "/");
        if !root.ends_with('/') {
            root.push('/');
        }
        let base = ArtifactLocation::builder().uri(file_uri(&root)).build();
        run.original_uri_base_ids = Some(BTreeMap::from([(BASE.to_owned(), base)]));
    }
    let log = Sarif::builder().schema(SCHEMA_URL).version(json!(Version::V2_1_0)).runs(vec![run]).build();
    pretty(&log)
}

/// This tool, with a rule for each kind of finding.
fn tool() -> Tool {
    let rule = |&kind: &Kind| {
        let page = explain::page(kind);
        ReportingDescriptor::builder()
            .id(kind.name())
            .short_description(words(explain::title(kind)))
            .help(MultiformatMessageString::builder().text(page).markdown(page).build())
            .properties(PropertyBag::builder().tags(vec!["concurrency".to_owned()]).build())
            .build()
    };
    let driver = ToolComponent::builder()
        .name(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .short_description(words(env!("CARGO_PKG_DESCRIPTION")))
        .rules(Kind::ALL.iter().map(rule).collect::<Vec<_>>())
        .build();
    Tool::builder().driver(driver).build()
}

/// What makes the parts of a log.
struct Writer<'a> {
    report: &'a Report,
}

impl Writer<'_> {
    fn invocation(&self) -> Invocation {
        let notify = |(text, at): (String, Option<&Site>), level: &str| {
            let mut notification = Notification::builder().level(json!(level)).message(message(text)).build();
            notification.locations = at.map(|site| vec![self.location(site, None)]);
            notification
        };
        let unused = self.report.unused.iter().map(|unused| (unused.message(), Some(&unused.at)));
        let unseen =
            self.report.unseen.iter().map(|entry| (format!("an entry of the baseline was not seen: {entry}"), None));
        let parts = &self.report.parts;
        let folded = parts.iter().flat_map(|part| &part.folded).map(|folded| (folded.headline(), None));
        let known: usize = parts.iter().map(|part| part.known.len()).sum();
        let known = (known > 0).then(|| (format!("{known} known from the baseline"), None));
        let facts = folded.chain(known).chain(self.report.notes.iter().map(|note| (note.clone(), None)));
        Invocation::builder()
            .execution_successful(self.report.exit_code <= 1)
            .exit_code(i64::from(self.report.exit_code))
            .tool_configuration_notifications(
                unused.chain(unseen).map(|about| notify(about, "warning")).collect::<Vec<_>>(),
            )
            .tool_execution_notifications(facts.map(|about| notify(about, "note")).collect::<Vec<_>>())
            .build()
    }

    fn results(&self, part: &Part) -> Vec<SarifResult> {
        let shown = part.findings.iter().map(|finding| self.result(finding, part));
        let suppressed = part.suppressed.iter().map(|silenced| {
            let mut result = self.result(&silenced.finding, part);
            let properties = bag([("suppression", json!(silenced.suppression))]);
            let suppression = Suppression::builder()
                .kind(json!("external"))
                .justification(silenced.reason.clone())
                .properties(properties)
                .build();
            result.suppressions = Some(vec![suppression]);
            result
        });
        shown.chain(suppressed).collect()
    }

    fn result(&self, finding: &Finding, part: &Part) -> SarifResult {
        let rule = Kind::ALL.iter().position(|&kind| kind == finding.kind).unwrap_or_default();
        let level = match finding.tier {
            Tier::Observed | Tier::Predicted => ResultLevel::Error,
            Tier::Possible => ResultLevel::Warning,
        };
        let main = main_operation(finding);
        let locations = main.map(|operation| self.operation(operation));
        let mut result = SarifResult::builder()
            .rule_id(finding.kind.name())
            .rule_index(i64::try_from(rule).unwrap_or_default())
            .level(level)
            .message(message(finding.message.clone()))
            .locations(locations.into_iter().collect::<Vec<_>>())
            .related_locations(self.related(finding, main))
            .partial_fingerprints(BTreeMap::from([(FINGERPRINT.to_owned(), finding.fingerprint.0.clone())]))
            .properties(properties(finding, part))
            .build();
        result.code_flows = self.code_flows(finding);
        result.stacks = Some(self.stacks(finding));
        result
    }

    /// The other operations, then where the objects were made, numbered.
    fn related(&self, finding: &Finding, main: Option<&SiteReport>) -> Vec<Location> {
        let others = finding.sites.iter().filter(|operation| !main.is_some_and(|main| std::ptr::eq(main, *operation)));
        let others = others.map(|operation| self.operation(operation));
        let made = finding.objects.iter().filter_map(|object| {
            let site = object.created.as_ref()?;
            Some(self.location(site, Some(format!("`{}` is made here", object.object))))
        });
        let number = |(location, id): (Location, i64)| Location { id: Some(id), ..location };
        others.chain(made).zip(1..).map(number).collect()
    }

    fn operation(&self, operation: &SiteReport) -> Location {
        self.location(&operation.site, Some(format!("{}: {}", operation.owner, operation.role)))
    }

    /// How the owners came to it: a flow for each, the acquisitions of the locks that it holds before its operations.
    /// `None` for a finding without operations.
    fn code_flows(&self, finding: &Finding) -> Option<Vec<CodeFlow>> {
        let mut owners: Vec<&str> = Vec::new();
        for operation in &finding.sites {
            if !owners.contains(&operation.owner.as_str()) {
                owners.push(&operation.owner);
            }
        }
        let flow = |owner: &&str| {
            let own: Vec<&SiteReport> = finding.sites.iter().filter(|operation| operation.owner == **owner).collect();
            ThreadFlow::builder().id(*owner).message(message(*owner)).locations(self.steps(&own)).build()
        };
        let flows: Vec<ThreadFlow> = owners.iter().map(flow).collect();
        (!flows.is_empty()).then(|| vec![CodeFlow::builder().thread_flows(flows).build()])
    }

    /// What one owner did.
    fn steps(&self, operations: &[&SiteReport]) -> Vec<ThreadFlowLocation> {
        let mut held: Vec<&Held> = Vec::new();
        for lock in operations.iter().flat_map(|operation| &operation.held) {
            if !held.contains(&lock) {
                held.push(lock);
            }
        }
        let taken = held.iter().map(|lock| {
            let location = self.location(&lock.at, Some(format!("takes `{}`", lock.lock)));
            ThreadFlowLocation::builder().kinds(["acquire", "lock"].map(str::to_owned)).location(location).build()
        });
        // The acquisition of a lock that another operation holds is told already.
        let rest = operations.iter().filter(|operation| !held.iter().any(|lock| lock.at == operation.site));
        let done = rest.map(|operation| {
            let mut step = ThreadFlowLocation::builder()
                .location(self.location(&operation.site, Some(operation.role.clone())))
                .build();
            step.execution_order = operation.event.and_then(|event| i64::try_from(event).ok());
            step
        });
        taken.chain(done).collect()
    }

    /// The stacks of the operations; SARIF wants no two equal ones.
    fn stacks(&self, finding: &Finding) -> Vec<Stack> {
        let mut stacks: Vec<Stack> = Vec::new();
        for operation in finding.sites.iter().filter(|operation| !operation.stack.is_empty()) {
            let stack = self.stack(operation);
            if !stacks.contains(&stack) {
                stacks.push(stack);
            }
        }
        stacks
    }

    fn stack(&self, operation: &SiteReport) -> Stack {
        let frames = user_frames(&operation.stack);
        let frames = frames.iter().map(|frame| StackFrame::builder().location(self.frame(frame)).build());
        let title = format!("{}: {}", operation.owner, operation.role);
        Stack::builder().message(message(title)).frames(frames.collect::<Vec<_>>()).build()
    }

    /// A frame `symbol at file:line:column`.
    fn frame(&self, frame: &str) -> Location {
        let (symbol, place) = frame.rsplit_once(" at ").map_or((frame, None), |(symbol, place)| (symbol, Some(place)));
        let mut location = place.and_then(site).map_or_else(Location::default, |site| self.location(&site, None));
        let name = LogicalLocation::builder().fully_qualified_name(symbol).build();
        location.logical_locations = Some(vec![name]);
        location
    }

    /// A place. What has no line, as in a trace, is a name and no file.
    fn location(&self, site: &Site, text: Option<String>) -> Location {
        let mut location = Location { message: text.map(message), ..Location::default() };
        if site.line == 0 {
            let name = LogicalLocation::builder().name(site.file.clone()).build();
            location.logical_locations = Some(vec![name]);
            return location;
        }
        let mut region = Region::builder().start_line(i64::from(site.line)).build();
        region.start_column = (site.column > 0).then(|| i64::from(site.column));
        let physical = PhysicalLocation::builder().artifact_location(self.artifact(&site.file)).region(region).build();
        location.physical_location = Some(physical);
        location
    }

    fn artifact(&self, path: &str) -> ArtifactLocation {
        match self.report.below_root(path) {
            Some(path) => ArtifactLocation::builder().uri(encode(path)).uri_base_id(BASE.to_owned()).build(),
            None => ArtifactLocation::builder().uri(file_uri(path)).build(),
        }
    }
}

/// `file:line:column`, or `file:line`.
fn site(place: &str) -> Option<Site> {
    let (rest, last) = place.rsplit_once(':')?;
    let last: u32 = last.parse().ok()?;
    Some(match rest.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?))) {
        Some((file, line)) => Site::new(file, line, last),
        None => Site::new(rest, last, 0),
    })
}

/// What SARIF has no field for.
fn properties(finding: &Finding, part: &Part) -> PropertyBag {
    let mut bag = bag([("tier", json!(finding.tier)), ("confirmed", json!(finding.confirmed))]);
    let lists = [("help", json!(finding.help)), ("witness", json!(finding.witness)), ("tests", json!(finding.tests))];
    for (name, list) in lists.into_iter().filter(|(_, list)| list.as_array().is_some_and(|list| !list.is_empty())) {
        bag.additional_properties.insert(name.to_owned(), list);
    }
    if let Some(input) = &part.input {
        bag.additional_properties.insert("input".to_owned(), json!(input));
    }
    bag
}

fn bag<const N: usize>(properties: [(&str, serde_json::Value); N]) -> PropertyBag {
    let properties: BTreeMap<_, _> = properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    PropertyBag::builder().additional_properties(properties).build()
}

fn message(text: impl Into<String>) -> Message {
    Message::builder().text(text).build()
}

fn words(text: &str) -> MultiformatMessageString {
    MultiformatMessageString::builder().text(text).build()
}

/// The path as a relative URI reference.
fn encode(path: &str) -> String {
    /// What stays as it is: the unreserved characters, and the separator.
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(path, ESCAPED).to_string()
}

/// The absolute path as a URI.
fn file_uri(path: &str) -> String {
    // `C:/…` has no slash of its own.
    format!("file:///{}", encode(path.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        assert_eq!(encode("src/a b/é#1.rs"), "src/a%20b/%C3%A9%231.rs");
        assert_eq!(file_uri("/home/u/a.rs"), "file:///home/u/a.rs");
        assert_eq!(file_uri("C:/a.rs"), "file:///C%3A/a.rs");
    }

    #[test]
    fn a_frame_has_a_place_or_none() {
        assert_eq!(site("src/a.rs:3:5"), Some(Site::new("src/a.rs", 3, 5)));
        assert_eq!(site("C:/a.rs:3"), Some(Site::new("C:/a.rs", 3, 0)));
        assert_eq!(site("nowhere"), None);
    }

    #[test]
    fn an_owner_takes_its_locks_before_it_wants_more() {
        let held = Held { lock: "left".to_owned(), mode: crate::event::Mode::Exclusive, at: Site::new("a.rs", 1, 1) };
        let operation = |line, held: &[Held]| SiteReport {
            role: format!("at {line}"),
            site: Site::new("a.rs", line, 1),
            owner: "payer".to_owned(),
            held: held.to_vec(),
            event: None,
            stack: Vec::new(),
        };
        let report = Report::new(Vec::new());
        let (wants, took) = (operation(2, &[held]), operation(1, &[]));
        let steps = Writer { report: &report }.steps(&[&wants, &took]);
        let texts: Vec<_> =
            steps.into_iter().map(|step| step.location.unwrap().message.unwrap().text.unwrap()).collect();
        assert_eq!(texts, ["takes `left`", "at 2"]);
    }
}
