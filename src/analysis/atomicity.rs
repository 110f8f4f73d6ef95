//! Updates that overwrite another owner's without having seen it.
//!
//! The pattern is the unserialisable triple read – remote write – write of AVIO (Lu et al., ASPLOS 2006), narrowed to
//! what can be told from a run:
//!
//! - *lost update*: an atomic is loaded, another thread writes it, and the first thread stores (not read-modify-writes) to
//!   it without having looked again. Whether the value stored depends on the value loaded is not known, so the tier is
//!   `possible`. A place that has stored to this atomic without any look before it shows that it does not depend on one
//!   (`turn` in Peterson's algorithm, which is looked at after it was stored): there nothing is lost. Nor where a thread
//!   has looked at one value again and again in one place before it stores (a flag to stop, say, which any of the threads
//!   that ask for it may set): what it saw is not what made it store. But an update of another thread, which keeps what was
//!   there, is lost all the same.
//! - *atomicity violation*: the same for a cell, within one region that the user marked as meant to be atomic. That is
//!   what the user said must not happen, so the tier is `observed`. Without a mark, a read in one critical section and a
//!   write in a later one say nothing: most such pairs have nothing to do with one another.
//!
//! What else makes a region not atomic is for [`serialisability`](super::serialisability) to say, of a recorded stream.
//!
//! A read-modify-write, and a write by an operation that sees the present value, never complete the pattern: a
//! compare-exchange loop, a double-checked initialisation and a second look under the lock are silent.

use rustc_hash::FxHashMap;

use crate::analysis::happens_before::HappensBefore;
use crate::clock::Epoch;
use crate::event::{AtomicId, Event, Names, Object, Op, SiteId, ThreadId, VarId};
use crate::finding::{Finding, Involved, Kind, SiteReport, Tier};

/// Who did something, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doing {
    /// Who.
    pub thread: ThreadId,
    /// Where.
    pub site: SiteId,
    /// Ordinal in the stream, 0 when live.
    pub ordinal: u64,
    /// The thread's moment; matters of a write.
    pub epoch: Epoch,
}

/// One passage through a region that is meant to be atomic; no two have the same number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region(pub u64);

/// A thread's last look at an object.
#[derive(Clone, Copy, Debug)]
struct Look {
    by: Doing,
    /// Writes before it.
    version: u64,
    region: Option<Region>,
    /// The thread has seen this value here before.
    again: bool,
}

/// What one atomic or cell remembers: the last write, and the last look of each thread that has not written since.
///
/// Memory: at most [`LOOKS`] looks; with more readers than that the oldest are forgotten, which misses reports and makes
/// none.
#[derive(Debug)]
pub struct UpdateState {
    version: u64,
    last_write: Option<Doing>,
    /// The last write saw the value that it replaced.
    last_saw: bool,
    looks: Vec<Look>,
    /// Looks have been forgotten: who is not in `looks` may have had one.
    forgets: bool,
    /// Places that have stored to the atomic with no look to depend on.
    blind: [SiteId; BLIND],
}

/// Looks kept for an object.
pub const LOOKS: usize = 16;

/// Places of blind stores kept for an object; of more than that the oldest is forgotten.
const BLIND: usize = 4;

/// A triple: `look`, then `between` by another thread, then `write` by the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StaleWrite {
    /// The look that became stale.
    pub look: Doing,
    /// The last write of another thread in between.
    pub between: Doing,
    /// The write that did not see it.
    pub write: Doing,
}

impl Default for UpdateState {
    fn default() -> Self {
        Self::new()
    }
}

