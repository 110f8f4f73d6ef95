//! Litmus tests: for each way to order two accesses a stream that has it, and its racing twin that only looks like it.
//!
//! Threads 0, 1 and 2 are unordered from the start. Each stream is also judged by the definition (`oracle`).

use gordian::event::Mode::{Exclusive, Shared, SharedRecursive, Upgradable};
use gordian::event::Order::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use gordian::event::{AtomicId, Attempt, BarrierId, ChannelId, CondvarId, Mode, OnceId, Order};
use gordian::event::{Event, LockId, Op, Owner, SiteId, ThreadId, VarId};

use super::oracle;

/// The positions that race, in the order of the stream.
fn racy(steps: &[(u32, Op)]) -> Vec<usize> {
    let event = |(site, &(thread, op)): (u32, &(u32, Op))| Event {
        owner: Owner::thread(ThreadId(thread)),
        site: SiteId(site),
        op,
    };
    let events: Vec<Event> = (1..).zip(steps).map(event).collect();
    oracle::compare(&events).into_keys().collect()
}

#[track_caller]
fn silent(steps: &[(u32, Op)]) {
    assert_eq!(racy(steps), Vec::<usize>::new());
}

/// Exactly the last step races.
#[track_caller]
fn races(steps: &[(u32, Op)]) {
    assert_eq!(racy(steps), [steps.len() - 1]);
}

const X: VarId = VarId(0);
const READ: Op = Op::Read { var: X };
const WRITE: Op = Op::Write { var: X };
const A: AtomicId = AtomicId(0);

fn load(order: Order) -> Op {
    Op::AtomicLoad { atomic: A, order }
}

fn store(order: Order) -> Op {
    Op::AtomicStore { atomic: A, order }
}

fn rmw(order: Order) -> Op {
    Op::AtomicRmw { atomic: A, order }
}

fn fence(order: Order) -> Op {
    Op::Fence { order }
}

fn lock(mode: Mode) -> Op {
    Op::Acquired { lock: LockId(0), mode, attempt: Attempt::Blocking }
}

fn unlock(mode: Mode) -> Op {
    Op::Released { lock: LockId(0), mode }
}

#[test]
fn nothing_orders_strangers() {
    races(&[(0, WRITE), (1, WRITE)]);
    races(&[(0, READ), (1, WRITE)]);
    races(&[(0, WRITE), (1, READ)]);
    silent(&[(0, READ), (1, READ)]);
    silent(&[(0, WRITE), (0, READ), (0, WRITE)]);
}

#[test]
fn message_passing() {
    for (publish, observe, ordered) in [
        (Release, Acquire, true),
        (SeqCst, SeqCst, true),
        (Release, Relaxed, false),
        (Relaxed, Acquire, false),
        (Relaxed, Relaxed, false),
    ] {
        let steps = [(0, WRITE), (0, store(publish)), (1, load(observe)), (1, READ)];
        if ordered { silent(&steps) } else { races(&steps) }
    }
    // What is written after the publication is not part of it.
    races(&[(0, store(Release)), (0, WRITE), (1, load(Acquire)), (1, READ)]);
    races(&[(0, WRITE), (0, store(Release)), (0, READ), (1, load(Acquire)), (1, WRITE)]);
}

#[test]
fn release_sequences() {
    silent(&[(0, WRITE), (0, store(Release)), (1, rmw(Relaxed)), (2, load(Acquire)), (2, READ)]);
    // The middle one read relaxed: it does not come after the write itself.
    races(&[(0, WRITE), (0, store(Release)), (1, rmw(Relaxed)), (1, READ)]);
    // A store ends the sequence, also one by the same thread (C++20).
    races(&[(0, WRITE), (0, store(Release)), (1, store(Relaxed)), (2, load(Acquire)), (2, READ)]);
    races(&[(0, WRITE), (0, store(Release)), (0, store(Relaxed)), (1, load(Acquire)), (1, READ)]);
    // An update releases beside the sequence that it continues: one reader comes after both.
    let (y, both) = (Op::Write { var: VarId(1) }, Op::Read { var: VarId(1) });
    silent(&[(0, WRITE), (0, store(Release)), (1, y), (1, rmw(Release)), (2, load(Acquire)), (2, READ), (2, both)]);
}

