//! The waits of a recorded stream.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::graph::WaitGraph;
use super::knot::{Backlog, Knot};
use super::wait::{Blocked, Holding, Possession, SessionId, Wait};
use crate::event::{BarrierId, ChannelId, Event, LockId, Mode, Op, ThreadId};

/// Replays the waits of a stream into a [`WaitGraph`].
///
/// A waiter is taken out of the graph by the event that grants its wait (the notification, the message), as the live
/// runtime does, and not only when it is seen to go on: between the two it is on its way. Condvar and channel waiters
/// are granted in the order of their requests, which is the order that the wrappers keep.
///
/// A thread that nobody was seen to start is a root: the first thread of the program, or of a check. The program ends with
/// its roots, so what then waits for anybody at all is a daemon, as it is live.
#[derive(Default, Debug)]
pub struct WaitForAnalysis {
    graph: WaitGraph,
    known: Vec<State>,
    queues: FxHashMap<Wait, VecDeque<ThreadId>>,
    arrivals: FxHashMap<BarrierId, u32>,
    channels: FxHashMap<ChannelId, Backlog>,
    /// Roots that have been seen, and how many of them have ended.
    roots: u32,
    ended_roots: u32,
}

#[derive(Default, Debug, Clone)]
struct State {
    seen: bool,
    /// Somebody has started it.
    forked: bool,
    held: Vec<Holding>,
}

impl WaitForAnalysis {
    /// Takes the next event. Returns the knot that it closes, if any.
    pub fn event(&mut self, ordinal: u64, event: &Event) -> Option<Knot> {
        let knot = self.step(ordinal, event)?;
        let is_over = self.ended_roots > 0 && self.ended_roots == self.roots;
        if is_over && knot.needs_all_threads() {
            return None;
        }
        Some(knot)
    }

    fn step(&mut self, ordinal: u64, event: &Event) -> Option<Knot> {
        let thread = event.owner.actor();
        self.meet(event.owner.thread);
        self.meet(thread);
        let wait = |wait| Some((thread, wait));
        let request = match event.op {
            // A task may wait for other things at the same time, and a future that waits may be dropped: the trace does not say.
            Op::Request { .. } if thread.task().is_some() => None,
            Op::Request { lock, mode } => {
                let upgrade = mode == Mode::Exclusive
                    && self.held(thread).iter().any(|held| held.lock == lock && held.mode == Mode::Upgradable);
                wait(Wait::Lock { lock, mode, upgrade })
            }
            Op::JoinRequest { child } => wait(Wait::Join(child)),
            Op::CondvarRequest { condvar, .. } => wait(Wait::Condvar(condvar)),
            Op::SendRequest { channel } => wait(Wait::Send(channel)),
            Op::RecvRequest { channel } => wait(Wait::Recv(channel)),
            Op::ParkRequest => wait(Wait::Park),
            Op::BarrierArrive { barrier, parties } => {
                self.arrive(barrier, parties).then_some((thread, Wait::Barrier(barrier)))
            }
            _ => None,
        };
        if let Some((thread, wait)) = request {
            // Who has to wait for a message has found no message, so a sender that waits (for space, or for this very
            // partner of a rendezvous) is on its way, though no event has told so; and the other way round.
            match wait {
                Wait::Recv(channel) => self.grant(Wait::Send(channel), 1),
                Wait::Send(channel) => self.grant(Wait::Recv(channel), 1),
                _ => {}
            }
            let holds = self.held(thread).clone();
            self.queues.entry(wait).or_default().push_back(thread);
            self.graph.unblock(thread);
            let knot = self.graph.block(thread, Blocked::new(wait, event.site, ordinal, holds));
            return self.starve(knot);
        }
        self.progress(ordinal, event)
    }

