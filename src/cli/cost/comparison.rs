//! Threads against async, feature by feature, with what was measured of each.

use serde::Serialize;

use super::programs::Side;
use super::rounds::{Measured, Row};
use crate::cli::quantity::{self, time};

/// A feature in which threads and async differ.
#[derive(Debug, Serialize)]
pub(super) struct Feature {
    pub(super) feature: &'static str,
    /// The same in Chinese.
    pub(super) term: &'static str,
    pub(super) threads: Cell,
    #[serde(rename = "async")]
    pub(super) tasks: Cell,
}

/// What is so of one side.
#[derive(Debug, Serialize)]
pub(super) struct Cell {
    pub(super) says: &'static str,
    /// What was measured; a measurement that was not run has nothing to say.
    pub(super) measured: Vec<String>,
    /// The measurements that would say more.
    pub(super) missing: Vec<&'static str>,
}

/// What was measured, by name.
struct Known<'a>(&'a [Measured]);

impl<'a> Known<'a> {
    /// The row of a form, at the largest size.
    fn row(&self, measurement: &str, form: &str) -> Option<&'a Row> {
        let measured = self.0.iter().find(|measured| measured.name == measurement)?;
        measured.rows.iter().rev().find(|row| row.form == form)
    }

    fn told(&self, measurement: &str, form: &str, tell: impl Fn(&Row) -> Option<String>) -> Option<String> {
        self.row(measurement, form).and_then(tell)
    }

    fn figure(&self, measurement: &str, form: &str) -> Option<String> {
        self.told(measurement, form, |row| Some(row.figure.as_ref()?.text()))
    }
}

/// A cell of sentences, each from the measurement that it names.
fn cell<const N: usize>(says: &'static str, sentences: [(&'static str, Option<String>); N]) -> Cell {
    let mut cell = Cell { says, measured: Vec::new(), missing: Vec::new() };
    for (measurement, sentence) in sentences {
        match sentence {
            Some(sentence) => cell.measured.push(sentence),
            None if cell.missing.contains(&measurement) => {}
            None => cell.missing.push(measurement),
        }
    }
    cell
}

/// The comparison, with what was measured filled in.
pub(super) fn comparison(measured: &[Measured], cores: usize) -> Vec<Feature> {
    let known = Known(measured);
    vec![
        goal(&known, cores),
        mechanism(&known),
        suits(&known),
        performance(&known),
        difficulties(&known),
        resources(&known),
    ]
}

/// `10,000 waits in 411 ms on 10,001 threads`.
fn waits(known: &Known<'_>, form: &str) -> Option<String> {
    known.told("waits", form, |row| {
        let threads = row.median.threads.map_or_else(String::new, |threads| match threads {
            1 => " on 1 thread".to_owned(),
            many => format!(" on {} threads", quantity::count(many)),
        });
        Some(format!("{} waits in {}{threads}", quantity::count(row.size as u64), time(row.median.wall_ns)))
    })
}

/// `8 jobs in 411 ms`.
fn jobs(known: &Known<'_>, form: &str, how: &str) -> Option<String> {
    known.told("cpu", form, |row| Some(format!("{} jobs {how} in {}", row.size, time(row.median.wall_ns))))
}

/// How late other tasks or threads were beside jobs that compute.
fn late(known: &Known<'_>, form: &str, how: &str) -> Option<String> {
    known.told("cpu", form, |row| Some(format!("{how}, others come up to {} late", time(row.median.p99_ns?))))
}

fn goal(known: &Known<'_>, cores: usize) -> Feature {
    let speed_up = known.told("cpu", "threads", |row| {
        let figure = row.figure.as_ref()?;
        Some(format!("as fast as one thread on {cores} cores: {}", figure.text()))
    });
    Feature {
        feature: "core goal",
        term: "核心目標",
        threads: cell("use all cores: parallelism", [("cpu", speed_up)]),
        tasks: cell("one thread for many waits", [("waits", waits(known, "tasks"))]),
    }
}

fn mechanism(known: &Known<'_>) -> Feature {
    let one_core = known.figure("switches", "threads-on-one-core").map(|figure| format!("on one core {figure}"));
    Feature {
        feature: "mechanism",
        term: "底層機制",
        threads: cell(
            "independent threads, which the system switches",
            [("switches", known.figure("switches", "threads")), ("switches", one_core)],
        ),
        tasks: cell(
            "an event loop, which switches tasks where they await",
            [("switches", known.figure("switches", "tasks"))],
        ),
    }
}

