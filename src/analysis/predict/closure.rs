//! Sync-preserving closure: the least set of events that contains a prefix and can be run in the recorded order.
//!
//! A set of events is fit to be run in the order of the recording if it is closed under what must come before, and if of
//! two holds of a lock that exclude each other the earlier one is given back in it (Mathur, Pavlogiannis and Viswanathan,
//! "Optimal prediction of synchronization-preserving races", POPL 2021). Only the holds that are open where a thread
//! stops can break that, so each round looks at these, and not at the acquisitions on the way.

use super::clocks::Clocks;
use super::index::Index;

/// Makes `prefix` the least sync-preserving set that contains it. It must be closed under what must come before. The
/// result is never larger than what was recorded up to the newest event of `prefix`.
///
/// False: a hold is never given back, so there is no such set.
///
/// Cost: rounds × threads × open holds × log; each round adds at least one release.
pub(super) fn close(index: &Index, clocks: &Clocks, prefix: &mut [u32]) -> bool {
    loop {
        let mut grown = false;
        for thread in 0..prefix.len() as u32 {
            if !index.holds_any(thread, prefix[thread as usize]) {
                continue;
            }
            let earliest =
                index.open(thread, prefix[thread as usize]).filter(|&open| is_overtaken(index, prefix, open));
            // The release of the lock that was taken first may come last; each of them is needed.
            let overtaken: Vec<u32> = earliest.collect();
            for open in overtaken {
                let Some(release) = index.release(open) else { return false };
                clocks.with(index, release, prefix);
                grown = true;
            }
        }
        if !grown {
            return true;
        }
    }
}

/// Is the lock taken once more in `prefix`, later and by another thread, in a mode that `open` excludes?
fn is_overtaken(index: &Index, prefix: &[u32], open: u32) -> bool {
    let entry = index.entry(open);
    index.groups(entry.object).iter().any(|group| {
        if group.thread == entry.thread || group.mode.compatible(entry.mode) || prefix[group.thread as usize] == 0 {
            return false;
        }
        let acquires = index.acquires(group);
        let next = acquires.get(acquires.partition_point(|&other| other < open));
        next.is_some_and(|&next| index.entry(next).at < prefix[group.thread as usize])
    })
}
