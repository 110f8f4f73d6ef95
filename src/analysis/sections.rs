//! Updates in two critical sections: the first looks, the second writes without having looked again.
//!
//! That alone says nothing: most such pairs have nothing to do with one another. What is told is the pair that met
//! *itself*: two owners looked at the same place, each in a section of its own, before either wrote; then both wrote at the
//! same place, and the second did not see what the first had done (the lost update of Jim Gray's *Notes on Data Base
//! Operating Systems*, 1978, in its strictest form: read, read, write, write). Whether what is written depends on what was
//! looked at is not known, so the tier is `possible`. A section that looks before it writes looks again, and is silent. So is
//! one whose write [looks by itself](looks_by_itself).

use crate::event::{LockId, Mode, Names, Object, SiteId, ThreadId};
use crate::finding::{Finding, Held, Involved, Kind, SiteReport, Tier};

/// Looks remembered of one lock.
const LOOKS: usize = 16;

/// What one critical section did to what its lock guards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section {
    /// Who.
    pub owner: ThreadId,
    /// Where the lock was taken.
    pub taken: SiteId,
    /// Where the section looked first, before it wrote.
    pub looked: Option<SiteId>,
    /// Where it wrote first.
    pub written: Option<SiteId>,
}

/// A look that its owner has not used yet.
#[derive(Clone, Copy, Debug)]
struct Look {
    section: Section,
    site: SiteId,
    version: u64,
}

/// A write, and the look of an earlier section that it followed.
#[derive(Clone, Copy, Debug)]
struct Update {
    section: Section,
    look: Option<Look>,
}

/// What one lock remembers.
#[derive(Default, Debug)]
pub struct Sections {
    version: u64,
    looks: Vec<Look>,
    last: Option<Update>,
}

/// Two updates by one pair of places, of which the second did not see the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StaleSection {
    /// Where both looked.
    pub looked: SiteId,
    /// Where both wrote.
    pub written: SiteId,
    /// Who wrote last, and where it took the lock then.
    pub by: (ThreadId, SiteId),
    /// Who wrote in between.
    pub between: (ThreadId, SiteId),
}

impl Sections {
    /// Is there a look that a later section may have followed? If not, a section that writes changes nothing.
    #[must_use]
    pub fn has_looks(&self) -> bool {
        !self.looks.is_empty() || self.last.is_some_and(|last| last.look.is_some())
    }

    /// A critical section has ended. Returns the pair of updates that this completes.
    pub fn ended(&mut self, section: Section) -> Option<StaleSection> {
        let own = self.looks.iter().position(|look| look.section.owner == section.owner);
        match (section.looked, section.written) {
            (None, None) => None,
            (Some(site), None) => {
                let look = Look { section, site, version: self.version };
                match own {
                    Some(place) => self.looks[place] = look,
                    None => {
                        if self.looks.len() == LOOKS {
                            self.looks.remove(0);
                        }
                        self.looks.push(look);
                    }
                }
                None
            }
            (looked, Some(written)) => {
                let look = own.map(|place| self.looks.swap_remove(place)).filter(|_| looked.is_none());
                let version = self.version;
                self.version += 1;
                let before = self.last.replace(Update { section, look });
                let (look, before) = (look?, before?);
                let first = before.look?;
                let same = first.site == look.site && before.section.written == Some(written);
                let other = before.section.owner != section.owner;
                (same && other && look.version < version).then_some(StaleSection {
                    looked: look.site,
                    written,
                    by: (section.owner, section.taken),
                    between: (before.section.owner, before.section.taken),
                })
            }
        }
    }
}

