//! Barriers: all arrivals of a generation before every leave of it.

use super::sync::SyncClock;
use super::thread::ThreadClock;

/// Which generation of a barrier an arrival belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Generation(u64);

/// The clock of a barrier.
///
/// A generation is full when `parties` have arrived; the next arrival opens the next one, even while owners of the full
/// one are still to leave. Memory: one clock for each generation that somebody is still in.
#[derive(Default, Debug)]
pub struct BarrierClock {
    /// Number of the newest generation.
    newest: u64,
    /// The generations that somebody is in, and the newest while it is not full.
    gatherings: Vec<Gathering>,
}

#[derive(Debug)]
struct Gathering {
    generation: Generation,
    clock: SyncClock,
    arrived: u32,
    inside: u32,
    full: bool,
}

impl BarrierClock {
    /// A barrier at which nobody has arrived.
    #[must_use]
    pub const fn new() -> Self {
        Self { newest: 0, gatherings: Vec::new() }
    }

    /// The thread arrives; the value is for [`leave`](Self::leave) or [`abandon`](Self::abandon).
    pub fn arrive(&mut self, thread: &mut ThreadClock, parties: u32) -> Generation {
        let open = self.gatherings.iter().position(|gathering| !gathering.full);
        let index = open.unwrap_or_else(|| {
            self.newest += 1;
            let generation = Generation(self.newest);
            self.gatherings.push(Gathering { generation, clock: SyncClock::new(), arrived: 0, inside: 0, full: false });
            self.gatherings.len() - 1
        });
        let gathering = &mut self.gatherings[index];
        gathering.clock.publish_join(thread);
        gathering.arrived += 1;
        gathering.inside += 1;
        gathering.full = gathering.arrived >= parties;
        gathering.generation
    }

    /// The thread leaves, after everything that its generation did before arriving.
    pub fn leave(&mut self, thread: &mut ThreadClock, generation: Generation) {
        if let Some(index) = self.find(generation) {
            self.gatherings[index].clock.acquire(thread);
        }
        self.abandon(generation);
    }

    /// An owner that arrived will never leave.
    pub fn abandon(&mut self, generation: Generation) {
        let Some(index) = self.find(generation) else { return };
        let gathering = &mut self.gatherings[index];
        gathering.inside = gathering.inside.saturating_sub(1);
        if gathering.full && gathering.inside == 0 {
            self.gatherings.swap_remove(index);
        }
    }

    fn find(&self, generation: Generation) -> Option<usize> {
        self.gatherings.iter().position(|gathering| gathering.generation == generation)
    }
}
