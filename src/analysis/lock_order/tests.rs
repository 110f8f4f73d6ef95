//! What can only be seen with the graph in hand: classes, sessions, and size.

use super::*;
use crate::event::Attempt;

const A: ClassId = SiteId(101);
const B: ClassId = SiteId(102);
const STATIC: LockId = LockId(9);

fn ask(order: &mut LockOrder, thread: u32, held: &[u32], lock: u32) -> Vec<Hazard> {
    let entry = |&lock: &u32| HeldLock {
        lock: LockId(lock),
        mode: Mode::Exclusive,
        site: SiteId(lock),
        attempt: Attempt::Blocking,
    };
    let held: Vec<HeldLock> = held.iter().map(entry).collect();
    let (thread, lock, site) = (ThreadId(thread), LockId(lock), SiteId(50 + lock));
    order.acquire(&Acquisition { thread, held: &held, lock, mode: Mode::Exclusive, site, event: 0 })
}

/// A test: thread `thread` in a session of its own, started and joined by thread 0.
fn session(order: &mut LockOrder, thread: u32, body: impl FnOnce(&mut LockOrder) -> usize) -> usize {
    order.forked(ThreadId(0), ThreadId(thread));
    order.set_session(ThreadId(thread), thread);
    let found = body(order);
    order.joined(ThreadId(0), ThreadId(thread));
    found
}

#[test]
fn orders_of_different_tests_meet_in_the_class() {
    let mut order = LockOrder::new();
    let one = session(&mut order, 1, |order| {
        ask(order, 1, &[1], 2).len() + order.lock_died(LockId(1), A).len() + order.lock_died(LockId(2), B).len()
    });
    assert_eq!(one, 0);
    // The same ids, other locks, the opposite classes' order.
    session(&mut order, 2, |order| {
        assert!(ask(order, 2, &[3], 1).is_empty());
        assert!(order.lock_died(LockId(1), A).is_empty());
        let found = order.lock_died(LockId(3), B);
        let [Hazard::Cycle(pattern)] = &found[..] else { panic!("{found:?}") };
        let places: Vec<Place> = pattern.steps.iter().map(|step| step.holds_place).collect();
        assert_eq!(places.len(), 2);
        assert!(places.contains(&Place::Class(A)) && places.contains(&Place::Class(B)));
        1
    });
}

#[test]
fn a_living_lock_of_a_known_class_meets_its_history() {
    let mut order = LockOrder::new();
    session(&mut order, 1, |order| {
        order.set_class(LockId(1), A);
        ask(order, 1, &[STATIC.0], 1).len() + order.lock_died(LockId(1), A).len()
    });
    let found = session(&mut order, 2, |order| {
        order.set_class(LockId(1), A);
        ask(order, 2, &[1], STATIC.0).len()
    });
    assert_eq!(found, 1);
    assert!(order.lock_died(LockId(1), A).is_empty(), "its death is no second finding");
}

#[test]
fn locks_of_one_class_make_no_order() {
    let mut order = LockOrder::new();
    for (thread, held, wanted) in [(1, 1, 2), (2, 4, 3)] {
        let found = session(&mut order, thread, |order| {
            order.set_class(LockId(held), A);
            order.set_class(LockId(wanted), A);
            let asked = ask(order, thread, &[held], wanted).len();
            asked + order.lock_died(LockId(wanted), A).len() + order.lock_died(LockId(held), A).len()
        });
        assert_eq!(found, 0);
    }
    assert_eq!(order.edges().count(), 0);
}

#[test]
fn a_short_lived_lock_leaves_its_order_to_the_class() {
    let mut order = LockOrder::new();
    let request = |thread: u32, held: &[HeldLock], order: &mut LockOrder| {
        let (thread, site) = (ThreadId(thread), SiteId(60));
        order.class_edge(&Acquisition { thread, held, lock: LockId(0), mode: Mode::Exclusive, site, event: 0 }, A)
    };
    let held = HeldLock { lock: STATIC, mode: Mode::Exclusive, site: SiteId(9), attempt: Attempt::Blocking };
    assert!(request(1, &[held], &mut order).is_empty());
    assert!(ask(&mut order, 2, &[1], STATIC.0).is_empty());
    assert_eq!(order.lock_died(LockId(1), A).len(), 1);
    order.set_class(STATIC, A);
    assert!(request(3, &[held], &mut order).is_empty());
}

#[test]
fn a_reused_id_is_another_lock() {
    let mut order = LockOrder::new();
    // Thread 1 holds the first lock 7 as a gate, thread 2 the second lock 7.
    assert!(ask(&mut order, 1, &[7, 1], 2).is_empty());
    order.lock_died(LockId(7), A);
    assert_eq!(ask(&mut order, 2, &[7, 2], 1).len(), 1, "two locks that had one id are no gate");
}