    fn progress(&mut self, ordinal: u64, event: &Event) -> Option<Knot> {
        let thread = event.owner.actor();
        match event.op {
            Op::Fork { child } => {
                self.state(child).forked = true;
                self.meet(child);
            }
            Op::TaskSpawned { task } => self.meet(ThreadId::of_task(task)),
            Op::TaskEnded { task, .. } => {
                let task = ThreadId::of_task(task);
                self.meet(task);
                self.held(task).clear();
                let knot = self.graph.end(task, &[]);
                return self.starve(knot);
            }
            Op::PollBegin { .. } | Op::PollEnd { .. } | Op::Woken { .. } | Op::TaskJoined { .. } => {}
            Op::End => {
                let left: Vec<LockId> = std::mem::take(self.held(thread)).iter().map(|held| held.lock).collect();
                for backlog in self.channels.values_mut() {
                    backlog.takers.retain(|&taker| taker != thread);
                }
                let is_root = self.is_root(thread);
                self.ended_roots += u32::from(is_root);
                let knot = self.graph.end(thread, &left).filter(|_| !is_root);
                return self.starve(knot);
            }
            Op::Acquired { lock, mode, .. } => {
                self.go_on(thread);
                self.graph.reclaim(lock);
                self.held(thread).push(Holding { lock, mode, site: event.site, ordinal, possession: Possession::Own });
            }
            Op::Released { lock, mode } => {
                let held = self.held(thread);
                let place = held.iter().rposition(|held| held.lock == lock && held.mode == mode);
                if let Some(place) = place.or_else(|| held.iter().rposition(|held| held.lock == lock)) {
                    held.remove(place);
                }
            }
            Op::Notify { condvar, woken, .. } => self.grant(Wait::Condvar(condvar), woken),
            Op::Sent { channel } => {
                self.go_on(thread);
                self.grant(Wait::Recv(channel), 1);
                let backlog = self.channels.entry(channel).or_default();
                backlog.queued += 1;
                backlog.fed |= backlog.takers.contains(&thread);
            }
            Op::Received { channel } => {
                self.go_on(thread);
                self.grant(Wait::Send(channel), 1);
                let backlog = self.channels.entry(channel).or_default();
                backlog.queued = backlog.queued.saturating_sub(1);
                if !backlog.takers.contains(&thread) {
                    backlog.takers.push(thread);
                }
            }
            Op::Closed { channel, .. } => {
                self.grant(Wait::Recv(channel), u32::MAX);
                self.grant(Wait::Send(channel), u32::MAX);
            }
            // A token ends no other wait.
            Op::Unpark { thread } if self.graph.is_parked(thread) => self.go_on(thread),
            Op::Unpark { .. } => {}
            Op::Begin | Op::RegionBegin | Op::RegionEnd => {}
            _ => self.go_on(thread),
        }
        None
    }

    fn starve(&self, knot: Option<Knot>) -> Option<Knot> {
        let mut knot = knot?;
        knot.starve(self.channels.iter().map(|(&channel, backlog)| (channel, backlog)));
        Some(knot)
    }

    /// True when the arrival has to wait; the last one grants the whole generation.
    fn arrive(&mut self, barrier: BarrierId, parties: u32) -> bool {
        let count = self.arrivals.entry(barrier).or_default();
        *count += 1;
        let waits = *count < parties;
        if !waits {
            *count = 0;
            self.grant(Wait::Barrier(barrier), u32::MAX);
        }
        waits
    }

    fn grant(&mut self, wait: Wait, count: u32) {
        let Some(queue) = self.queues.get_mut(&wait) else { return };
        for _ in 0..count {
            let Some(thread) = queue.pop_front() else { break };
            self.graph.unblock(thread);
        }
        if queue.is_empty() {
            self.queues.remove(&wait);
        }
    }

    /// The thread does something: it waits no more.
    fn go_on(&mut self, thread: ThreadId) {
        if !self.graph.is_blocked(thread) {
            return;
        }
        self.graph.unblock(thread);
        self.queues.retain(|_, queue| {
            queue.retain(|&id| id != thread);
            !queue.is_empty()
        });
    }

    fn meet(&mut self, thread: ThreadId) {
        if !std::mem::replace(&mut self.state(thread).seen, true) {
            self.roots += u32::from(self.is_root(thread));
            self.graph.begin(thread, SessionId::default());
        }
    }

    fn state(&mut self, thread: ThreadId) -> &mut State {
        if self.known.len() <= thread.place() {
            self.known.resize(thread.place() + 1, State::default());
        }
        &mut self.known[thread.place()]
    }

