//! Names and places of a trace, and their form in a file.
//!
//! | entry | tag | content |
//! |---|---|---|
//! | site | 1 | line 4, column 4, file: text. Sites are numbered from 1 in the order of their entries |
//! | thread | 2 | thread 4, name: text |
//! | object | 3 | sort 1, id 4, kind 1, flags 1 (1: has a name, 2: has a creation site), name: text, site |
//! | place | 4 | place 8, number of its site 4: what events of thread chunks name ([`super::chunk`]) |
//!
//! A text is its length in bytes (4) and its bytes, UTF-8.

use rustc_hash::FxHashMap;

use crate::event::{
    AtomicId, BarrierId, ChannelId, CondvarId, LockId, Names, Object, ObjectInfo, ObjectKind, OnceId, Site, SiteId,
    ThreadId, VarId,
};

/// The names and places behind the identifiers of a trace. Memory is linear in what was named.
#[derive(Clone, Debug)]
pub struct Tables {
    sites: Vec<Site>,
    threads: FxHashMap<ThreadId, String>,
    objects: FxHashMap<Object, ObjectInfo>,
    /// Of locks that a thread chunk describes; an entry in `objects` says more.
    made: FxHashMap<LockId, (ObjectKind, SiteId)>,
    places: FxHashMap<u64, SiteId>,
}

impl Default for Tables {
    /// Knows [`SiteId::UNKNOWN`] and nothing else.
    fn default() -> Self {
        Self {
            sites: vec![Site::unknown()],
            threads: FxHashMap::default(),
            objects: FxHashMap::default(),
            made: FxHashMap::default(),
            places: FxHashMap::default(),
        }
    }
}

impl Tables {
    /// Adds a site and numbers it, without looking whether it is there already.
    ///
    /// # Panics
    /// At four billion sites.
    pub fn add_site(&mut self, site: Site) -> SiteId {
        let id = u32::try_from(self.sites.len()).expect("fewer than 2^32 sites");
        self.sites.push(site);
        SiteId(id)
    }

    /// Names a thread.
    pub fn name_thread(&mut self, thread: ThreadId, name: impl Into<String>) {
        self.threads.insert(thread, name.into());
    }

    /// Describes an object; a later description replaces an earlier one.
    pub fn describe(&mut self, object: Object, info: ObjectInfo) {
        self.objects.insert(object, info);
    }

    /// Says where a lock was made and what it is; a description has precedence.
    pub(crate) fn made(&mut self, lock: LockId, kind: ObjectKind, site: SiteId) {
        self.made.insert(lock, (kind, site));
    }

    /// Says which site a place is.
    pub(crate) fn add_place(&mut self, place: u64, site: SiteId) {
        self.places.insert(place, site);
    }

    /// The site of a place.
    pub(crate) fn site_of(&self, place: u64) -> Option<SiteId> {
        self.places.get(&place).copied()
    }

    /// All sites; the first is that of [`SiteId::UNKNOWN`].
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// How many sites, threads and objects were described.
    pub(crate) fn len(&self) -> usize {
        self.sites.len() + self.threads.len() + self.objects.len()
    }

    /// Reads `count` entries. An error is the reason why the bytes are no such entries.
    pub(crate) fn read(&mut self, bytes: &[u8], count: u32) -> Result<(), &'static str> {
        let mut input = Input { bytes };
        for _ in 0..count {
            match input.byte()? {
                SITE => {
                    let site = input.site()?;
                    self.add_site(site);
                }
                THREAD => {
                    let thread = ThreadId(input.number()?);
                    let name = input.text()?;
                    self.threads.insert(thread, name);
                }
                OBJECT => {
                    let (object, info) = input.object()?;
                    self.objects.insert(object, info);
                }
                PLACE => {
                    let (place, site) = (input.long()?, input.number()?);
                    if site as usize >= self.sites.len() {
                        return Err("a place at a site that was not introduced");
                    }
                    self.add_place(place, SiteId(site));
                }
                _ => return Err("an unknown entry of the tables"),
            }
        }
        if input.bytes.is_empty() { Ok(()) } else { Err("more table entries than the block says") }
    }
}

impl Names for Tables {
    fn site(&self, id: SiteId) -> Site {
        self.sites.get(id.index()).cloned().unwrap_or_else(Site::unknown)
    }

    fn thread_name(&self, id: ThreadId) -> Option<String> {
        self.threads.get(&id).cloned()
    }

    fn object(&self, object: Object) -> Option<ObjectInfo> {
        let described = self.objects.get(&object).cloned();
        described.or_else(|| {
            let Object::Lock(lock) = object else { return None };
            let &(kind, site) = self.made.get(&lock)?;
            Some(ObjectInfo { kind, name: None, created: Some(self.site(site)) })
        })
    }
}

const SITE: u8 = 1;
const THREAD: u8 = 2;
const OBJECT: u8 = 3;
const PLACE: u8 = 4;
const HAS_NAME: u8 = 1;
const HAS_SITE: u8 = 2;
/// Longer texts are cut: an entry must fit into a block.
const MAX_TEXT: usize = 1 << 16;

/// In the order of their bytes in a file.
pub(crate) const KINDS: [ObjectKind; 11] = [
    ObjectKind::Mutex,
    ObjectKind::RwLock,
    ObjectKind::ReentrantMutex,
    ObjectKind::Cell,
    ObjectKind::Atomic,
    ObjectKind::Condvar,
    ObjectKind::Channel,
    ObjectKind::Barrier,
    ObjectKind::Once,
    ObjectKind::Semaphore,
    ObjectKind::Notify,
];

