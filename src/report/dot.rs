//! The lock-order graph for Graphviz.

use std::fmt::Write as _;

use serde::Serialize;

use crate::event::{Mode, Site};

/// A lock-order graph, ready to be drawn.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct GraphView {
    /// The locks.
    pub nodes: Vec<Node>,
    /// Which lock was wanted while which was held.
    pub edges: Vec<Edge>,
}

/// A lock, or a class of locks made at one site.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Node {
    /// Its name, else its kind.
    pub label: String,
    /// Where it was made, if known.
    pub created: Option<Site>,
}

/// `to` was wanted while `from` was held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Edge {
    /// Index of the held lock in [`GraphView::nodes`].
    pub from: usize,
    /// Index of the wanted lock in [`GraphView::nodes`].
    pub to: usize,
    /// How `from` was held.
    pub held: Mode,
    /// How `to` was wanted.
    pub wanted: Mode,
    /// Who did it.
    pub threads: Vec<String>,
    /// Where `from` was taken.
    pub held_at: Site,
    /// Where `to` was wanted.
    pub wanted_at: Site,
    /// It lies on a cycle.
    pub in_cycle: bool,
}

/// The graph in the DOT language; edges on a cycle are red and bold. Linear in the graph.
#[must_use]
pub fn dot(graph: &GraphView) -> String {
    let mut out =
        String::from("digraph lock_order {\n    rankdir=LR;\n    node [shape=box, fontname=\"monospace\"];\n");
    out.push_str("    edge [fontname=\"monospace\", fontsize=10];\n");
    for (number, node) in graph.nodes.iter().enumerate() {
        let made = node.created.as_ref().map(|site| format!("\nmade at {site}")).unwrap_or_default();
        let _ = writeln!(out, "    n{number} [label={}];", quoted(&format!("{}{made}", node.label)));
    }
    for edge in &graph.edges {
        let label = format!(
            "{}: {} at {}\nwants {} at {}",
            edge.threads.join(", "),
            held_words(edge.held),
            edge.held_at,
            wanted_words(edge.wanted),
            edge.wanted_at
        );
        let cycle = if edge.in_cycle { ", color=red, fontcolor=red, style=bold, penwidth=2" } else { "" };
        let _ = writeln!(out, "    n{} -> n{} [label={}{cycle}];", edge.from, edge.to, quoted(&label));
    }
    out.push_str("}\n");
    out
}

const fn held_words(mode: Mode) -> &'static str {
    match mode {
        Mode::Exclusive => "holds",
        Mode::Shared => "reads",
        Mode::SharedRecursive => "reads recursively",
        Mode::Upgradable => "reads upgradably",
    }
}

const fn wanted_words(mode: Mode) -> &'static str {
    match mode {
        Mode::Exclusive => "exclusive",
        Mode::Shared => "read",
        Mode::SharedRecursive => "recursive read",
        Mode::Upgradable => "upgradable read",
    }
}

/// A quoted string of the DOT language: quotes and backslashes are escaped, a line feed becomes its line break.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_stays_a_label() {
        assert_eq!(quoted("a\"]; evil [\\x\u{1b}\nb"), "\"a\\\"]; evil [\\\\x\u{fffd}\\nb\"");
    }
}