impl UpdateState {
    /// Nothing seen yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            version: 0,
            last_write: None,
            last_saw: false,
            looks: Vec::new(),
            forgets: false,
            blind: [SiteId::UNKNOWN; BLIND],
        }
    }

    /// The thread sees the present value.
    pub fn look(&mut self, by: Doing, region: Option<Region>) {
        let mut look = Look { by, version: self.version, region, again: false };
        match self.looks.iter_mut().find(|look| look.by.thread == by.thread) {
            Some(known) => {
                let same = (known.by.site, known.version) == (by.site, look.version);
                look.again = same && by.site != SiteId::UNKNOWN;
                *known = look;
            }
            None => {
                if self.looks.len() == LOOKS {
                    self.looks.remove(0);
                    self.forgets = true;
                }
                self.looks.push(look);
            }
        }
    }

    /// Has this look, outside of regions, been had again and again since the last write? Then [`look`](Self::look) would change
    /// nothing.
    #[inline]
    #[must_use]
    pub fn has_looked(&self, by: Doing) -> bool {
        let known = self.looks.iter().find(|look| look.by.thread == by.thread);
        known.is_some_and(|look| {
            let again = by.site != SiteId::UNKNOWN;
            look.by == by && look.version == self.version && look.region.is_none() && look.again == again
        })
    }

    /// Have several threads looked since the last write?
    #[must_use]
    pub fn are_looks_of_several(&self) -> bool {
        self.looks.iter().filter(|look| look.version == self.version).nth(1).is_some()
    }

    /// The thread writes having seen the present value in the same step.
    pub fn update(&mut self, by: Doing) {
        self.write(by);
        self.last_saw = true;
    }

    /// The thread writes an atomic without looking. Returns the triple that this completes. Not if the thread `knows` of
    /// the write in between, by whatever came after it: then the two are in order, or the look was at another atomic that
    /// had the same address before. Nor if it does not depend on the look, see the [module](self).
    pub fn store(&mut self, by: Doing, knows: impl FnOnce(Epoch) -> bool) -> Option<StaleWrite> {
        let is_known = by.site != SiteId::UNKNOWN;
        let is_blind = is_known && self.blind.contains(&by.site);
        if is_known && !is_blind && !self.forgets && !self.looks.iter().any(|look| look.by.thread == by.thread) {
            self.blind.rotate_right(1);
            self.blind[0] = by.site;
        }
        let between_saw = self.last_saw;
        let (look, stale) = self.write(by)?;
        let counts = between_saw || !look.again;
        (counts && !is_blind && !knows(stale.between.epoch)).then_some(stale)
    }

    /// The thread writes a cell without looking, in `region`. Only a look in the same passage counts.
    pub fn store_in(&mut self, by: Doing, region: Option<Region>) -> Option<StaleWrite> {
        let (look, stale) = self.write(by)?;
        (region.is_some() && look.region == region).then_some(stale)
    }

    /// Counts the write, and compares it with the thread's look: `None` if nothing came in between.
    fn write(&mut self, by: Doing) -> Option<(Look, StaleWrite)> {
        let place = self.looks.iter().position(|look| look.by.thread == by.thread);
        let look = place.map(|place| self.looks.swap_remove(place));
        let before = self.last_write.replace(by);
        self.last_saw = false;
        let version = self.version;
        self.version += 1;
        // The thread itself wrote nothing since the look, or the look would be gone: the last write is another's.
        let look = look.filter(|look| look.version < version)?;
        Some((look, StaleWrite { look: look.by, between: before?, write: by }))
    }
}

/// [`UpdateState`] of a cell, whose looks count in regions only: there is none before the first such look, for what was written
/// before makes nothing stale. Most cells never have one.
#[derive(Default, Debug)]
pub struct CellUpdates(Option<Box<UpdateState>>);

impl CellUpdates {
    /// Nothing seen yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Is a write of no matter? And a read, outside of regions, always is.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The thread reads the cell, in `region`.
    pub fn read(&mut self, by: Doing, region: Option<Region>) {
        if region.is_some() {
            self.0.get_or_insert_default().look(by, region);
        }
    }

    /// The thread writes the cell without looking, in `region`. As [`UpdateState::store_in`].
    pub fn write(&mut self, by: Doing, region: Option<Region>) -> Option<StaleWrite> {
        self.0.as_mut()?.store_in(by, region)
    }

