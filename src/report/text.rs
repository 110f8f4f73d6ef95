//! The report for people.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::document::{Folded, Part, Report, Summary, names_and_counts};
use super::identity::identify;
use super::origin::{place, shorten};
use super::snippet::{self, Note};
use super::source::Sources;
use super::stack::user_frames;
use super::style::{Style, Styles};
use super::witness;
use crate::event::Mode;
use crate::finding::{Finding, Held, Refutation, SiteReport, Tier};

/// All findings, each with its operations, then the [`tally`]. Empty when there is none.
///
/// The operations are numbered in the order in which they happened, if that is known, the one that completed the finding
/// first in the report; the place where a held lock was taken is drawn into the operation that holds it (the manner of
/// Miri's data race reports; held locks and creation sites are ThreadSanitizer's). Paths of dependencies are shortened
/// to `name-version/…`. Reads the source files that the findings name, also for fingerprints: see [`identify`].
#[must_use]
pub fn text(findings: &[Finding], style: Style) -> String {
    text_with(findings, &Styles::new(style))
}

/// The same in these paints.
#[must_use]
pub fn text_with(findings: &[Finding], styles: &Styles) -> String {
    let mut findings = findings.to_vec();
    identify(&mut findings, None);
    let part = Part { findings, ..Part::default() };
    told(&Report::new(vec![part]), styles)
}

/// The whole report: of each part its findings as in [`text`], the [`tally`] with what was set aside, and what else is
/// known; then what there is to remark. A part without a name that has nothing to tell tells nothing.
#[must_use]
pub fn report_text(report: &Report, style: Style) -> String {
    told(report, &Styles::new(style))
}

fn told(report: &Report, styles: &Styles) -> String {
    let mut sources = Sources::below(report.root.as_deref());
    let mut out = String::new();
    for part in &report.parts {
        if let Some(input) = part.input.as_deref().filter(|_| report.parts.len() > 1) {
            let _ = writeln!(out, "{}", styles.heading.on(format!("== {}", clean(input))));
        }
        for finding in &part.findings {
            tell(&mut out, finding, &mut sources, styles);
            out.push('\n');
        }
        let aside = aside(part);
        if part.input.is_some() || !part.findings.is_empty() || !aside.is_empty() {
            let _ = writeln!(out, "{}", styles.heading.on(format!("{}{}", tally(&part.findings), clean(&aside))));
        }
        for folded in &part.folded {
            let _ = writeln!(out, "{}", styles.faint.on(folded_line(folded)));
        }
        for refutation in &part.refuted {
            tell_refuted(&mut out, refutation, styles);
        }
        for fact in facts(&part.summary) {
            let _ = writeln!(out, "{}", styles.faint.on(clean(&fact)));
        }
    }
    for remark in report.remarks() {
        let _ = writeln!(out, "{} {}", styles.label.on("note:"), clean(&remark));
    }
    out
}

/// One finding.
#[cfg(feature = "cli")]
pub(super) fn one(finding: &Finding, styles: &Styles) -> String {
    let mut out = String::new();
    tell(&mut out, finding, &mut Sources::default(), styles);
    out
}

/// What was set aside, as the end of the tally: `; 2 suppressed: legacy bank (2); 1 known`.
pub(super) fn aside(part: &Part) -> String {
    let mut out = String::new();
    if !part.suppressed.is_empty() {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for silenced in &part.suppressed {
            *names.entry(&silenced.suppression).or_default() += 1;
        }
        let _ = write!(out, "; {} suppressed: {}", part.suppressed.len(), names_and_counts(names));
    }
    if !part.known.is_empty() {
        let _ = write!(out, "; {} known from the baseline", part.known.len());
    }
    if !part.folded.is_empty() {
        let count: usize = part.folded.iter().map(|folded| folded.findings.len()).sum();
        let _ = write!(out, "; {count} in dependencies");
    }
    out
}

/// A package's findings in one line.
pub(super) fn folded_line(folded: &Folded) -> String {
    format!("folded: {}; not counted by the gate, see --deps", clean(&folded.headline()))
}

