//! Prediction from recordings: what is proved, what is refuted, and what stays open because a thread may have seen
//! something that mattered.

use std::sync::atomic::{AtomicBool, AtomicU64};

use gordian::analysis::predict::Control;
use gordian::engine::{Engine, Judge, Verdict};
use gordian::event::{
    AtomicId, Attempt, BarrierId, ChannelId, Event, LockId, Mode, Op, Order, Owner, SiteId, ThreadId, VarId,
};
use gordian::finding::{Finding, Kind, Tier};
use gordian::trace::Tables;

const A: LockId = LockId(0);
const B: LockId = LockId(1);
const FLAG: LockId = LockId(2);
const X: VarId = VarId(0);
const N: AtomicId = AtomicId(0);

const fn acq(lock: LockId) -> Op {
    Op::Acquired { lock, mode: Mode::Exclusive, attempt: Attempt::Blocking }
}

const fn rel(lock: LockId) -> Op {
    Op::Released { lock, mode: Mode::Exclusive }
}

/// One lock inside another.
fn nested(outer: LockId, inner: LockId) -> Vec<Op> {
    vec![acq(outer), acq(inner), rel(inner), rel(outer)]
}

/// What is under the lock is changed, or looked at.
fn change(lock: LockId) -> Vec<Op> {
    vec![acq(lock), Op::DataRead { lock }, Op::DataWrite { lock }, rel(lock)]
}

fn look(lock: LockId) -> Vec<Op> {
    vec![acq(lock), Op::DataRead { lock }, rel(lock)]
}

const fn load(order: Order) -> Op {
    Op::AtomicLoad { atomic: N, order }
}

const fn store(order: Order) -> Op {
    Op::AtomicStore { atomic: N, order }
}

/// The verdict on a run in which thread 0 starts threads 1, 2, …, and these do the parts in the order given. Every event
/// has a site of its own, but for those of `same`, which are at the site of an earlier event.
fn judged(parts: &[(u32, Vec<Op>)], same: &[(usize, usize)]) -> Verdict {
    let threads = parts.iter().map(|(thread, _)| *thread).max().unwrap_or(0);
    let mut script: Vec<(u32, Op)> = (1..=threads).map(|child| (0, Op::Fork { child: ThreadId(child) })).collect();
    script.extend((1..=threads).map(|child| (child, Op::Begin)));
    script.extend(parts.iter().flat_map(|(thread, ops)| ops.iter().map(|&op| (*thread, op))));
    let skipped = 2 * threads as usize;
    let mut tables = Tables::default();
    let mut events: Vec<Event> = Vec::new();
    for (at, (thread, op)) in script.into_iter().enumerate() {
        let twin = same.iter().find(|(event, _)| event + skipped == at).map(|(_, twin)| events[twin + skipped].site);
        let line = at as u32 + 1;
        let own = tables.add_site(gordian::event::Site::new("a.rs", line, 1));
        events.push(Event { owner: Owner::thread(ThreadId(thread)), site: twin.unwrap_or(own), op });
    }
    run(&events, &tables)
}

fn run(events: &[Event], tables: &Tables) -> Verdict {
    let judges: Vec<Judge> = Judge::STREAMING.iter().chain(Judge::PREDICTING).copied().collect();
    let mut engine = Engine::new(&judges, false);
    engine.feed(1, events);
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    engine.predict(1_000_000, Control { stop: &stop, done: &done }, |_| {});
    engine.verdict(tables)
}

fn told(findings: &[Finding]) -> Vec<(Kind, Tier)> {
    findings.iter().map(|finding| (finding.kind, finding.tier)).collect()
}

/// The tier of the deadlock of `A` and `B`, taken by thread 1 in this order, then what comes `between`, then by thread 2 in
/// the other. `None`: refuted.
fn deadlock(between: Vec<(u32, Vec<Op>)>) -> Option<Tier> {
    let parts: Vec<_> = std::iter::once((1, nested(A, B))).chain(between).chain([(2, nested(B, A))]).collect();
    let verdict = judged(&parts, &[]);
    let told = told(&verdict.findings);
    assert_eq!(told.len() + verdict.refuted.len(), 1, "{told:?}");
    assert!(told.iter().all(|(kind, _)| *kind == Kind::LockOrderCycle));
    told.first().map(|(_, tier)| *tier)
}

