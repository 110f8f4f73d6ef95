//! What each task did when, from the events.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::{Event, What};
use crate::event::Site;

/// What a task is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// It waits to be woken.
    Suspended,
    /// The moment that it waits for has come, and the event loop has not come to that.
    Overdue,
    /// It is in the queue: spawned or woken, and not yet polled.
    Queued,
    /// It is polled.
    Polled,
}

impl State {
    /// It could go on, if it were polled.
    pub(super) const fn waits_for_loop(self) -> bool {
        matches!(self, Self::Overdue | Self::Queued)
    }
}

/// A state, from when to when; never empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Span {
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    pub(super) state: State,
    /// Where it is polled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread: Option<u32>,
}

impl Span {
    pub(super) const fn length(&self) -> u64 {
        self.to_ns - self.from_ns
    }

    /// How much of the time from `from` to `to` it takes up.
    pub(super) fn within(&self, from: u64, to: u64) -> u64 {
        self.to_ns.min(to).saturating_sub(self.from_ns.max(from))
    }
}

/// How a task ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum End {
    Ready,
    Cancelled,
    /// It has not.
    Alive,
}

/// One task.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Lane {
    pub(super) task: u32,
    pub(super) name: String,
    /// Where it was spawned.
    pub(super) site: Option<Site>,
    /// In order, without gaps from the first to the last.
    pub(super) spans: Vec<Span>,
    pub(super) end: End,
    pub(super) polls: usize,
    /// All polls, and the longest.
    pub(super) polled_ns: u64,
    pub(super) longest_poll_ns: u64,
    /// The time that it could have gone on and was not polled, in all and at most.
    pub(super) waited_ns: u64,
    pub(super) longest_wait_ns: u64,
}

/// A poll during which others could have gone on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Stall {
    pub(super) task: u32,
    pub(super) thread: Option<u32>,
    pub(super) from_ns: u64,
    pub(super) poll_ns: u64,
    /// Who waited for how long of it, the longest first.
    pub(super) waited: Vec<Waited>,
}

/// A task that waited.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Waited {
    pub(super) task: u32,
    pub(super) for_ns: u64,
}

/// A task on its way through the events.
struct Running {
    lane: Lane,
    now: State,
    since: u64,
    thread: Option<u32>,
    /// Woken while it was polled.
    again: bool,
    /// The moment that it waits for.
    due: Option<u64>,
}

impl Running {
    fn new(task: u32, name: String, at: u64) -> Self {
        let lane = Lane {
            task,
            name,
            site: None,
            spans: Vec::new(),
            end: End::Alive,
            polls: 0,
            polled_ns: 0,
            longest_poll_ns: 0,
            waited_ns: 0,
            longest_wait_ns: 0,
        };
        Self { lane, now: State::Queued, since: at, thread: None, again: false, due: None }
    }

    /// The state ends at `at`, and another one begins.
    fn change(&mut self, at: u64, next: State, thread: Option<u32>) {
        match self.due.filter(|&due| self.now == State::Suspended && due < at) {
            Some(due) => {
                let due = due.max(self.since);
                self.push(due, State::Suspended);
                self.push(at, State::Overdue);
            }
            None => self.push(at, self.now),
        }
        (self.now, self.thread) = (next, thread);
    }

    fn push(&mut self, to: u64, state: State) {
        if to > self.since {
            let thread = self.thread.filter(|_| state == State::Polled);
            self.lane.spans.push(Span { from_ns: self.since, to_ns: to, state, thread });
            self.since = to;
        }
    }

    fn take(&mut self, event: &Event) {
        let at = event.at_ns;
        match &event.what {
            What::Spawned { site } => self.lane.site = Some(site.clone()),
            What::PollBegin => {
                self.lane.polls += 1;
                (self.again, self.due) = (false, None);
                self.change(at, State::Polled, Some(event.thread));
                self.due = None;
            }
            What::Sleeps { until_ns } => self.due = Some(self.due.map_or(*until_ns, |due| due.min(*until_ns))),
            What::Suspended => {
                let next = if self.again { State::Queued } else { State::Suspended };
                self.change(at, next, None);
            }
            What::Woken if self.now == State::Polled => self.again = true,
            What::Woken => self.change(at, State::Queued, None),
            // The end follows.
            What::Ready => {}
            What::Ended => self.end(at, End::Ready),
            What::Cancelled => self.end(at, End::Cancelled),
        }
    }

