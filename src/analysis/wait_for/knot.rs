//! From a knot of stuck threads to a finding.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::wait::{Blocked, Holding, Leg, Possession, Wait};
use crate::event::{ChannelId, LockId, Mode, Names, Object, ObjectKind, ThreadId};
use crate::finding::{Finding, Held, Involved, Kind, SiteReport, Tier};

/// One thread of a [`Knot`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Who.
    pub thread: ThreadId,
    /// What it waits for and what it holds.
    pub blocked: Blocked,
    /// It waits for nothing but a worker that would poll it; `blocked` says what it waited for before.
    pub starved: bool,
    /// It waits in the middle of a poll, and all workers of its pool do.
    pub stalls: bool,
    /// The members that it waits for; itself for a self-deadlock.
    pub waits_for: Vec<ThreadId>,
}

/// Threads that will wait for ever: the one whose wait closed the knot comes first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Knot {
    /// The members, each reachable from the first.
    pub members: Vec<Member>,
    /// Locks waited for that were left locked by a thread that has ended.
    pub abandoned: Vec<(LockId, ThreadId)>,
    /// Semaphores waited for of which units were thrown away.
    pub leaked: Vec<LockId>,
    /// The queue of a pool whose workers wait for work that is queued behind them, see [`Knot::starve`].
    pub starved: Option<ChannelId>,
}

/// The messages in a channel and the living threads that ever took one.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Backlog {
    /// Messages not yet taken.
    pub queued: u64,
    /// The threads that serve the channel.
    pub takers: Vec<ThreadId>,
    /// One of them has sent through it: jobs that make jobs.
    pub fed: bool,
}

