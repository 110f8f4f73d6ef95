//! Running the variants of a row.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::rows::{Measure, Row};
use crate::variants::{Mode, Programs, Variant};

/// How long it may take.
pub(crate) struct Effort {
    /// Rounds of a row of ratios.
    pub(crate) rounds: usize,
    /// Rounds of a row with a fixed amount of work.
    pub(crate) fixed_rounds: usize,
    /// Milliseconds of a process's loop in a row of ratios.
    pub(crate) millis: f64,
    /// Seconds after which a row gets no further round: on a busy machine a hand-over between threads may take long.
    pub(crate) seconds: u64,
    /// Which of two sizes a fixed amount of work has.
    pub(crate) size: usize,
}

impl Effort {
    /// Some minutes.
    pub(crate) const FULL: Self = Self { rounds: 15, fixed_rounds: 5, millis: 60.0, seconds: 120, size: 0 };
    /// Less than a minute.
    pub(crate) const QUICK: Self = Self { rounds: 5, fixed_rounds: 1, millis: 12.0, seconds: 10, size: 1 };
}

/// The numbers that a process printed; or how it ended.
pub(crate) type Output = Result<HashMap<String, f64>, String>;

/// What came of a variant, in the order of the rounds.
pub(crate) struct Results {
    /// Who it was.
    pub(crate) variant: &'static Variant,
    /// One for each round; one failure is the last.
    pub(crate) outputs: Vec<Output>,
}

impl Results {
    fn none(variant: &'static Variant) -> Self {
        Self { variant, outputs: Vec::new() }
    }
}

/// Iterations of the first, short run, from which the others' length follows.
const PROBE: u64 = 20_000;

/// Runs all rounds of a row.
pub(crate) fn run(row: &'static Row, effort: &Effort, programs: &Programs, calm: &mut Calm) -> Vec<Results> {
    let mut results: Vec<Results> =
        row.variants.iter().filter(|variant| programs.has(variant)).map(Results::none).collect();
    let sizes: Vec<u64> = match &row.measure {
        Measure::Ratio { .. } => {
            results.iter().map(|result| calibrate(row, result.variant, effort, programs)).collect()
        }
        Measure::Fixed { size, .. } => vec![size[effort.size]; results.len()],
    };
    let rounds = match row.measure {
        Measure::Ratio { .. } => effort.rounds,
        Measure::Fixed { .. } => effort.fixed_rounds,
    };
    let mut order: Vec<usize> = (0..results.len()).collect();
    let start = Instant::now();
    for round in 0..rounds {
        if round > 0 && start.elapsed().as_secs() >= effort.seconds {
            break;
        }
        shuffle(&mut order);
        for &place in &order {
            let Results { variant, outputs } = &mut results[place];
            if outputs.last().is_none_or(Result::is_ok) {
                outputs.push(calm.process(row, variant, sizes[place], programs));
            }
        }
    }
    results
}

/// Looks for times at which nobody else has half of the core: who waits for locked instructions hardly feels it, all others do.
pub(crate) struct Calm {
    /// The least that a loop took which leaves nothing of a core idle: the `dense` of the variants.
    least: f64,
}

impl Default for Calm {
    fn default() -> Self {
        Self { least: f64::INFINITY }
    }
}

impl Calm {
    /// What is dense may take so many times the least.
    const TOLERATED: f64 = 1.05;
    /// How often a process is run again that was disturbed.
    const AGAIN: usize = 5;

    /// Runs a process, again if it was disturbed all the time.
    fn process(&mut self, row: &Row, variant: &Variant, size: u64, programs: &Programs) -> Output {
        let mut output = process(row, variant, size, programs);
        for _ in 0..Self::AGAIN {
            let Some(dense) = output.as_ref().ok().and_then(|metrics| metrics.get("dense").copied()) else { break };
            self.least = self.least.min(dense);
            if dense <= self.least * Self::TOLERATED {
                break;
            }
            sleep(Duration::from_millis(300));
            output = process(row, variant, size, programs);
        }
        output
    }
}

/// Iterations that take the wanted time.
fn calibrate(row: &Row, variant: &Variant, effort: &Effort, programs: &Programs) -> u64 {
    let probe = process(row, variant, PROBE, programs);
    let nanos = probe.ok().and_then(|metrics| metrics.get("ns").copied()).unwrap_or(1e3);
    (effort.millis * 1e6 / nanos.max(0.1)) as u64
}

fn process(row: &Row, variant: &Variant, size: u64, programs: &Programs) -> Output {
    let output = finish(&mut programs.command(variant, row, size));
    if variant.mode == Some(Mode::Record) {
        // Gone already if the process never got so far as to write it.
        let _ = fs::remove_file(programs.trace());
    }
    output
}

fn finish(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    // One "METRIC VALUE" a line. A variant may print a banner, which does not look like that.
    let metric = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(metric).collect())
}

/// Fisher and Yates, with the randomness that hash maps get.
fn shuffle(order: &mut [usize]) {
    for place in (1..order.len()).rev() {
        let random = RandomState::new().hash_one(place);
        order.swap(place, (random % (place as u64 + 1)) as usize);
    }
}
