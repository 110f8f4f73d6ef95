//! `gordian graph`.

use std::collections::HashMap;
use std::path::Path;

use indicatif::ProgressBar;

use super::analyze;
use super::error::{Error, InputError};
use super::exit_code::ExitCode;
use super::options::Common;
use super::output::{self, Document};
use crate::analysis::lock_order::{LockOrder, Place};
use crate::engine::{Engine, Judge};
use crate::event::{Names, Object};
use crate::report::Style;
use crate::report::dot::{Edge, GraphView, Node, dot};
use crate::trace::StdOptions;

/// Prints the lock-order graph of a trace.
pub(super) fn graph(file: &Path, common: &Common) -> Result<ExitCode, Error> {
    output::emit(&view(file)?, common)?;
    Ok(ExitCode::Clean)
}

/// Reads a trace and builds its lock-order graph.
fn view(file: &Path) -> Result<GraphView, InputError> {
    let mut reader = analyze::reader(file, &ProgressBar::hidden(), StdOptions::default())?;
    let mut engine = Engine::new(&[Judge::LockOrder], false);
    let mut batch = Vec::new();
    while let Some(first) = reader.next_batch(&mut batch).map_err(|error| analyze::malformed(file, error))? {
        engine.feed(first, &batch);
    }
    Ok(engine.lock_order().map(|order| picture(order, reader.names())).unwrap_or_default())
}

/// The graph with names in the place of ids: an edge for each pair of modes and sites.
fn picture(order: &LockOrder, names: &dyn Names) -> GraphView {
    let mut view = GraphView::default();
    let mut places: HashMap<Place, usize> = HashMap::new();
    let mut node = |view: &mut GraphView, place: Place| {
        *places.entry(place).or_insert_with(|| {
            view.nodes.push(match place {
                Place::Lock(lock) => {
                    let info = names.object(Object::Lock(lock));
                    let label = info.as_ref().and_then(|info| info.name.clone()).unwrap_or_else(|| lock.to_string());
                    Node { label, created: info.and_then(|info| info.created) }
                }
                Place::Class(class) => Node { label: "class".to_owned(), created: Some(names.site(class)) },
            });
            view.nodes.len() - 1
        })
    };
    for seen in order.edges() {
        let (from, to) = (node(&mut view, seen.from), node(&mut view, seen.to));
        for way in seen.ways {
            let edge = Edge {
                from,
                to,
                held: way.holds.mode,
                wanted: way.mode,
                threads: vec![names.owner_name(way.thread)],
                held_at: names.site(way.holds.site),
                wanted_at: names.site(way.site),
                in_cycle: seen.in_cycle,
            };
            let alike = |known: &Edge| {
                Edge { threads: Vec::new(), ..known.clone() } == Edge { threads: Vec::new(), ..edge.clone() }
            };
            match view
                .edges
                .iter_mut()
                .rev()
                .take_while(|known| (known.from, known.to) == (from, to))
                .find(|known| alike(known))
            {
                Some(known) if known.threads.contains(&edge.threads[0]) => {}
                Some(known) => known.threads.extend(edge.threads),
                None => view.edges.push(edge),
            }
        }
    }
    view
}

impl Document for GraphView {
    fn text(&self, _style: Style, _terminal: bool) -> String {
        dot(self)
    }

    fn json(&self) -> String {
        output::pretty(self)
    }
}
