//! Orders in which locks are taken, as another process can understand them: by the places where locks are made.

use std::hash::{Hash as _, Hasher as _};
use std::sync::LazyLock;

use parking_lot::Mutex;
use rustc_hash::{FxHashSet, FxHasher};

use super::context::Context;
use super::registry::{self, LiveNames};
use super::{process, threads};
use crate::analysis::lock_order::HeldLock;
use crate::event::{Mode, Names as _, Object, ObjectKind, SiteId};
use crate::report::stream::{Line, Order, Taken};

/// Most orders that a process tells.
const MOST: usize = 20_000;

/// Those that were told.
static TOLD: LazyLock<Mutex<FxHashSet<u64>>> = LazyLock::new(Mutex::default);

/// A lock that is wanted, by the place where it is made.
pub(crate) struct Wanted {
    pub(crate) kind: ObjectKind,
    pub(crate) made: super::Place,
    pub(crate) mode: Mode,
    pub(crate) at: SiteId,
}

/// Tells of a request that may wait, if there was none like it. The registry knows the locks that are held.
#[cold]
pub(crate) fn tell(context: &Context, held: &[HeldLock], wanted: &Wanted) {
    let Some(process) = process::get() else { return };
    let class = |lock: HeldLock| Some((lock, registry::created(Object::Lock(lock.lock))?));
    // A lock of which nothing is known could be the gate that makes the order harmless.
    let Some(held): Option<Vec<_>> = held.iter().copied().map(class).collect() else { return };
    let mut key = FxHasher::default();
    for (lock, (_, made)) in &held {
        (made.file(), made.line(), made.column(), lock.mode as u8, lock.site).hash(&mut key);
    }
    (wanted.made.file(), wanted.made.line(), wanted.made.column(), wanted.mode as u8, wanted.at).hash(&mut key);
    {
        let mut told = TOLD.lock();
        if told.len() > MOST || !told.insert(key.finish()) {
            return;
        }
        if told.len() > MOST {
            process.write(&Line::Note(format!(
                "more than {MOST} orders of locks; the rest is not compared across processes"
            )));
            return;
        }
    }
    let taken = |made, kind, mode, at| Taken { made: registry::to_site(made), kind, mode, at: LiveNames.site(at) };
    process.write(&Line::Order(Order {
        held: held.iter().map(|&(lock, (kind, made))| taken(made, kind, lock.mode, lock.site)).collect(),
        wanted: taken(wanted.made, wanted.kind, wanted.mode, wanted.at),
        owner: LiveNames.owner_name(context.owner()),
        test: threads::test_of(context.origin()),
    }));
}