#[test]
fn fences() {
    let fenced = |first: &[Op], second: &[Op]| {
        let mut steps = vec![(0, WRITE)];
        steps.extend(first.iter().map(|&op| (0, op)));
        steps.extend(second.iter().map(|&op| (1, op)));
        steps.push((1, READ));
        steps
    };
    let (put, get) = (store(Relaxed), load(Relaxed));
    silent(&fenced(&[fence(Release), put], &[get, fence(Acquire)]));
    silent(&fenced(&[fence(Release), put], &[load(Acquire)]));
    silent(&fenced(&[store(Release)], &[get, fence(Acquire)]));
    silent(&fenced(&[fence(SeqCst), put], &[get, fence(SeqCst)]));
    silent(&fenced(&[fence(AcqRel), rmw(Relaxed)], &[rmw(Relaxed), fence(AcqRel)]));
    races(&fenced(&[put, fence(Release)], &[get, fence(Acquire)]));
    races(&fenced(&[fence(Release), put], &[fence(Acquire), get]));
    races(&fenced(&[fence(Acquire), put], &[get, fence(Acquire)]));
    races(&fenced(&[fence(Release), put], &[get, fence(Release)]));
    races(&fenced(&[fence(SeqCst)], &[fence(SeqCst)]));
}

#[test]
fn a_reference_count_orders_the_last_drop() {
    silent(&[(0, READ), (0, rmw(Release)), (1, READ), (1, rmw(Release)), (1, fence(Acquire)), (1, WRITE)]);
    silent(&[(0, READ), (0, rmw(AcqRel)), (1, READ), (1, rmw(AcqRel)), (1, WRITE)]);
    races(&[(0, READ), (0, rmw(Release)), (1, READ), (1, rmw(Release)), (1, WRITE)]);
    races(&[(0, READ), (0, rmw(Relaxed)), (1, READ), (1, rmw(AcqRel)), (1, WRITE)]);
}

#[test]
fn relaxed_counter_and_join() {
    let (child, fork, join) = (5, Op::Fork { child: ThreadId(5) }, Op::Joined { child: ThreadId(5) });
    silent(&[(0, WRITE), (0, fork), (child, rmw(Relaxed)), (child, WRITE), (child, Op::End), (0, join), (0, READ)]);
    silent(&[(0, WRITE), (0, fork), (child, WRITE), (0, join), (0, READ)]);
    races(&[(0, fork), (child, WRITE), (child, rmw(Relaxed)), (0, rmw(Relaxed)), (0, READ)]);
    races(&[(0, fork), (0, WRITE), (child, READ)]);
}

#[test]
fn double_checked_initialisation() {
    let mutex = [(0, lock(Exclusive)), (0, load(Relaxed)), (0, WRITE), (0, store(Release)), (0, unlock(Exclusive))];
    silent(&[&mutex[..], &[(1, load(Acquire)), (1, READ)]].concat());
    silent(&[&mutex[..], &[(1, load(Relaxed)), (1, lock(Exclusive)), (1, READ), (1, unlock(Exclusive))]].concat());
    races(&[&mutex[..], &[(1, load(Relaxed)), (1, READ)]].concat());
}

#[test]
fn seqlock() {
    let speculative = Op::SpeculativeRead { var: X };
    let writer = [(0, rmw(Acquire)), (0, WRITE), (0, rmw(Release))];
    let reader = [(1, load(Acquire)), (1, speculative), (1, fence(Acquire)), (1, load(Relaxed))];
    // The second write overlaps the read, and the reader throws the value away.
    silent(&[&writer[..], &reader[..2], &writer[..], &reader[2..]].concat());
    races(&[&writer[..], &[(1, load(Acquire)), (1, READ)], &writer[..2]].concat());
}

