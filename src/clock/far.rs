//! The components of a clock that only a crowd of threads has.
//!
//! A program that once had ten thousand threads at a time has as many components for the rest of its life, and clocks
//! that are all copied and joined again and again, though what they hold there changes no more. So that part is shared:
//! a copy is a reference, and clocks that share it have nothing to join. Where the one knows all that the other does, the
//! other takes its part, so what changes no more comes to be one block.

use std::sync::Arc;

/// Times of consecutive slots; absent where none was ever raised.
#[derive(Default)]
pub(super) struct Far(Option<Arc<Vec<u64>>>);

/// How two parts compare, a slot left out.
#[derive(Clone, Copy)]
struct Compared {
    /// The first has a component that is less.
    less: bool,
    /// The second has.
    more: bool,
}

impl Far {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    fn times(&self) -> &[u64] {
        self.0.as_ref().map_or(&[], |times| times)
    }

    pub(super) fn is_zero(&self) -> bool {
        self.times().iter().all(|&time| time == 0)
    }

    pub(super) fn get(&self, index: usize) -> u64 {
        self.times().get(index).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, index: usize, time: u64) {
        if self.get(index) == time {
            return;
        }
        let times = Arc::make_mut(self.0.get_or_insert_default());
        if index >= times.len() {
            times.resize(index + 1, 0);
        }
        times[index] = time;
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.times().iter().copied().enumerate()
    }

    /// Is it the same block, or are both absent?
    pub(super) fn is_shared_with(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
            (None, None) => true,
            _ => false,
        }
    }

    /// Is there nothing in the other that a join would have to look at?
    pub(super) fn holds(&self, other: &Self) -> bool {
        other.0.is_none() || self.is_shared_with(other)
    }

    /// Component-wise maximum; that of `own`, if any, stays as it is. True when any of it was news.
    pub(super) fn join(&mut self, other: &Self, own: Option<usize>) -> bool {
        if self.holds(other) {
            return false;
        }
        let Compared { less, more } = self.compare(other, own);
        let keeps_own = own.is_none_or(|own| self.get(own) == other.get(own));
        if !more && keeps_own {
            // Where both know the same, it becomes the same block; which one, all clocks agree on.
            let address = |far: &Self| far.0.as_ref().map(|times| Arc::as_ptr(times).addr());
            if less || address(other) < address(self) {
                self.0.clone_from(&other.0);
            }
        } else if less {
            let mine = Arc::make_mut(self.0.get_or_insert_default());
            let theirs = other.times();
            if mine.len() < theirs.len() {
                mine.resize(theirs.len(), 0);
            }
            let kept = own.and_then(|own| Some((own, *mine.get(own)?)));
            for (mine, &theirs) in mine.iter_mut().zip(theirs) {
                *mine = theirs.max(*mine);
            }
            if let Some((own, time)) = kept {
                mine[own] = time;
            }
        }
        less
    }

    /// Is no component more than that of `other`, `own` left out?
    pub(super) fn leq(&self, other: &Self, own: Option<usize>) -> bool {
        self.is_shared_with(other) || !self.compare(other, own).more
    }

    /// One pass without branches, so that the compiler can use SIMD.
    fn compare(&self, other: &Self, own: Option<usize>) -> Compared {
        fn pass(mine: &[u64], theirs: &[u64]) -> Compared {
            let (mut less, mut more) = (false, false);
            for (mine, theirs) in mine.iter().zip(theirs) {
                less |= mine < theirs;
                more |= mine > theirs;
            }
            let common = mine.len().min(theirs.len());
            less |= theirs[common..].iter().any(|&time| time != 0);
            more |= mine[common..].iter().any(|&time| time != 0);
            Compared { less, more }
        }
        let (mine, theirs) = (self.times(), other.times());
        let Some(own) = own else { return pass(mine, theirs) };
        let before = |times: &[u64]| own.min(times.len());
        let after = |times: &[u64]| (own + 1).min(times.len());
        let first = pass(&mine[..before(mine)], &theirs[..before(theirs)]);
        let second = pass(&mine[after(mine)..], &theirs[after(theirs)..]);
        Compared { less: first.less | second.less, more: first.more | second.more }
    }
}

impl Clone for Far {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }

    /// Who counts the references is written to only if it is another block.
    fn clone_from(&mut self, source: &Self) {
        if !self.is_shared_with(source) {
            self.0.clone_from(&source.0);
        }
    }
}