/// The sort of an object in a file, and its number.
pub(crate) const fn object_parts(object: Object) -> (u8, u32) {
    match object {
        Object::Lock(id) => (0, id.0),
        Object::Var(id) => (1, id.0),
        Object::Atomic(id) => (2, id.0),
        Object::Condvar(id) => (3, id.0),
        Object::Channel(id) => (4, id.0),
        Object::Barrier(id) => (5, id.0),
        Object::Once(id) => (6, id.0),
    }
}

/// Sorts of objects.
pub(crate) const OBJECT_SORTS: u8 = 7;

/// The object of a sort.
pub(crate) const fn object_of(sort: u8, id: u32) -> Option<Object> {
    Some(match sort {
        0 => Object::Lock(LockId(id)),
        1 => Object::Var(VarId(id)),
        2 => Object::Atomic(AtomicId(id)),
        3 => Object::Condvar(CondvarId(id)),
        4 => Object::Channel(ChannelId(id)),
        5 => Object::Barrier(BarrierId(id)),
        6 => Object::Once(OnceId(id)),
        _ => return None,
    })
}

/// The place of a kind in [`KINDS`].
pub(crate) const fn kind_number(kind: ObjectKind) -> u8 {
    match kind {
        ObjectKind::Mutex => 0,
        ObjectKind::RwLock => 1,
        ObjectKind::ReentrantMutex => 2,
        ObjectKind::Cell => 3,
        ObjectKind::Atomic => 4,
        ObjectKind::Condvar => 5,
        ObjectKind::Channel => 6,
        ObjectKind::Barrier => 7,
        ObjectKind::Once => 8,
        ObjectKind::Semaphore => 9,
        ObjectKind::Notify => 10,
    }
}

/// Table entries on their way into a file: blocks, each with its number of entries.
#[derive(Default, Debug)]
pub(crate) struct Entries {
    blocks: Vec<(u32, Vec<u8>)>,
}

/// From this size on a block gets no more entries.
const FULL_BLOCK: usize = 1 << 15;

impl Entries {
    /// Is there a whole block?
    pub(crate) fn is_full(&self) -> bool {
        self.blocks.first().is_some_and(|(_, bytes)| bytes.len() >= FULL_BLOCK)
    }

    /// The blocks, which are taken out.
    pub(crate) fn take(&mut self) -> Vec<(u32, Vec<u8>)> {
        std::mem::take(&mut self.blocks)
    }

    pub(crate) fn site(&mut self, site: &Site) {
        self.begin(SITE);
        self.position(site);
    }

    #[cfg(feature = "detect")]
    pub(crate) fn place(&mut self, place: u64, site: SiteId) {
        self.begin(PLACE);
        self.bytes().extend_from_slice(&place.to_le_bytes());
        self.number(site.0);
    }

    pub(crate) fn thread(&mut self, thread: ThreadId, name: &str) {
        self.begin(THREAD);
        self.number(thread.0);
        self.text(name);
    }

    pub(crate) fn object(&mut self, object: Object, info: &ObjectInfo) {
        let (sort, id) = object_parts(object);
        self.begin(OBJECT);
        self.bytes().push(sort);
        self.number(id);
        self.bytes().push(kind_number(info.kind));
        let has = |flag: u8, is: bool| if is { flag } else { 0 };
        self.bytes().push(has(HAS_NAME, info.name.is_some()) | has(HAS_SITE, info.created.is_some()));
        if let Some(name) = &info.name {
            self.text(name);
        }
        if let Some(site) = &info.created {
            self.position(site);
        }
    }

    fn begin(&mut self, tag: u8) {
        if self.blocks.last().is_none_or(|(_, bytes)| bytes.len() >= FULL_BLOCK) {
            self.blocks.push((0, Vec::new()));
        }
        self.bytes().push(tag);
        if let Some((count, _)) = self.blocks.last_mut() {
            *count += 1;
        }
    }

    /// The block of the entry that was begun.
    fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.blocks.last_mut().expect("an entry was begun").1
    }

    fn number(&mut self, number: u32) {
        self.bytes().extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary(MAX_TEXT)];
        self.number(text.len() as u32);
        self.bytes().extend_from_slice(text.as_bytes());
    }

    fn position(&mut self, site: &Site) {
        self.number(site.line);
        self.number(site.column);
        self.text(&site.file);
    }
}

struct Input<'a> {
    bytes: &'a [u8],
}

impl Input<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], &'static str> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or("table entries that end too early")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, &'static str> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u32, &'static str> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn long(&mut self) -> Result<u64, &'static str> {
        Ok(u64::from(self.number()?) | u64::from(self.number()?) << 32)
    }

    fn text(&mut self) -> Result<String, &'static str> {
        let length = self.number()? as usize;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "a name that is not UTF-8")?;
        Ok(text.to_owned())
    }

    fn site(&mut self) -> Result<Site, &'static str> {
        Ok(Site { line: self.number()?, column: self.number()?, file: self.text()? })
    }

    fn object(&mut self) -> Result<(Object, ObjectInfo), &'static str> {
        let sort = self.byte()?;
        let object = object_of(sort, self.number()?).ok_or("an unknown sort of object")?;
        let kind = *KINDS.get(usize::from(self.byte()?)).ok_or("an unknown kind of object")?;
        let flags = self.byte()?;
        if flags > HAS_NAME | HAS_SITE {
            return Err("unknown flags of an object");
        }
        let name = if flags & HAS_NAME != 0 { Some(self.text()?) } else { None };
        let created = if flags & HAS_SITE != 0 { Some(self.site()?) } else { None };
        Ok((object, ObjectInfo { kind, name, created }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_where_its_number_says() {
        for (number, kind) in (0..).zip(KINDS) {
            assert_eq!(kind_number(kind), number);
        }
    }
}