#[test]
fn locks_by_mode() {
    for reader in [Shared, SharedRecursive, Upgradable] {
        silent(&[(0, lock(Exclusive)), (0, WRITE), (0, unlock(Exclusive)), (1, lock(reader)), (1, READ)]);
        silent(&[(0, lock(reader)), (0, READ), (0, unlock(reader)), (1, lock(Exclusive)), (1, WRITE)]);
        // Two readers are not ordered by the lock, even when they happen to come one after the other.
        races(&[(0, lock(reader)), (0, WRITE), (0, unlock(reader)), (1, lock(Shared)), (1, WRITE)]);
        // A downgrade publishes; a reader that never gave way does not.
        silent(&[
            (0, lock(Exclusive)),
            (0, WRITE),
            (0, unlock(Exclusive)),
            (0, lock(reader)),
            (1, lock(Shared)),
            (1, READ),
        ]);
    }
    // All readers, not only the last.
    let readers =
        [(0, lock(Shared)), (1, lock(Shared)), (0, READ), (1, READ), (0, unlock(Shared)), (1, unlock(Shared))];
    silent(&[&readers[..], &[(2, lock(Exclusive)), (2, WRITE)]].concat());
    let one = |mode| [(0, lock(mode)), (0, WRITE), (0, unlock(mode)), (1, lock(mode)), (1, WRITE)];
    silent(&one(Exclusive));
    silent(&one(Upgradable));
    // An upgrade comes after the readers.
    let upgrade = [(1, unlock(Upgradable)), (1, lock(Exclusive)), (1, WRITE)];
    silent(&[&[(0, lock(Shared)), (1, lock(Upgradable)), (0, READ), (0, unlock(Shared))], &upgrade[..]].concat());
    races(&[(0, lock(Shared)), (1, lock(Upgradable)), (0, READ), (0, unlock(Shared)), (1, WRITE)]);
}

#[test]
fn a_condition_variable_is_not_an_edge() {
    let (condvar, lock_id) = (CondvarId(0), LockId(0));
    let (wait, woken) = (Op::CondvarRequest { condvar, lock: lock_id }, Op::CondvarWoken { condvar, notified: true });
    let notify = Op::Notify { condvar, all: false, woken: 1 };
    let waits = [(1, lock(Exclusive)), (1, unlock(Exclusive)), (1, wait)];
    let wakes = [(1, woken), (1, lock(Exclusive)), (1, READ)];
    let inside = [(0, lock(Exclusive)), (0, WRITE), (0, unlock(Exclusive)), (0, notify)];
    let outside = [(0, lock(Exclusive)), (0, unlock(Exclusive)), (0, WRITE), (0, notify)];
    silent(&[&waits[..], &inside, &wakes].concat());
    races(&[&waits[..], &outside, &wakes].concat());
}

#[test]
fn channels() {
    let channel = ChannelId(0);
    let made = |capacity| (2, Op::ChannelMade { channel, capacity });
    let (sent, received) = (Op::Sent { channel }, Op::Received { channel });
    for capacity in [None, Some(0), Some(1), Some(4)] {
        silent(&[made(capacity), (0, WRITE), (0, sent), (1, received), (1, READ)]);
        races(&[made(capacity), (0, sent), (0, WRITE), (1, received), (1, READ)]);
    }
    // The second message, not the first, carries the write.
    races(&[made(None), (0, sent), (0, WRITE), (0, sent), (1, received), (1, READ)]);
    silent(&[made(None), (0, sent), (0, WRITE), (0, sent), (1, received), (1, received), (1, READ)]);
    // A full channel: the second send needs the place that the receive gave back.
    let full = [(0, sent), (1, WRITE), (1, received), (0, sent), (0, READ)];
    silent(&[&[made(Some(1))], &full[..]].concat());
    races(&[&[made(Some(2))], &full[..]].concat());
    races(&[&[made(None)], &full[..]].concat());
    // A rendezvous orders both ways.
    let request = Op::SendRequest { channel };
    silent(&[made(Some(0)), (0, WRITE), (0, request), (1, received), (1, READ), (0, sent)]);
    silent(&[made(Some(0)), (0, request), (1, WRITE), (1, received), (0, sent), (0, READ)]);
    races(&[made(Some(0)), (0, request), (1, received), (1, WRITE), (0, sent), (0, READ)]);
    // The end of the other side.
    let closed = Op::Closed { channel, receiver: false };
    silent(&[made(None), (0, WRITE), (0, closed), (1, Op::SawClosed { channel }), (1, READ)]);
    races(&[made(None), (0, closed), (0, WRITE), (1, Op::SawClosed { channel }), (1, READ)]);
}

