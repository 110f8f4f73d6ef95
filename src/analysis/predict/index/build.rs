//! From a stream to the index.

use rustc_hash::FxHashMap;

use super::{Entry, Group, Index, NONE, Node, Thread, weight};
use crate::analysis::predict::Unpredictable;
use crate::analysis::predict::word::{Kind, Sort, Word, encode};
use crate::event::{Event, Mode, Op};

/// Takes a stream; [`Builder::finish`] makes the index.
#[derive(Default, Debug)]
pub(crate) struct Builder {
    first: u64,
    entries: Vec<Entry>,
    /// By thread: events so far.
    lengths: Vec<u32>,
    tasks: bool,
    parties: FxHashMap<u32, u32>,
    /// It has what only a recording of a program has.
    recorded: bool,
}

impl Builder {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The next event; `ordinal` counts up by one from event to event.
    pub(crate) fn push(&mut self, ordinal: u64, event: &Event) {
        if self.entries.is_empty() {
            self.first = ordinal;
        }
        let thread = event.owner.thread;
        // Threads alone, without the places that tasks would have.
        let place = thread.0 as usize;
        if self.lengths.len() <= place {
            self.lengths.resize(place + 1, 0);
        }
        let length = &mut self.lengths[place];
        let (word, kind, mode, object) = encode(thread, event.op);
        match event.op {
            Op::BarrierArrive { barrier, parties } => drop(self.parties.insert(barrier.0, parties.max(1))),
            Op::Begin | Op::End | Op::DataRead { .. } | Op::DataHidden { .. } => self.recorded = true,
            _ => {}
        }
        let (thread, at) = (thread.0, *length);
        *length += 1;
        self.tasks |= event.owner.task.is_some();
        self.entries.push(Entry { kind, word, mode, thread, at, object, link: NONE, site: event.site });
    }

    pub(crate) fn finish(self) -> Result<Index, Unpredictable> {
        if self.tasks {
            return Err(Unpredictable::Tasks);
        }
        if self.entries.len() >= NONE as usize {
            return Err(Unpredictable::TooLong);
        }
        let mut entries = self.entries;
        let threads = threads(&entries, &self.lengths);
        let irregular = locks(&mut entries, &threads);
        let threads = links(&mut entries, threads, &irregular);
        if self.recorded && threads.iter().filter(|thread| thread.fork == NONE && !thread.events.is_empty()).count() > 1
        {
            return Err(Unpredictable::Strangers);
        }
        let (held, nodes) = stacks(&entries, threads.len());
        let (lock_ends, groups, acquires) = groups(&entries);
        let plain = |entry: &Entry| entry.word.is_plain().then_some(entry.object);
        let (var_ends, accesses) = lists(&entries, plain);
        let first = self.first;
        let (parties, recorded, relaxed) = (self.parties, self.recorded, false);
        Ok(Index {
            first,
            entries,
            threads,
            held,
            nodes,
            lock_ends,
            groups,
            acquires,
            var_ends,
            accesses,
            parties,
            recorded,
            relaxed,
        })
    }
}

fn threads(entries: &[Entry], lengths: &[u32]) -> Vec<Thread> {
    let thread = |&length: &u32| Thread { events: Vec::with_capacity(length as usize), fork: NONE, begin: NONE };
    let mut threads: Vec<Thread> = lengths.iter().map(thread).collect();
    for (event, entry) in (0..).zip(entries) {
        threads[entry.thread as usize].events.push(event);
    }
    threads
}

/// A lock that is held, while the stream is gone through.
#[derive(Clone, Copy)]
struct Hold {
    thread: u32,
    mode: Mode,
    acquire: u32,
    /// Another thread took it as well, in a mode that is compatible.
    joined: bool,
}