    fn end(&mut self, at: u64, end: End) {
        if self.lane.end == End::Alive {
            self.change(at, State::Suspended, None);
            self.lane.end = end;
        }
    }

    /// The lane, when the run is over.
    fn finish(mut self, over: u64) -> Lane {
        if self.lane.end == End::Alive {
            self.change(over, State::Suspended, None);
        }
        let mut waited = 0;
        for span in &self.lane.spans {
            match span.state {
                State::Polled => {
                    self.lane.polled_ns += span.length();
                    self.lane.longest_poll_ns = self.lane.longest_poll_ns.max(span.length());
                }
                State::Overdue | State::Queued => self.lane.waited_ns += span.length(),
                State::Suspended => {}
            }
            // Overdue and then in the queue is one wait.
            waited = if span.state.waits_for_loop() { waited + span.length() } else { 0 };
            self.lane.longest_wait_ns = self.lane.longest_wait_ns.max(waited);
        }
        self.lane
    }
}

/// A lane for each task, in the order of their first events.
pub(super) fn lanes(events: &[Event], names: &BTreeMap<u32, String>) -> Vec<Lane> {
    let mut running: Vec<Running> = Vec::new();
    let mut places: BTreeMap<u32, usize> = BTreeMap::new();
    for event in events {
        let place = *places.entry(event.task).or_insert_with(|| {
            let name = names.get(&event.task).cloned().unwrap_or_else(|| format!("task {}", event.task));
            running.push(Running::new(event.task, name, event.at_ns));
            running.len() - 1
        });
        running[place].take(event);
    }
    let over = events.last().map_or(0, |event| event.at_ns);
    running.into_iter().map(|running| running.finish(over)).collect()
}

/// The polls during which others could have gone on, those first that kept others waiting for longest.
///
/// A job on a thread for blocking work keeps nobody waiting: only polls on threads that poll more than one task count.
pub(super) fn stalls(lanes: &[Lane]) -> Vec<Stall> {
    let mut tasks_of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for lane in lanes {
        for thread in lane.spans.iter().filter_map(|span| span.thread) {
            let tasks = tasks_of.entry(thread).or_default();
            if !tasks.contains(&lane.task) {
                tasks.push(lane.task);
            }
        }
    }
    let shared =
        |thread: Option<u32>| thread.and_then(|thread| tasks_of.get(&thread)).is_some_and(|tasks| tasks.len() > 1);
    let mut stalls = Vec::new();
    for lane in lanes {
        for poll in lane.spans.iter().filter(|span| span.state == State::Polled && shared(span.thread)) {
            let waited = waiters(lanes, lane.task, poll, |task| {
                tasks_of.values().any(|tasks| tasks.contains(&lane.task) && tasks.contains(&task))
            });
            if !waited.is_empty() {
                stalls.push(Stall {
                    task: lane.task,
                    thread: poll.thread,
                    from_ns: poll.from_ns,
                    poll_ns: poll.length(),
                    waited,
                });
            }
        }
    }
    let total = |stall: &Stall| stall.waited.iter().map(|waited| waited.for_ns).sum::<u64>();
    stalls.sort_by_key(|stall| (std::cmp::Reverse(total(stall)), stall.from_ns));
    stalls
}

