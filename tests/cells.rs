//! Cells and atomics of threads of which nothing is recorded: what they find, and that several may read at once.
//!
//! In `check` and `findings_of` everything is recorded, so these tests ask for the findings of the process.

use gordian::finding::{Finding, Kind, Tier};
use gordian::sync::atomic::{AtomicU64, Ordering};
use gordian::sync::{Arc, Barrier, Mutex};
use gordian::{Config, Named, Shared, thread, unobserved};

/// So many reads that a cell which nobody writes is read by several at once.
const MANY: usize = 200;

type Cell = Arc<Shared<[u64; 4]>>;

/// What is found is looked at here, and need not be printed. To be called before anything else of gordian's.
fn quietly() {
    // Another test of this process may have done it.
    let _ = gordian::start(Config { print: false, ..Config::default() });
}

fn cell(name: &str) -> Cell {
    quietly();
    Arc::new(Shared::new([0; 4]).named(name))
}

/// The findings about the cell of this name.
fn about(name: &str) -> Vec<Finding> {
    let mut all = gordian::findings();
    all.retain(|finding| finding.message.contains(&format!("`{name}`")));
    all
}

fn read_often(cell: &Cell) {
    (0..MANY).for_each(|_| assert_eq!(cell.get(), cell.get_speculative()));
}

/// Two threads that read the cell often, and then do what `after` says; when both are through, but without an order that is
/// seen, what `last` does here.
fn beside(cell: &Cell, after: impl Fn(usize) + Send + Sync + 'static, last: impl FnOnce()) {
    let (turn, after) = (Arc::new(unobserved::Barrier::new(3)), Arc::new(after));
    let readers = [0, 1].map(|reader| {
        let (cell, turn, after) = (Arc::clone(cell), Arc::clone(&turn), Arc::clone(&after));
        thread::spawn(move || {
            turn.wait();
            read_often(&cell);
            turn.wait();
            read_often(&cell);
            after(reader);
            turn.wait();
        })
    });
    for _ in 0..3 {
        turn.wait();
    }
    last();
    for reader in readers {
        reader.join().unwrap();
    }
}

#[test]
fn a_write_races_with_all_that_read_at_once() {
    let cell = cell("read by two");
    beside(&cell, |_| (), || cell.set([1; 4]));
    let found = about("read by two");
    assert_eq!(found.len(), 1, "one pair of places: {found:?}");
    assert_eq!((found[0].kind, found[0].tier), (Kind::DataRace, Tier::Observed));
    assert!(found[0].sites[0].role.contains("write"));
    cell.set([2; 4]);
    assert_eq!((about("read by two").len(), cell.get()), (1, [2; 4]), "after their end it comes after them");
}

#[test]
fn a_write_after_all_that_read_at_once_is_silent() {
    let cell = cell("read by two, then written");
    for round in 1..5 {
        beside(&cell, |_| (), || ());
        cell.set([round; 4]);
        assert_eq!(cell.get(), [round; 4]);
    }
    assert_eq!(about("read by two, then written"), []);
}

/// Both unlock a mutex after they have read; who locks it then knows of that, but of nothing that was read since.
#[test]
fn a_read_at_a_new_moment_is_remembered() {
    let run = |name: &str, again: bool| {
        let (cell, mutex) = (cell(name), Arc::new(Mutex::new(0)));
        let (read, unlocked) = (Arc::clone(&cell), Arc::clone(&mutex));
        let after = move |_| {
            *unlocked.lock().unwrap() += 1;
            if again {
                read.get();
            }
        };
        beside(&cell, after, || {
            assert_eq!(*mutex.lock().unwrap(), 2);
            cell.set([1; 4]);
        });
        about(name)
    };
    assert_eq!(run("known of", false), []);
    let found = run("read again", true);
    assert!(matches!(&found[..], [race] if race.kind == Kind::DataRace), "{found:?}");
}

/// Once others have written, two unordered writes: the second has both races, and so has a read of what is left.
#[test]
fn writes_race_as_ever() {
    let cell = cell("written by two");
    beside(&cell, |_| (), || cell.with_mut(|value| value[0] += 1));
    let (turn, written) = (Arc::new(unobserved::Barrier::new(2)), Arc::clone(&cell));
    let after = Arc::clone(&turn);
    let writer = thread::spawn(move || {
        written.set([3; 4]);
        after.wait();
    });
    turn.wait();
    assert_eq!(cell.get(), [3; 4]);
    writer.join().unwrap();
    let roles = about("written by two");
    let mut roles: Vec<_> = roles.iter().map(|race| (&*race.sites[0].role, &*race.sites[1].role)).collect();
    roles.sort_unstable();
    let (read, write) = ("read of `written by two`", "write of `written by two`");
    assert_eq!(roles, [(read, write), (write, read)]);
}

