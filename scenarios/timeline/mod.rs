//! The registry of what `gordian timeline` shows beside the async scenarios: event loops at work, in a good and a bad form.

use super::Scenario;

mod cpu_in_the_loop;
mod to_and_fro;

/// All of them, in this order.
pub(super) fn demonstrations() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "timeline",
            "cpu_in_the_loop",
            include_str!("cpu_in_the_loop.rs"),
            cpu_in_the_loop::buggy,
            cpu_in_the_loop::fixed,
        ),
        Scenario::new("timeline", "to_and_fro", include_str!("to_and_fro.rs"), to_and_fro::buggy, to_and_fro::fixed),
    ]
}