impl StaleSection {
    /// The finding. `owns`: what is guarded owns something, so it is no plain value that is overwritten.
    #[must_use]
    pub fn finding(&self, lock: LockId, owns: bool, names: &dyn Names) -> Finding {
        let label = names.label(Object::Lock(lock));
        let held = |at: SiteId| vec![Held::new(names, lock, Mode::Exclusive, at)];
        let site = |role: String, site: SiteId, owner: ThreadId, held: Vec<Held>| SiteReport {
            role,
            site: names.site(site),
            owner: names.owner_name(owner),
            held,
            event: None,
            stack: Vec::new(),
        };
        let (by, between) = (self.by, self.between);
        let sites = vec![
            site(format!("writes what {label} guards, and has not looked again"), self.written, by.0, held(by.1)),
            site(format!("looks at what {label} guards, and releases it"), self.looked, by.0, Vec::new()),
            site("looks before that, and writes in between".to_owned(), self.written, between.0, held(between.1)),
        ];
        let (who, other) = (names.owner_label(by.0), names.owner_label(between.0));
        let kind = if owns { Kind::AtomicityViolation } else { Kind::LostUpdate };
        let message = match owns {
            true => format!("{who} acts on a look at what {label} guards that {other} has made stale"),
            false => format!("{who} overwrites an update by {other} of what {label} guards, made after it looked"),
        };
        Finding::new(kind, Tier::Possible, message, sites, vec![Involved::new(names, Object::Lock(lock))])
            .with_help("look and write in one critical section, or look again in the second one before writing")
    }
}

/// Does the statement of a write see for itself whether what it is to do is done already: by the entry of a map, or by what a
/// set answers? To the guard of a lock it is a write like any other, so this is read from the source.
#[must_use]
pub fn looks_by_itself(statement: &str) -> bool {
    const LOOKS: [&str; 5] = [".entry(", ".or_insert", ".get_or_insert", ".or_default(", ".try_insert("];

    let dense: String = statement.split_whitespace().collect();
    // Whatever the entry has is overwritten.
    if dense.starts_with('*') && dense.replace(")==", "").contains(")=") {
        return false;
    }
    let is_asked = dense.starts_with("if") || dense.starts_with("}elseif") || dense.starts_with("match");
    LOOKS.iter().any(|look| dense.contains(look)) || (is_asked && dense.contains(".insert("))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &[(u32, Option<u32>, Option<u32>)]) -> Vec<usize> {
        let mut sections = Sections::default();
        let section = |&(owner, looked, written): &(u32, Option<u32>, Option<u32>)| Section {
            owner: ThreadId(owner),
            taken: SiteId::UNKNOWN,
            looked: looked.map(SiteId),
            written: written.map(SiteId),
        };
        let ended: Vec<_> = script.iter().map(|step| sections.ended(section(step))).collect();
        ended.iter().enumerate().filter(|(_, stale)| stale.is_some()).map(|(place, _)| place).collect()
    }

    const LOOK: Option<u32> = Some(1);
    const WRITE: Option<u32> = Some(2);

    #[test]
    fn the_same_pair_twice_at_a_time() {
        assert_eq!(run(&[(1, LOOK, None), (2, LOOK, None), (1, None, WRITE), (2, None, WRITE)]), vec![3]);
        assert!(run(&[(1, LOOK, None), (1, None, WRITE), (2, LOOK, None), (2, None, WRITE)]).is_empty());
    }

    #[test]
    fn the_entry_of_a_map_looks_by_itself() {
        assert!(looks_by_itself("*cache.write().await.entry(key).or_insert(value)"));
        assert!(looks_by_itself("    let session = sessions\n        .entry(id)\n        .or_default()"));
        assert!(looks_by_itself("if !seen.lock().await.insert(id) { return }"));
        assert!(!looks_by_itself("cache.write().await.insert(key, value)"));
        assert!(looks_by_itself("*hits.lock().await.entry(page).or_insert(0) += 1"));
        assert!(!looks_by_itself("*balances.lock().await.entry(id).or_insert(0) = seen + amount"));
        assert!(!looks_by_itself("*current.write().await = Some(token)"));
    }

    #[test]
    fn what_looks_again_or_is_another_pair_is_silent() {
        assert!(run(&[(1, LOOK, None), (2, LOOK, None), (1, None, WRITE), (2, LOOK, WRITE)]).is_empty());
        assert!(run(&[(1, LOOK, None), (2, LOOK, None), (1, None, Some(3)), (2, None, WRITE)]).is_empty());
        assert!(run(&[(1, LOOK, None), (2, None, WRITE), (1, None, WRITE)]).is_empty());
        assert!(
            run(&[(1, LOOK, None), (2, LOOK, None), (1, None, WRITE), (2, LOOK, None), (2, None, WRITE)]).is_empty()
        );
        assert!(run(&[(1, LOOK, WRITE), (2, LOOK, WRITE), (1, LOOK, WRITE)]).is_empty());
    }
}