#[test]
fn nothing_in_between_is_a_proof() {
    assert_eq!(deadlock(vec![]), Some(Tier::Predicted));
    let unrelated = vec![(1, change(LockId(7))), (2, look(LockId(8)))];
    assert_eq!(deadlock(unrelated), Some(Tier::Predicted));
}

/// Thread 2 may go on only because of what it saw; or it may not care. So there is no proof either way.
#[test]
fn what_was_seen_under_a_lock_decides_nothing() {
    assert_eq!(deadlock(vec![(1, change(FLAG)), (2, look(FLAG))]), Some(Tier::Possible));
    assert_eq!(deadlock(vec![(2, look(FLAG)), (1, change(FLAG))]), Some(Tier::Predicted), "seen before it was changed");
    assert_eq!(deadlock(vec![(1, look(FLAG)), (2, look(FLAG))]), Some(Tier::Predicted), "both only look");
    assert_eq!(deadlock(vec![(1, vec![store(Order::Relaxed)]), (2, vec![load(Order::Relaxed)])]), Some(Tier::Possible));
    let counted = Op::AtomicRmw { atomic: N, order: Order::SeqCst };
    assert_eq!(deadlock(vec![(1, vec![counted]), (2, vec![counted])]), Some(Tier::Possible));
}

#[test]
fn what_synchronises_refutes() {
    assert_eq!(deadlock(vec![(1, vec![store(Order::Release)]), (2, vec![load(Order::Acquire)])]), None);
    let join = Op::Joined { child: ThreadId(1) };
    let verdict = judged(&[(1, nested(A, B)), (2, vec![join]), (2, nested(B, A))], &[]);
    assert_eq!(told(&verdict.findings), []);
}

#[test]
fn a_barrier_refutes_and_only_for_its_own_round() {
    let arrive = Op::BarrierArrive { barrier: BarrierId(0), parties: 2 };
    let leave = Op::BarrierLeave { barrier: BarrierId(0) };
    let met = || vec![(1, vec![arrive]), (2, vec![arrive, leave]), (1, vec![leave])];
    assert_eq!(deadlock(met()), None);
    // Thread 1 is through, takes its locks and arrives again before thread 2 has left the first round.
    let parts = [
        (1, vec![arrive]),
        (2, vec![arrive]),
        (1, vec![leave]),
        (1, nested(A, B)),
        (1, vec![arrive]),
        (2, vec![leave]),
        (2, nested(B, A)),
        (2, vec![arrive, leave]),
        (1, vec![leave]),
    ];
    let verdict = judged(&parts, &[]);
    assert_eq!(verdict.findings.len(), 1, "the same round");
    assert!(verdict.refuted.is_empty());
}

#[test]
fn a_message_refutes_if_it_could_come_from_nobody_else() {
    let channel = ChannelId(0);
    let (made, sent, received) =
        (Op::ChannelMade { channel, capacity: None }, Op::Sent { channel }, Op::Received { channel });
    assert_eq!(deadlock(vec![(1, vec![made, sent]), (2, vec![received])]), None);
    let two = vec![(1, vec![made, sent]), (3, vec![sent]), (2, vec![received])];
    assert_eq!(deadlock(two), Some(Tier::Possible));
    assert_eq!(
        deadlock(vec![(1, vec![made, sent]), (2, vec![sent])]),
        Some(Tier::Possible),
        "two senders, no receiver"
    );
}

/// No one sees a channel closed before who closed it has done so, also if others could have been the last.
#[test]
fn a_channel_that_is_seen_closed_refutes() {
    let channel = ChannelId(0);
    let made = Op::ChannelMade { channel, capacity: None };
    let closed = |receiver| Op::Closed { channel, receiver };
    let saw = Op::SawClosed { channel };
    assert_eq!(deadlock(vec![(1, vec![made, closed(false)]), (2, vec![saw])]), None);
    assert_eq!(deadlock(vec![(2, vec![made, closed(false)]), (1, vec![saw])]), Some(Tier::Predicted), "the other way");
    let both = vec![(3, vec![made, closed(true)]), (1, vec![closed(false)]), (2, vec![saw])];
    assert_eq!(deadlock(both), Some(Tier::Possible), "which of the two was seen?");
}