    fn is_root(&mut self, thread: ThreadId) -> bool {
        thread.task().is_none() && !self.state(thread).forked
    }

    fn held(&mut self, thread: ThreadId) -> &mut Vec<Holding> {
        &mut self.known[thread.place()].held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attempt, CondvarId, Owner, SiteId};

    fn run(script: &[(u32, Op)]) -> Vec<(u64, Vec<u32>)> {
        let mut analysis = WaitForAnalysis::default();
        let events = script.iter().map(|&(thread, op)| Event {
            owner: Owner::thread(ThreadId(thread)),
            site: SiteId::UNKNOWN,
            op,
        });
        (1..)
            .zip(events)
            .filter_map(|(ordinal, event)| {
                let knot = analysis.event(ordinal, &event)?;
                Some((ordinal, knot.members.iter().map(|member| member.thread.0).collect()))
            })
            .collect()
    }

    fn acquired(lock: u32) -> Op {
        Op::Acquired { lock: LockId(lock), mode: Mode::Exclusive, attempt: Attempt::Blocking }
    }

    fn request(lock: u32) -> Op {
        Op::Request { lock: LockId(lock), mode: Mode::Exclusive }
    }

    #[test]
    fn a_trace_that_ends_in_a_deadlock() {
        let fork = Op::Fork { child: ThreadId(1) };
        assert_eq!(
            run(&[(0, fork), (0, acquired(0)), (1, acquired(1)), (0, request(1)), (1, request(0))]),
            [(5, vec![1, 0])]
        );
        let released = Op::Released { lock: LockId(1), mode: Mode::Exclusive };
        assert_eq!(
            run(&[(0, fork), (0, acquired(0)), (1, acquired(1)), (0, request(1)), (1, released), (1, request(0))]),
            []
        );
    }

    #[test]
    fn a_notified_waiter_is_on_its_way() {
        let (condvar, lock) = (CondvarId(0), LockId(0));
        let wait = Op::CondvarRequest { condvar, lock };
        let notify = Op::Notify { condvar, all: false, woken: 1 };
        let join = Op::JoinRequest { child: ThreadId(1) };
        assert_eq!(run(&[(0, Op::Fork { child: ThreadId(1) }), (1, wait), (0, notify), (0, join)]), []);
        let early = Op::Notify { condvar, all: false, woken: 0 };
        assert_eq!(run(&[(0, Op::Fork { child: ThreadId(1) }), (0, early), (1, wait), (0, join)]), [(4, vec![0, 1])]);
    }

    #[test]
    fn a_token_ends_no_other_wait_than_a_park() {
        let fork = Op::Fork { child: ThreadId(1) };
        let (unpark, join) = (Op::Unpark { thread: ThreadId(1) }, Op::JoinRequest { child: ThreadId(1) });
        let blocked = [(0, fork), (0, acquired(0)), (1, request(0)), (0, unpark), (0, join)];
        assert_eq!(run(&blocked), [(5, vec![0, 1])]);
        assert_eq!(run(&[(0, fork), (0, acquired(0)), (1, Op::ParkRequest), (0, unpark), (0, join)]), []);
    }

    #[test]
    fn who_waits_when_the_program_ends_is_a_daemon() {
        let (fork, recv) = (Op::Fork { child: ThreadId(1) }, Op::RecvRequest { channel: ChannelId(0) });
        assert_eq!(run(&[(0, fork), (1, recv), (0, Op::End)]), []);
        assert_eq!(run(&[(0, fork), (0, Op::End), (1, recv)]), [], "it comes there late");
        // One that others have started does not end the program, and who waits for it is no daemon.
        let second = Op::Fork { child: ThreadId(2) };
        let join = Op::JoinRequest { child: ThreadId(1) };
        assert_eq!(run(&[(0, fork), (0, second), (1, recv), (0, join), (2, Op::End)]), [(5, vec![1, 0])]);
        // Locks are not waited for by daemons.
        let locks = [(0, fork), (0, second), (1, acquired(0)), (2, acquired(1)), (0, Op::End)];
        assert_eq!(run(&[&locks[..], &[(1, request(1)), (2, request(0))]].concat()), [(7, vec![2, 1])]);
    }

