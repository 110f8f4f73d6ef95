//! What watching costs with tokio: `gordian::tokio` beside plain tokio, in one process.
//!
//! `cargo bench --bench tokio [-- [--quick] [ROW…]]`. In each round both sides do the same once, one after the other; a
//! row shows the medians, and the median of the rounds' ratios, which a busy machine disturbs least. Memory is what the
//! allocator has given out for tasks that live and wait. `ROW` selects the rows whose name starts so.
//!
//! The targets are those that the project sets itself; a missed one is said so, and nothing fails.

#![allow(clippy::print_stdout, reason = "a benchmark's output")]

mod memory;
mod programs;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use programs::{plain, watched};

/// The same on both sides: so many turns, in a runtime of one thread or of two.
struct Row {
    name: &'static str,
    about: &'static str,
    turns: u32,
    target: f64,
    plain: fn(u32),
    watched: fn(u32),
}

const ROWS: [Row; 6] = [
    Row {
        name: "mutex",
        about: "Mutex::lock and unlock, nobody else there",
        turns: 100_000,
        target: 1.5,
        plain: plain::mutex,
        watched: watched::mutex,
    },
    Row {
        name: "semaphore",
        about: "Semaphore::acquire and release, nobody else there",
        turns: 100_000,
        target: 1.5,
        plain: plain::semaphore,
        watched: watched::semaphore,
    },
    Row {
        name: "spawn",
        about: "spawn and join of a task that does nothing",
        turns: 100_000,
        target: 2.0,
        plain: plain::spawn,
        watched: watched::spawn,
    },
    Row {
        name: "spawn-2",
        about: "the same, with two workers",
        turns: 100_000,
        target: 2.0,
        plain: plain::spawn_on_two,
        watched: watched::spawn_on_two,
    },
    Row {
        name: "mpsc",
        about: "a message through a bounded channel (64), from one task to another",
        turns: 100_000,
        target: 2.0,
        plain: plain::mpsc,
        watched: watched::mpsc,
    },
    Row {
        name: "mpsc-2",
        about: "the same, with two workers",
        turns: 100_000,
        target: 2.0,
        plain: plain::mpsc_on_two,
        watched: watched::mpsc_on_two,
    },
];

/// Bytes that a watched task may take beyond a plain one.
const MEMORY: f64 = 200.0;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` starts benchmarks too, without this flag: they are built then, that is all.
    if !args.iter().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let rounds = if args.iter().any(|arg| arg == "--quick") { 5 } else { 31 };
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let chosen = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.starts_with(*filter));
    println!("{rounds} rounds; ratio: median of the rounds' ratios");
    println!("{:10} {:>11} {:>11} {:>7}  target", "", "plain ns", "watched ns", "ratio");
    for row in ROWS.iter().filter(|row| chosen(row.name)) {
        time(row, rounds);
    }
    if chosen("memory") {
        println!("\n{:10} {:>11} {:>13} {:>9}  target", "live tasks", "plain bytes", "watched bytes", "more");
        for tasks in [1_000, 10_000, 100_000] {
            let (plain, watched) = (plain::live(tasks), watched::live(tasks));
            let verdict = if watched - plain > MEMORY { "MISSED" } else { "" };
            println!("{tasks:10} {plain:11.0} {watched:13.0} {:9.0}  {MEMORY:.0} {verdict}", watched - plain);
        }
    }
    ExitCode::SUCCESS
}

fn time(row: &Row, rounds: usize) {
    (row.plain)(row.turns / 10);
    (row.watched)(row.turns / 10);
    let (mut plain, mut watched, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let sides = [(row.plain, &mut plain), (row.watched, &mut watched)];
        // Who comes second finds the caches warm: each in turn.
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        let mut sides = sides.map(Some);
        for side in order {
            let (run, times) = sides[side].take().expect("each once");
            times.push(took(run, row.turns));
        }
        ratios.push(watched[round] / plain[round]);
    }
    let ratio = median(ratios);
    let verdict = if ratio > row.target { "MISSED" } else { "" };
    println!(
        "{:10} {:11.1} {:11.1} {ratio:7.2}  {:.1} {verdict} {}",
        row.name,
        median(plain),
        median(watched),
        row.target,
        row.about
    );
}

/// Nanoseconds for each turn.
fn took(run: fn(u32), turns: u32) -> f64 {
    let start = Instant::now();
    run(turns);
    start.elapsed().max(Duration::from_nanos(1)).as_secs_f64() * 1e9 / f64::from(turns)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