/// A failed attempt saw that the lock was held, and the thread may have done what it did because of that.
#[test]
fn a_failed_attempt_stands_where_it_stood() {
    let missed = Op::LockMissed { lock: FLAG, mode: Mode::Exclusive };
    let parts = [(1, nested(A, B)), (1, vec![acq(FLAG)]), (2, vec![missed]), (1, vec![rel(FLAG)]), (2, nested(B, A))];
    let verdict = judged(&parts, &[]);
    assert_eq!(told(&verdict.findings), [(Kind::LockOrderCycle, Tier::Possible)]);
}

/// Of a lock whose guards are not watched, every hold may have looked, and acted on what it saw.
#[test]
fn what_is_hidden_stays_in_order() {
    let hidden = |lock| (3, vec![acq(lock), Op::DataHidden { lock }, rel(lock)]);
    let parts = [hidden(A), hidden(B), (1, nested(A, B)), (2, nested(B, A))];
    assert_eq!(told(&judged(&parts, &[]).findings), [(Kind::LockOrderCycle, Tier::Possible)]);
}

/// Published under a mutex, with no access outside the orders that were seen: no race is predicted.
#[test]
fn a_value_that_is_handed_over_under_a_mutex_does_not_race() {
    let handed = [(1, vec![Op::Write { var: X }]), (1, change(FLAG)), (2, look(FLAG)), (2, vec![Op::Read { var: X }])];
    assert_eq!(told(&judged(&handed, &[]).findings), []);
    let unseen = [
        (1, vec![Op::Write { var: X }]),
        (1, vec![acq(FLAG), rel(FLAG)]),
        (2, vec![acq(FLAG), rel(FLAG)]),
        (2, vec![Op::Write { var: X }]),
    ];
    assert_eq!(told(&judged(&unseen, &[]).findings), [(Kind::DataRace, Tier::Predicted)], "nothing was handed over");
}

#[test]
fn threads_that_nobody_saw_start_are_not_reordered() {
    let script: Vec<(u32, Op)> = [
        vec![(0, Op::Begin)],
        nested(A, B).into_iter().map(|op| (0, op)).collect(),
        nested(B, A).into_iter().map(|op| (1, op)).collect(),
    ]
    .concat();
    let events: Vec<Event> = script
        .into_iter()
        .map(|(thread, op)| Event { owner: Owner::thread(ThreadId(thread)), site: SiteId::UNKNOWN, op })
        .collect();
    let verdict = run(&events, &Tables::default());
    assert_eq!(told(&verdict.findings), [(Kind::LockOrderCycle, Tier::Possible)]);
    assert!(verdict.prediction.unwrap().skipped.is_some_and(|reason| reason.contains("nobody saw")));
}

const UPDATE: Op = Op::AtomicRmw { atomic: N, order: Order::Relaxed };
const LOAD: Op = load(Order::Relaxed);
const STORE: Op = store(Order::Relaxed);

#[test]
fn an_update_that_could_come_between_load_and_store_is_lost() {
    let lost = [(Kind::LostUpdate, Tier::Predicted)];
    let verdict = judged(&[(1, vec![LOAD, STORE]), (2, vec![UPDATE])], &[]);
    assert_eq!(told(&verdict.findings), lost);
    let moves: Vec<(u64, bool)> = verdict.findings[0].witness.iter().map(|step| (step.event, step.next)).collect();
    assert_eq!(&moves[moves.len() - 3..], [(5, false), (7, true), (6, true)], "load, then the update, then the store");
    assert_eq!(
        told(&judged(&[(2, vec![UPDATE]), (1, vec![LOAD, STORE])], &[]).findings),
        [],
        "the load saw the update"
    );
    // Both count by load and store, and the second did not see the first's; or both set a flag, and nothing is lost.
    let parts = [(1, vec![LOAD]), (2, vec![LOAD]), (1, vec![STORE]), (2, vec![STORE])];
    let findings = judged(&parts, &[]).findings;
    assert!(!findings.is_empty() && findings.iter().all(|finding| finding.tier == Tier::Possible), "{findings:#?}");
}