fn suits(known: &Known<'_>) -> Feature {
    Feature {
        feature: "suits",
        term: "適用場景",
        threads: cell(
            "CPU-bound work: numbers, images, models",
            [("cpu", jobs(known, "threads", "by threads")), ("waits", waits(known, "threads"))],
        ),
        tasks: cell(
            "I/O-bound work: network, database, files",
            [("waits", waits(known, "tasks")), ("cpu", jobs(known, "event-loop", "in one event loop"))],
        ),
    }
}

fn performance(known: &Known<'_>) -> Feature {
    let server = |form: &str| {
        known.told("server", form, |row| {
            let p99 = row.median.p99_ns.map_or_else(String::new, |p99| format!(", p99 {}", time(p99)));
            Some(format!("{}{p99}", row.figure.as_ref()?.text()))
        })
    };
    Feature {
        feature: "performance",
        term: "效能指標",
        threads: cell(
            "computes faster, on many cores",
            [("cpu", known.figure("cpu", "threads")), ("server", server("threads"))],
        ),
        tasks: cell(
            "more throughput, of many requests at a time",
            [("cpu", known.figure("cpu", "event-loop")), ("server", server("tasks"))],
        ),
    }
}

fn difficulties(known: &Known<'_>) -> Feature {
    let lines = |form: &str| known.row("callbacks", form).map(|row| row.lines);
    let lines = lines("callbacks").zip(lines("awaited"));
    let callbacks = lines.map(|(by_hand, awaited)| {
        let cost = known.figure("callbacks", "callbacks").zip(known.figure("callbacks", "awaited"));
        let cost = cost.map_or_else(String::new, |(by_hand, awaited)| format!(" ({by_hand}, {awaited})"));
        format!("{by_hand} lines of callbacks, {awaited} with await{cost}")
    });
    Feature {
        feature: "difficulties",
        term: "主要挑戰",
        threads: cell(
            "races, deadlocks, resources: data-race, lock-order-cycle, wait-cycle, …",
            [("cpu", late(known, "threads", "beside computing threads"))],
        ),
        tasks: cell(
            "callbacks, work that computes: blocking-in-async, futurelock, guard-across-await, …",
            [
                ("callbacks", callbacks),
                ("cpu", late(known, "event-loop", "beside a computing task")),
                ("cpu", late(known, "spawn-blocking", "with spawn_blocking")),
            ],
        ),
    }
}

fn resources(known: &Known<'_>) -> Feature {
    let memory = |form: &str, what: &str| {
        known.told("memory", form, |row| {
            let each = row.figure.as_ref()?.text();
            Some(format!("{each}, of {} {what}", quantity::count(row.size as u64)))
        })
    };
    Feature {
        feature: "resources",
        term: "資源消耗",
        threads: cell("more: each thread has a stack", [("memory", memory("threads", "threads"))]),
        tasks: cell("less: few threads for all tasks", [("memory", memory("tasks", "tasks"))]),
    }
}

impl Feature {
    pub(super) const fn side(&self, side: Side) -> &Cell {
        match side {
            Side::Threads => &self.threads,
            Side::Async => &self.tasks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::programs;
    use super::super::rounds::Value;
    use super::super::sample::Sample;
    use super::*;

    fn measured(measurement: &'static programs::Measurement) -> Measured {
        let rows = measurement.forms.iter().map(|form| Row {
            form: form.name(),
            side: form.side,
            size: 1_000,
            rounds: 1,
            figure: Some(Value { value: 2.0, unit: "ns/step".to_owned() }),
            median: Sample { wall_ns: 7_000, p99_ns: Some(9), threads: Some(1), ..Sample::default() },
            lines: 3,
            mistake: None,
        });
        Measured {
            name: measurement.name,
            title: "",
            source: String::new(),
            unit: "",
            latency: "",
            notes: Vec::new(),
            rows: rows.collect(),
        }
    }

    #[test]
    fn what_was_measured_is_all_told() {
        let all: Vec<Measured> = programs::all().iter().map(measured).collect();
        for feature in comparison(&all, 2) {
            for cell in [&feature.threads, &feature.tasks] {
                assert!(cell.missing.is_empty() && !cell.measured.is_empty(), "{}: {cell:?}", feature.feature);
            }
        }
    }

    #[test]
    fn what_was_not_measured_is_named() {
        let nothing = comparison(&[], 2);
        assert_eq!(nothing.len(), 6);
        for feature in nothing {
            for cell in [&feature.threads, &feature.tasks] {
                assert!(cell.measured.is_empty() && !cell.missing.is_empty(), "{}", feature.feature);
                assert!(cell.missing.iter().all(|name| programs::find(name).is_some()), "{:?}", cell.missing);
            }
        }
    }
}
