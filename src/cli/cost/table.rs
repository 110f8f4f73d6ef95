//! What was measured, for people.

use std::fmt::Write as _;

use super::Report;
use super::comparison::Cell;
use super::programs::Side;
use super::rounds::{Measured, Row};
use crate::cli::output;
use crate::cli::quantity::{bytes, count, time};
use crate::report::{Style, Styles};

/// The whole report.
pub(super) fn text(report: &Report, style: Style, terminal: bool) -> String {
    let styles = Styles::new(style);
    let mut out = String::new();
    let _ = writeln!(out, "{}", styles.heading.on(report.machine.describe()));
    out.push_str(&numbers(&report.measurements, terminal));
    for measured in &report.measurements {
        let name = styles.label.on(measured.name);
        let _ = writeln!(out, "{name}: {}; p50 and p99: {}", measured.title.trim_end_matches('.'), measured.latency);
        for row in measured.rows.iter().filter(|row| row.mistake.is_some()) {
            let kind = row.mistake.map_or_else(String::new, |kind| kind.to_string());
            let _ = writeln!(out, "  `{}` is the mistake called {kind}: gordian explain {kind}", row.form);
        }
        for note in &measured.notes {
            let _ = writeln!(out, "  {} {}", styles.error.on("note:"), crate::report::escape(note));
        }
    }
    let _ = writeln!(out, "\n{}", styles.heading.on("threads (多執行緒) and async (非同步)"));
    let rows = report.comparison.iter().map(|feature| {
        let cell = |side| said(feature.side(side), terminal);
        [format!("{} {}", feature.feature, feature.term), cell(Side::Threads), cell(Side::Async)]
    });
    out.push_str(&output::table(["", "threads 多執行緒", "async 非同步"], rows, terminal));
    if report.interrupted {
        let _ = writeln!(out, "{} this is what was known by then", styles.error.on("interrupted:"));
    }
    out
}

/// The one table of all numbers.
fn numbers(measurements: &[Measured], terminal: bool) -> String {
    let header = ["", "form", "result", "wall", "CPU", "memory", "switches", "taken", "threads", "p50", "p99", "lines"];
    let rows = measurements.iter().flat_map(|measured| {
        let mut last = None;
        measured.rows.iter().map(move |row| {
            // The name stands before the first row of a size only.
            let named = last.replace(row.size) != Some(row.size);
            line(measured, row, named || !terminal)
        })
    });
    output::table(header, rows, terminal)
}

fn line(measured: &Measured, row: &Row, named: bool) -> [String; 12] {
    let or_not = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let name = || format!("{} ×{}", measured.name, count(row.size as u64));
    let Row { median, .. } = row;
    [
        if named { name() } else { String::new() },
        row.form.clone(),
        or_not(row.figure.as_ref().map(super::rounds::Value::text)),
        time(median.wall_ns),
        or_not(median.cpu_ns.map(time)),
        or_not(median.peak_bytes.map(bytes)),
        or_not(median.voluntary_switches.map(count)),
        or_not(median.involuntary_switches.map(count)),
        or_not(median.threads.map(count)),
        or_not(median.p50_ns.map(time)),
        or_not(median.p99_ns.map(time)),
        row.lines.to_string(),
    ]
}

/// A cell of the comparison: on a terminal in lines, else in one.
fn said(cell: &Cell, terminal: bool) -> String {
    let mut parts = vec![cell.says.to_owned()];
    parts.extend(cell.measured.iter().map(|measured| format!("▸ {measured}")));
    if cell.measured.is_empty() && !cell.missing.is_empty() {
        parts.push(format!("▸ gordian compare --cost {}", cell.missing.join(" ")));
    }
    parts.join(if terminal { "\n" } else { " " })
}
