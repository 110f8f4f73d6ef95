//! What is measured, on whom, and what gordian should reach.

use crate::variants::{ATOMICS, CELLS, LOCKS, Mode};

/// What a row's numbers are, and how they are compared.
pub(crate) enum Measure {
    /// Nanoseconds a turn; the first variant of the row is what ratios are taken to.
    Ratio {
        /// The highest ratio that gordian should have, by mode.
        target: fn(Mode) -> Option<f64>,
    },
    /// A fixed amount of work: several numbers of a process, each with its name, its unit, and the highest value that
    /// gordian should have.
    Fixed {
        /// Amount, and the amount of a quick run.
        size: [u64; 2],
        /// The numbers.
        metrics: &'static [Metric],
    },
}

/// One number of a row with a fixed amount of work.
pub(crate) struct Metric {
    /// As the variant prints it.
    pub(crate) name: &'static str,
    /// Behind the value.
    pub(crate) unit: &'static str,
    /// The highest value that gordian should have.
    pub(crate) target: Option<f64>,
}

/// One table.
pub(crate) struct Row {
    /// As on the command line, of this program and of a variant.
    pub(crate) name: &'static str,
    /// One line about it.
    pub(crate) about: &'static str,
    /// Who takes part.
    pub(crate) variants: &'static [crate::variants::Variant],
    /// What comes out.
    pub(crate) measure: Measure,
}

const fn ratio(name: &'static str, about: &'static str, target: fn(Mode) -> Option<f64>) -> Row {
    Row { name, about, variants: LOCKS, measure: Measure::Ratio { target } }
}

const fn cells(name: &'static str, about: &'static str) -> Row {
    Row { name, about, variants: CELLS, measure: Measure::Ratio { target: |_| None } }
}

const fn atomics(name: &'static str, about: &'static str) -> Row {
    Row { name, about, variants: ATOMICS, measure: Measure::Ratio { target: |_| None } }
}

/// The target of a nest of locks that one thread uses: `order` is that of the lock graph alone.
fn nest(order: f64, mode: Mode) -> Option<f64> {
    match mode {
        Mode::Order => Some(order),
        Mode::Races | Mode::Record => Some(2.0),
    }
}

/// With two threads on locks of their own: the same within a tenth.
fn nest_of_two(order: f64, mode: Mode) -> Option<f64> {
    nest(order, mode).map(|target| target * 1.1)
}

fn handed_over(mode: Mode) -> Option<f64> {
    (mode == Mode::Races).then_some(3.0)
}

fn short_lived(mode: Mode) -> Option<f64> {
    Some(if mode == Mode::Record { 5.0 } else { 3.0 })
}

/// All rows.
pub(crate) const ROWS: &[Row] = &[
    ratio("lock-1", "lock and unlock, uncontended", |mode| nest(1.3, mode)),
    ratio("lock-2", "two locks nested", |mode| nest(1.4, mode)),
    ratio("lock-4", "four locks nested", |mode| nest(1.8, mode)),
    ratio("own-1", "two threads, each on a lock of its own", |mode| nest_of_two(1.3, mode)),
    ratio("own-2", "two threads, each on two nested locks of its own", |mode| nest_of_two(1.4, mode)),
    ratio("own-4", "two threads, each on four nested locks of its own", |mode| nest_of_two(1.8, mode)),
    ratio("contended", "two threads on one lock as fast as they can", |_| None),
    ratio("alternate", "two threads on one lock in strict turns, with the hand-over", handed_over),
    ratio("alternate-64", "two threads in strict turns, 64 locks at a turn: next to no hand-over", handed_over),
    ratio("create", "a lock made, taken and dropped below a held one", short_lived),
    Row {
        name: "pairs",
        about: "100,000 locks, a million distinct ordered pairs",
        variants: LOCKS,
        measure: Measure::Fixed {
            size: [100_000, 10_000],
            metrics: &[
                Metric { name: "new", unit: "ns/pair", target: Some(600.0) },
                Metric { name: "known", unit: "ns/pair", target: Some(150.0) },
                Metric { name: "MB", unit: "MB", target: Some(100.0) },
                Metric { name: "done", unit: "‰ done", target: None },
            ],
        },
    },
    Row {
        name: "chain",
        about: "100,000 locks hand over hand, then one in front of them all",
        variants: LOCKS,
        measure: Measure::Fixed {
            size: [100_000, 100_000],
            metrics: &[
                Metric { name: "ns", unit: "ns/lock", target: None },
                Metric { name: "last", unit: "ms", target: None },
            ],
        },
    },
    cells("shared-read", "256 cells read in turn by one thread"),
    cells("shared-write", "256 cells written in turn by one thread"),
    cells("shared-epoch", "256 cells written in turn after each taking of a lock"),
    cells("shared-read-2", "256 cells read in turn by two threads"),
    atomics("atomic-read", "256 atomics loaded in turn by one thread, relaxed as all of these"),
    atomics("atomic-write", "256 atomics stored to in turn by one thread"),
    atomics("atomic-add", "256 atomics added to in turn by one thread"),
    atomics("atomic-read-2", "256 atomics loaded in turn by two threads"),
];