/// A flag to stop, that threads ask for, and that any of them may set.
#[test]
fn a_flag_that_is_polled_is_no_update() {
    let stop = |looks: usize, last: Op| {
        let parts = [(2, vec![LOAD; looks]), (1, vec![LOAD; looks]), (1, vec![STORE]), (2, vec![last])];
        let again = (1..looks).chain(looks + 1..2 * looks);
        let same: Vec<(usize, usize)> = again.map(|look| (look, if look < looks { 0 } else { looks })).collect();
        told(&judged(&parts, &same).findings)
    };
    assert_eq!(stop(2, STORE), []);
    assert_eq!(stop(1, STORE)[0], (Kind::LostUpdate, Tier::Possible));
    assert_eq!(stop(2, UPDATE), [(Kind::LostUpdate, Tier::Predicted)], "what keeps the rest is lost");
}

/// `turn` in Peterson's algorithm: stored, then looked at, and stored again in the next round.
#[test]
fn what_is_stored_without_a_look_does_not_depend_on_one() {
    let parts = [(1, vec![STORE, LOAD]), (2, vec![STORE, LOAD]), (1, vec![STORE]), (2, vec![STORE])];
    assert_eq!(told(&judged(&parts, &[(2, 0), (4, 0), (5, 0), (3, 1)]).findings), []);
}

#[test]
fn updates_that_nobody_loses_are_silent() {
    let silent = |parts: &[(u32, Vec<Op>)]| assert_eq!(told(&judged(parts, &[]).findings), []);
    silent(&[(1, vec![LOAD, UPDATE]), (2, vec![UPDATE])]);
    silent(&[(1, vec![STORE]), (2, vec![UPDATE])]);
    silent(&[(1, vec![LOAD, STORE]), (2, vec![STORE])]);
    silent(&[(1, vec![LOAD, STORE]), (2, vec![LOAD])]);
    let (mut locked, mut other) = (vec![acq(A), LOAD, STORE, rel(A)], vec![acq(A), UPDATE, rel(A)]);
    silent(&[(1, locked.clone()), (2, other.clone())]);
    // The lock is taken too late: between the load and the store.
    locked.swap(0, 1);
    assert_eq!(judged(&[(1, locked), (2, std::mem::take(&mut other))], &[]).findings[0].tier, Tier::Predicted);
    // A turn that is passed on: thread 2 stores only after it has seen the store of thread 1.
    silent(&[(1, vec![LOAD, STORE]), (2, vec![LOAD, STORE]), (1, vec![LOAD, STORE])]);
    let join = Op::Joined { child: ThreadId(2) };
    silent(&[(1, vec![LOAD]), (2, vec![UPDATE]), (1, vec![join, LOAD, STORE])]);
}

/// A swap and a compare-exchange are recorded with a look at the same place.
#[test]
fn a_swap_is_not_lost() {
    let verdict = judged(&[(1, vec![LOAD, STORE]), (2, vec![LOAD, UPDATE])], &[(3, 2)]);
    assert_eq!(told(&verdict.findings), []);
}

/// Two threads look at the same place: the second can see what the first saw, and do the same.
#[test]
fn what_is_to_be_done_once_can_be_done_twice() {
    let done = Op::AtomicRmw { atomic: AtomicId(1), order: Order::Relaxed };
    let verdict = judged(&[(1, vec![LOAD, done, STORE]), (2, vec![LOAD])], &[(3, 0)]);
    assert_eq!(told(&verdict.findings), [(Kind::LostUpdate, Tier::Possible)]);
    assert!(verdict.findings[0].message.contains("both may do"), "{}", verdict.findings[0].message);
    let silent = |parts: &[(u32, Vec<Op>)], same: &[(usize, usize)]| {
        assert_eq!(told(&judged(parts, same).findings), []);
    };
    silent(&[(1, vec![LOAD, STORE]), (2, vec![LOAD])], &[(2, 0)]);
    silent(&[(1, vec![LOAD, done, STORE]), (2, vec![LOAD])], &[]);
    // Looked at once more under the lock.
    let checked = vec![LOAD, acq(A), LOAD, done, STORE, rel(A)];
    silent(&[(1, checked), (2, vec![LOAD])], &[(6, 0)]);
}