impl Knot {
    /// Notes the first channel, if any, that only members serve and that has work for them, if it is the queue of a pool.
    ///
    /// A member of a pipeline and an actor serve a channel, too, and what they have not taken yet would not help them. So
    /// with every such channel it is asked whether somebody waits there for space, or another one is served by others:
    /// then those wait for one another. Where the jobs themselves make jobs it is a pool all the same, unless each of its
    /// workers waits for him who waits for space.
    pub fn starve<'a>(&mut self, channels: impl IntoIterator<Item = (ChannelId, &'a Backlog)>) {
        // A circle of particular owners is no queue's fault.
        if !self.needs_all_threads() {
            return;
        }
        let member = |thread: &ThreadId| self.members.iter().any(|member| member.thread == *thread);
        let is_behind =
            |backlog: &Backlog| backlog.queued > 0 && !backlog.takers.is_empty() && backlog.takers.iter().all(member);
        let behind: Vec<(ChannelId, &Backlog)> =
            channels.into_iter().filter(|(_, backlog)| is_behind(backlog)).collect();
        let pools = behind.iter().filter(|(channel, backlog)| self.is_pool(*channel, backlog, &behind));
        self.starved = pools.map(|&(channel, _)| channel).min();
    }

    fn is_pool(&self, queue: ChannelId, backlog: &Backlog, behind: &[(ChannelId, &Backlog)]) -> bool {
        let serves = |thread: ThreadId| backlog.takers.contains(&thread);
        let wants_space = |member: &&Member| member.blocked.wait == Wait::Send(queue) && !serves(member.thread);
        let senders: Vec<ThreadId> = self.members.iter().filter(wants_space).map(|member| member.thread).collect();
        let feeds = |member: &Member| member.blocked.wait == Wait::Send(queue) && serves(member.thread);
        if backlog.fed || self.members.iter().any(feeds) {
            return !backlog.takers.iter().all(|&taker| self.waits_for_one_of(taker, &senders));
        }
        let is_apart = |&(other, theirs): &(ChannelId, &Backlog)| {
            other != queue && !theirs.takers.iter().any(|&taker| serves(taker))
        };
        senders.is_empty() && !behind.iter().any(is_apart)
    }

    /// Does the member wait for one of `these` in particular, perhaps by others?
    fn waits_for_one_of(&self, member: ThreadId, these: &[ThreadId]) -> bool {
        let mut reached = vec![member];
        let mut next = 0;
        while let Some(&thread) = reached.get(next) {
            next += 1;
            if these.contains(&thread) {
                return true;
            }
            let of = self.members.iter().find(|member| member.thread == thread);
            for &other in of.filter(|member| is_and(member.blocked.wait)).iter().flat_map(|member| &member.waits_for) {
                if !reached.contains(&other) {
                    reached.push(other);
                }
            }
        }
        false
    }

    /// The finding, at tier `observed`; `None` when the first member only hangs behind a knot that others form (that one
    /// was reported when it closed).
    #[must_use]
    pub fn finding(&self, names: &dyn Names) -> Option<Finding> {
        let mut members = self.core()?;
        let kind = self.kind(&members, names);
        members.iter_mut().for_each(|member| hide_its_way(&mut member.blocked));
        // Not by its own upgrade: that waits for the readers beside it.
        let is_wanted = |lock, holder| {
            members.iter().any(|member| match member.blocked.wait {
                Wait::Lock { lock: wanted, upgrade, .. } => wanted == lock && !(upgrade && member.thread == holder),
                Wait::Units { semaphore, .. } => semaphore == lock,
                _ => false,
            })
        };
        let mut sites = Vec::new();
        let mut objects: Vec<Object> = Vec::new();
        for member in &members {
            let owner = names.owner_name(member.thread);
            let held = |holds: &[Holding]| {
                holds.iter().map(|holding| Held::new(names, holding.lock, holding.mode, holding.site)).collect()
            };
            let site = |role, site, holds: &[Holding], ordinal: u64| SiteReport {
                role,
                site: names.site(site),
                owner: owner.clone(),
                held: held(holds),
                event: Some(ordinal).filter(|&ordinal| ordinal > 0),
                stack: Vec::new(),
            };
            let blocked = &member.blocked;
            sites.push(site(wait_role(names, member), blocked.site, &blocked.holds, blocked.ordinal));
            // The members of a set are awaited in one place, for any of them.
            let is_same = |leg: &Leg| {
                matches!((leg.wait, blocked.wait), (Wait::Join(_), Wait::Join(_))) && leg.site == blocked.site
            };
            for leg in blocked.also.iter().filter(|leg| !member.starved && leg.wait != Wait::Waker && !is_same(leg)) {
                let role = format!("or {}", leg_role(names, member.thread, leg.wait));
                sites.push(site(role, leg.site, &blocked.holds, leg.ordinal));
            }
            for leg in &blocked.unpolled {
                let what = wait_object(leg.wait).map_or_else(|| "it".to_owned(), |object| names.label(object));
                let role = format!("has a future that got {what} here, and that it no longer polls");
                sites.push(site(role, leg.site, &[], leg.ordinal));
            }
            for (place, holding) in blocked.holds.iter().enumerate() {
                if holding.possession != Possession::Unpolled && is_wanted(holding.lock, member.thread) {
                    let took = match names.lock_kind(holding.lock) {
                        ObjectKind::Once => "runs the initialiser of",
                        _ => "took",
                    };
                    let role = format!("{took} {}", names.label(Object::Lock(holding.lock)));
                    sites.push(site(role, holding.site, &blocked.holds[..place], holding.ordinal));
                }
            }
            objects.extend(wait_object(member.blocked.wait));
        }
        objects.extend(self.starved.map(Object::Channel));
        objects.sort_unstable();
        objects.dedup();
        let labels: Vec<String> = objects.iter().map(|&object| names.label(object)).collect();
        let objects: Vec<Involved> = objects.into_iter().map(|object| Involved::new(names, object)).collect();
        let message = match self.starved {
            Some(channel) if kind == Kind::PoolStarvation => {
                let pool = names.label(Object::Channel(channel));
                format!("every thread that serves {pool} waits for something that is still queued in it")
            }
            _ => message(kind, &members, labels, names),
        };
        let finding = Finding::new(kind, Tier::Observed, message, sites, objects);
        let polls = |member: &Member| matches!(member.blocked.wait, Wait::Nothing | Wait::Waker);
        let advice = match kind {
            Kind::LostWakeup if members.iter().any(polls) => KEEP_THE_WAKER,
            _ => advice(kind),
        };
        Some(advice.iter().fold(finding, |finding, line| finding.with_help(*line)))
    }

    /// Does the verdict rest on there being no other thread than those that the graph was told of?
    #[must_use]
    pub fn needs_all_threads(&self) -> bool {
        !self.abandoned.is_empty()
            || self.members.iter().any(|member| {
                member.blocked.legs().any(|leg| !is_and(leg.wait))
                    || member.blocked.holds.iter().any(|held| held.possession == Possession::Roaming)
            })
    }

    /// Does it rest on there being nobody who would use a waker that a member has given away?
    #[must_use]
    pub fn rests_on_wakers(&self) -> bool {
        self.members.iter().any(|member| member.blocked.legs().any(|leg| leg.wait == Wait::Waker))
    }

    /// The members that wait for one another, the first one first: the shortest circle through it where all waits are
    /// for one particular owner, else all members that also wait for it.
    fn core(&self) -> Option<Vec<Member>> {
        let places: FxHashMap<ThreadId, usize> =
            self.members.iter().enumerate().map(|(place, member)| (member.thread, place)).collect();
        let next = |place: usize| self.members[place].waits_for.iter().filter_map(|id| places.get(id).copied());
        let alone = |member: &Member| is_and(member.blocked.wait) && member.blocked.also.is_empty();
        if self.members.iter().all(alone) && self.abandoned.is_empty() {
            return shortest_circle(self.members.len(), next)
                .map(|circle| circle.into_iter().map(|place| self.members[place].clone()).collect());
        }
        let mut back: Vec<Vec<usize>> = vec![Vec::new(); self.members.len()];
        for place in 0..self.members.len() {
            next(place).for_each(|to| back[to].push(place));
        }
        let mut reaches_first = vec![false; self.members.len()];
        reaches_first[0] = true;
        let mut queue = vec![0];
        while let Some(place) = queue.pop() {
            for &from in &back[place] {
                if !std::mem::replace(&mut reaches_first[from], true) {
                    queue.push(from);
                }
            }
        }
        let all = self.members.iter().zip(&reaches_first).filter(|(_, in_core)| **in_core).map(|(member, _)| member);
        let core: Vec<&Member> = all.collect();
        // A thread that only polls a member is no party of its own.
        let polls_one = |member: &Member| match member.blocked.wait {
            Wait::Root(root) => member.blocked.holds.is_empty() && core.iter().any(|other| other.thread == root),
            _ => false,
        };
        Some(core.iter().filter(|member| !polls_one(member)).map(|&member| member.clone()).collect())
    }

    fn kind(&self, members: &[Member], names: &dyn Names) -> Kind {
        let waits = |wanted: fn(&Wait) -> bool| members.iter().any(|member| wanted(&member.blocked.wait));
        if !self.abandoned.is_empty() {
            return Kind::ResourceLeak;
        }
        if self.starved.is_some() {
            return Kind::PoolStarvation;
        }
        let holds =
            |semaphore| members.iter().flat_map(|member| &member.blocked.holds).any(|held| held.lock == semaphore);
        if self.leaked.iter().any(|&semaphore| !holds(semaphore)) {
            return Kind::ResourceLeak;
        }
        if let Some(kind) = unpolled_kind(members) {
            return kind;
        }
        if let [only] = members
            && only.waits_for.contains(&only.thread)
        {
            return Kind::SelfDeadlock;
        }
        // A worker that is not there for the others, without a lock: what they lack is the worker.
        // An executor inside a poll parks the worker that would have to serve what it polls.
        let nests = |member: &Member| member.stalls && member.blocked.wait == Wait::Park;
        let lacks_worker = |member: &Member| {
            member.starved || nests(member) || member.blocked.legs().any(|leg| leg.wait == Wait::Timer)
        };
        if members.iter().any(lacks_worker) && !waits(|wait| matches!(wait, Wait::Lock { .. })) {
            return Kind::PoolStarvation;
        }
        if members.iter().all(|member| matches!(member.blocked.wait, Wait::Lock { .. })) {
            let rereads = |member: &Member| match member.blocked.wait {
                Wait::Lock { lock, mode: Mode::Shared | Mode::Upgradable, .. } => {
                    member.blocked.holds.iter().any(|held| held.lock == lock && held.mode.is_shared())
                }
                _ => false,
            };
            // An initialiser that runs holds its once as a lock is held, but it is none.
            let is_once = |member: &Member| match member.blocked.wait {
                Wait::Lock { lock, .. } => names.lock_kind(lock) == ObjectKind::Once,
                _ => false,
            };
            return match () {
                () if members.iter().any(rereads) => Kind::RecursiveRead,
                () if members.iter().any(is_once) => Kind::WaitCycle,
                () => Kind::LockOrderCycle,
            };
        }
        if waits(|wait| matches!(wait, Wait::Lock { .. } | Wait::Units { .. } | Wait::Send(_) | Wait::Recv(_))) {
            return Kind::WaitCycle;
        }
        let barriers: FxHashSet<_> = members
            .iter()
            .filter_map(|member| match member.blocked.wait {
                Wait::Barrier(barrier) => Some(barrier),
                _ => None,
            })
            .collect();
        let signals =
            waits(|wait| matches!(wait, Wait::Condvar(_) | Wait::Once(_) | Wait::Park | Wait::Nothing | Wait::Waker));
        match (barriers.len(), signals) {
            (1, false) => Kind::ResourceLeak,
            (0, true) => Kind::LostWakeup,
            _ => Kind::WaitCycle,
        }
    }
}

