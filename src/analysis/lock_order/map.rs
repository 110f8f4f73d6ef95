//! Where the graph keeps what it is asked for.

use std::ptr;

use super::memory::prefetch;
use super::node::Node;
use crate::event::LockId;

/// What petgraph makes of a node.
type Kept = petgraph::graph::Node<Node>;

/// Where what the graph knows of a lock lies in memory, or lay: good for nothing but to ask for it, for which the graph
/// itself need not be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map {
    nodes: *const [Kept],
    classes: usize,
}

// SAFETY: nothing is read through the pointer.
unsafe impl Send for Map {}

impl Map {
    /// Of no lock.
    pub(crate) const NONE: Self = Self { nodes: ptr::slice_from_raw_parts(ptr::null(), 0), classes: 0 };

    /// Of a graph with these nodes, of which so many are classes.
    pub(super) fn new(nodes: &[Kept], classes: usize) -> Self {
        Self { nodes, classes }
    }

    /// Asks for what is known of a lock: in a graph of very many locks nothing is in the caches of the processor, and so the
    /// parts are at least on their way together.
    #[inline(always)]
    pub(crate) fn prefetch(self, lock: LockId) {
        // (An old lock may have less classes in front of it. Then this is in vain.)
        let node = lock.index() + self.classes;
        if node < self.nodes.len() {
            prefetch(self.nodes.cast::<Kept>().wrapping_add(node));
        }
    }
}