/// Two threads count by load and store. The second saw the first's count, by luck.
#[test]
fn a_count_that_was_seen_by_luck_can_be_lost() {
    let all = |parts: &[(u32, Vec<Op>)], same: &[(usize, usize)]| told(&judged(parts, same).findings);
    let count = || vec![LOAD, STORE];
    let parts = [(1, count()), (2, count())];
    let verdict = judged(&parts, &[(2, 0), (3, 1)]);
    assert_eq!(told(&verdict.findings), [(Kind::LostUpdate, Tier::Possible)]);
    assert!(verdict.findings[0].message.contains("one of two updates"), "{}", verdict.findings[0].message);
    assert_eq!(all(&parts, &[(3, 1)]), [], "another look");
    assert_eq!(all(&parts, &[(2, 0)]), [], "another store");
    // Who looks there does not always store: it waits for a value.
    let waits = [(2, vec![LOAD]), (1, count()), (2, count())];
    assert_eq!(all(&waits, &[(1, 0), (3, 1), (4, 2)]), []);
    let locked = || vec![acq(A), LOAD, STORE, rel(A)];
    assert_eq!(all(&[(1, locked()), (2, locked())], &[(5, 1), (6, 2)]), []);
    // What is done in between is done in turn: each does it after it saw that the other had.
    let done = Op::AtomicRmw { atomic: AtomicId(1), order: Order::Relaxed };
    let turn = || vec![LOAD, done, STORE];
    assert_eq!(all(&[(1, turn()), (2, turn())], &[(3, 0), (4, 1), (5, 2)]), []);
}

#[test]
fn a_region_is_broken_by_what_could_come_in_between() {
    let (begin, end) = (Op::RegionBegin, Op::RegionEnd);
    let (read, write) = (Op::Read { var: X }, Op::Write { var: X });
    let locked = |op: Op| vec![acq(A), op, rel(A)];
    let region = [vec![begin], locked(read), locked(write), vec![end]].concat();
    let broken = [(Kind::AtomicityViolation, Tier::Predicted)];
    assert_eq!(told(&judged(&[(1, region.clone()), (2, locked(write))], &[]).findings), broken);
    assert_eq!(told(&judged(&[(2, locked(write)), (1, region.clone())], &[]).findings), [], "it was seen");
    assert_eq!(told(&judged(&[(1, region), (2, locked(read))], &[]).findings), [], "a reader goes before or after");
    let whole = vec![begin, acq(A), read, write, rel(A), end];
    assert_eq!(told(&judged(&[(1, whole), (2, locked(write))], &[]).findings), []);
    let two = [vec![begin], locked(read), vec![end, begin], locked(write), vec![end]].concat();
    assert_eq!(told(&judged(&[(1, two), (2, locked(write))], &[]).findings), []);
    // The same for what the lock guards: the other thread goes through its whole section in between.
    let guarded = [vec![begin], look(A), change(A), vec![end]].concat();
    let parts = [(1, guarded), (2, change(A))];
    assert_eq!(told(&judged(&parts, &[(6, 5), (11, 10)]).findings), broken);
    assert_eq!(told(&judged(&parts, &[]).findings), [], "the other may change it because of what it saw");
}