    /// The queue that each knot of a script starves.
    fn starved(script: &[(u32, Op)]) -> Vec<Option<ChannelId>> {
        let mut analysis = WaitForAnalysis::default();
        let event = |thread, op| Event { owner: Owner::thread(ThreadId(thread)), site: SiteId::UNKNOWN, op };
        let knots = script.iter().filter_map(|&(thread, op)| analysis.event(1, &event(thread, op)));
        knots.map(|knot| knot.starved).collect()
    }

    #[test]
    fn a_pool_whose_only_worker_waits_for_a_job_behind_its_own() {
        let (jobs, answer) = (ChannelId(0), ChannelId(1));
        let first = [
            (0, Op::Fork { child: ThreadId(1) }),
            (0, Op::Sent { channel: jobs }),
            (1, Op::Received { channel: jobs }),
        ];
        let last = [(1, Op::RecvRequest { channel: answer }), (0, Op::JoinRequest { child: ThreadId(1) })];
        for sender in [0, 1] {
            let script = [&first[..], &[(sender, Op::Sent { channel: jobs })], &last].concat();
            assert_eq!(starved(&script), [Some(jobs)], "sent by {sender}");
        }
        // Also if the job waits for room behind it.
        let room = (1, Op::SendRequest { channel: jobs });
        assert_eq!(starved(&[&first[..], &[(0, Op::Sent { channel: jobs }), room, last[1]]].concat()), [Some(jobs)]);
        // And if somebody waits to send one more; but then the jobs have to be made by jobs.
        for (sender, pool) in [(0, None), (1, Some(jobs))] {
            let full = [(sender, Op::Sent { channel: jobs }), last[0], (0, Op::SendRequest { channel: jobs })];
            assert_eq!(starved(&[&first[..], &full].concat()), [pool], "sent by {sender}");
        }
    }

    #[test]
    fn who_serves_a_channel_and_waits_for_its_sender_is_no_pool() {
        let (first, second) = (ChannelId(0), ChannelId(1));
        let fork = (0, Op::Fork { child: ThreadId(1) });
        let taken = [(0, Op::Sent { channel: first }), (1, Op::Received { channel: first })];
        let queued = (0, Op::Sent { channel: first });
        // A pipeline: the last stage is behind the first sender.
        let full = [(0, Op::SendRequest { channel: first }), (1, Op::SendRequest { channel: second })];
        assert_eq!(starved(&[&[fork], &taken[..], &[queued], &full].concat()), [None]);
        // The sender has the lock that the receiver wants, though receivers send, too.
        let locks = [
            (0, acquired(0)),
            (1, Op::Sent { channel: first }),
            (0, Op::SendRequest { channel: first }),
            (1, request(0)),
        ];
        assert_eq!(starved(&[&[fork], &taken[..], &locks].concat()), [None]);
        // Two actors that ask each other, with the questions in their queues.
        let other = [
            (0, Op::Fork { child: ThreadId(2) }),
            (0, Op::Sent { channel: second }),
            (2, Op::Received { channel: second }),
            (1, Op::Sent { channel: second }),
            (2, Op::Sent { channel: first }),
            (1, Op::RecvRequest { channel: ChannelId(2) }),
            (2, Op::RecvRequest { channel: ChannelId(3) }),
            (0, Op::JoinRequest { child: ThreadId(1) }),
        ];
        assert_eq!(starved(&[&[fork], &taken[..], &other].concat()), [None]);
        // A circle of locks, with work in the queue.
        let circle = [queued, (0, acquired(0)), (1, acquired(1)), (0, request(1)), (1, request(0))];
        assert_eq!(starved(&[&[fork], &taken[..], &circle].concat()), [None]);
    }

    #[test]
    fn the_end_of_the_last_sender_leaves_the_receiver_alone() {
        let channel = ChannelId(0);
        let script = [(0, Op::Fork { child: ThreadId(1) }), (0, Op::RecvRequest { channel }), (1, Op::End)];
        assert_eq!(run(&script), [(3, vec![0])]);
    }
}
