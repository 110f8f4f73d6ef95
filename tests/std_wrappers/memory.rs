//! Atomics and `Shared`: the originals' semantics, and no way to break them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use gordian::sync::atomic::*;
use gordian::{Shared, thread};

use Ordering::*;

#[test]
fn integers_do_what_the_originals_do() {
    macro_rules! check {
        ($($name:ident),+) => {$(
            let (ours, real) = ($name::new(5), std::sync::atomic::$name::new(5));
            let both = [ours.swap(9, AcqRel), ours.fetch_add(3, Relaxed), ours.fetch_sub(1, Release)];
            assert_eq!(both, [real.swap(9, AcqRel), real.fetch_add(3, Relaxed), real.fetch_sub(1, Release)]);
            let bits = [ours.fetch_and(6, Acquire), ours.fetch_nand(5, SeqCst), ours.fetch_or(9, AcqRel)];
            assert_eq!(bits, [real.fetch_and(6, Acquire), real.fetch_nand(5, SeqCst), real.fetch_or(9, AcqRel)]);
            let rest = [ours.fetch_xor(3, Relaxed), ours.fetch_max(7, Relaxed), ours.fetch_min(2, Relaxed)];
            assert_eq!(rest, [real.fetch_xor(3, Relaxed), real.fetch_max(7, Relaxed), real.fetch_min(2, Relaxed)]);
            ours.store(1, Release);
            assert_eq!(ours.compare_exchange(1, 2, AcqRel, Acquire), Ok(1));
            assert_eq!(ours.compare_exchange(1, 3, AcqRel, Acquire), Err(2));
            assert_eq!(ours.fetch_update(SeqCst, Relaxed, |old| (old == 3).then_some(4)), Err(2));
            assert_eq!(ours.try_update(SeqCst, Relaxed, |old| Some(old + 1)), Ok(2));
            assert_eq!(ours.update(AcqRel, Acquire, |old| old * 2), 3);
            assert_eq!((format!("{ours:?}"), ours.into_inner()), ("6".to_owned(), 6));
            assert_eq!(size_of::<$name>(), size_of::<std::sync::atomic::$name>());
            assert_eq!(align_of::<$name>(), align_of::<std::sync::atomic::$name>());
        )+};
    }
    check!(
        AtomicI8,
        AtomicU8,
        AtomicI16,
        AtomicU16,
        AtomicI32,
        AtomicU32,
        AtomicI64,
        AtomicU64,
        AtomicIsize,
        AtomicUsize
    );
}

#[test]
fn booleans_and_pointers() {
    let flag = AtomicBool::new(false);
    assert!(!flag.fetch_or(true, AcqRel) && flag.fetch_and(true, AcqRel) && flag.fetch_xor(true, AcqRel));
    assert!(!flag.fetch_nand(false, AcqRel) && flag.fetch_not(AcqRel) && !flag.load(Acquire));
    #[allow(deprecated)]
    let swapped = flag.compare_and_swap(false, true, SeqCst);
    assert!(!swapped && flag.into_inner());
    let mut values = [1_u16, 2, 3];
    let pointer = AtomicPtr::new(&raw mut values[0]);
    let first = pointer.fetch_ptr_add(2, Relaxed);
    assert_eq!(pointer.fetch_byte_sub(2, Relaxed), &raw mut values[2]);
    assert_eq!((first, pointer.load(Relaxed)), (&raw mut values[0], &raw mut values[1]));
    assert!(format!("{pointer:p}").starts_with("0x"));
    assert!(AtomicPtr::<u8>::default().into_inner().is_null());
}

#[test]
#[allow(unused_qualifications, reason = "without `detect` the two types are one")]
fn an_atomic_is_a_view_of_its_memory() {
    let mut plain = 3_u32;
    {
        // SAFETY: valid, aligned, and for the time of the borrow accessed only through the view.
        let view = unsafe { AtomicU32::from_ptr(&raw mut plain) };
        view.fetch_add(1, Relaxed);
        // SAFETY: as above; the real type is the same view.
        let real = unsafe { std::sync::atomic::AtomicU32::from_ptr(view.as_ptr()) };
        real.fetch_add(1, Relaxed);
        assert_eq!(view.load(Relaxed), 5);
    }
    assert_eq!(plain, 5);
    let mut owned = AtomicU32::from(1);
    *owned.get_mut() = 8;
    assert_eq!(owned.load(Relaxed), 8);
}