/// The place among writers of one that waits for the readers to leave is no lock that anybody took.
fn hide_its_way(blocked: &mut Blocked) {
    let Wait::Lock { lock, upgrade: true, .. } = blocked.wait else { return };
    blocked.holds.retain(|held| (held.lock, held.site, held.mode) != (lock, blocked.site, Mode::Upgradable));
}

/// Does one of them wait for what a future has that is polled no more?
fn unpolled_kind(members: &[Member]) -> Option<Kind> {
    let unpolled = members.iter().flat_map(|member| &member.blocked.unpolled);
    let mut wanted = unpolled.filter(|leg| {
        let object = wait_object(leg.wait);
        object.is_some()
            && members.iter().flat_map(|member| member.blocked.legs()).any(|other| wait_object(other.wait) == object)
    });
    let first = wanted.next()?;
    Some(if matches!(first.wait, Wait::Lock { .. }) { Kind::Futurelock } else { Kind::UnpolledFuture })
}

/// Breadth-first from place 0 back to it; a self-loop is a circle of one.
fn shortest_circle<I: Iterator<Item = usize>>(places: usize, next: impl Fn(usize) -> I) -> Option<Vec<usize>> {
    let mut came_from: Vec<Option<usize>> = vec![None; places];
    let mut queue = VecDeque::from([0]);
    while let Some(place) = queue.pop_front() {
        for to in next(place) {
            if to == 0 {
                let mut circle = vec![place];
                while let Some(before) = circle.last().and_then(|&last| came_from[last]) {
                    circle.push(before);
                }
                circle.reverse();
                return Some(circle);
            }
            if came_from[to].is_none() {
                came_from[to] = Some(place);
                queue.push_back(to);
            }
        }
    }
    None
}

