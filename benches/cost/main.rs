//! What watching costs: gordian beside parking_lot, std and the other detectors.
//!
//! `cargo bench --bench cost [-- [--quick] [ROW…]]` builds one program per variant (`benches/peers`), all with the same
//! profile, and runs them interleaved: in each round every variant once, in random order. A row shows the median time
//! of a turn, and the median of the rounds' ratios to bare parking_lot; ratios within a round are what a busy machine
//! disturbs least. While another program has the other half of the core nothing counts (parts of a process, or all of it,
//! which is run again then): a bare lock hardly feels that, and all others do. `ROW` selects the rows whose name starts so.
//!
//! The targets are those that the project sets itself; a missed one is said so, and nothing fails.

#![allow(clippy::print_stdout, reason = "a benchmark's output")]

mod rounds;
mod rows;
mod table;
mod variants;

use std::process::ExitCode;

use rounds::{Calm, Effort};
use rows::{ROWS, Row};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` starts benchmarks too, without this flag: they are built then, that is all.
    if !args.iter().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let effort = if args.iter().any(|arg| arg == "--quick") { Effort::QUICK } else { Effort::FULL };
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let chosen = |row: &&Row| filters.is_empty() || filters.iter().any(|filter| row.name.starts_with(*filter));
    let rows: Vec<&Row> = ROWS.iter().filter(chosen).collect();
    if rows.is_empty() {
        println!("no such row; there are: {}", ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(" "));
        return ExitCode::from(2);
    }
    let programs = variants::build(&rows);
    table::head(&effort);
    let mut calm = Calm::default();
    for row in rows {
        let results = rounds::run(row, &effort, &programs, &mut calm);
        table::print(row, &effort, &results);
    }
    table::load("at the end");
    ExitCode::SUCCESS
}