/// Another passage through the region looks at the same place: it can do so before the write, and go on as the first did.
#[test]
fn what_a_region_decides_by_its_look_can_be_decided_twice() {
    let (begin, end) = (Op::RegionBegin, Op::RegionEnd);
    let (read, write) = (Op::Read { var: X }, Op::Write { var: X });
    let locked = |op: Op| vec![acq(A), op, rel(A)];
    let region = |parts: &[Vec<Op>]| [vec![begin], parts.concat(), vec![end]].concat();
    let both = |one: Vec<Op>, other: Vec<Op>, same: &[(usize, usize)]| {
        let finding = judged(&[(1, one), (2, other)], same).findings;
        assert!(finding.iter().all(|finding| finding.sites.len() == 3 && !finding.witness.is_empty()));
        told(&finding)
    };
    let decided = || region(&[locked(read), locked(write)]);
    let twice = [(Kind::AtomicityViolation, Tier::Possible)];
    assert_eq!(both(decided(), region(&[locked(read)]), &[(8, 0), (10, 2)]), twice);
    assert_eq!(both(decided(), region(&[locked(read)]), &[(10, 2)]), [], "another region");
    assert_eq!(both(decided(), region(&[locked(read)]), &[(8, 0)]), [], "another look");
    assert_eq!(both(decided(), locked(read), &[(9, 2)]), [], "no region");
    let whole = || vec![begin, acq(A), read, write, rel(A), end];
    assert_eq!(both(whole(), region(&[locked(read)]), &[(6, 0), (8, 2)]), []);
    // What a lock guards, changed in place; and both saw the same, and only one wrote.
    let guarded = || region(&[look(A), change(A)]);
    assert_eq!(both(guarded(), region(&[look(A)]), &[(6, 5), (9, 0), (11, 2)]), twice);
    let early = [(2, region(&[look(A)])), (1, guarded())];
    assert_eq!(told(&judged(&early, &[(5, 0), (7, 2), (11, 10)]).findings), []);
}

/// A cell looked at in one critical section and written in a later one, without a mark: `possible` at most.
#[test]
fn check_and_act_in_two_sections_without_a_mark() {
    let (read, write, update) = (Op::Read { var: X }, Op::Write { var: X }, Op::SpeculativeRead { var: X });
    let locked = |ops: &[Op]| [vec![acq(A)], ops.to_vec(), vec![rel(A)]].concat();
    let acts = Op::AtomicRmw { atomic: N, order: Order::Relaxed };
    let lost = [(Kind::LostUpdate, Tier::Possible)];
    let both =
        |one: Vec<Op>, other: Vec<Op>, same: &[(usize, usize)]| told(&judged(&[(1, one), (2, other)], same).findings);
    let decided = || [locked(&[read]), vec![acts], locked(&[write])].concat();
    assert_eq!(both(decided(), locked(&[read]), &[(8, 1)]), lost);
    assert_eq!(both(decided(), locked(&[read]), &[]), [], "another look");
    assert_eq!(both([locked(&[read]), locked(&[write])].concat(), locked(&[read]), &[(7, 1)]), [], "worked out twice");
    assert_eq!(both([locked(&[read]), vec![acts], locked(&[read, write])].concat(), locked(&[read]), &[(9, 1)]), []);
    assert_eq!(both(locked(&[read, acts, write]), locked(&[read]), &[(6, 1)]), []);
    // An update of another thread in between: changed in place, or after a look of its own.
    let stale = || [locked(&[read]), locked(&[write])].concat();
    assert_eq!(both(stale(), locked(&[update, write]), &[(8, 7)]), lost);
    assert_eq!(both(stale(), locked(&[write]), &[]), [], "it never looked");
    let in_place = [locked(&[read]), locked(&[update, write])].concat();
    assert_eq!(both(in_place, locked(&[update, write]), &[(5, 4), (9, 8)]), [], "it looks again");
    assert_eq!(told(&judged(&[(2, locked(&[update, write])), (1, stale())], &[(2, 1)]).findings), [], "it was seen");
}

#[test]
fn a_schedule_is_the_witness_in_turns() {
    let verdict = judged(&[(1, nested(A, B)), (2, nested(B, A))], &[]);
    let finding = &verdict.findings[0];
    let turns = finding.schedule.iter().flat_map(|turn| (0..turn.events).map(|_| format!("thread {}", turn.thread.0)));
    let moves = finding.witness.iter().filter(|step| !step.next).map(|step| step.owner.clone());
    assert_eq!(turns.collect::<Vec<_>>(), moves.collect::<Vec<_>>());
    assert!(finding.schedule.windows(2).all(|pair| pair[0].thread != pair[1].thread), "turns are whole");
}
