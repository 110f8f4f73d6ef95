//! Telling the results.

use std::fs;
use std::thread::available_parallelism;

use crate::rounds::{Effort, Results};
use crate::rows::{Measure, Metric, Row};
use crate::variants::Mode;

const WIDTH: usize = 32;

/// What has to be known to read the numbers.
pub(crate) fn head(effort: &Effort) {
    let processors = available_parallelism().map_or(0, usize::from);
    println!(
        "{processors} processors, at most {} interleaved rounds; ratio: median of the rounds' ratios",
        effort.rounds
    );
    load("at the start");
}

/// How busy the machine is, where it can be told.
pub(crate) fn load(when: &str) {
    if let Ok(load) = fs::read_to_string("/proc/loadavg") {
        println!("load {when}: {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
    }
}

/// Prints one row's table.
pub(crate) fn print(row: &Row, effort: &Effort, results: &[Results]) {
    println!("\n{}: {}", row.name, row.about);
    // What ratios are taken to is the row's first variant, if it could be built.
    let base = results.first().filter(|result| *result.variant == row.variants[0]);
    match &row.measure {
        Measure::Ratio { target } => {
            println!("  {:WIDTH$} {:>9} {:>9} {:>7}", "", "ns min", "ns median", "ratio");
            for result in results {
                println!("  {:WIDTH$} {}", result.variant.label, times(result, base, *target));
            }
        }
        Measure::Fixed { size, metrics } => {
            let whole = size[effort.size] == size[0];
            if !whole {
                println!("  (of {} locks; no targets)", size[effort.size]);
            }
            for result in results {
                let values: Vec<_> = metrics.iter().filter_map(|metric| value(result, metric, whole)).collect();
                let text = failure(result).unwrap_or_else(|| values.join("   "));
                println!("  {:WIDTH$} {text}", result.variant.label);
            }
        }
    }
}

fn times(result: &Results, base: Option<&Results>, target: fn(Mode) -> Option<f64>) -> String {
    if let Some(failure) = failure(result) {
        return failure;
    }
    let own = series(result, "ns");
    // A variant that fails does so in its first round, so the rounds of these two go together.
    let ratios =
        own.iter().zip(base.map(|base| series(base, "ns")).unwrap_or_default()).map(|(own, base)| own / base).collect();
    let ratio = median(ratios);
    let least = own.iter().copied().fold(f64::INFINITY, f64::min);
    let verdict = result.variant.mode.and_then(target).map(|target| verdict(ratio, target)).unwrap_or_default();
    format!("{least:9.1} {:9.1} {ratio:7.2}{verdict}", median(own))
}

fn value(result: &Results, metric: &Metric, whole: bool) -> Option<String> {
    let values = series(result, metric.name);
    let target = metric.target.filter(|_| whole && matches!(result.variant.mode, Some(Mode::Order | Mode::Races)));
    let value = median(values);
    let verdict = target.map(|target| verdict(value, target)).unwrap_or_default();
    (!value.is_nan()).then(|| format!("{value:9.1} {}{verdict}", metric.unit))
}

fn verdict(value: f64, target: f64) -> String {
    let met = value <= target;
    let target = format!("{target:.2}");
    let target = target.trim_end_matches('0').trim_end_matches('.');
    format!("  ({} {target})", if met { "met:" } else { "MISSED:" })
}

fn failure(result: &Results) -> Option<String> {
    result.outputs.iter().find_map(|output| output.as_ref().err().cloned())
}

fn series(result: &Results, metric: &str) -> Vec<f64> {
    result.outputs.iter().flatten().filter_map(|metrics| metrics.get(metric).copied()).collect()
}

/// The middle value; not a number of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