/// What else is known of a part, a line each.
fn facts(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(events) = summary.events {
        let threads = summary.threads.map(|threads| format!(" of {threads} threads")).unwrap_or_default();
        lines.push(format!("judged {events} events{threads}"));
    }
    if summary.order_cut {
        lines.push("the search for lock-order cycles stopped at its bounds: there may be more than these".to_owned());
    }
    if let Some(reason) = &summary.not_predicted {
        lines.push(format!("not predicted: {reason}"));
    }
    if let Some(undecided) = summary.undecided {
        let (questions, states) = (plural(undecided, "question"), plural(summary.states.unwrap_or(0), "state"));
        lines.push(format!("prediction left {questions} open after {states}; a larger --budget may answer more"));
    }
    if let Some(reason) = &summary.truncated {
        lines.push(format!("the input is cut short ({reason}); this is judged from the part before the cut"));
    }
    if summary.interrupted {
        lines.push("interrupted: this is what was known by then, and not the whole".to_owned());
    }
    lines
}

/// `1 state`, `2 states`.
fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The text as a report prints it: harmless to a terminal, with short paths of dependencies.
fn clean(text: &str) -> String {
    shorten(&escape(text)).into_owned()
}

/// How many findings there are, in words: `2 findings (1 observed, 1 possible)`.
#[must_use]
pub fn tally(findings: &[Finding]) -> String {
    let count = match findings.len() {
        0 => return "no findings".to_owned(),
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    };
    let tiers: Vec<String> = [Tier::Observed, Tier::Predicted, Tier::Possible]
        .iter()
        .map(|&tier| (tier_word(tier), findings.iter().filter(|finding| finding.tier == tier).count()))
        .filter(|&(_, number)| number > 0)
        .map(|(word, number)| format!("{number} {word}"))
        .collect();
    format!("{count} ({})", tiers.join(", "))
}

/// The text with every character made visible that a terminal would obey: controls, and the marks that reorder text.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| {
        (c.is_control() && c != '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if obeyed(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    Cow::Owned(clean)
}

fn tell(out: &mut String, finding: &Finding, sources: &mut Sources, styles: &Styles) {
    let headline = format!("error[{}]", finding.kind);
    let confirmed = if finding.confirmed { ", confirmed" } else { "" };
    let message = format!("{}{confirmed}: {}", tier_word(finding.tier), clean(&finding.message));
    let _ = writeln!(out, "{} {}", styles.error.on(headline), styles.heading.on(message));

    for operation in operations(finding) {
        tell_operation(out, &operation, sources, styles);
    }
    let mut made: Vec<Note<'_>> = Vec::new();
    for object in &finding.objects {
        let Some(site) = &object.created else { continue };
        let label = format!("{} is made here", quoted(&object.object));
        // Several of one name and place, made in a loop, are one note.
        if !made.iter().any(|note| note.site == site && note.label == label) {
            made.push(Note { site, label, primary: false });
        }
    }
    if !made.is_empty() {
        let _ = writeln!(out, "{}", styles.label.on("objects"));
        out.push_str(&snippet::render(&made, sources, styles));
    }
    if !finding.witness.is_empty() {
        witness::tell(out, finding.tier, &finding.witness, sources, styles);
    }
    for help in &finding.help {
        let _ = writeln!(out, "{} {}", styles.good.on("help:"), clean(help));
    }
    if let Some(tests) = tests(&finding.tests) {
        let _ = writeln!(out, "{}", escape(&tests));
    }
    let close = format!("fingerprint {}, more: gordian explain {}", escape(&finding.fingerprint.0), finding.kind);
    let _ = writeln!(out, "{}", styles.faint.on(close));
}

/// What does not happen, where it would, and why not.
fn tell_refuted(out: &mut String, Refutation { finding, reason }: &Refutation, styles: &Styles) {
    let head = format!("refuted[{}]", finding.kind);
    let _ = writeln!(out, "{} {}", styles.good.on(head), clean(&finding.message));
    for operation in &finding.sites {
        let place = clean(&operation.site.to_string());
        let _ = writeln!(out, "  {} {} at {place}", escape(&operation.owner), escape(&operation.role));
    }
    let _ = writeln!(out, "  {}", clean(reason));
}

/// The operation that a list of findings shows of one: the first that is no mere acquisition of a lock which another
/// operation holds.
#[must_use]
pub fn main_operation(finding: &Finding) -> Option<&SiteReport> {
    operations(finding).first().map(|operation| operation.site)
}

/// Where that is, as a list shows it; empty for a finding without operations.
#[must_use]
pub fn main_place(finding: &Finding) -> String {
    let site = main_operation(finding).map(|operation| operation.site.to_string()).unwrap_or_default();
    place(&site).shown.into_owned()
}

