//! Is this list of events a correct reordering that ends where it is said to end?
//!
//! Nothing is reported that has not passed here. The checker shares nothing with what finds witnesses but the entries of
//! the trace: it goes over them once to see what each read saw and what came before what, then runs the list, and trusts
//! no link, stack or clock of the index.

use rustc_hash::{FxHashMap, FxHashSet};

use super::index::{Entry, Index, NONE};
use super::word::{Kind, Sort, Word};
use crate::event::Mode;

/// What a list of events is said to lead to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Claim<'a> {
    /// Two conflicting accesses can be done next, in either order.
    Race(u32, u32),
    /// Each of these is next, and asks for a lock that it can't get as long as the others wait.
    Deadlock(&'a [u32]),
    /// `first` is done, and its thread stands before `second`, to which it belongs; another thread can do `between` next.
    Between { first: u32, second: u32, between: u32, stops: [u32; 2] },
    /// `first`, a look, is done, its thread stands before `second`, the write that comes after it, and the second of the
    /// stops is next as well: a look by another thread at the same place of the program, which sees now what `first` saw.
    Twice { first: u32, second: u32, stops: [u32; 2] },
}

/// A rule that the list breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Broken {
    /// An event twice, before its predecessor in the thread, or without it.
    ThreadOrder,
    /// Before the start of its thread, or a join before the end of the other.
    ForkJoin,
    /// A lock is taken that another thread holds.
    Lock,
    /// A read sees another write than in the recording.
    Value,
    /// Operations on an ordered object are not in their order.
    Object,
    /// The list does not end where it is said to.
    Claim,
}

/// A number for each thread.
#[derive(Default)]
struct Counts(Vec<u32>);

impl Counts {
    fn get(&self, thread: u32) -> u32 {
        self.0.get(thread as usize).copied().unwrap_or(0)
    }

    fn of(&mut self, thread: u32) -> &mut u32 {
        let thread = thread as usize;
        if self.0.len() <= thread {
            self.0.resize(thread + 1, 0);
        }
        &mut self.0[thread]
    }
}

/// What the recording says of the events of a list.
struct Recorded {
    /// By thread: events in the list.
    counts: Counts,
    /// By thread: the event that started it, and how many events it had before.
    forks: FxHashMap<u32, (u32, u32)>,
    /// By event: what it saw, if it is a read.
    seen: Vec<u32>,
    /// By ordered object: its events in the list.
    objects: FxHashMap<(Sort, u32), Vec<u32>>,
    /// By join of the list: how many events the child had done.
    joined: FxHashMap<u32, u32>,
}

/// Checks a list against the recording and the claim. Cost: one pass over the recording up to the newest event named.
pub(super) fn check(index: &Index, list: &[u32], claim: Claim<'_>) -> Result<(), Broken> {
    let ends: &[u32] = match &claim {
        Claim::Race(one, other) => &[*one, *other],
        Claim::Deadlock(stops) => stops,
        Claim::Between { stops, .. } | Claim::Twice { stops, .. } => stops,
    };
    let recorded = recorded(&index.entries, list, ends)?;
    let run = run(&index.entries, list, &recorded)?;
    let next = |event: u32| {
        let entry = &index.entries[event as usize];
        let unborn = |(fork, before): &(u32, u32)| entry.at >= *before && !run.forks.contains(fork);
        !recorded.forks.get(&entry.thread).is_some_and(unborn) && entry.at == recorded.counts.get(entry.thread)
    };
    if !ends.iter().all(|&event| next(event)) {
        return Err(Broken::Claim);
    }
    let entry = |event: u32| &index.entries[event as usize];
    let holds = match claim {
        Claim::Race(one, other) => {
            let (one, other) = (entry(one), entry(other));
            let writes = one.word == Word::Write || other.word == Word::Write;
            let plain = |entry: &Entry| matches!(entry.word, Word::Read | Word::Write);
            one.thread != other.thread && one.object == other.object && plain(one) && plain(other) && writes
        }
        Claim::Deadlock(stops) => {
            let stops: Vec<&Entry> = stops.iter().map(|&stop| entry(stop)).collect();
            stops.len() > 1 && stops.iter().all(|stop| is_stuck(stop, &stops, &run))
        }
        Claim::Between { first, second, between, stops } => {
            let [first, second, between] = [first, second, between].map(entry);
            let [own, foreign] = stops.map(entry);
            let stands = own.thread == second.thread && first.at < own.at && own.at <= second.at;
            let ready = foreign.thread == between.thread && (foreign.at == between.at || is_one_step(foreign, between));
            stands && ready && belong(&index.entries, first, second, between)
        }
        Claim::Twice { first: seen, second, stops } => {
            let [first, second] = [seen, second].map(entry);
            let [own, look] = stops.map(entry);
            let cell = |entry: &Entry| (entry.word.sort(), entry.object);
            let same = cell(first) == cell(second) && cell(first) == cell(look) && first.site == look.site;
            let stands = own.thread == second.thread && first.at < own.at && own.at <= second.at;
            let order = first.thread == second.thread && first.thread != look.thread;
            let kinds = reads(first.word) && reads(look.word) && writes_to(second.word) && !reads(second.word);
            let now = run.writes.get(&cell(first)).copied().unwrap_or(NONE);
            let same_value = now == recorded.seen[seen as usize];
            same && stands && order && kinds && same_value && !looks_between(&index.entries, first, second)
        }
    };
    if holds { Ok(()) } else { Err(Broken::Claim) }
}