#[test]
fn locks_that_come_and_go_leave_nothing_behind() {
    let mut order = LockOrder::new();
    for round in 0..5_000 {
        let lock = round % 4;
        ask(&mut order, 1, &[STATIC.0], lock);
        ask(&mut order, 1, &[STATIC.0, lock], 8);
        order.lock_died(LockId(lock), A);
    }
    // 8 of each kind: static to class, and to 8 past each of four ids.
    assert!(order.contexts_in_use() <= 40, "{}", order.contexts_in_use());
    assert_eq!(order.edges().count(), 3, "static to class, static to 8, class to 8");
}

#[test]
fn a_chain_of_a_hundred_thousand_locks_and_its_closing_edge() {
    const LOCKS: u32 = 100_000;
    for upwards in [true, false] {
        let mut order = LockOrder::new();
        for lock in 1..LOCKS {
            let (held, wanted) = if upwards { (lock - 1, lock) } else { (lock, lock - 1) };
            assert!(ask(&mut order, 1, &[held], wanted).is_empty());
        }
        let (held, wanted) = if upwards { (LOCKS - 1, 0) } else { (0, LOCKS - 1) };
        assert!(ask(&mut order, 2, &[held], wanted).is_empty(), "all other steps are of one thread");
        assert!(order.edges().all(|edge| edge.in_cycle));
        assert_eq!(ask(&mut order, 2, &[1], 0).len(), usize::from(upwards));
        assert!(!order.is_cut());
    }
}

#[test]
fn many_philosophers_are_one_pattern() {
    let mut order = LockOrder::new();
    let found: Vec<usize> = (0..20).map(|seat| ask(&mut order, seat, &[seat], (seat + 1) % 20).len()).collect();
    assert_eq!(found.iter().sum::<usize>(), 1);
    assert_eq!(found[19], 1);
}

/// Random requests, deaths and classes: one graph is told of each with [`LockOrder::acquire`], the other as live threads do it.
#[test]
fn what_is_put_off_changes_no_verdict() {
    let mut random = 11u64;
    let mut below = |limit: u32| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as u32 % limit
    };
    let (mut requests, mut told, mut found) = (0, 0, 0);
    for run in 0..200 {
        let locks = 3 + run % 12;
        let (mut plain, mut live) = (LockOrder::new(), LockOrder::new());
        for thread in 1..4 {
            plain.forked(ThreadId(0), ThreadId(thread));
            live.forked(ThreadId(0), ThreadId(thread));
        }
        for _ in 0..60 {
            let (lock, thread) = (LockId(below(locks)), ThreadId(1 + below(3)));
            let class = if lock.0.is_multiple_of(2) { A } else { B };
            match below(24) {
                0 => assert_eq!(plain.lock_died(lock, class), live.lock_died(lock, class)),
                1 => {
                    plain.set_class(lock, class);
                    live.set_class(lock, class);
                }
                2 => live.lies_at(lock, below(1 << 20) as usize * 64, std::iter::empty()),
                _ => {}
            }
            // Mostly in order.
            let modes = [Mode::Exclusive, Mode::Exclusive, Mode::Exclusive, Mode::Shared];
            let mut held: Vec<HeldLock> = Vec::new();
            for _ in 0..below(4) {
                let limit = if below(8) == 0 { locks } else { lock.0 + 1 };
                let other = LockId(below(limit));
                if held.iter().all(|held| held.lock != other) {
                    let (mode, site) = (modes[below(4) as usize], SiteId(other.0));
                    held.push(HeldLock { lock: other, mode, site, attempt: Attempt::Blocking });
                }
            }
            let (mode, site) = (modes[below(4) as usize], SiteId(50 + lock.0));
            let expected = plain.acquire(&Acquisition { thread, held: &held, lock, mode, site, event: 0 });
            let context = live.context(thread, &held);
            let hazards = match below(2) {
                0 => live.acquire_below(context, held.iter().copied(), lock, mode, site),
                _ => live.acquire_in(context, lock, mode, site),
            };
            if below(3) == 0 {
                live.work_off();
            }
            requests += 1;
            told += usize::from(!live.later.is_empty());
            found += expected.len();
            assert_eq!(hazards, expected);
            if below(4) == 0 {
                live.release(context);
            }
        }
        let ways = |order: &LockOrder| {
            let ways = order.edges().flat_map(|edge| {
                edge.ways.into_iter().map(move |way| format!("{:?} {:?} {way:?} {}", edge.from, edge.to, edge.in_cycle))
            });
            ways.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(ways(&plain), ways(&live));
    }
    assert!(told > requests / 8 && found > 100, "{told} of {requests}, {found}");
}
