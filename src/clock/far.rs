//! The components of a clock that only a crowd of threads has.
//!
//! A program that once had ten thousand threads at a time has as many components for the rest of its life, and clocks
//! that are all copied and joined again and again, though most of what they hold there changes no more. So that part is
//! shared: a copy is a reference to a table of references to blocks, neither of which is ever written to while another has
//! it too. Clocks that have the same table have nothing to join, and tables that have the same block nothing there. Where
//! the one knows all that the other does, the other takes its table, or its block, so what changes no more comes to be one.

use std::sync::Arc;

/// Components of a block.
const WIDTH: usize = 128;

type Times = [u64; WIDTH];

/// Times of consecutive slots; absent where none was ever raised.
#[derive(Default)]
pub(super) struct Far(Option<Arc<Vec<Block>>>);

/// A part of them.
#[derive(Clone, Default)]
struct Block(Option<Arc<Times>>);

static NOTHING: Times = [0; WIDTH];

/// How two parts compare, a slot left out.
#[derive(Clone, Copy, Default)]
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

    #[inline(always)]
    pub(super) const fn is_new(&self) -> bool {
        self.0.is_none()
    }

    fn blocks(&self) -> &[Block] {
        self.0.as_ref().map_or(&[], |blocks| blocks)
    }

    fn block(&self, index: usize) -> &Block {
        const NONE: &Block = &Block(None);
        self.blocks().get(index).unwrap_or(NONE)
    }

    pub(super) fn is_zero(&self) -> bool {
        self.blocks().iter().all(|block| *block.times() == NOTHING)
    }

    pub(super) fn get(&self, index: usize) -> u64 {
        self.block(index / WIDTH).times()[index % WIDTH]
    }

    pub(super) fn set(&mut self, index: usize, time: u64) {
        if self.get(index) == time {
            return;
        }
        let blocks = Arc::make_mut(self.0.get_or_insert_default());
        if index / WIDTH >= blocks.len() {
            blocks.resize_with(index / WIDTH + 1, Block::default);
        }
        blocks[index / WIDTH].times_mut()[index % WIDTH] = time;
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.blocks().iter().flat_map(|block| block.times()).copied().enumerate()
    }

    /// Is it the same table, or are both absent?
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
            // Where both know the same, it becomes the same table; which one, all clocks agree on.
            let address = |far: &Self| far.0.as_ref().map(|blocks| Arc::as_ptr(blocks).addr());
            if less || address(other) < address(self) {
                self.0.clone_from(&other.0);
            }
        } else if less {
            let mine = Arc::make_mut(self.0.get_or_insert_default());
            let theirs = other.blocks();
            if mine.len() < theirs.len() {
                mine.resize_with(theirs.len(), Block::default);
            }
            for (index, (mine, theirs)) in mine.iter_mut().zip(theirs).enumerate() {
                mine.join(theirs, within(own, index));
            }
        }
        less
    }

    /// Is no component more than that of `other`, `own` left out?
    pub(super) fn leq(&self, other: &Self, own: Option<usize>) -> bool {
        self.is_shared_with(other) || !self.compare(other, own).more
    }

    fn compare(&self, other: &Self, own: Option<usize>) -> Compared {
        let mut all = Compared::default();
        for index in 0..self.blocks().len().max(other.blocks().len()) {
            let compared = self.block(index).compare(other.block(index), within(own, index));
            all.less |= compared.less;
            all.more |= compared.more;
        }
        all
    }
}

/// Where in the block of this index a component is, if it is there.
fn within(component: Option<usize>, index: usize) -> Option<usize> {
    component.filter(|component| component / WIDTH == index).map(|component| component % WIDTH)
}

impl Block {
    fn times(&self) -> &Times {
        self.0.as_deref().unwrap_or(&NOTHING)
    }

    fn times_mut(&mut self) -> &mut Times {
        Arc::make_mut(self.0.get_or_insert_with(|| Arc::new(NOTHING)))
    }

    fn is_shared_with(&self, other: &Self) -> bool {
        std::ptr::eq(self.times(), other.times())
    }

    /// As [`Far::join`].
    fn join(&mut self, other: &Self, own: Option<usize>) {
        if self.is_shared_with(other) {
            return;
        }
        let Compared { less, more } = self.compare(other, own);
        let kept = own.map(|own| (own, self.times()[own]));
        if !more && kept.is_none_or(|(own, time)| other.times()[own] == time) {
            if less || std::ptr::from_ref(other.times()).addr() < std::ptr::from_ref(self.times()).addr() {
                self.clone_from(other);
            }
        } else if less {
            let mine = self.times_mut();
            for (mine, &theirs) in mine.iter_mut().zip(other.times()) {
                *mine = theirs.max(*mine);
            }
            if let Some((own, time)) = kept {
                mine[own] = time;
            }
        }
    }

    /// One pass without branches, so that the compiler can use SIMD.
    fn compare(&self, other: &Self, own: Option<usize>) -> Compared {
        fn pass(mine: &[u64], theirs: &[u64]) -> Compared {
            let mut compared = Compared::default();
            for (mine, theirs) in mine.iter().zip(theirs) {
                compared.less |= mine < theirs;
                compared.more |= mine > theirs;
            }
            compared
        }
        if self.is_shared_with(other) {
            return Compared::default();
        }
        let (mine, theirs) = (self.times(), other.times());
        let Some(own) = own else { return pass(mine, theirs) };
        let first = pass(&mine[..own], &theirs[..own]);
        let second = pass(&mine[own + 1..], &theirs[own + 1..]);
        Compared { less: first.less | second.less, more: first.more | second.more }
    }
}

impl Clone for Far {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }

    /// Who counts the references is written to only if it is another table.
    fn clone_from(&mut self, source: &Self) {
        if !self.is_shared_with(source) {
            self.0.clone_from(&source.0);
        }
    }
}
