//! Dense identifiers, and the names and places behind them.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use super::{Place, config, kept};
use crate::event::{Names, Object, ObjectInfo, ObjectKind, Site, SiteId, ThreadId};
use crate::primitive::AtomicU32;

/// Hands out the dense ids of one kind of object, from 1: wrappers use 0 for "none yet".
#[derive(Debug)]
pub(crate) struct Ids(AtomicU32);

/// The id of all objects after the first milliard of a kind. They are not watched: an id never wraps. The two top bits are
/// left for the owner of the id.
pub(crate) const UNWATCHED: u32 = u32::MAX >> 2;

impl Ids {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(1))
    }

    /// The next id.
    #[inline]
    pub(crate) fn next(&self) -> u32 {
        let id = self.0.fetch_add(1, Ordering::Relaxed);
        if id >= UNWATCHED {
            self.0.store(UNWATCHED, Ordering::Relaxed);
            return UNWATCHED;
        }
        id
    }

    /// So many ids, for one thread: the first, and the others in `rest`, the next one last.
    #[cold]
    #[inline(never)]
    pub(crate) fn some(&self, count: u32, rest: &mut Vec<u32>) -> u32 {
        let first = self.0.fetch_add(count, Ordering::Relaxed);
        if first >= UNWATCHED - count {
            self.0.store(UNWATCHED, Ordering::Relaxed);
            return UNWATCHED;
        }
        rest.extend((first + 1..first + count).rev());
        first
    }
}

/// The id in `slot`, given on first use. `slot` holds 0 until then.
#[inline]
pub(crate) fn id_in(slot: &AtomicU32, ids: &Ids) -> u32 {
    match slot.load(Ordering::Relaxed) {
        0 => first_id(slot, ids),
        id => id,
    }
}

#[cold]
fn first_id(slot: &AtomicU32, ids: &Ids) -> u32 {
    let id = ids.next();
    slot.compare_exchange(0, id, Ordering::Relaxed, Ordering::Relaxed).map_or_else(|given| given, |_| id)
}

#[derive(Default)]
struct Tables {
    sites: Vec<Place>,
    site_ids: FxHashMap<(&'static str, u32, u32), SiteId>,
    objects: FxHashMap<Object, Described>,
    /// Of objects that were named. (Apart: hardly any is, and there may be very many objects.)
    names: FxHashMap<Object, Box<str>>,
    threads: FxHashMap<ThreadId, String>,
    /// What is made at the places that make locks, where these are no mutexes. Objects are forgotten, their places are not.
    classes: FxHashMap<SiteId, ObjectKind>,
}

struct Described {
    kind: ObjectKind,
    created: Option<Place>,
}

static TABLES: LazyLock<RwLock<Tables>> = LazyLock::new(RwLock::default);

/// The id of a place. Two copies of one place (the compiler makes them) have one id.
pub(crate) fn site(place: Place) -> SiteId {
    let key = (place.file(), place.line(), place.column());
    if let Some(&id) = TABLES.read().site_ids.get(&key) {
        return id;
    }
    let tables = &mut *TABLES.write();
    *tables.site_ids.entry(key).or_insert_with(|| {
        tables.sites.push(place);
        SiteId(u32::try_from(tables.sites.len()).expect("fewer than 2^32 places"))
    })
}

/// The id of a place that was seen before.
pub(crate) fn find(place: &Site) -> Option<SiteId> {
    let tables = TABLES.read();
    let index = tables.sites.iter().position(|&seen| {
        (seen.line(), seen.column()) == (place.line, place.column) && to_site(seen).file == place.file
    })?;
    Some(SiteId(u32::try_from(index + 1).ok()?))
}

/// Makes an object known under its kind and place; keeps a name that it has.
pub(crate) fn describe(object: Object, kind: ObjectKind, created: Option<Place>) {
    if TABLES.read().objects.contains_key(&object) {
        return;
    }
    TABLES.write().objects.entry(object).or_insert(Described { kind, created });
    announce(object);
}

/// Names an object.
pub(crate) fn name(object: Object, kind: ObjectKind, created: Option<Place>, name: &str) {
    {
        let mut tables = TABLES.write();
        tables.objects.insert(object, Described { kind, created });
        tables.names.insert(object, name.into());
    }
    announce(object);
}

/// Names a thread.
pub(crate) fn name_thread(thread: ThreadId, name: &str) {
    TABLES.write().threads.insert(thread, name.to_owned());
    if let Some(log) = config::log().filter(|_| thread.task().is_none()) {
        log.name_thread(thread, name);
    }
}

/// The trace says what the registry knows.
fn announce(object: Object) {
    if let Some(log) = config::log()
        && let Some(info) = LiveNames.object(object)
    {
        log.describe(object, &info);
    }
    if config::is_recording() {
        kept::announce(object);
    }
}

/// Locks of this kind are made at a place.
pub(crate) fn describe_class(class: SiteId, kind: ObjectKind) {
    if kind != ObjectKind::Mutex && !TABLES.read().classes.contains_key(&class) {
        TABLES.write().classes.insert(class, kind);
    }
}

/// What a known object is, and where it was made.
pub(crate) fn created(object: Object) -> Option<(ObjectKind, Place)> {
    let tables = TABLES.read();
    let Described { kind, created } = tables.objects.get(&object)?;
    created.map(|created| (*kind, created))
}

/// What is not needed any more once the object is gone and no analysis knows it.
pub(crate) fn forget(object: Object) {
    if TABLES.read().objects.contains_key(&object) {
        let mut tables = TABLES.write();
        tables.objects.remove(&object);
        tables.names.remove(&object);
    }
}

/// The place by its names.
pub(crate) fn to_site(place: Place) -> Site {
    Site::new(place.file(), place.line(), place.column())
}

/// The names of the live run.
pub(crate) struct LiveNames;

impl Names for LiveNames {
    fn site(&self, id: SiteId) -> Site {
        let tables = TABLES.read();
        match id.index().checked_sub(1).and_then(|index| tables.sites.get(index)) {
            Some(place) => to_site(place),
            None => Site::unknown(),
        }
    }

