//! The registry of measurements: threads and async beside each other, as plain programs.

use super::{Figure, Form, Kind, Measurement, Sizes};

mod callbacks;
mod cpu;
mod memory;
mod server;
mod switches;
mod waits;

/// All of them, in this order.
pub(super) static MEASUREMENTS: &[Measurement] = &[
    Measurement {
        name: "waits",
        source: include_str!("waits.rs"),
        unit: "waits",
        sizes: Sizes { full: &[10_000], quick: &[1_000] },
        figure: Figure::PerSecond("waits", 1),
        forms: &[
            Form::threads("threads", waits::threads).each_a_thread(),
            Form::tasks("tasks", waits::tasks),
            Form::tasks("tasks_on_all_cores", waits::tasks_on_all_cores),
        ],
    },
    Measurement {
        name: "cpu",
        source: include_str!("cpu.rs"),
        unit: "jobs",
        sizes: Sizes { full: &[8], quick: &[4] },
        figure: Figure::SpeedUp,
        forms: &[
            Form::threads("one_thread", cpu::one_thread),
            Form::threads("threads", cpu::threads),
            Form::threads("rayon_pool", cpu::rayon_pool),
            Form::tasks("event_loop", cpu::event_loop).mistake(Kind::BlockingInAsync),
            Form::tasks("spawn_blocking", cpu::spawn_blocking),
            Form::tasks("rayon_and_await", cpu::rayon_and_await),
        ],
    },
    Measurement {
        name: "switches",
        source: include_str!("switches.rs"),
        unit: "times to and fro",
        sizes: Sizes { full: &[50_000], quick: &[5_000] },
        figure: Figure::TimeEach("switch", 2),
        forms: &[
            Form::threads("threads", switches::threads),
            Form::threads("threads", switches::threads).on_one_core(),
            Form::tasks("tasks", switches::tasks),
        ],
    },
    Measurement {
        name: "memory",
        source: include_str!("memory.rs"),
        unit: "that wait",
        sizes: Sizes { full: &[1_000, 10_000], quick: &[1_000] },
        figure: Figure::BytesEach,
        forms: &[Form::threads("threads", memory::threads).each_a_thread(), Form::tasks("tasks", memory::tasks)],
    },
    Measurement {
        name: "server",
        source: include_str!("server.rs"),
        unit: "connections",
        sizes: Sizes { full: &[200], quick: &[50] },
        figure: Figure::PerSecond("requests", server::REQUESTS),
        forms: &[
            Form::threads("threads", Form::NOT_ALONE).serving(server::threads, server::clients).each_a_thread(),
            Form::tasks("tasks", Form::NOT_ALONE).serving(server::tasks, server::clients),
            Form::tasks("tasks_on_all_cores", Form::NOT_ALONE).serving(server::tasks_on_all_cores, server::clients),
        ],
    },
    Measurement {
        name: "callbacks",
        source: include_str!("callbacks.rs"),
        unit: "orders",
        sizes: Sizes { full: &[20_000], quick: &[2_000] },
        figure: Figure::TimeEach("question", callbacks::QUESTIONS),
        forms: &[
            Form::tasks("callbacks", callbacks::callbacks).counting("by_hand"),
            Form::tasks("awaited", callbacks::awaited).counting("with_await"),
            Form::tasks("awaited_on_tokio", callbacks::awaited_on_tokio).counting("with_await"),
        ],
    },
];