/// A look in a region counts, however often the cell was read before.
#[test]
fn a_look_in_a_region_is_remembered() {
    let run = |name: &str, look: bool| {
        let cell = cell(name);
        beside(&cell, |_| (), || ());
        gordian::atomic(name, || {
            if look {
                read_often(&cell);
            }
            let other = Arc::clone(&cell);
            thread::spawn(move || other.set([1; 4])).join().unwrap();
            cell.set([2; 4]);
        });
        about(name)
    };
    assert_eq!(run("not looked at", false), []);
    let found = run("looked at", true);
    assert!(matches!(&found[..], [stale] if stale.kind == Kind::AtomicityViolation), "{found:?}");
}

/// What is read while the value changes is the old one or the new one, as a whole.
#[test]
fn nobody_sees_half_a_value() {
    const ROUNDS: u64 = 40;
    let (cell, round) = (cell("changed while it is read"), Arc::new(AtomicU64::new(0)));
    let (ordered, turn) = (Arc::new(Barrier::new(3)), Arc::new(unobserved::Barrier::new(3)));
    let readers = [0, 1].map(|_| {
        let (cell, round, ordered, turn) =
            (Arc::clone(&cell), Arc::clone(&round), Arc::clone(&ordered), Arc::clone(&turn));
        thread::spawn(move || {
            for _ in 0..ROUNDS {
                ordered.wait();
                turn.wait();
                read_often(&cell);
                turn.wait();
                let old = round.load(Ordering::Relaxed);
                for _ in 0..MANY {
                    let seen = cell.get_speculative();
                    assert!(seen == [old; 4] || seen == [old + 1; 4], "{old}: {seen:?}");
                }
                turn.wait();
            }
        })
    });
    for old in 0..ROUNDS {
        round.store(old, Ordering::Relaxed);
        ordered.wait();
        turn.wait();
        turn.wait();
        cell.set([old + 1; 4]);
        turn.wait();
    }
    for reader in readers {
        reader.join().unwrap();
    }
    assert_eq!(cell.get(), [ROUNDS; 4]);
}

/// Two threads that load an atomic often, while its value is 0, and again after what `change` does here; then each does `then`.
fn polled(change: impl FnOnce(&AtomicU64), then: impl Fn(usize, &AtomicU64) + Send + Sync + 'static) {
    quietly();
    let shared = Arc::new((AtomicU64::new(0), unobserved::Barrier::new(3), then));
    let pollers = [0, 1].map(|poller| {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            let (atomic, turn, then) = &*shared;
            for _ in 0..2 {
                (0..MANY).for_each(|_| assert_eq!(atomic.load(Ordering::Relaxed), 0));
                turn.wait();
            }
            turn.wait();
            then(poller, atomic);
        })
    });
    let (atomic, turn, _) = &*shared;
    turn.wait();
    turn.wait();
    change(atomic);
    turn.wait();
    for poller in pollers {
        poller.join().unwrap();
    }
}

#[test]
fn who_has_polled_sees_what_is_published() {
    let run = |name: &str, load: Ordering| {
        let cell = cell(name);
        let read = Arc::clone(&cell);
        let publish = |flag: &AtomicU64| {
            cell.set([1; 4]);
            flag.store(1, Ordering::Release);
        };
        polled(publish, move |_, flag| {
            (0..MANY).for_each(|_| assert_eq!(flag.load(load), 1));
            assert_eq!(read.get(), [1; 4]);
        });
        about(name)
    };
    assert_eq!(run("published", Ordering::Acquire), []);
    let found = run("not published", Ordering::Relaxed);
    assert!(matches!(&found[..], [race] if race.kind == Kind::DataRace), "{found:?}");
}

#[test]
fn who_has_polled_loses_what_came_since() {
    let run = |look: bool| {
        let add = |atomic: &AtomicU64| assert_eq!(atomic.fetch_add(1, Ordering::Relaxed), 0);
        polled(add, move |poller, atomic| {
            if look {
                atomic.load(Ordering::Relaxed);
            }
            if poller == 0 {
                atomic.store(7, Ordering::Relaxed);
            }
        });
        gordian::findings().into_iter().filter(|finding| finding.kind == Kind::LostUpdate).collect::<Vec<_>>()
    };
    assert_eq!(run(true), []);
    let found = run(false);
    assert!(
        matches!(&found[..], [lost] if lost.sites.iter().all(|site| site.site.file.ends_with("cells.rs"))),
        "{found:?}"
    );
}