/// Is the first a look that is one step with the write after it? A change in place, of a cell or of what a lock guards.
fn is_one_step(look: &Entry, write: &Entry) -> bool {
    let words = matches!((look.word, write.word), (Word::DataRead, Word::DataWrite) | (Word::Speculative, Word::Write));
    words && look.thread == write.thread && look.object == write.object && look.at + 1 == write.at
}

/// Does the thread of two accesses see or change their object between them? What is one step with the second does not count.
fn looks_between(entries: &[Entry], first: &Entry, second: &Entry) -> bool {
    let cell = |entry: &Entry| (entry.word.sort(), entry.object);
    entries.iter().any(|entry| {
        let between = entry.thread == first.thread && entry.at > first.at && entry.at < second.at;
        between && cell(entry) == cell(first) && !is_one_step(entry, second)
    })
}

/// Do the first two accesses belong together, and is an access of another thread between them one that breaks it?
fn belong(entries: &[Entry], first: &Entry, second: &Entry, between: &Entry) -> bool {
    let cell = |entry: &Entry| (entry.word.sort(), entry.object);
    if first.thread != second.thread || between.thread == first.thread {
        return false;
    }
    if cell(first) != cell(second) || cell(second) != cell(between) {
        return false;
    }
    let (mut depth, mut in_region, mut looked_again) = (0_i64, true, false);
    for entry in entries.iter().filter(|entry| entry.thread == first.thread && entry.at <= second.at) {
        match entry.word {
            Word::RegionBegin => depth += 1,
            Word::RegionEnd => depth = (depth - 1).max(0),
            _ => {}
        }
        if entry.at >= first.at {
            in_region &= depth > 0;
            looked_again |= cell(entry) == cell(first) && entry.at > first.at && entry.at < second.at;
        }
    }
    let in_sections = (first.word, second.word, between.word) == (Word::Read, Word::Write, Word::Write)
        && !looked_again
        && is_locked_anew(entries, first, second);
    let loses = matches!(first.word, Word::Load | Word::Acquiring)
        && second.word == Word::Store
        && matches!(between.word, Word::Rmw | Word::Store)
        && !looked_again;
    let conflict = |entry: &Entry| writes_to(entry.word) || writes_to(between.word);
    loses || in_sections || in_region && conflict(first) && conflict(second)
}

/// Is a lock that the thread holds at the first access given back, and held again at the second?
fn is_locked_anew(entries: &[Entry], first: &Entry, second: &Entry) -> bool {
    let (mut held, mut then): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut given_back: Vec<u32> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.thread == first.thread && entry.at < second.at) {
        if entry.at == first.at {
            then.clone_from(&held);
        }
        match entry.kind {
            Kind::Acquire => held.push(entry.object),
            Kind::Release => {
                if let Some(place) = held.iter().rposition(|&lock| lock == entry.object) {
                    held.swap_remove(place);
                }
                if entry.at > first.at {
                    given_back.push(entry.object);
                }
            }
            _ => {}
        }
    }
    held.iter().any(|lock| then.contains(lock) && given_back.contains(lock))
}

fn recorded(entries: &[Entry], list: &[u32], ends: &[u32]) -> Result<Recorded, Broken> {
    let newest = list.iter().chain(ends).max().map_or(0, |&newest| newest as usize + 1);
    let mut member = vec![false; newest];
    for &event in list {
        if std::mem::replace(&mut member[event as usize], true) {
            return Err(Broken::ThreadOrder);
        }
    }
    let mut recorded = Recorded {
        counts: Counts::default(),
        forks: FxHashMap::default(),
        seen: vec![NONE; newest],
        objects: FxHashMap::default(),
        joined: FxHashMap::default(),
    };
    let mut lengths = Counts::default();
    let mut writes: FxHashMap<(Sort, u32), u32> = FxHashMap::default();
    let mut ended: FxHashSet<(Sort, u32)> = FxHashSet::default();
    for (event, entry) in (0..).zip(&entries[..newest]) {
        let inside = member[event as usize];
        let length = lengths.of(entry.thread);
        if inside {
            let count = recorded.counts.of(entry.thread);
            if *count != *length {
                return Err(Broken::ThreadOrder);
            }
            *count += 1;
        }
        *length += 1;
        let sort = entry.word.sort();
        match entry.word {
            Word::Fork => {
                let before = lengths.get(entry.object);
                recorded.forks.entry(entry.object).or_insert((event, before));
            }
            Word::Joined if inside => {
                recorded.joined.insert(event, lengths.get(entry.object));
            }
            word if inside && reads(word) => {
                let seen = writes.get(&(sort, entry.object));
                recorded.seen[event as usize] = seen.copied().unwrap_or(NONE);
            }
            _ => {}
        }
        if writes_to(entry.word) {
            writes.insert((sort, entry.object), event);
        }
        if entry.kind == Kind::After && entry.word != Word::Joined {
            if !inside {
                ended.insert((sort, entry.object));
            } else if ended.contains(&(sort, entry.object)) {
                return Err(Broken::Object);
            } else {
                recorded.objects.entry((sort, entry.object)).or_default().push(event);
            }
        }
    }
    Ok(recorded)
}