/// Who else could have gone on during the poll; `related`: it shares a thread with the one that was polled.
fn waiters(lanes: &[Lane], polled: u32, poll: &Span, related: impl Fn(u32) -> bool) -> Vec<Waited> {
    let mut waited: Vec<Waited> = Vec::new();
    for lane in lanes.iter().filter(|lane| lane.task != polled && related(lane.task)) {
        let first = lane.spans.partition_point(|span| span.to_ns <= poll.from_ns);
        let during = lane.spans[first..].iter().take_while(|span| span.from_ns < poll.to_ns);
        let for_ns: u64 =
            during.filter(|span| span.state.waits_for_loop()).map(|span| span.within(poll.from_ns, poll.to_ns)).sum();
        if for_ns > 0 {
            waited.push(Waited { task: lane.task, for_ns });
        }
    }
    waited.sort_by_key(|waited| (std::cmp::Reverse(waited.for_ns), waited.task));
    waited
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at_ns: u64, task: u32, what: What) -> Event {
        Event { at_ns, thread: 1, task, what }
    }

    fn spawned(at_ns: u64, task: u32) -> Event {
        event(at_ns, task, What::Spawned { site: Site::unknown() })
    }

    fn states(lane: &Lane) -> Vec<(u64, u64, State)> {
        lane.spans.iter().map(|span| (span.from_ns, span.to_ns, span.state)).collect()
    }

    #[test]
    fn a_task_is_queued_polled_and_suspended() {
        use State::{Polled, Queued, Suspended};
        let events = [
            spawned(0, 7),
            event(10, 7, What::PollBegin),
            event(30, 7, What::Suspended),
            event(50, 7, What::Woken),
            event(55, 7, What::PollBegin),
            event(56, 7, What::Woken),
            event(60, 7, What::Suspended),
            event(61, 7, What::PollBegin),
            event(70, 7, What::Ready),
            event(71, 7, What::Ended),
            event(90, 8, What::Cancelled),
        ];
        let lanes = lanes(&events, &BTreeMap::from([(7, "seven".to_owned())]));
        assert_eq!(
            states(&lanes[0]),
            [
                (0, 10, Queued),
                (10, 30, Polled),
                (30, 50, Suspended),
                (50, 55, Queued),
                (55, 60, Polled),
                (60, 61, Queued),
                (61, 71, Polled),
            ]
        );
        assert_eq!((lanes[0].name.as_str(), lanes[0].end, lanes[0].polls), ("seven", End::Ready, 3));
        assert_eq!((lanes[0].polled_ns, lanes[0].longest_poll_ns), (35, 20));
        assert_eq!((lanes[0].waited_ns, lanes[0].longest_wait_ns), (16, 10));
        assert_eq!((lanes[1].name.as_str(), lanes[1].end, lanes[1].spans.len()), ("task 8", End::Cancelled, 0));
    }

    #[test]
    fn a_poll_that_keeps_others_waiting_is_a_stall() {
        let events = [
            spawned(0, 1),
            spawned(0, 2),
            event(1, 2, What::PollBegin),
            event(2, 2, What::Sleeps { until_ns: 20 }),
            event(3, 2, What::Suspended),
            event(10, 1, What::PollBegin),
            event(100, 1, What::Ready),
            event(100, 1, What::Ended),
            event(105, 2, What::Woken),
            event(110, 2, What::PollBegin),
            event(111, 2, What::Ready),
            event(111, 2, What::Ended),
        ];
        let lanes = lanes(&events, &BTreeMap::new());
        use State::{Overdue, Polled, Queued, Suspended};
        assert_eq!(
            states(&lanes[1]),
            [
                (0, 1, Queued),
                (1, 3, Polled),
                (3, 20, Suspended),
                (20, 105, Overdue),
                (105, 110, Queued),
                (110, 111, Polled)
            ]
        );
        assert_eq!((lanes[1].waited_ns, lanes[1].longest_wait_ns), (91, 90));
        let stalls = stalls(&lanes);
        assert_eq!((stalls[0].task, stalls[0].poll_ns), (1, 90));
        assert_eq!(stalls[0].waited, [Waited { task: 2, for_ns: 80 }]);
        assert_eq!((stalls[1].task, stalls[1].waited[0].for_ns), (2, 2), "the first waits for a moment, too");
    }

    #[test]
    fn a_job_on_a_thread_of_its_own_keeps_nobody_waiting() {
        let elsewhere = |at_ns, task, what| Event { thread: 2, ..event(at_ns, task, what) };
        let events = [
            spawned(0, 1),
            elsewhere(1, 1, What::PollBegin),
            spawned(2, 2),
            event(50, 2, What::PollBegin),
            event(51, 2, What::Suspended),
            elsewhere(90, 1, What::Ended),
        ];
        assert_eq!(stalls(&lanes(&events, &BTreeMap::new())), []);
    }
}