    /// The thread writes the cell having seen the present value in the same step.
    pub fn update(&mut self, by: Doing) {
        if let Some(updates) = &mut self.0 {
            updates.update(by);
        }
    }
}

impl StaleWrite {
    /// The finding, made of that of the triple, where what comes in between is the same look by another thread, which may go
    /// on to write as well. `counts`: the write is all that comes of the look.
    #[must_use]
    pub fn twice(&self, finding: Finding, object: Object, counts: bool, names: &dyn Names) -> Finding {
        let mut finding = finding;
        let label = names.label(object);
        let (who, other) = (names.owner_label(self.write.thread), names.owner_label(self.between.thread));
        finding.tier = Tier::Possible;
        let so = if counts { "then one of two updates is lost" } else { "both may do what one is to do" };
        finding.message = format!("{other} can look at {label} before {who}, which has looked, writes it: {so}");
        finding.sites[2].role = format!("can look at {label} in between, and see the same");
        finding
    }

    /// The finding where look and write are in two critical sections of one lock, and nobody has said that they are one step.
    #[must_use]
    pub fn in_sections(&self, object: Object, names: &dyn Names) -> Finding {
        let (label, who) = (names.label(object), names.owner_label(self.write.thread));
        let message =
            format!("{who} overwrites an update of {label} that came after it looked, in an earlier critical section");
        let objects = vec![Involved::new(names, object)];
        Finding::new(Kind::LostUpdate, Tier::Possible, message, self.sites(&label, names), objects)
            .with_help("look and write in one critical section, or look again in the second one before writing")
    }

    /// The three operations, the write first.
    fn sites(&self, label: &str, names: &dyn Names) -> Vec<SiteReport> {
        let site = |role: String, doing: &Doing| SiteReport {
            role,
            site: names.site(doing.site),
            owner: names.owner_name(doing.thread),
            held: Vec::new(),
            event: Some(doing.ordinal).filter(|&ordinal| ordinal > 0),
            stack: Vec::new(),
        };
        vec![
            site(format!("writes {label} and has not looked again"), &self.write),
            site(format!("looks at {label}"), &self.look),
            site(format!("writes {label} in between"), &self.between),
        ]
    }

    /// The finding.
    #[must_use]
    pub fn finding(&self, object: Object, names: &dyn Names) -> Finding {
        let label = names.label(object);
        let sites = self.sites(&label, names);
        let objects = vec![Involved::new(names, object)];
        let who = names.owner_label(self.write.thread);
        if matches!(object, Object::Atomic(_)) {
            let message = format!("{who} overwrites an update of {label} that came after it looked");
            Finding::new(Kind::LostUpdate, Tier::Possible, message, sites, objects).with_help(
                "use one read-modify-write (`fetch_add`, `swap`) or a compare-exchange loop instead of load and store",
            )
        } else {
            let message = format!("{who} acts on {label} after its look at it became stale");
            Finding::new(Kind::AtomicityViolation, Tier::Observed, message, sites, objects)
                .with_help("hold the lock over the whole region, or look again before acting")
        }
    }
}

/// The analysis of a recorded stream.
#[derive(Default, Debug)]
pub struct AtomicityAnalysis {
    atomics: FxHashMap<AtomicId, UpdateState>,
    cells: FxHashMap<VarId, UpdateState>,
    /// Depth of regions and the outermost passage, by thread.
    regions: Vec<(u32, Option<Region>)>,
    passages: u64,
}