const fn reads(word: Word) -> bool {
    matches!(word, Word::Read | Word::Speculative | Word::Load | Word::Acquiring | Word::Rmw | Word::DataRead)
}

const fn writes_to(word: Word) -> bool {
    matches!(word, Word::Write | Word::Store | Word::Rmw | Word::DataWrite)
}

/// Where a list leads.
#[derive(Default)]
struct Run {
    /// The events that started threads.
    forks: FxHashSet<u32>,
    /// Who holds what: lock, thread, mode.
    held: Vec<(u32, u32, Mode)>,
    /// By cell: its last write.
    writes: FxHashMap<(Sort, u32), u32>,
}

fn run(entries: &[Entry], list: &[u32], recorded: &Recorded) -> Result<Run, Broken> {
    let mut run = Run::default();
    let mut lengths = Counts::default();
    let mut objects: FxHashMap<(Sort, u32), usize> = FxHashMap::default();
    for &event in list {
        let Entry { kind, word, mode, thread, at, object, .. } = entries[event as usize];
        let length = lengths.of(thread);
        if *length != at {
            return Err(Broken::ThreadOrder);
        }
        *length += 1;
        if recorded.forks.get(&thread).is_some_and(|(fork, before)| at >= *before && !run.forks.contains(fork)) {
            return Err(Broken::ForkJoin);
        }
        if let Some(&child) = recorded.joined.get(&event)
            && object != thread
            && (lengths.get(object) < child
                || recorded.forks.get(&object).is_some_and(|(fork, _)| *fork < event && !run.forks.contains(fork)))
        {
            return Err(Broken::ForkJoin);
        }
        let cell = (word.sort(), object);
        if reads(word) && run.writes.get(&cell).copied().unwrap_or(NONE) != recorded.seen[event as usize] {
            return Err(Broken::Value);
        }
        if writes_to(word) {
            run.writes.insert(cell, event);
        }
        match kind {
            Kind::Acquire => {
                let apart = |&(lock, holder, held): &(u32, u32, Mode)| {
                    lock != object || holder == thread || held.compatible(mode)
                };
                if !run.held.iter().all(apart) {
                    return Err(Broken::Lock);
                }
                run.held.push((object, thread, mode));
            }
            Kind::Release => {
                let mine = |&(lock, holder, _): &(u32, u32, Mode)| lock == object && holder == thread;
                let exact = run.held.iter().rposition(|hold| mine(hold) && hold.2 == mode);
                let Some(hold) = exact.or_else(|| run.held.iter().rposition(mine)) else { return Err(Broken::Lock) };
                run.held.swap_remove(hold);
            }
            Kind::After if word != Word::Joined => {
                let place = objects.entry((word.sort(), object)).or_default();
                if recorded.objects.get(&(word.sort(), object)).and_then(|events| events.get(*place)) != Some(&event) {
                    return Err(Broken::Object);
                }
                *place += 1;
            }
            _ => {}
        }
        if word == Word::Fork {
            run.forks.insert(event);
        }
    }
    Ok(run)
}

/// Does the thread wait for something that only the others of `stops` could give? For a lock that one of them holds, or,
/// as a reader that queues, behind one of them that waits to write.
fn is_stuck(stop: &Entry, stops: &[&Entry], run: &Run) -> bool {
    if !matches!(stop.kind, Kind::Acquire | Kind::Request) || stop.word == Word::Try {
        return false;
    }
    let others = || stops.iter().filter(|other| other.thread != stop.thread);
    let held = others().any(|other| {
        run.held
            .iter()
            .any(|&(lock, holder, mode)| lock == stop.object && holder == other.thread && !mode.compatible(stop.mode))
    });
    let queues = matches!(stop.mode, Mode::Shared | Mode::Upgradable);
    held || queues
        && others().any(|other| {
            let writes = other.object == stop.object && other.mode == Mode::Exclusive;
            // The writer in turn waits for a reader, which may be this very thread.
            writes
                && run.held.iter().any(|&(lock, holder, _)| {
                    lock == stop.object && holder != other.thread && stops.iter().any(|member| member.thread == holder)
                })
        })
}
