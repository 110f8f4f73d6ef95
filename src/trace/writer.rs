//! Writes a merged stream as a binary trace.

use std::io::{self, Write};

use crate::event::{Event, Names, Object, Op, Owner, ThreadId};

use super::code::{self, FUTURE, OWNER, Parts, SLOTS, TASK};
use super::format::{BlockKind, BlockWriter, WordBlock};
use super::pack::MAX_WORDS;
use super::tables::{Entries, OBJECT_SORTS, object_of, object_parts};

/// Writes events in their final order as a binary trace.
///
/// Identifiers are expected to be dense, as [`crate::event`] says: memory is constant, but tables are written up to the
/// highest identifier seen, and a reader refuses identifiers far beyond the size of the file.
pub struct TraceWriter<W> {
    blocks: BlockWriter<W>,
    block: WordBlock,
    words: Vec<u64>,
    /// What the reader's slots hold; the slot of an owner is a hash of it.
    owners: [Option<Owner>; SLOTS],
    /// Sites that are in the file; the first is there without an entry.
    sites: u32,
    /// One more than the highest identifier seen, for threads and each sort of object.
    threads: u32,
    objects: [u32; OBJECT_SORTS as usize],
}

impl<W: Write> TraceWriter<W> {
    /// Writes the header. Blocks are written whole, so `out` need not buffer.
    ///
    /// # Errors
    /// Of `out`.
    pub fn new(out: W) -> io::Result<Self> {
        Ok(Self {
            blocks: BlockWriter::new(out)?,
            block: WordBlock::default(),
            words: Vec::with_capacity(MAX_WORDS),
            owners: [None; SLOTS],
            sites: 1,
            threads: 0,
            objects: [0; OBJECT_SORTS as usize],
        })
    }

    /// Writes events; `names` has their sites.
    ///
    /// # Errors
    /// Of the sink.
    pub fn write(&mut self, events: &[Event], names: &(impl Names + ?Sized)) -> io::Result<()> {
        for event in events {
            if event.site.0 >= self.sites {
                self.add_sites(event.site.0, names)?;
            }
            if self.words.len() + 8 > MAX_WORDS {
                self.write_run()?;
            }
            self.event(event);
        }
        Ok(())
    }

    /// Writes names, descriptions and the end of the trace.
    ///
    /// # Errors
    /// Of the sink.
    pub fn finish(mut self, names: &(impl Names + ?Sized)) -> io::Result<W> {
        self.write_run()?;
        let mut entries = Entries::default();
        for thread in (0..self.threads).map(ThreadId) {
            if let Some(name) = names.thread_name(thread) {
                entries.thread(thread, &name);
                self.tables_if(entries.is_full(), &mut entries)?;
            }
        }
        for (sort, count) in (0..OBJECT_SORTS).zip(self.objects) {
            for object in (0..count).filter_map(|id| object_of(sort, id)) {
                if let Some(info) = names.object(object) {
                    entries.object(object, &info);
                    self.tables_if(entries.is_full(), &mut entries)?;
                }
            }
        }
        self.tables_if(true, &mut entries)?;
        self.blocks.end()?;
        self.blocks.get_mut().flush()?;
        Ok(self.blocks.into_inner())
    }

    /// Sites up to this one; a run that uses them comes later in the file.
    #[cold]
    fn add_sites(&mut self, last: u32, names: &(impl Names + ?Sized)) -> io::Result<()> {
        let mut entries = Entries::default();
        for id in self.sites..=last {
            entries.site(&names.site(crate::event::SiteId(id)));
            self.tables_if(entries.is_full(), &mut entries)?;
        }
        self.sites = last + 1;
        self.tables_if(true, &mut entries)
    }

    fn tables_if(&mut self, now: bool, entries: &mut Entries) -> io::Result<()> {
        if now {
            for (count, bytes) in entries.take() {
                self.blocks.tables(count, &bytes)?;
            }
        }
        Ok(())
    }

    fn write_run(&mut self) -> io::Result<()> {
        if !self.words.is_empty() {
            self.block.fill(BlockKind::Run, 0, &self.words, |_| ());
            self.words.clear();
            self.blocks.words(&self.block)?;
        }
        Ok(())
    }

    #[inline]
    fn event(&mut self, event: &Event) {
        let owner = event.owner;
        let number = |id: Option<std::num::NonZeroU32>| id.map_or(0, std::num::NonZeroU32::get);
        let (task, future) = (number(owner.task), number(owner.future));
        let slot = (owner.thread.0 ^ task.wrapping_mul(7) ^ future.wrapping_mul(13)) as usize % SLOTS;
        if self.owners[slot] != Some(owner) {
            self.owners[slot] = Some(owner);
            self.threads = self.threads.max(owner.thread.0.saturating_add(1));
            self.words.push(code::slot_word(OWNER, slot as u32, owner.thread.0));
            self.words.extend((task != 0).then(|| code::slot_word(TASK, slot as u32, task)));
            self.words.extend((future != 0).then(|| code::slot_word(FUTURE, slot as u32, future)));
        }
        let Parts { code, object, extra } = code::split(event.op);
        self.words.extend(extra.map(code::extra_word));
        let (wide, word) = code::event_word(code, slot as u32, event.site.0, object);
        self.words.extend(wide);
        self.words.push(word);
        if let Some(object) = object_of_op(event.op) {
            let (sort, id) = object_parts(object);
            let count = &mut self.objects[usize::from(sort)];
            *count = (*count).max(id.saturating_add(1));
        }
        if let Op::CondvarRequest { lock, .. } = event.op {
            self.objects[0] = self.objects[0].max(lock.0.saturating_add(1));
        }
    }
}

/// The object that an operation is about.
fn object_of_op(op: Op) -> Option<Object> {
    Some(match op {
        Op::Request { lock, .. }
        | Op::Acquired { lock, .. }
        | Op::Released { lock, .. }
        | Op::LockMissed { lock, .. }
        | Op::DataHidden { lock }
        | Op::DataRead { lock }
        | Op::DataWrite { lock } => Object::Lock(lock),
        Op::CondvarRequest { condvar, .. } | Op::CondvarWoken { condvar, .. } | Op::Notify { condvar, .. } => {
            Object::Condvar(condvar)
        }
        Op::ChannelMade { channel, .. }
        | Op::SendRequest { channel }
        | Op::Sent { channel }
        | Op::RecvRequest { channel }
        | Op::Received { channel }
        | Op::Closed { channel, .. }
        | Op::SawClosed { channel }
        | Op::ChannelMissed { channel } => Object::Channel(channel),
        Op::BarrierArrive { barrier, .. } | Op::BarrierLeave { barrier } => Object::Barrier(barrier),
        Op::OnceRequest { once } | Op::OnceBegin { once } | Op::OnceEnd { once, .. } | Op::OnceSeen { once } => {
            Object::Once(once)
        }
        Op::Read { var } | Op::Write { var } | Op::SpeculativeRead { var } => Object::Var(var),
        Op::AtomicLoad { atomic, .. } | Op::AtomicStore { atomic, .. } | Op::AtomicRmw { atomic, .. } => {
            Object::Atomic(atomic)
        }
        Op::Begin
        | Op::End
        | Op::Fork { .. }
        | Op::JoinRequest { .. }
        | Op::Joined { .. }
        | Op::ParkRequest
        | Op::Parked { .. }
        | Op::Unpark { .. }
        | Op::GaveUp
        | Op::Fence { .. }
        | Op::RegionBegin
        | Op::RegionEnd => return None,
    })
}