fn is_and(wait: Wait) -> bool {
    matches!(wait, Wait::Lock { .. } | Wait::Join(_) | Wait::Root(_) | Wait::Timer | Wait::Idle | Wait::Drain(_))
}

fn wait_object(wait: Wait) -> Option<Object> {
    match wait {
        Wait::Lock { lock, .. } | Wait::Once(lock) => Some(Object::Lock(lock)),
        Wait::Condvar(condvar) => Some(Object::Condvar(condvar)),
        Wait::Send(channel) | Wait::Recv(channel) | Wait::Closed(channel) => Some(Object::Channel(channel)),
        Wait::Barrier(barrier) => Some(Object::Barrier(barrier)),
        Wait::Units { semaphore, .. } => Some(Object::Lock(semaphore)),
        Wait::Join(_)
        | Wait::Root(_)
        | Wait::Park
        | Wait::Timer
        | Wait::Nothing
        | Wait::Idle
        | Wait::Drain(_)
        | Wait::Waker => None,
    }
}

fn wait_role(names: &dyn Names, member: &Member) -> String {
    if member.starved {
        let idle = member.blocked.wait == Wait::Idle;
        return if idle { "waits for a worker to run it" } else { "was woken and waits for a worker to poll it" }
            .to_owned();
    }
    leg_role(names, member.thread, member.blocked.wait)
}

/// What an owner does that waits, as in "waits for a message", and the object of it.
#[must_use]
pub fn in_words(names: &dyn Names, owner: ThreadId, wait: Wait) -> (String, Option<Object>) {
    (leg_role(names, owner, wait), wait_object(wait))
}

