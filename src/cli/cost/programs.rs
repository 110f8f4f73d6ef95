//! What is measured: plain programs that do the same with threads and with async.
//!
//! A measurement is one file `scenarios/cost/NAME.rs`. The first line of its `//!` header is the title, a line
//! `//! latency: …` says what its latencies are. Each form is a function of it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use serde::Serialize;

use crate::finding::Kind;

#[path = "../../../scenarios/cost/mod.rs"]
#[allow(unreachable_pub, reason = "the programs are written as a user would write them")]
mod registry;

/// A program: what it does how often, what it calls when most is going on, and the latencies that it saw.
pub(super) type Alone = fn(usize, &dyn Fn()) -> io::Result<Vec<Duration>>;
/// A server: serves so many connections, and calls when all are there.
pub(super) type Serve = fn(&TcpListener, usize, &dyn Fn()) -> io::Result<()>;
/// The clients of a server, with so many connections: how long all requests took together, and each.
pub(super) type Clients = fn(SocketAddr, usize) -> io::Result<(Duration, Vec<Duration>)>;

/// One thing that threads and async both do.
#[derive(Debug)]
pub(super) struct Measurement {
    /// What the user types, and the file's name.
    pub(super) name: &'static str,
    /// The text of its file.
    pub(super) source: &'static str,
    /// What its size counts.
    pub(super) unit: &'static str,
    /// How often.
    pub(super) sizes: Sizes,
    /// What comes out.
    pub(super) figure: Figure,
    /// In the order of the table; speed-ups are over the first.
    pub(super) forms: &'static [Form],
}

/// How often a measurement does what it does.
#[derive(Debug)]
pub(super) struct Sizes {
    pub(super) full: &'static [usize],
    pub(super) quick: &'static [usize],
}

/// What comes out of a measurement, beside what is measured of every program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Figure {
    /// So many of these per second, for each unit of the size this many.
    PerSecond(&'static str, usize),
    /// How many times as fast as the first form.
    SpeedUp,
    /// The time of one of these, of which there are so many for each unit of the size.
    TimeEach(&'static str, usize),
    /// The memory of each.
    BytesEach,
}

/// Whose way it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Side {
    Threads,
    Async,
}

/// One way to do it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) side: Side,
    /// Its function in the file.
    function: &'static str,
    /// How it is run.
    pub(super) program: Program,
    /// It needs a thread for each unit of the size.
    pub(super) thread_each: bool,
    /// It is kept to one core.
    pub(super) one_core: bool,
    /// It is an example of how not to do it, and this is the kind of mistake.
    pub(super) mistake: Option<Kind>,
    /// The item of the file whose lines are counted.
    counted: &'static str,
}

/// How a form is run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Program {
    /// In one process.
    Alone(Alone),
    /// In two.
    Server { serve: Serve, clients: Clients },
}

impl Form {
    /// For a form that is a server.
    const NOT_ALONE: Alone = |_, _| Err(io::Error::other("it is a server"));

    const fn new(side: Side, function: &'static str, program: Alone) -> Self {
        Self {
            side,
            function,
            program: Program::Alone(program),
            thread_each: false,
            one_core: false,
            mistake: None,
            counted: function,
        }
    }

    const fn threads(function: &'static str, program: Alone) -> Self {
        Self::new(Side::Threads, function, program)
    }

    const fn tasks(function: &'static str, program: Alone) -> Self {
        Self::new(Side::Async, function, program)
    }

    const fn serving(self, serve: Serve, clients: Clients) -> Self {
        Self { program: Program::Server { serve, clients }, ..self }
    }

    const fn each_a_thread(self) -> Self {
        Self { thread_each: true, ..self }
    }

    const fn on_one_core(self) -> Self {
        Self { one_core: true, ..self }
    }

    const fn mistake(self, kind: Kind) -> Self {
        Self { mistake: Some(kind), ..self }
    }

    const fn counting(self, item: &'static str) -> Self {
        Self { counted: item, ..self }
    }

    /// What the table and JSON call it.
    pub(super) fn name(&self) -> String {
        let name = self.function.replace('_', "-");
        if self.one_core { format!("{name}-on-one-core") } else { name }
    }
}

impl Measurement {
    /// The first line of the header.
    pub(super) fn title(&self) -> &'static str {
        self.header().next().unwrap_or_default()
    }

    /// What the latencies are.
    pub(super) fn latency(&self) -> &'static str {
        self.header().find_map(|line| line.strip_prefix("latency:")).unwrap_or_default().trim()
    }

    /// Its file, from the root of the package.
    pub(super) fn path(&self) -> String {
        format!("scenarios/cost/{}.rs", self.name)
    }

    fn header(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim)
    }

    /// The form of that name.
    pub(super) fn form(&self, name: &str) -> Option<&'static Form> {
        self.forms.iter().find(|form| form.name() == name)
    }

    /// The lines of a form, without empty ones and comments; 0 when its item is not found.
    ///
    /// rustfmt puts an item of the file at the first column, and its end as well.
    pub(super) fn lines(&self, form: &Form) -> usize {
        let begins = |line: &&str| {
            let line = line.strip_prefix("pub ").unwrap_or(line);
            let name = line.strip_prefix("async ").unwrap_or(line);
            let name = name.strip_prefix("fn ").or_else(|| name.strip_prefix("mod "));
            let rest = name.and_then(|name| name.strip_prefix(form.counted));
            rest.is_some_and(|rest| rest.starts_with(['(', ' ', '<']))
        };
        let item = self.source.lines().skip_while(|line| !begins(line));
        let item = item.scan(false, |ended, line| {
            let within = !*ended;
            *ended = line == "}";
            within.then_some(line.trim())
        });
        item.filter(|line| !line.is_empty() && !line.starts_with("//")).count()
    }
}

/// All measurements, in the order of the registry.
pub(super) fn all() -> &'static [Measurement] {
    registry::MEASUREMENTS
}

/// The measurement of that name.
pub(super) fn find(name: &str) -> Option<&'static Measurement> {
    all().iter().find(|measurement| measurement.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_measurement_is_complete() {
        for measurement in all() {
            let name = measurement.name;
            assert!(!measurement.title().is_empty(), "{name}: the first line of the header is the title");
            assert!(!measurement.latency().is_empty(), "{name}: the header has a `latency:` line");
            let forms: BTreeSet<String> = measurement.forms.iter().map(Form::name).collect();
            assert_eq!(forms.len(), measurement.forms.len(), "{name}: the names of its forms are unique");
            for form in measurement.forms {
                assert!(measurement.lines(form) > 2, "{name}: `{}` is in its file", form.counted);
            }
            assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(measurement.path()).is_file(), "{name}");
        }
    }

    #[test]
    fn lines_are_those_of_the_item() {
        let measurement = Measurement {
            name: "x",
            source: "fn a_not() {\n}\n/// A.\npub fn a(\n) {\n\n    // why\n    b();\n}\nfn b() {\n}\n",
            unit: "",
            sizes: Sizes { full: &[], quick: &[] },
            figure: Figure::SpeedUp,
            forms: &[],
        };
        let lines = |item| measurement.lines(&Form::tasks(item, Form::NOT_ALONE));
        assert_eq!((lines("a"), lines("a_not"), lines("b"), lines("c")), (4, 2, 2, 0));
    }
}
