//! A channel gets as much room as there are items, and there are none.
//!
//! The room is computed from the number of items known so far, which is 0; a channel without room hands over from hand to
//! hand. The first `send` waits for a receiver that the same thread would be, one line later. The fixed form makes room
//! for one at least.
//!
//! origin: rust-lang/futures-rs#2876 and #2939 (`buffer_unordered(items.len())` with no items), told with a channel

use gordian::Named;
use gordian::sync::mpsc;

fn collect(room: usize) -> u32 {
    let (sender, items) = mpsc::sync_channel(room);
    items.set_name("items");
    sender.send(7).unwrap(); //~ wait-cycle
    drop(sender);
    items.iter().sum()
}

pub fn buggy() {
    let known: [u32; 0] = [];
    assert_eq!(collect(known.len()), 7);
}

pub fn fixed() {
    let known: [u32; 0] = [];
    assert_eq!(collect(known.len().max(1)), 7);
}
