//! A correct reordering as a value, and in words.

use super::Prediction;
use super::check::{Claim, check};
use super::clocks::Prefix;
use super::index::Index;
use crate::event::Names;
use crate::finding::{Move, Turn};

/// A witness of more events than this begins with the ends of the threads' first parts, if it is in the recorded order.
const LONG: usize = 1_000;
/// Events of a long witness that are told one by one.
const TAIL: usize = 200;
/// Turns of a schedule: one of so many is no use to a reader, and needs a tenth of the memory of the moves at most.
const TURNS_MAX: usize = 10_000;

/// A correct reordering, and the operations to which it leads. The checker has passed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Witness {
    form: Form,
    ends: Vec<u32>,
}

/// The events of a reordering.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// These, in the order of the recording.
    Recorded(Prefix),
    /// These, in this order.
    Listed(Vec<u32>),
}

impl Form {
    pub(super) fn list(&self, index: &Index) -> Vec<u32> {
        match self {
            Self::Listed(list) => list.clone(),
            Self::Recorded(prefix) => {
                let parts = index.threads.iter().zip(prefix).map(|(thread, &done)| &thread.events[..done as usize]);
                let (mut length, mut newest) = (0, 0);
                for part in parts {
                    length += part.len();
                    newest = newest.max(part.last().map_or(0, |&last| last + 1));
                }
                // One pass in the order of the recording, in place of a merge of the parts.
                let mut list = Vec::with_capacity(length);
                let entries = (0..newest).zip(&index.entries);
                list.extend(
                    entries.filter(|(_, entry)| entry.at < prefix[entry.thread as usize]).map(|(event, _)| event),
                );
                list
            }
        }
    }
}

impl Witness {
    /// The witness, if the checker agrees that it is one, as it should.
    pub(super) fn new(index: &Index, form: Form, claim: Claim<'_>) -> Option<Self> {
        // Of what need not be so nothing is told, so there is nothing to check.
        let agreed = if index.is_relaxed() { Ok(()) } else { check(index, &form.list(index), claim) };
        debug_assert_eq!(agreed, Ok(()), "{form:?} {claim:?}");
        agreed.is_ok().then(|| Self::of(form, claim))
    }

    /// The witness, if the list is one: whether it is, the checker is to say.
    pub(super) fn if_it_is_one(index: &Index, form: Form, claim: Claim<'_>) -> Option<Self> {
        check(index, &form.list(index), claim).is_ok().then(|| Self::of(form, claim))
    }

    fn of(form: Form, claim: Claim<'_>) -> Self {
        let ends = match claim {
            Claim::Race(earlier, later) => vec![earlier, later],
            Claim::Deadlock(stops) => stops.to_vec(),
            // The other thread goes first.
            Claim::Twice { stops: [own, foreign], .. } | Claim::Between { stops: [own, foreign], .. } => {
                vec![foreign, own]
            }
        };
        Self { form, ends }
    }

    /// How many moves [`tell`](Self::tell) will make of it, at most.
    pub(super) fn moves(&self, index: &Index) -> u64 {
        let moves = match &self.form {
            Form::Listed(list) => list.len(),
            Form::Recorded(prefix) => match prefix.iter().map(|&done| done as usize).sum() {
                events if events > LONG => index.threads.len() + TAIL,
                events => events,
            },
        };
        (moves + self.ends.len()) as u64
    }

    /// The positions in the stream of all its events in order, and of the operations to which they lead.
    #[must_use]
    pub fn ordinals(&self, trace: &Prediction) -> (Vec<u64>, Vec<u64>) {
        let ordinals = |list: &[u32]| list.iter().map(|&event| trace.index.ordinal(event)).collect();
        (ordinals(&self.form.list(&trace.index)), ordinals(&self.ends))
    }

    /// The events as turns, in order; none if they would be more than [`TURNS_MAX`].
    #[must_use]
    pub fn schedule(&self, trace: &Prediction) -> Vec<Turn> {
        let index = &trace.index;
        let mut turns: Vec<Turn> = Vec::new();
        for event in self.form.list(index) {
            let thread = index.thread(event);
            if let Some(turn) = turns.last_mut().filter(|turn| turn.thread == thread) {
                turn.events += 1;
            } else if turns.len() == TURNS_MAX {
                return Vec::new();
            } else {
                turns.push(Turn { thread, events: 1 });
            }
        }
        turns
    }

    /// The events in words, with the operations to which they lead at the end.
    #[must_use]
    pub fn tell(&self, trace: &Prediction, names: &dyn Names) -> Vec<Move> {
        let index = &trace.index;
        let list = self.form.list(index);
        let told = |event: u32, through: bool, next: bool| Move {
            owner: names.owner_name(index.thread(event)),
            action: index.say(event, names),
            site: names.site(index.entry(event).site),
            event: index.ordinal(event),
            through,
            next,
        };
        let split = if list.len() > LONG && matches!(self.form, Form::Recorded(_)) { list.len() - TAIL } else { 0 };
        let (head, tail) = list.split_at(split);
        let mut last: Vec<Option<u32>> = vec![None; index.threads.len()];
        head.iter().for_each(|&event| last[index.entry(event).thread as usize] = Some(event));
        let mut last: Vec<u32> = last.into_iter().flatten().collect();
        last.sort_unstable();
        let first = last.into_iter().map(|event| told(event, true, false));
        let then = tail.iter().map(|&event| told(event, false, false));
        first.chain(then).chain(self.ends.iter().map(|&event| told(event, false, true))).collect()
    }
}