/// `shown by tests a::b, c::d (and 3 more)`.
pub(super) fn tests(tests: &[String]) -> Option<String> {
    /// Tests named.
    const NAMED: usize = 3;
    let plural = if tests.len() == 1 { "" } else { "s" };
    let more = match tests.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let named = tests.get(..NAMED).unwrap_or(tests).join(", ");
    (!tests.is_empty()).then(|| format!("shown by test{plural} {named}{more}"))
}

/// An operation as it is shown: with the acquisitions of the locks that it holds, which need no drawing of their own.
struct Operation<'a> {
    site: &'a SiteReport,
    /// When it happened, among the operations shown.
    heading: String,
    /// The sites where a held lock was taken, with that lock.
    taken: Vec<(&'a Held, &'a SiteReport)>,
}

/// The operations to show, in the order of the sites.
fn operations(finding: &Finding) -> Vec<Operation<'_>> {
    let sites = &finding.sites;
    // The operation that holds what the site took.
    let holder = |site: &SiteReport| {
        sites.iter().enumerate().find_map(|(place, other)| {
            let held = other.held.iter().find(|held| other.owner == site.owner && held.at == site.site)?;
            Some((place, held))
        })
    };
    let holders: Vec<Option<(usize, &Held)>> = sites.iter().map(holder).collect();
    // Of two that hold what the other took (one place, in a loop) both are shown.
    let folded = |place: usize| holders[place].is_some_and(|(holder, _)| holder != place && holders[holder].is_none());
    let shown: Vec<usize> = (0..sites.len()).filter(|&place| !folded(place)).collect();
    // What has not happened has no order in time.
    let in_time = !finding.is_pattern() || sites.iter().all(|site| site.event.is_some());
    let numbers = numbers(&shown.iter().map(|&place| &sites[place]).collect::<Vec<_>>(), in_time);
    let operation = |(&place, number): (&usize, usize)| {
        let taken = (0..sites.len()).filter(|&other| folded(other)).filter_map(|other| {
            let (holder, held) = holders[other]?;
            (holder == place).then_some((held, &sites[other]))
        });
        let heading = match number {
            _ if shown.len() == 1 => String::new(),
            last if in_time && last == shown.len() => format!("({number}) last, "),
            _ if in_time => format!("({number}) earlier, "),
            _ => format!("({number}) "),
        };
        Operation { site: &sites[place], heading, taken: taken.collect() }
    };
    shown.iter().zip(numbers).map(operation).collect()
}

fn tell_operation(out: &mut String, operation: &Operation<'_>, sources: &mut Sources, styles: &Styles) {
    let site = operation.site;
    let role = clean(&site.role);
    let event = site.event.map(|event| format!(" (event {event})")).unwrap_or_default();
    let held = match site.held.as_slice() {
        [] => ", holding nothing".to_owned(),
        held => {
            let held: Vec<String> =
                held.iter().map(|held| format!("{}{}", quoted(&held.lock), mode_words(held.mode))).collect();
            format!(", holding {}", held.join(", "))
        }
    };
    let heading = format!("{}on {}:", operation.heading, quoted(&site.owner));
    let _ = writeln!(out, "{} {role}{held}{event}", styles.label.on(heading));

    let mut notes = vec![Note { site: &site.site, label: role, primary: true }];
    notes.extend(site.held.iter().map(|held| Note {
        site: &held.at,
        label: format!("{} taken here{}, still held", quoted(&held.lock), mode_words(held.mode)),
        primary: false,
    }));
    out.push_str(&snippet::render(&notes, sources, styles));

    tell_stack(out, "stack", &site.stack, styles);
    for (held, taken) in &operation.taken {
        tell_stack(out, &format!("stack where {} was taken", quoted(&held.lock)), &taken.stack, styles);
    }
}

fn tell_stack(out: &mut String, title: &str, stack: &[String], styles: &Styles) {
    if stack.is_empty() {
        return;
    }
    let _ = writeln!(out, "  {}", styles.label.on(title));
    for (depth, frame) in user_frames(stack).iter().enumerate() {
        let _ = writeln!(out, "  {depth:4}: {}", clean(frame));
    }
}