/// Pairs acquisitions with releases, and makes one section of a hold whose mode was converted without letting go.
/// Returns, by lock, whether its operations do not follow the rules of a lock.
fn locks(entries: &mut [Entry], threads: &[Thread]) -> Vec<bool> {
    let count = entries.iter().filter(|entry| entry.word.sort() == Sort::Lock).map(|entry| entry.object + 1).max();
    let count = count.unwrap_or(0) as usize;
    let (mut holds, mut irregular): (Vec<Vec<Hold>>, _) = (vec![Vec::new(); count], vec![false; count]);
    for event in 0..entries.len() as u32 {
        let Entry { kind, mode, thread, at, object, .. } = entries[event as usize];
        let lock = object as usize;
        match kind {
            Kind::Acquire => {
                let excluded = |hold: &Hold| hold.thread != thread && !hold.mode.compatible(mode);
                irregular[lock] |= holds[lock].iter().any(excluded);
                let joined = holds[lock].iter().any(|hold| hold.thread != thread);
                holds[lock].iter_mut().filter(|hold| hold.thread != thread).for_each(|hold| hold.joined = true);
                holds[lock].push(Hold { thread, mode, acquire: event, joined });
            }
            // An attempt that failed saw that the lock was held. What holders of a hidden one saw, any of them may have acted on.
            Kind::Free if matches!(entries[event as usize].word, Word::Missed | Word::Hidden) => irregular[lock] = true,
            Kind::Release => {
                let mine = |hold: &Hold| hold.thread == thread;
                let exact = holds[lock].iter().rposition(|hold| mine(hold) && hold.mode == mode);
                let Some(found) = exact.or_else(|| holds[lock].iter().rposition(mine)) else {
                    irregular[lock] = true;
                    continue;
                };
                let next = threads[thread as usize].events.get(at as usize + 1).copied();
                if let Some(next) =
                    next.filter(|&next| is_conversion(&entries[event as usize], &entries[next as usize]))
                {
                    // The whole hold counts as its strongest part; that is wrong if others were there in a weaker one.
                    let hold = &mut holds[lock][found];
                    irregular[lock] |= hold.joined;
                    hold.mode = Mode::Exclusive;
                    entries[hold.acquire as usize].mode = Mode::Exclusive;
                    entries[event as usize].kind = Kind::Free;
                    entries[next as usize].kind = Kind::Free;
                    continue;
                }
                let hold = holds[lock].remove(found);
                entries[hold.acquire as usize].link = event;
                entries[event as usize].link = hold.acquire;
            }
            _ => {}
        }
    }
    irregular
}

/// Does a hold change its mode here, with no moment in between at which another thread could take the lock?
fn is_conversion(release: &Entry, next: &Entry) -> bool {
    let same = next.kind == Kind::Acquire && next.object == release.object;
    same && match (release.mode, next.mode) {
        (Mode::Upgradable, Mode::Exclusive) => true,
        (Mode::Exclusive, to) | (Mode::Upgradable, to) => to != release.mode && next.word == Word::Try,
        _ => false,
    }
}

/// Fills in what each event comes after.
fn links(entries: &mut [Entry], mut threads: Vec<Thread>, irregular: &[bool]) -> Vec<Thread> {
    let mut writes: FxHashMap<u64, u32> = FxHashMap::default();
    let mut ordered: FxHashMap<(Sort, u32), u32> = FxHashMap::default();
    let mut forks: FxHashMap<u32, u32> = FxHashMap::default();
    for event in 0..entries.len() as u32 {
        let entry = entries[event as usize];
        let sort = entry.word.sort();
        let link = match entry.kind {
            Kind::Read => writes.get(&entry.cell()).copied(),
            Kind::Write => {
                writes.insert(entry.cell(), event);
                continue;
            }
            Kind::Update => writes.insert(entry.cell(), event),
            Kind::After if entry.word == Word::Joined => {
                let child = threads.get(entry.object as usize).filter(|_| entry.object != entry.thread);
                let last =
                    |child: &Thread| child.events[..child.events.partition_point(|&own| own < event)].last().copied();
                // Of a thread that did nothing, the start has to be there.
                child.and_then(last).or_else(|| forks.get(&entry.object).copied())
            }
            Kind::Free if entry.word == Word::Fork => {
                if let Some(child) = threads.get_mut(entry.object as usize) {
                    // Of a thread that is said to start twice the first time counts.
                    let next = child.events.get(child.events.partition_point(|&own| own < event)).copied();
                    if let (NONE, Some(next)) = (child.fork, next) {
                        (child.fork, child.begin) = (event, next);
                    }
                }
                forks.entry(entry.object).or_insert(event);
                continue;
            }
            Kind::After => ordered.insert((sort, entry.object), event),
            Kind::Acquire | Kind::Release | Kind::Free | Kind::Request
                if sort == Sort::Lock && irregular[entry.object as usize] =>
            {
                entries[event as usize].kind = if entry.kind == Kind::Request { Kind::Free } else { Kind::After };
                ordered.insert((sort, entry.object), event)
            }
            _ => continue,
        };
        entries[event as usize].link = link.unwrap_or(NONE);
    }
    threads
}