impl AtomicityAnalysis {
    /// Takes the next event. Returns the stale write that it completes, and of what.
    ///
    /// `order` is about to take the same event. Constant cost, but for the looks of one object ([`LOOKS`]).
    pub fn event(&mut self, ordinal: u64, event: &Event, order: &mut HappensBefore) -> Option<(Object, StaleWrite)> {
        let thread = event.owner.actor();
        let writes = matches!(event.op, Op::AtomicStore { .. } | Op::AtomicRmw { .. });
        let epoch = if writes { order.moment(event.owner) } else { Epoch::NONE };
        let by = Doing { thread, site: event.site, ordinal, epoch };
        match event.op {
            Op::AtomicLoad { atomic, .. } => self.atomics.entry(atomic).or_default().look(by, None),
            Op::AtomicRmw { atomic, .. } => self.atomics.entry(atomic).or_default().update(by),
            Op::AtomicStore { atomic, .. } => {
                let stale =
                    self.atomics.entry(atomic).or_default().store(by, |write| order.knows(event.owner, write))?;
                return Some((Object::Atomic(atomic), stale));
            }
            // While there are no regions, cells cost nothing.
            Op::Read { var } if !self.regions.is_empty() => {
                let region = self.region(thread).1;
                self.cells.entry(var).or_default().look(by, region);
            }
            Op::Write { var } if !self.regions.is_empty() => {
                let region = self.region(thread).1;
                let stale = self.cells.entry(var).or_default().store_in(by, region)?;
                return Some((Object::Var(var), stale));
            }
            Op::RegionBegin => {
                self.passages += 1;
                let passage = Region(self.passages);
                let region = self.region(thread);
                region.0 += 1;
                region.1.get_or_insert(passage);
            }
            Op::RegionEnd => {
                let region = self.region(thread);
                region.0 = region.0.saturating_sub(1);
                if region.0 == 0 {
                    region.1 = None;
                }
            }
            _ => {}
        }
        None
    }