#[test]
fn barriers() {
    let barrier = BarrierId(0);
    let (arrive, leave) = (Op::BarrierArrive { barrier, parties: 2 }, Op::BarrierLeave { barrier });
    let meet = [(0, arrive), (1, arrive), (1, leave)];
    silent(&[&[(0, WRITE)], &meet[..], &[(1, READ)]].concat());
    races(&[&[(0, arrive), (0, WRITE)], &meet[1..], &[(1, READ)]].concat());
    // Two of three go on to the next generation: the write before that one is not before the slow leaver of the first.
    races(&[
        (0, arrive),
        (1, arrive),
        (1, leave),
        (1, WRITE),
        (1, arrive),
        (2, arrive),
        (2, leave),
        (0, leave),
        (0, READ),
    ]);
    silent(&[
        (0, arrive),
        (1, arrive),
        (1, leave),
        (1, WRITE),
        (1, arrive),
        (2, arrive),
        (0, leave),
        (2, leave),
        (2, READ),
    ]);
}

#[test]
fn once() {
    let once = OnceId(0);
    let (begin, end, seen) = (Op::OnceBegin { once }, Op::OnceEnd { once, done: true }, Op::OnceSeen { once });
    silent(&[(0, begin), (0, WRITE), (0, end), (1, seen), (1, READ)]);
    races(&[(0, begin), (0, end), (0, WRITE), (1, seen), (1, READ)]);
    // An initialiser that panicked is before the one that tries again.
    let failed = Op::OnceEnd { once, done: false };
    silent(&[(0, begin), (0, WRITE), (0, failed), (1, begin), (1, READ), (1, WRITE), (1, end), (2, seen), (2, READ)]);
}

#[test]
fn park() {
    let unpark = Op::Unpark { thread: ThreadId(1) };
    let parked = |token| Op::Parked { token };
    silent(&[(0, WRITE), (0, unpark), (1, parked(true)), (1, READ)]);
    races(&[(0, WRITE), (0, unpark), (1, parked(false)), (1, READ)]);
    races(&[(0, unpark), (0, WRITE), (1, parked(true)), (1, READ)]);
    // The token is for one thread.
    races(&[(0, WRITE), (0, unpark), (2, parked(true)), (2, READ)]);
}

/// Every report stands: once a racing read has seen a write, what comes after it is after the write (SHB).
#[test]
fn a_read_comes_after_the_write_that_it_saw() {
    let (y, see_y) = (Op::Write { var: VarId(1) }, Op::Read { var: VarId(1) });
    assert_eq!(racy(&[(0, WRITE), (0, y), (1, see_y), (1, READ)]), [2]);
    // Not so when the value is another writer's.
    assert_eq!(racy(&[(0, WRITE), (0, y), (2, y), (1, see_y), (1, READ)]), [2, 3, 4]);
}

/// The slot of an ended thread must not go to a child of somebody who knows its time but not all that it knew: thread 5
/// learns of thread 2's write after thread 0 last heard of it, at the same moment of its clock.
#[test]
fn a_slot_is_reused_only_with_everything_its_thread_knew() {
    let (five, six) = (5, 6);
    let lock = |lock| Op::Acquired { lock: LockId(lock), mode: Exclusive, attempt: Attempt::Blocking };
    let unlock = |lock| Op::Released { lock: LockId(lock), mode: Exclusive };
    silent(&[
        (five, Op::Write { var: VarId(1) }),
        (five, lock(1)),
        (five, unlock(1)),
        (0, lock(1)),
        (0, unlock(1)),
        (2, lock(2)),
        (2, WRITE),
        (2, unlock(2)),
        (five, lock(2)),
        (five, unlock(2)),
        (five, lock(3)),
        (five, unlock(3)),
        (five, Op::End),
        (0, Op::Fork { child: ThreadId(six) }),
        (six, lock(3)),
        (six, READ),
    ]);
}
