//! A program whose allocator counts, under a lock: it sees what the program does, and no more.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, RwLock};
use std::time::Duration;

struct Counting {
    all: Mutex<usize>,
}

thread_local! {
    static HERE: Cell<usize> = const { Cell::new(0) };
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        *self.all.lock().unwrap() += 1;
        HERE.set(HERE.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let _held = self.all.lock();
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting { all: Mutex::new(0) };

/// What the current thread allocates meanwhile.
fn allocations(f: impl FnOnce()) -> usize {
    let before = HERE.get();
    f();
    HERE.get() - before
}

/// Every object for the first time, and in every order.
fn first_uses(atomics: &[AtomicUsize], locks: &[Mutex<usize>], other: &RwLock<usize>) {
    for atomic in atomics {
        atomic.store(1, Ordering::Release);
        atomic.fetch_add(1, Ordering::AcqRel);
    }
    for (place, one) in locks.iter().enumerate() {
        let mut held = one.lock().unwrap();
        for later in &locks[place + 1..] {
            *held |= *later.lock().unwrap() + *other.read().unwrap();
        }
        held = Condvar::new().wait_timeout(held, Duration::ZERO).unwrap().0;
        *other.write().unwrap() = *held & 1;
    }
}

#[test]
fn an_allocator_sees_the_program_alone() {
    let atomics: Vec<AtomicUsize> = (0..10_000).map(AtomicUsize::new).collect();
    let locks: Vec<Mutex<usize>> = (0..50).map(Mutex::new).collect();
    let other = RwLock::new(0);
    assert_eq!(allocations(|| first_uses(&atomics, &locks, &other)), 0);
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
    for _ in 0..3 {
        std::thread::scope(|scope| {
            let uses = || {
                // The first look at a thread's own handle makes one.
                let _ = std::thread::current();
                assert_eq!(allocations(|| first_uses(&atomics, &locks, &other)), 0);
            };
            scope.spawn(uses);
        });
    }
    assert!(*COUNTING.all.lock().unwrap() > 0);
}