    fn region(&mut self, thread: ThreadId) -> &mut (u32, Option<Region>) {
        if self.regions.len() <= thread.place() {
            self.regions.resize(thread.place() + 1, (0, None));
        }
        &mut self.regions[thread.place()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Order, Owner};

    fn run(script: &[(u32, Op)]) -> Vec<(u64, u64, u64)> {
        let (mut analysis, mut order) = (AtomicityAnalysis::default(), HappensBefore::default());
        (1..)
            .zip(script)
            .filter_map(|(ordinal, &(thread, op))| {
                let event = Event { owner: Owner::thread(ThreadId(thread)), site: SiteId::UNKNOWN, op };
                let stale = analysis.event(ordinal, &event, &mut order);
                order.observe(ordinal, &event);
                let (_, stale) = stale?;
                Some((stale.look.ordinal, stale.between.ordinal, stale.write.ordinal))
            })
            .collect()
    }

    const ATOMIC: AtomicId = AtomicId(0);
    const LOAD: Op = Op::AtomicLoad { atomic: ATOMIC, order: Order::SeqCst };
    const STORE: Op = Op::AtomicStore { atomic: ATOMIC, order: Order::SeqCst };
    const RMW: Op = Op::AtomicRmw { atomic: ATOMIC, order: Order::SeqCst };
    const READ: Op = Op::Read { var: VarId(0) };
    const WRITE: Op = Op::Write { var: VarId(0) };
    #[test]
    fn a_store_after_a_stale_load_loses_an_update() {
        assert_eq!(run(&[(0, LOAD), (1, RMW), (0, STORE)]), [(1, 2, 3)]);
        assert_eq!(run(&[(0, LOAD), (1, LOAD), (1, STORE), (0, STORE)]), [(1, 3, 4)]);
    }

    #[test]
    fn a_second_look_or_a_read_modify_write_is_no_loss() {
        assert_eq!(run(&[(0, LOAD), (1, RMW), (0, LOAD), (0, STORE)]), []);
        assert_eq!(run(&[(0, LOAD), (1, RMW), (0, RMW)]), []);
        assert_eq!(run(&[(0, LOAD), (0, STORE), (1, LOAD), (1, STORE)]), []);
        assert_eq!(run(&[(0, STORE), (1, STORE), (0, STORE)]), [], "blind stores look at nothing");
        assert_eq!(run(&[(0, LOAD), (0, STORE), (1, RMW), (0, STORE)]), [], "the look was used up");
    }

    /// How many stale stores there are, with known places.
    fn stale_at(script: &[(u32, u32, Op)]) -> usize {
        let (mut analysis, mut order) = (AtomicityAnalysis::default(), HappensBefore::default());
        let mut stale = 0;
        for (ordinal, &(thread, site, op)) in (1..).zip(script) {
            let event = Event { owner: Owner::thread(ThreadId(thread)), site: SiteId(site), op };
            stale += usize::from(analysis.event(ordinal, &event, &mut order).is_some());
            order.observe(ordinal, &event);
        }
        stale
    }

    #[test]
    fn a_place_that_stores_without_a_look_does_not_depend_on_one() {
        let peterson = [(0, 7, STORE), (0, 8, LOAD), (1, 7, STORE), (1, 8, LOAD), (0, 7, STORE), (1, 7, STORE)];
        assert_eq!(stale_at(&peterson), 0);
        assert_eq!(stale_at(&peterson[1..]), 0, "the other thread has shown it");
        let counter = [(0, 6, STORE), (0, 8, LOAD), (1, 8, LOAD), (1, 7, STORE), (0, 7, STORE)];
        assert_eq!(stale_at(&counter), 1, "the first value is from another place");
    }

    #[test]
    fn a_look_that_was_forgotten_makes_no_place_blind() {
        let threads = 0..2 * LOOKS as u32;
        let looks = threads.clone().map(|thread| (thread, 8, LOAD));
        let stores = threads.map(|thread| (thread, 7, STORE));
        assert_eq!(stale_at(&looks.chain(stores).collect::<Vec<_>>()), LOOKS);
    }

    #[test]
    fn a_flag_that_is_polled_does_not_decide_the_store() {
        let ask = [(0, 8, LOAD), (0, 8, LOAD), (1, 8, LOAD)];
        assert_eq!(stale_at(&[&ask[..], &[(1, 7, STORE), (0, 7, STORE)]].concat()), 0);
        assert_eq!(stale_at(&[&ask[1..], &[(1, 7, STORE), (0, 7, STORE)]].concat()), 1, "looked once");
        assert_eq!(stale_at(&[&ask[..], &[(1, 7, RMW), (0, 7, STORE)]].concat()), 1, "what keeps the rest is lost");
    }

    #[test]
    fn a_write_that_the_thread_knows_of_is_not_lost() {
        let join = (0, Op::Joined { child: ThreadId(1) });
        let fork = (0, Op::Fork { child: ThreadId(1) });
        assert_eq!(run(&[(0, LOAD), fork, (1, RMW), join, (0, STORE)]), [], "a new atomic at the old address, say");
        let relaxed = Op::AtomicRmw { atomic: ATOMIC, order: Order::Relaxed };
        assert_eq!(run(&[(0, LOAD), fork, (1, relaxed), (0, STORE), join]), [(1, 3, 4)]);
    }

    #[test]
    fn check_and_act_in_one_region() {
        let (begin, end) = ((0, Op::RegionBegin), (0, Op::RegionEnd));
        assert_eq!(run(&[begin, (0, READ), (1, WRITE), (0, WRITE), end]), [(2, 3, 4)]);
        assert_eq!(run(&[begin, begin, (0, READ), end, (1, WRITE), (0, WRITE), end]), [(3, 5, 6)], "nested");
        assert_eq!(run(&[begin, (0, READ), (1, WRITE), (0, READ), (0, WRITE), end]), [], "looked again");
        assert_eq!(run(&[begin, (0, READ), (0, WRITE), (1, WRITE), end]), []);
        assert_eq!(run(&[(1, WRITE), begin, (0, READ), (0, WRITE), end]), []);
    }

    #[test]
    fn two_regions_or_none_promise_nothing() {
        let (begin, end) = ((0, Op::RegionBegin), (0, Op::RegionEnd));
        assert_eq!(run(&[(0, READ), (1, WRITE), (0, WRITE)]), []);
        assert_eq!(run(&[begin, (0, READ), end, (1, WRITE), begin, (0, WRITE), end]), []);
        assert_eq!(run(&[(0, READ), begin, (1, WRITE), (0, WRITE), end]), []);
    }

    /// What a cell remembers only from the first look in a region on, against what is remembered of everything there.
    #[test]
    fn cells_remember_what_matters() {
        let mut random = 1u64;
        let mut below = move |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % bound
        };
        let mut stale = 0;
        for _ in 0..500 {
            let (mut all, mut some) = (UpdateState::new(), CellUpdates::new());
            // Passages of three threads: which, while it is in one.
            let mut regions = [None; 3];
            for step in 1..40 {
                let thread = below(3);
                let by =
                    Doing { thread: ThreadId(thread as u32), site: SiteId::UNKNOWN, ordinal: step, epoch: Epoch::NONE };
                let region = &mut regions[thread as usize];
                match below(8) {
                    0 => *region = Some(Region(step)),
                    1 => *region = None,
                    2 => {
                        all.update(by);
                        some.update(by);
                    }
                    3 | 4 => {
                        let found = all.store_in(by, *region);
                        assert_eq!(some.write(by, *region), found);
                        stale += usize::from(found.is_some());
                    }
                    _ => {
                        if region.is_some() {
                            all.look(by, *region);
                        }
                        some.read(by, *region);
                    }
                }
            }
        }
        assert!(stale > 100, "{stale}");
        let mut unread = CellUpdates::new();
        let by = Doing { thread: ThreadId(0), site: SiteId::UNKNOWN, ordinal: 0, epoch: Epoch::NONE };
        unread.read(by, None);
        unread.update(by);
        assert!(unread.write(by, Some(Region(1))).is_none() && unread.is_empty());
    }

