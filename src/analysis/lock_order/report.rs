//! Hazards as findings.

use super::{Hazard, HeldLock, Pattern, Place, RecursiveRead};
use crate::event::{Mode, Names, Object, ObjectKind, SiteId, ThreadId};
use crate::finding::{Finding, Held, Involved, Kind, SiteReport, Tier};

impl Hazard {
    /// The finding: always [`Tier::Possible`], for no reordering of the run has been looked for.
    #[must_use]
    pub fn to_finding(&self, names: &dyn Names) -> Finding {
        match self {
            Self::Cycle(pattern) => cycle(pattern, names),
            Self::RecursiveRead(read) => recursive_read(read, names),
        }
    }
}

fn cycle(pattern: &Pattern, names: &dyn Names) -> Finding {
    let objects: Vec<Involved> = pattern.steps.iter().map(|step| involved(step.holds_place, names)).collect();
    let quoted: Vec<String> = pattern.steps.iter().map(|step| label(step.holds_place, names)).collect();
    let (last, others) = quoted.split_last().expect("a cycle has steps");
    let (all, threads) = (format!("{} and {last}", others.join(", ")), pattern.steps.len());
    // An initialiser that runs holds its once as a lock is held, but it is none: a cycle over mixed resources.
    let mixed = objects.iter().any(|object| object.kind == ObjectKind::Once);
    let kind = if mixed { Kind::WaitCycle } else { Kind::LockOrderCycle };
    let message = match threads {
        _ if mixed => format!(
            "{all} wait for one another in orders that close a circle; {threads} threads that overlap here wait for ever"
        ),
        2 => format!("{all} are taken in opposite orders; two threads that overlap here wait for each other for ever"),
        _ => format!(
            "{all} are taken in orders that close a circle; {threads} threads that overlap here wait for one another for ever"
        ),
    };
    let mut sites = Vec::new();
    for (at, step) in pattern.steps.iter().enumerate() {
        let next = &quoted[(at + 1) % threads];
        let place = step.held.iter().position(|held| *held == step.holds).unwrap_or(0);
        let (mine, verb) = (&quoted[at], verb(&objects[at], step.holds.mode));
        sites.push(site(step.thread, step.holds.site, &step.held[..place], format!("{verb} {mine}"), 0, names));
        sites.push(site(step.thread, step.site, &step.held, format!("wants {next}"), step.event, names));
    }
    let help = match kind {
        Kind::WaitCycle => format!(
            "keep {all} apart: let no initialiser take what is held where its value is asked for, or ask for the value first"
        ),
        _ => format!("take {all} in one order everywhere, or drop one before taking the next"),
    };
    let mut finding = Finding::new(kind, Tier::Possible, message, sites, objects).with_help(help);
    let readers = |at: usize| pattern.steps[at].mode.compatible(pattern.steps[(at + 1) % threads].holds.mode);
    if (0..threads).any(readers) {
        finding = finding.with_help(
            "a reader waits behind a writer that waits, so a lock held for reading blocks other readers here",
        );
    }
    finding
}

fn recursive_read(read: &RecursiveRead, names: &dyn Names) -> Finding {
    let object = involved(Place::Lock(read.lock), names);
    let label = label(Place::Lock(read.lock), names);
    let writer = names.owner_label(read.writer);
    let message =
        format!("{label} is read again by a thread that reads it; if {writer} writes in between, both wait for ever");
    let place = read.held.iter().position(|held| *held == read.first).unwrap_or(0);
    let sites = vec![
        site(read.thread, read.site, &read.held, format!("reads {label} again"), read.event, names),
        site(read.thread, read.first.site, &read.held[..place], format!("reads {label}"), 0, names),
        site(read.writer, read.writer_site, &read.writer_held, format!("writes {label}"), read.writer_event, names),
    ];
    Finding::new(Kind::RecursiveRead, Tier::Possible, message, sites, vec![object])
        .with_help("pass the first guard down instead of reading again")
        .with_help(
            "or, with parking_lot, take a `RecursiveRwLock` (before 0.13: read the second time with `read_recursive`)",
        )
}

fn verb(object: &Involved, mode: Mode) -> &'static str {
    match mode {
        Mode::Exclusive if object.kind == ObjectKind::Once => "runs the initialiser of",
        Mode::Exclusive => "takes",
        Mode::Shared | Mode::SharedRecursive => "takes for reading",
        Mode::Upgradable => "takes for upgradable reading",
    }
}

/// `event` 0: not known.
fn site(owner: ThreadId, at: SiteId, held: &[HeldLock], role: String, event: u64, names: &dyn Names) -> SiteReport {
    let held = held.iter().map(|held| Held::new(names, held.lock, held.mode, held.site)).collect();
    let event = (event != 0).then_some(event);
    SiteReport { role, site: names.site(at), owner: names.owner_name(owner), held, event, stack: Vec::new() }
}

fn involved(place: Place, names: &dyn Names) -> Involved {
    match place {
        Place::Lock(lock) => Involved::new(names, Object::Lock(lock)),
        Place::Class(class) => {
            let site = names.site(class);
            let kind = names.kind_of_class(class).unwrap_or(ObjectKind::Mutex);
            let what = if kind == ObjectKind::Once { "onces" } else { "locks" };
            Involved { object: format!("{what} made at {site}"), kind, created: Some(site) }
        }
    }
}

fn label(place: Place, names: &dyn Names) -> String {
    match place {
        Place::Lock(lock) => names.label(Object::Lock(lock)),
        Place::Class(_) => format!("the {}", involved(place, names).object),
    }
}
