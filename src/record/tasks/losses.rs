//! Messages that are lost with a future: taken out of a channel by one that is dropped before it is done.
//!
//! No event says when a future that is awaited by another begins or ends, so a loss is told by what is known of waits. A
//! function that took a message and is dropped further down has not come to its end: where it waits for the next message of
//! the same channel, it had one part of several; where it waits for room in another, it was handing the message on; where it
//! waits for a lock, it was about to put it away. A loop that gathers messages in one place can't be told from one that has
//! put each of them away.
//!
//! Who takes nothing more out of the channel is shutting down, and leaves it with what it had; so the loss is told when the
//! next message is taken.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::leaf::{LeafState, last_ticket};
use super::poll::Frame;
use crate::analysis::async_hazard::LostMessage;
use crate::analysis::wait_for::Wait;
use crate::event::{ChannelId, Names as _, SiteId};
use crate::record::context::Context;
use crate::record::registry::LiveNames;
use crate::record::{Place, sink, stacks};

/// A message that a task has taken.
#[derive(Clone, Copy, Debug)]
struct Taken {
    channel: ChannelId,
    site: SiteId,
    /// The last wait that was begun before.
    ticket: u64,
}

/// The last messages that a task has taken: the last one out of each of a few channels, the newest at the end.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Takings([Option<Taken>; 4]);

impl Takings {
    fn note(&mut self, taken: Taken) {
        let of_channel = |known: &Option<Taken>| known.is_some_and(|known| known.channel == taken.channel);
        let place = self.0.iter().position(of_channel).unwrap_or(0);
        self.0[place..].rotate_left(1);
        self.0[self.0.len() - 1] = Some(taken);
    }

    fn newest_first(&self) -> impl Iterator<Item = Taken> + '_ {
        self.0.iter().rev().flatten().copied()
    }
}

/// Losses in channels out of which nothing was taken since.
static LOST: Mutex<Vec<LostMessage>> = Mutex::new(Vec::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The current owner has taken a message out of the channel.
pub(crate) fn took(inside: &mut Context, channel: impl FnOnce() -> ChannelId, place: Place) {
    if inside.frames.is_empty() && COUNT.load(Ordering::Relaxed) == 0 {
        return;
    }
    let channel = channel();
    if COUNT.load(Ordering::Relaxed) > 0 {
        tell(inside, channel);
    }
    let site = inside.locks.site(place);
    if let Some(frame) = inside.frames.last_mut() {
        frame.takings.get_or_insert_default().note(Taken { channel, site, ticket: last_ticket() });
    }
}

#[cold]
fn tell(inside: &mut Context, channel: ChannelId) {
    let lost = {
        let mut all = LOST.lock();
        let place = all.iter().position(|lost| lost.channel == channel);
        let lost = place.map(|place| all.swap_remove(place));
        COUNT.store(all.len(), Ordering::Relaxed);
        lost
    };
    if let Some(lost) = lost {
        sink::report(inside, lost.finding(&LiveNames));
    }
}

/// A wait of the task is dropped before it is over: with a future that has taken a message?
pub(super) fn dropped(frame: &Frame, leaf: &LeafState) {
    if frame.dropping {
        return;
    }
    let Some(takings) = &frame.takings else { return };
    let goes_on = |taken: &Taken| match leaf.leg().map(|leg| leg.wait) {
        Some(Wait::Recv(channel)) => channel == taken.channel,
        Some(Wait::Send(channel)) => channel != taken.channel,
        Some(Wait::Lock { .. }) => true,
        _ => false,
    };
    let Some(taken) = takings.newest_first().find(goes_on).filter(|taken| taken.ticket < leaf.ticket()) else { return };
    let (took, awaits) = (LiveNames.site(taken.site), LiveNames.site(leaf.site()));
    let is_further_down = took.file == awaits.file && (took.line, took.column) < (awaits.line, awaits.column);
    if !is_further_down || !is_new(taken.site, leaf.site()) {
        return;
    }
    let Some(function) = stacks::function(taken.site) else { return };
    if stacks::function(leaf.site()).as_ref() == Some(&function) && stacks::is_in_drop_of(&function) {
        let (task, channel) = (frame.task.actor, taken.channel);
        let mut all = LOST.lock();
        all.push(LostMessage { task, channel, taken: taken.site, awaits: leaf.site() });
        COUNT.store(all.len(), Ordering::Relaxed);
    }
}

/// Reading symbols takes long: it is done a few times for each pair of places.
fn is_new(taken: SiteId, awaits: SiteId) -> bool {
    const LOOKS: u32 = 3;
    static LOOKED: LazyLock<Mutex<FxHashMap<(SiteId, SiteId), u32>>> = LazyLock::new(Mutex::default);

    let mut looked = LOOKED.lock();
    let looks = looked.entry((taken, awaits)).or_default();
    *looks += 1;
    *looks <= LOOKS
}