    /// What has been looked at needs no second look: with and without, the same is remembered.
    #[test]
    fn a_look_like_the_last_is_nothing_new() {
        let by = |thread: u32, site: u32| Doing {
            thread: ThreadId(thread),
            site: SiteId(site),
            ordinal: 0,
            epoch: Epoch::NONE,
        };
        let mut random = 1u64;
        let mut below = move |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((random >> 33) % bound) as u32
        };
        let mut skipped = 0;
        for round in 0..200 {
            let threads = if round % 2 == 0 { 3 } else { LOOKS as u64 + 4 };
            let (mut all, mut some) = (UpdateState::new(), UpdateState::new());
            for _ in 0..200 {
                let by = by(below(threads), [1, 2, SiteId::UNKNOWN.0][below(3) as usize]);
                match below(20) {
                    0 => assert_eq!(all.store(by, |_| false), some.store(by, |_| false)),
                    1 => {
                        all.update(by);
                        some.update(by);
                    }
                    _ if some.has_looked(by) => {
                        all.look(by, None);
                        skipped += 1;
                    }
                    _ => {
                        all.look(by, None);
                        some.look(by, None);
                    }
                }
                assert_eq!(format!("{all:?}"), format!("{some:?}"));
            }
        }
        assert!(skipped > 1000, "{skipped}");
        let mut state = UpdateState::new();
        state.look(by(0, 1), Some(Region(1)));
        assert!(!state.has_looked(by(0, 1)), "a look in a region is another one");
        state.look(by(0, 1), None);
        assert!(state.has_looked(by(0, 1)) && !state.has_looked(by(0, 2)) && !state.has_looked(by(1, 1)));
        assert!(!state.are_looks_of_several());
        state.look(by(1, 1), None);
        assert!(!state.has_looked(by(1, 1)), "the second look at one value says more than the first");
        state.look(by(1, 1), None);
        assert!(state.has_looked(by(1, 1)) && state.are_looks_of_several());
        state.update(by(2, 1));
        assert!(!state.has_looked(by(0, 1)) && !state.are_looks_of_several());
    }

    #[test]
    fn many_readers_cost_bounded_memory() {
        let mut state = UpdateState::new();
        for thread in 0..1000 {
            state.look(Doing { thread: ThreadId(thread), site: SiteId::UNKNOWN, ordinal: 0, epoch: Epoch::NONE }, None);
        }
        assert_eq!(state.looks.len(), LOOKS);
    }
}
