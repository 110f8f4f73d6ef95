//! Blocks on their way to the file.

use std::panic::Location;

use rustc_hash::FxHashMap;

use super::{FAR_PLACES, Request};
use crate::event::{Site, SiteId, ThreadId};
use crate::trace::chunk;
use crate::trace::format::{BlockKind, BlockWriter, WordBlock};
use crate::trace::tables::Entries;

/// So many bytes are worth waking the writer.
const ENOUGH: usize = 1 << 18;
/// With so many bytes that wait, threads wait too.
pub(super) const TOO_MUCH: usize = 1 << 21;

/// After so many words the writer looks into the other threads' buffers: a reader must keep what may stand after theirs.
const WORTH_A_LOOK: usize = 1 << 20;
/// With so many words since it looked, threads wait.
const OVERDUE: usize = 1 << 23;

/// Bytes of the file that are not written yet; whole blocks.
pub(super) struct Outgoing {
    blocks: BlockWriter<Vec<u8>>,
    sites: Sites,
    tables: Entries,
    /// Words that were taken since the writer last looked.
    unseen: usize,
    pub(super) asked: Vec<Request>,
    /// The end is written: nothing more is taken.
    pub(super) closed: bool,
}

impl Outgoing {
    /// Begins with the header of the file.
    pub(super) fn new(origin: usize) -> Self {
        let blocks = BlockWriter::new(Vec::new()).unwrap_or_else(|_| unreachable!("{IN_MEMORY}"));
        let sites = Sites { origin, by_place: FxHashMap::default(), by_site: FxHashMap::default() };
        Self { blocks, sites, tables: Entries::default(), unseen: 0, asked: Vec::new(), closed: false }
    }

    /// Is this worth waking the writer?
    pub(super) fn is_enough(&mut self) -> bool {
        self.blocks.get_mut().len() >= ENOUGH || self.is_worth_a_look()
    }

    pub(super) fn is_worth_a_look(&self) -> bool {
        self.unseen >= WORTH_A_LOOK
    }

    /// The writer looks now.
    pub(super) fn looked(&mut self) {
        self.unseen = 0;
    }

    /// Must threads wait?
    pub(super) fn is_too_much(&mut self) -> bool {
        self.blocks.get_mut().len() >= TOO_MUCH || self.unseen >= OVERDUE
    }

    /// Ends, and forgets everything, if more words were taken than `most`: for one that nobody writes.
    pub(super) fn keep(&mut self, most: usize) {
        if self.unseen > most && !self.closed {
            self.give_up();
        }
    }

    /// Ends, and forgets everything.
    pub(super) fn give_up(&mut self) {
        self.closed = true;
        *self.blocks.get_mut() = Vec::new();
    }

    /// Adds a table entry.
    pub(super) fn announce(&mut self, entry: impl FnOnce(&mut Entries)) {
        entry(&mut self.tables);
        if self.tables.is_full() {
            self.write_tables();
        }
    }

    /// Adds the words that were packed, and before them what their places are.
    pub(super) fn take(&mut self, packing: &mut Packing) {
        if !packing.places.is_empty() {
            packing.places.drain(..).for_each(|place| self.sites.introduce(place, &mut self.tables));
            self.write_tables();
        }
        self.blocks.words(&packing.block).expect(IN_MEMORY);
        self.unseen += packing.block.count();
    }

    fn write_tables(&mut self) {
        for (count, bytes) in self.tables.take() {
            self.blocks.tables(count, &bytes).expect(IN_MEMORY);
        }
    }

    /// Ends the file.
    pub(super) fn end(&mut self) {
        self.write_tables();
        self.blocks.end().expect(IN_MEMORY);
        self.closed = true;
    }

    /// Moves all bytes into `bytes`, which must be empty.
    pub(super) fn move_into(&mut self, bytes: &mut Vec<u8>) {
        self.write_tables();
        std::mem::swap(self.blocks.get_mut(), bytes);
    }
}

const IN_MEMORY: &str = "writing to memory succeeds";

/// What packs the words of a thread's buffer, and what is new in them.
#[derive(Default)]
pub(super) struct Packing {
    block: WordBlock,
    recent: Recent,
    places: Vec<u64>,
}

/// The last place of each of 64 groups, by its lowest bits.
struct Recent(Box<[u64; 64]>);

impl Default for Recent {
    fn default() -> Self {
        Self(Box::new([u64::MAX; 64]))
    }
}

impl Packing {
    /// Packs words, which are to be [taken](Outgoing::take) before others.
    pub(super) fn pack(&mut self, kind: BlockKind, thread: ThreadId, words: &[u64]) {
        let Self { block, recent, places } = self;
        places.clear();
        block.fill(kind, thread.0, words, |word| {
            for place in chunk::places_in(word) {
                let slot = &mut recent.0[place as usize % recent.0.len()];
                if *slot != place {
                    *slot = place;
                    places.push(place);
                }
            }
        });
    }
}

/// Says what places are, as they turn up.
struct Sites {
    origin: usize,
    by_place: FxHashMap<u64, SiteId>,
    /// One source position may have several places.
    by_site: FxHashMap<Site, SiteId>,
}

impl Sites {
    fn introduce(&mut self, place: u64, tables: &mut Entries) {
        if self.by_place.contains_key(&place) {
            return;
        }
        let address = if place >= FAR_PLACES {
            (place ^ FAR_PLACES) as usize
        } else {
            self.origin.wrapping_add(place as usize * align_of::<Location<'_>>())
        };
        let pointer = std::ptr::with_exposed_provenance::<Location<'static>>(address);
        // SAFETY: places come from words that only `ThreadLog` writes, from a `&'static Location` whose provenance it
        // exposed; the words were published with release and taken with acquire.
        let location = unsafe { &*pointer };
        let site = Site::new(location.file(), location.line(), location.column());
        let next = SiteId(self.by_site.len() as u32 + 1);
        let number = *self.by_site.entry(site).or_insert_with_key(|site| {
            tables.site(site);
            next
        });
        tables.place(place, number);
        self.by_place.insert(place, number);
    }
}