    fn thread_name(&self, id: ThreadId) -> Option<String> {
        TABLES.read().threads.get(&id).cloned()
    }

    fn object(&self, object: Object) -> Option<ObjectInfo> {
        let tables = TABLES.read();
        tables.objects.get(&object).map(|described| ObjectInfo {
            kind: described.kind,
            name: tables.names.get(&object).map(|name| name.to_string()),
            created: described.created.map(to_site),
        })
    }

    fn kind_of_class(&self, class: SiteId) -> Option<ObjectKind> {
        TABLES.read().classes.get(&class).copied()
    }
}

#[cfg(test)]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::model::{check, spawn};

    const SOME: u32 = 16;

    /// Two threads are the first to use an object, a third uses another one: an object has one id, two have two.
    #[test]
    fn an_object_gets_one_id() {
        check("an object gets one id", || {
            let all = Arc::new((Ids(AtomicU32::new(1)), AtomicU32::new(0), AtomicU32::new(0)));
            assert_eq!([&all.0.0, &all.1, &all.2].map(|atomic| atomic.load(Ordering::Relaxed)), [1, 0, 0]);
            let [one, other] = [Arc::clone(&all), Arc::clone(&all)];
            let first = spawn(move || (id_in(&one.1, &one.0), id_in(&one.1, &one.0)));
            let second = spawn(move || id_in(&other.2, &other.0));
            let here = id_in(&all.1, &all.0);
            assert_eq!(first.join().unwrap(), (here, here));
            assert_ne!(second.join().unwrap(), here);
        });
    }

    /// Two threads take several ids at once: each of them once.
    #[test]
    fn some_ids_are_given_once() {
        check("some ids are given once", || {
            let ids = Arc::new(Ids(AtomicU32::new(1)));
            ids.0.load(Ordering::Relaxed);
            let other = Arc::clone(&ids);
            let some = |ids: &Ids| {
                let mut rest = Vec::new();
                let first = ids.some(SOME, &mut rest);
                assert!(rest.iter().rev().copied().eq(first + 1..first + SOME));
                first
            };
            let thread = spawn(move || some(&other));
            let mut firsts = [some(&ids), thread.join().unwrap()];
            firsts.sort_unstable();
            assert_eq!(firsts, [1, 1 + SOME]);
        });
    }

    /// Three threads ask when two ids are left: these are given once each, and after that only [`UNWATCHED`].
    #[test]
    fn ids_end_without_wrapping() {
        check("ids end without wrapping", || {
            let ids = Arc::new(Ids(AtomicU32::new(UNWATCHED - 2)));
            ids.0.load(Ordering::Relaxed);
            let [one, other] = [Arc::clone(&ids), Arc::clone(&ids)];
            let threads = [spawn(move || one.next()), spawn(move || other.next())];
            let mut given = vec![ids.next()];
            given.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
            given.sort_unstable();
            assert_eq!(given, [UNWATCHED - 2, UNWATCHED - 1, UNWATCHED]);
            assert_eq!([ids.next(), ids.next()], [UNWATCHED; 2]);
            let mut rest = Vec::new();
            assert_eq!((ids.some(SOME, &mut rest), rest), (UNWATCHED, vec![]));
        });
    }
}
