//! What a task must not do: hold a blocking lock while it is suspended, or block the thread that polls it.

use crate::event::{ChannelId, LockId, Mode, Names, Object, SiteId, ThreadId};
use crate::finding::{Finding, Held, Involved, Kind, SiteReport, Tier};

/// A blocking lock that is held while its task is suspended. Whoever wants it blocks a thread, which may be the one that
/// the task needs to go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GuardAcrossAwait {
    /// The task.
    pub task: ThreadId,
    /// The lock, how it is held, and where it was taken.
    pub lock: (LockId, Mode, SiteId),
    /// Where the task waits.
    pub awaits: Vec<SiteId>,
    /// Position in the stream, 0 when live.
    pub ordinal: u64,
}

impl GuardAcrossAwait {
    /// The finding: [`Tier::Observed`], for the poll has returned.
    #[must_use]
    pub fn finding(&self, names: &dyn Names) -> Finding {
        let (lock, mode, at) = self.lock;
        let label = names.label(Object::Lock(lock));
        let held = vec![Held::new(names, lock, mode, at)];
        let owner = names.owner_name(self.task);
        let site = |role: String, site, held: Vec<Held>| SiteReport {
            role,
            site: names.site(site),
            owner: owner.clone(),
            held,
            event: Some(self.ordinal).filter(|&ordinal| ordinal > 0),
            stack: Vec::new(),
        };
        let mut sites = vec![site(format!("took {label}"), at, Vec::new())];
        for &place in &self.awaits {
            sites.push(site(format!("awaits, holding {label}"), place, held.clone()));
        }
        let who = names.owner_label(self.task);
        let message = format!("{who} is suspended while it holds {label}, and who wants that blocks a whole thread");
        Finding::new(
            Kind::GuardAcrossAwait,
            Tier::Observed,
            message,
            sites,
            vec![Involved::new(names, Object::Lock(lock))],
        )
        .with_help("drop the guard before the await: end its block there, or copy out what is needed")
        .with_help("or use a lock that is awaited (`tokio::sync::Mutex`), if it has to be held")
    }
}

/// A call that blocks the thread in the middle of a poll: all other tasks of that thread wait with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockingInAsync {
    /// The task.
    pub task: ThreadId,
    /// What it does, as in "waits for a message".
    pub what: String,
    /// Where.
    pub site: SiteId,
    /// What it waits for, if that is an object.
    pub object: Option<Object>,
    /// What it holds meanwhile.
    pub held: Vec<(LockId, Mode, SiteId)>,
    /// Position in the stream, 0 when live.
    pub ordinal: u64,
}

impl BlockingInAsync {
    /// The finding: [`Tier::Observed`], for the thread blocks now.
    #[must_use]
    pub fn finding(&self, names: &dyn Names) -> Finding {
        let held = self.held.iter().map(|&(lock, mode, at)| Held::new(names, lock, mode, at)).collect();
        let site = SiteReport {
            role: self.what.clone(),
            site: names.site(self.site),
            owner: names.owner_name(self.task),
            held,
            event: Some(self.ordinal).filter(|&ordinal| ordinal > 0),
            stack: Vec::new(),
        };
        let who = names.owner_label(self.task);
        let message = format!("{who} {} inside a poll, and blocks the thread that polls other tasks", self.what);
        let objects = self.object.map(|object| Involved::new(names, object)).into_iter().collect();
        Finding::new(Kind::BlockingInAsync, Tier::Observed, message, vec![site], objects)
            .with_help("await instead (a channel, lock or sleep of the async runtime)")
            .with_help("or do it in `spawn_blocking`, or inside `block_in_place`")
    }
}

/// A future that was dropped between the first write under a lock and the lock's release.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CancelledSection {
    /// The task.
    pub task: ThreadId,
    /// The lock, how it was held, and where it was taken.
    pub lock: (LockId, Mode, SiteId),
    /// Where what it guards was written first.
    pub written: SiteId,
    /// Where the future waited when it was dropped, if it is known.
    pub awaits: Option<SiteId>,
}

impl CancelledSection {
    /// The finding: [`Tier::Possible`], for what was written may have been complete.
    #[must_use]
    pub fn finding(&self, names: &dyn Names) -> Finding {
        let (lock, mode, at) = self.lock;
        let label = names.label(Object::Lock(lock));
        let held = vec![Held::new(names, lock, mode, at)];
        let owner = names.owner_name(self.task);
        let site = |role: String, site, held: &[Held]| SiteReport {
            role,
            site: names.site(site),
            owner: owner.clone(),
            held: held.to_vec(),
            event: None,
            stack: Vec::new(),
        };
        let mut sites = vec![site(format!("writes what {label} guards"), self.written, &held)];
        if let Some(place) = self.awaits {
            sites.push(site("waits, and is dropped there".to_owned(), place, &held));
        }
        sites.push(site(format!("took {label}"), at, &[]));
        let who = names.owner_label(self.task);
        let message = format!(
            "a future of {who} was dropped while it held {label} and had written through it: others find what it left half done"
        );
        Finding::new(
            Kind::CancelledCriticalSection,
            Tier::Possible,
            message,
            sites,
            vec![Involved::new(names, Object::Lock(lock))],
        )
        .with_help("await first and write then, with no await between the first write and the release")
        .with_help("or let a task of its own do the update, which goes on when nobody waits for it any more")
    }
}

/// A message that was taken out of a channel by a future which was dropped before it was done with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostMessage {
    /// The task.
    pub task: ThreadId,
    /// The channel.
    pub channel: ChannelId,
    /// Where the message was taken.
    pub taken: SiteId,
    /// Where the future waited when it was dropped.
    pub awaits: SiteId,
}

impl LostMessage {
    /// The finding: [`Tier::Possible`], for the future may have been done with the message.
    #[must_use]
    pub fn finding(&self, names: &dyn Names) -> Finding {
        let channel = Object::Channel(self.channel);
        let label = names.label(channel);
        let owner = names.owner_name(self.task);
        let site = |role: String, site| SiteReport {
            role,
            site: names.site(site),
            owner: owner.clone(),
            held: Vec::new(),
            event: None,
            stack: Vec::new(),
        };
        let sites = vec![
            site(format!("took a message from {label}"), self.taken),
            site("waits, and is dropped there".to_owned(), self.awaits),
        ];
        let who = names.owner_label(self.task);
        let message = format!(
            "a future of {who} was dropped after it had taken a message from {label}: what it took is lost, and others come after it"
        );
        Finding::new(
            Kind::CancelledCriticalSection,
            Tier::Possible,
            message,
            sites,
            vec![Involved::new(names, channel)],
        )
        .with_help("keep the future over the iterations of the loop (pin it outside, and pass `&mut` to `select!`)")
        .with_help("or let what was taken lie outside of the future until it is complete")
    }
}