/// The number of each site: its rank in time where every site has a place in the stream. Else, if the finding is of
/// things in an order in time, the first site is the last operation and the others keep their order.
fn numbers(sites: &[&SiteReport], in_time: bool) -> Vec<usize> {
    let count = sites.len();
    let events: Option<Vec<u64>> = sites.iter().map(|site| site.event).collect();
    match events {
        Some(events) => {
            let mut order: Vec<usize> = (0..count).collect();
            // Of two sites of one event the earlier in the list is the one that completed the finding.
            order.sort_by_key(|&place| (events[place], std::cmp::Reverse(place)));
            let mut numbers = vec![0; count];
            for (rank, place) in order.into_iter().enumerate() {
                numbers[place] = rank + 1;
            }
            numbers
        }
        None if in_time => std::iter::once(count).chain(1..count).take(count).collect(),
        None => (1..=count).collect(),
    }
}

pub(super) const fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Observed => "observed",
        Tier::Predicted => "predicted",
        Tier::Possible => "possible",
    }
}

const fn mode_words(mode: Mode) -> &'static str {
    match mode {
        Mode::Exclusive => "",
        Mode::Shared => " (read)",
        Mode::SharedRecursive => " (recursive read)",
        Mode::Upgradable => " (upgradable read)",
    }
}

/// The name between backticks, unless it brings its own.
pub(super) fn quoted(name: &str) -> String {
    let name = clean(name);
    if name.contains('`') { name } else { format!("`{name}`") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Site;
    use crate::finding::Kind;

    fn site(event: Option<u64>) -> SiteReport {
        let site = Site::unknown();
        SiteReport { role: String::new(), site, owner: String::new(), held: Vec::new(), event, stack: Vec::new() }
    }

    #[test]
    fn operations_are_numbered_in_time() {
        let ranks = |events: &[Option<u64>], in_time| {
            let sites: Vec<SiteReport> = events.iter().map(|&event| site(event)).collect();
            numbers(&sites.iter().collect::<Vec<_>>(), in_time)
        };
        assert_eq!(ranks(&[], true), [0; 0]);
        assert_eq!(ranks(&[None], true), [1]);
        assert_eq!(ranks(&[None, None, None], true), [3, 1, 2]);
        assert_eq!(ranks(&[None, None, None], false), [1, 2, 3]);
        assert_eq!(ranks(&[Some(9), Some(7), Some(8)], true), [3, 1, 2]);
        assert_eq!(ranks(&[Some(1), Some(7)], true), [1, 2]);
    }

    #[test]
    fn where_a_held_lock_was_taken_is_shown_with_what_holds_it() {
        let took = SiteReport { site: Site::new("a.rs", 1, 1), stack: vec!["f at a.rs:1".to_owned()], ..site(None) };
        let held = vec![Held { lock: "left".to_owned(), mode: Mode::Exclusive, at: took.site.clone() }];
        let wants = SiteReport { site: Site::new("a.rs", 2, 1), held, ..site(None) };
        let other = SiteReport { owner: "other".to_owned(), ..took.clone() };
        let finding = |sites| Finding::new(Kind::LockOrderCycle, Tier::Possible, String::new(), sites, vec![]);
        let shown = |sites| {
            let finding = finding(sites);
            operations(&finding).iter().map(|shown| (shown.site.site.line, shown.taken.len())).collect::<Vec<_>>()
        };
        assert_eq!(shown(vec![took.clone(), wants.clone()]), [(2, 1)]);
        assert_eq!(shown(vec![other, wants.clone()]), [(1, 0), (2, 0)], "another owner took it");
        let text = text(&[finding(vec![took, wants])], Style::Plain);
        assert!(text.contains("stack where `left` was taken\n     0: f at a.rs:1"), "{text}");
    }

    #[test]
    fn tests_are_named() {
        let names = ["a", "b::c", "d", "e", "f"].map(str::to_owned);
        assert_eq!(tests(&[]), None);
        assert_eq!(tests(&names[..1]).unwrap(), "shown by test a");
        assert_eq!(tests(&names[..3]).unwrap(), "shown by tests a, b::c, d");
        assert_eq!(tests(&names).unwrap(), "shown by tests a, b::c, d (and 2 more)");
    }

    #[test]
    fn a_name_cannot_command_the_terminal() {
        assert_eq!(escape("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(escape("left\u{202e}thgir"), "left\\u{202e}thgir");
        assert!(matches!(escape("naïve ✓\t"), Cow::Borrowed(_)));
    }
}