fn leg_role(names: &dyn Names, owner: ThreadId, wait: Wait) -> String {
    let object = |object| names.label(object);
    match wait {
        Wait::Lock { lock, mode, .. } => format!("waits for {}{}", object(Object::Lock(lock)), mode_note(mode)),
        Wait::Join(child) if child == owner => "waits for its own end".to_owned(),
        Wait::Join(child) | Wait::Root(child) => format!("waits for the end of {}", names.owner_label(child)),
        Wait::Condvar(condvar) => format!("waits for a notification of {}", object(Object::Condvar(condvar))),
        Wait::Send(channel) => format!("waits for space in {}", object(Object::Channel(channel))),
        Wait::Recv(channel) => format!("waits for a message from {}", object(Object::Channel(channel))),
        Wait::Barrier(barrier) => format!("waits for the other parties of {}", object(Object::Barrier(barrier))),
        Wait::Once(lock) => format!("waits for somebody to initialise {}", object(Object::Lock(lock))),
        Wait::Park => "is parked and waits to be unparked".to_owned(),
        Wait::Units { semaphore, units: 1 } => format!("waits for a unit of {}", object(Object::Lock(semaphore))),
        Wait::Units { semaphore, units } => format!("waits for {units} units of {}", object(Object::Lock(semaphore))),
        Wait::Closed(channel) => format!("waits for the receivers of {} to go", object(Object::Channel(channel))),
        Wait::Timer => "sleeps, and no worker is left to look at the clock".to_owned(),
        Wait::Nothing => "returned Pending, and nothing keeps its waker".to_owned(),
        Wait::Idle => "waits for a worker to poll it".to_owned(),
        Wait::Drain(_) => "drops a runtime, and waits for what still runs in it".to_owned(),
        Wait::Waker => "returned Pending, and whoever keeps its waker waits, too".to_owned(),
    }
}

fn mode_note(mode: Mode) -> &'static str {
    match mode {
        Mode::Exclusive => "",
        Mode::Shared | Mode::SharedRecursive => " (to read)",
        Mode::Upgradable => " (to read, upgradable)",
    }
}

fn message(kind: Kind, members: &[Member], objects: Vec<String>, names: &dyn Names) -> String {
    let who = listed(members.iter().map(|member| names.owner_label(member.thread)));
    let no_object = objects.is_empty();
    let what = listed(objects.into_iter());
    match kind {
        Kind::SelfDeadlock if no_object => format!("{who} waits for its own end"),
        Kind::SelfDeadlock => format!("{who} waits for {what}, which it holds itself"),
        Kind::RecursiveRead => format!("{who} wait for one another: a second read of {what} queues behind a writer"),
        Kind::LockOrderCycle => {
            format!("{who} wait for one another: each holds a lock that the next one wants ({what})")
        }
        Kind::Futurelock => {
            format!("{who} wait for {what}, which is given to a future that its own task no longer polls")
        }
        Kind::UnpolledFuture => {
            format!("{who} wait over {what} for what only a future can go on with that its own task no longer polls")
        }
        Kind::PoolStarvation => format!("{who} wait for one another: no worker is left to poll those that could go on"),
        Kind::LostWakeup if members.len() == 1 => format!("{who} waits for a wake-up that no one is left to give"),
        Kind::LostWakeup => format!("{who} wait for a wake-up that no one is left to give"),
        Kind::ResourceLeak => format!("{who} wait for {what}, and no one is left who could give it"),
        _ if members.len() == 1 => format!("{who} waits for {what}, and no one is left who could end the wait"),
        _ if no_object => format!("{who} wait for one another's end"),
        _ => format!("{who} wait for one another over {what}"),
    }
}

/// For futures written by hand.
const KEEP_THE_WAKER: &[&str] = &[
    "before returning `Pending`, keep the waker of this poll, one for each task that waits, where whatever ends the wait finds \
     and wakes it",
];

fn advice(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::SelfDeadlock => {
            &["release the first guard before taking the lock again, or pass the guard's contents on"]
        }
        Kind::RecursiveRead => {
            &["release the first read guard, or pass it on; a waiting writer stands between two reads of one thread"]
        }
        Kind::LockOrderCycle => &["take these locks in one order everywhere, or hold only one of them at a time"],
        Kind::LostWakeup => &[
            "change the condition under the mutex before notifying, and look at it in a loop (`wait_while`) before waiting",
        ],
        Kind::Futurelock | Kind::UnpolledFuture => &[
            "let a future that is no longer polled be dropped before awaiting something else: do not keep it by `&mut` over \
             the `select!`, or go on polling it",
        ],
        Kind::PoolStarvation => &[
            "do not wait inside a job for a job of the same pool: do the work in place, or give it to a pool of its own",
        ],
        Kind::ResourceLeak => {
            &["give back, or arrive, on every path: also when an error or a panic ends the thread early"]
        }
        _ => &["release what the others need before waiting for them, or wait with a time limit"],
    }
}

/// "a", "a and b", "a, b and c".
fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    match items.split_last() {
        None => "each other".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
