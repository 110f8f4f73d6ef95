//! What the graph knows of a lock.

use super::{ClassId, Place};

/// A lock, or the dead locks of a class.
///
/// Of very many locks nothing is in the caches of the processor, and what takes the time then is how many places are read
/// that lie apart, not how much. So all that is kept by lock is together: with the heads of its lists of edges, which
/// petgraph keeps behind it, as much as a line of the cache. What is looked at to judge an edge that agrees with the order
/// comes first.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Node {
    /// Place in the topological order; only a root's counts.
    pub(super) order: i64,
    /// The next member of the component, in a ring.
    pub(super) ring: u32,
    /// Union-find over the components; a root is its own parent.
    pub(super) parent: u32,
    /// Of a lock: how many had its id before.
    pub(super) life: u32,
    /// It has or had an edge, or is about to have one.
    pub(super) used: bool,
    /// The last search that found it ahead, and behind.
    pub(super) marks: [u32; 2],
    /// Writers that held nothing else: the first of a list of records, plus 1; 0 when none.
    pub(super) writers: u32,
    /// The class of a living lock, if it was told.
    pub(super) class: Option<ClassId>,
    /// Which lock or class.
    pub(super) place: Place,
}

const _: () = assert!(size_of::<petgraph::graph::Node<Node>>() == 64);

impl Node {
    /// The node with this number, alone in its component.
    pub(super) fn new(own: u32, place: Place, order: i64) -> Self {
        Self { order, ring: own, parent: own, life: 0, used: false, marks: [0; 2], writers: 0, class: None, place }
    }
}