/// By event, the stack of locks that its thread holds after it.
fn stacks(entries: &[Entry], threads: usize) -> (Vec<u32>, Vec<Node>) {
    let (mut held, mut nodes) = (Vec::with_capacity(entries.len()), Vec::<Node>::new());
    let mut tops = vec![NONE; threads];
    let push = |nodes: &mut Vec<Node>, below: u32, acquire: u32| {
        let set = nodes.get(below as usize).map_or(0, |node| node.set);
        let entry = &entries[acquire as usize];
        let set = set.wrapping_add(weight(entry.object, entry.mode));
        nodes.push(Node { below, acquire, set });
        (nodes.len() - 1) as u32
    };
    for (event, entry) in (0..).zip(entries) {
        let top = &mut tops[entry.thread as usize];
        match entry.kind {
            Kind::Acquire => *top = push(&mut nodes, *top, event),
            Kind::Release => {
                // What was taken later goes on top of what is below.
                let mut above = Vec::new();
                while let Some(&Node { below, acquire, .. }) = nodes.get(*top as usize) {
                    *top = below;
                    if acquire == entry.link {
                        break;
                    }
                    above.push(acquire);
                }
                for acquire in above.into_iter().rev() {
                    *top = push(&mut nodes, *top, acquire);
                }
            }
            _ => {}
        }
        held.push(*top);
    }
    (held, nodes)
}

/// The events that have a number, sorted by it; and by number, the end of its part.
fn lists(entries: &[Entry], number: impl Fn(&Entry) -> Option<u32>) -> (Vec<u32>, Vec<u32>) {
    let count = entries.iter().filter_map(&number).max().map_or(0, |max| max as usize + 1);
    let mut ends = vec![0_u32; count];
    entries.iter().filter_map(&number).for_each(|number| ends[number as usize] += 1);
    let mut sum = 0;
    for end in &mut ends {
        // First the start of the part; filling moves it to the end.
        sum += std::mem::replace(end, sum);
    }
    let mut list = vec![0; sum as usize];
    for (event, entry) in (0..).zip(entries) {
        if let Some(number) = number(entry) {
            let place = &mut ends[number as usize];
            list[*place as usize] = event;
            *place += 1;
        }
    }
    (ends, list)
}

/// The acquisitions of each lock, by thread and mode.
fn groups(entries: &[Entry]) -> (Vec<u32>, Vec<Group>, Vec<u32>) {
    let lock = |entry: &Entry| (entry.kind == Kind::Acquire).then_some(entry.object);
    let (mut ends, mut acquires) = lists(entries, lock);
    let mut groups: Vec<Group> = Vec::new();
    let mut start = 0;
    for end in &mut ends {
        let key = |event: &u32| (entries[*event as usize].thread, entries[*event as usize].mode);
        let part = &mut acquires[start as usize..*end as usize];
        part.sort_by_key(key);
        for run in part.chunk_by(|one, other| key(one) == key(other)) {
            let (thread, mode) = key(&run[0]);
            groups.push(Group { thread, mode, start, end: start + run.len() as u32 });
            start += run.len() as u32;
        }
        *end = groups.len() as u32;
    }
    (ends, groups, acquires)
}