#[test]
fn senseless_orders_panic_as_ever_and_leave_nothing_locked() {
    let number = AtomicU32::new(1);
    // In variables: the compiler knows the constants.
    let [release, acquire, relaxed] = [Release, Acquire, Relaxed];
    assert!(catch_unwind(AssertUnwindSafe(|| number.load(release))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| number.store(1, acquire))).is_err());
    assert!(catch_unwind(|| fence(relaxed)).is_err());
    assert_eq!(number.swap(2, SeqCst), 1);
}

#[test]
fn shared() {
    static GLOBAL: Shared<u32> = Shared::new(1);
    GLOBAL.set(2);
    assert_eq!((GLOBAL.replace(3), GLOBAL.update(|old| old + 1), GLOBAL.get_speculative()), (2, 4, 4));
    let mut list = Shared::from(vec![1]);
    list.with_mut(|list| list.push(2));
    assert_eq!(list.with(Vec::len), 2);
    list.get_mut().push(3);
    assert_eq!(list.into_inner(), [1, 2, 3]);
    let unsized_value: Arc<Shared<[u8]>> = Arc::new(Shared::new([1, 2]));
    assert_eq!(unsized_value.with(<[u8]>::len), 2);
    assert_eq!(format!("{:?} {}", Shared::<u32>::default(), GLOBAL.get()), "Shared { .. } 4");
}

#[test]
fn a_nested_access_panics_instead_of_hanging() {
    let cell = Shared::new(1);
    let nested = catch_unwind(AssertUnwindSafe(|| cell.with_mut(|_| cell.get())));
    let message = *nested.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("inside `with` or `with_mut` of the same `Shared` already"), "{message}");
    assert_eq!(cell.get(), 1, "free again after the panic");
    let other = Shared::new(2);
    assert_eq!(cell.with(|one| other.with(|two| one + two)), 3, "another cell is another matter");
}

/// What is dropped by a write may use the cell.
#[test]
fn an_old_value_is_dropped_outside() {
    struct Loud(Arc<Shared<Option<Loud>>>);
    impl Drop for Loud {
        fn drop(&mut self) {
            assert!(self.0.with(Option::is_none));
        }
    }
    let cell = Arc::new(Shared::new(None));
    cell.set(Some(Loud(Arc::clone(&cell))));
    cell.set(None);
}

#[test]
fn racing_threads_still_see_whole_values() {
    let cell = Shared::new([0_u64; 4]);
    thread::scope(|scope| {
        for value in 0..2 {
            let cell = &cell;
            scope.spawn(move || {
                for _ in 0..100 {
                    cell.set([value; 4]);
                    let seen = cell.get_speculative();
                    assert!(seen.iter().all(|part| *part == seen[0]));
                }
            });
        }
    });
}

/// Two threads, each inside one cell, want the other's. Without the cells nothing would keep them.
#[test]
fn cells_nested_in_opposite_orders_do_not_hang() {
    let cells = Arc::new([Shared::new(0), Shared::new(0)]);
    let inside = Arc::new(std::sync::Barrier::new(2));
    let nest = |own: usize| {
        let (cells, inside) = (Arc::clone(&cells), Arc::clone(&inside));
        std::thread::spawn(move || {
            cells[own].with_mut(|one| {
                inside.wait();
                cells[1 - own].with_mut(|other| (*one, *other) = (*one + 1, *other + 1));
            });
        })
    };
    let panicked = [nest(0), nest(1)].map(|thread| thread.join().is_err());
    assert_eq!(panicked.iter().filter(|&&panicked| panicked).count(), 1);
    assert_eq!([cells[0].get(), cells[1].get()], [1, 1]);
}

/// In one order they wait for each other's end.
#[test]
fn cells_nested_in_one_order_wait() {
    let cells = Arc::new([Shared::new(0), Shared::new(0)]);
    let nest = || {
        let cells = Arc::clone(&cells);
        std::thread::spawn(move || {
            for _ in 0..1000 {
                cells[0].with_mut(|one| cells[1].with_mut(|other| (*one, *other) = (*one + 1, *other + 1)));
            }
        })
    };
    for thread in [nest(), nest()] {
        thread.join().unwrap();
    }
    assert_eq!([cells[0].get(), cells[1].get()], [2000, 2000]);
}
