//! Memory of the tool's own, so that a program's allocator does not see what the tool allocates.
//!
//! All of it lies in one stretch of addresses that is reserved at the first allocation: whose a block is can be told from
//! its address. Nothing here allocates by other means, and nothing waits for more than a few steps of another thread.

use std::alloc::Layout;
use std::ptr;
use std::sync::atomic::Ordering;

use super::spin::Spin;
use crate::primitive::AtomicUsize;

/// Blocks of one kind are of one size: four kinds for each doubling, from 16 bytes on.
const KINDS: usize = 4 * (usize::BITS as usize - 4);
/// Alignment up to which a block of a size that is a power of two is aligned to its size.
const PAGE: usize = 4096;
/// What is asked of the system at once.
const CHUNK: usize = 1 << 20;
/// From this size on, the contents of a free block are given back to the system.
const LARGE: usize = 1 << 17;
/// Parts that free blocks are kept in. A thread uses one of them.
const PARTS: usize = 8;

static STRETCH: Stretch = Stretch::new();

/// A stretch of addresses. The length is 0 until there is one, and written last.
struct Stretch {
    base: AtomicUsize,
    length: AtomicUsize,
}

impl Stretch {
    const fn new() -> Self {
        Self { base: AtomicUsize::new(0), length: AtomicUsize::new(0) }
    }

    fn set(&self, base: usize, length: usize) {
        self.base.store(base, Ordering::Relaxed);
        self.length.store(length, Ordering::Release);
    }

    #[inline]
    fn has(&self, address: usize) -> bool {
        let length = self.length.load(Ordering::Acquire);
        address.wrapping_sub(self.base.load(Ordering::Relaxed)) < length
    }

    /// The first address behind it; asked by who has set it, or comes after.
    fn end(&self) -> usize {
        self.base.load(Ordering::Relaxed) + self.length.load(Ordering::Relaxed)
    }
}

/// Where the unused part begins, and where the part that the system has not been asked for.
static FRESH: Spin<(usize, usize)> = Spin::new((0, 0));

static FREE: [Spin<Free>; PARTS] = [const { Spin::new(Free([ptr::null_mut(); KINDS])) }; PARTS];

/// Free blocks by kind; each holds a pointer to the next.
struct Free([*mut Block; KINDS]);

// SAFETY: a free block belongs to whoever has locked the list.
unsafe impl Send for Free {}

struct Block {
    next: *mut Block,
}

impl Free {
    fn take(&mut self, kind: usize) -> *mut Block {
        let block = self.0[kind];
        if !block.is_null() {
            // SAFETY: it is in the list, so it is free, and `release` has written it.
            self.0[kind] = unsafe { (*block).next };
        }
        block
    }
}

/// Size and kind of the blocks for a layout.
fn kind(layout: Layout) -> (usize, usize) {
    let mut size = layout.size().max(16);
    if layout.align() > 16 {
        size = size.max(layout.align()).next_power_of_two();
    }
    // The doubling that the size ends in: it is above 2^power, and not above twice that. 16 bytes are the end of one.
    let power = (size - 1).ilog2() as usize;
    let step = (1 << power >> 2).max(4);
    let place = (size - 1 - (1 << power)) / step;
    // In the smallest doublings the steps are smaller than what blocks are aligned to.
    let size = ((1 << power) + (place + 1) * step).next_multiple_of(16);
    (size, 4 * (power - 3) + place)
}

/// Is this a block of ours?
#[inline]
pub(crate) fn owns(block: *mut u8) -> bool {
    STRETCH.has(block.addr())
}

/// A block; null if there is no memory, or the alignment is more than a page.
pub(crate) fn allocate(layout: Layout) -> *mut u8 {
    if layout.align() > PAGE || layout.size() > isize::MAX as usize / 4 {
        return ptr::null_mut();
    }
    let (size, kind) = kind(layout);
    let own = part();
    // What one thread gives back, another one may be the only one to need.
    let mut parts = (own..own + PARTS).map(|part| FREE[part % PARTS].lock().take(kind));
    let free = parts.find(|block| !block.is_null()).unwrap_or(ptr::null_mut());
    if free.is_null() { fresh(size) } else { free.cast() }
}

/// Gives a block back.
///
/// # Safety
///
/// It was [allocated](allocate) with this layout, and is not used any more.
pub(crate) unsafe fn release(block: *mut u8, layout: Layout) {
    let (size, kind) = kind(layout);
    if size >= LARGE {
        // SAFETY: the block is ours, and no one uses it.
        unsafe { system::empty(block, size) };
    }
    let block: *mut Block = block.cast();
    let mut free = FREE[part()].lock();
    // SAFETY: the block is no one else's, aligned to 16, and has room for a pointer.
    unsafe { block.write(Block { next: free.0[kind] }) };
    free.0[kind] = block;
}

/// Makes a block larger or smaller; null, and nothing done, if there is no memory.
///
/// # Safety
///
/// As for [`release`]; and the new size is one that a [`Layout`] of the same alignment can have.
pub(crate) unsafe fn resize(block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: by the caller's promise.
    let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
    if kind(layout) == kind(wanted) {
        return block;
    }
    let other = allocate(wanted);
    if !other.is_null() {
        // SAFETY: both have this many bytes, and the new one is no part of the old one.
        unsafe { ptr::copy_nonoverlapping(block, other, size.min(layout.size())) };
        // SAFETY: by the caller's promise.
        unsafe { release(block, layout) };
    }
    other
}

/// A block that was never used. Blocks of one size follow each other, so what is aligned once stays so.
#[cold]
fn fresh(size: usize) -> *mut u8 {
    let align = if size.is_power_of_two() { size.min(PAGE) } else { 16 };
    let (unused, end) = &mut *FRESH.lock();
    if *end == 0 {
        (*unused, *end) = reserve();
    }
    let start = unused.next_multiple_of(align);
    let Some(after) = start.checked_add(size) else { return ptr::null_mut() };
    if after > *end {
        let wanted = (after - *end).next_multiple_of(CHUNK);
        if *end + wanted > STRETCH.end() || !system::make_usable(*end, wanted) {
            return ptr::null_mut();
        }
        *end += wanted;
    }
    *unused = after;
    ptr::with_exposed_provenance_mut(start)
}

/// Reserves the addresses. Where there are none to be had, all allocations fail.
fn reserve() -> (usize, usize) {
    /// By falling size: a user may have limited what a process can have.
    const LENGTHS: [usize; 4] = [1 << 36, 1 << 33, 1 << 30, 1 << 28];
    let lengths = LENGTHS.into_iter().filter(|&length| length <= isize::MAX as usize);
    let (base, length) =
        lengths.map(|length| (system::reserve(length), length)).find(|(base, _)| *base != 0).unwrap_or((PAGE, 0));
    STRETCH.set(base, length);
    (base, base)
}

/// The current thread's part of the free blocks.
fn part() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    // Where the thread's own variables lie; threads are some pages apart.
    HERE.with(|here| (ptr::from_ref(here).addr() >> 12).wrapping_mul(0x9e37_79b9) >> 16) % PARTS
}

/// What the system is asked for.
#[cfg(unix)]
mod system {
    use std::ptr;

    /// Addresses without memory; 0 if there are none.
    pub(super) fn reserve(length: usize) -> usize {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, wherever there is room.
        let base = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED { 0 } else { base.expose_provenance() }
    }

    /// Puts memory, zeros, behind addresses that were reserved.
    pub(super) fn make_usable(start: usize, length: usize) -> bool {
        let start = ptr::with_exposed_provenance_mut(start);
        // SAFETY: these pages are part of the mapping, and no one has them yet.
        unsafe { libc::mprotect(start, length, libc::PROT_READ | libc::PROT_WRITE) == 0 }
    }

    /// The contents are not needed any more.
    ///
    /// # Safety
    ///
    /// They are not, and the block is a part of the mapping.
    pub(super) unsafe fn empty(block: *mut u8, length: usize) {
        let skip = block.align_offset(super::PAGE);
        let length = length.saturating_sub(skip) & !(super::PAGE - 1);
        // SAFETY: whole pages of the block. That it may fail does no harm.
        unsafe { libc::madvise(block.add(skip).cast(), length, libc::MADV_DONTNEED) };
    }
}

/// Not known here: the tool allocates as the program does.
#[cfg(not(unix))]
mod system {
    pub(super) fn reserve(_length: usize) -> usize {
        0
    }

    pub(super) fn make_usable(_start: usize, _length: usize) -> bool {
        false
    }

    pub(super) unsafe fn empty(_block: *mut u8, _length: usize) {}
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn a_kind_has_one_size_that_suffices() {
        let mut sizes = std::collections::BTreeMap::new();
        for size in (0..5_000).chain((12..30).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])) {
            for align in [1, 16, 64, PAGE] {
                let (rounded, kind) = kind(layout(size, align));
                assert!(rounded >= size && rounded % 16 == 0 && kind < KINDS, "{size}");
                assert!(rounded <= 16.max(align).max(size) * 2, "{size} is made {rounded}");
                assert!(align <= 16 || rounded.is_power_of_two() && rounded >= align);
                assert_eq!(*sizes.entry(kind).or_insert(rounded), rounded, "{size} {align}");
            }
        }
    }

    /// Threads take, fill, resize and give back blocks, some of another thread: no two overlap.
    #[test]
    fn blocks_are_no_one_elses() {
        let (send, receive) = std::sync::mpsc::channel::<(usize, Layout, u8)>();
        let receive = std::sync::Mutex::new(receive);
        let check = |block: *mut u8, layout: Layout, mark: u8| {
            assert!(owns(block) && block.addr().is_multiple_of(layout.align()));
            // SAFETY: the block is this thread's, and was filled.
            let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            assert!(bytes.iter().all(|&byte| byte == mark));
        };
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                let (send, receive) = (send.clone(), &receive);
                scope.spawn(move || {
                    for step in 0..2_000_usize {
                        let old = layout(step * 37 % 3000 + step / 1990 * 300_000 + 1, 1 << (step % 8));
                        let block = allocate(old);
                        // SAFETY: a block of this size.
                        unsafe { block.write_bytes(thread, old.size()) };
                        let new = layout(step * 11 % 3000 + 1, old.align());
                        // SAFETY: it was allocated so.
                        let block = unsafe { resize(block, old, new.size()) };
                        check(block, layout(new.size().min(old.size()), old.align()), thread);
                        // SAFETY: a block of this size.
                        unsafe { block.write_bytes(thread, new.size()) };
                        send.send((block.expose_provenance(), new, thread)).unwrap();
                        if step % 3 > 0 {
                            let (block, layout, mark) = receive.lock().unwrap().recv().unwrap();
                            let block = ptr::with_exposed_provenance_mut(block);
                            check(block, layout, mark);
                            // SAFETY: it was sent to be given back.
                            unsafe { release(block, layout) };
                        }
                    }
                });
            }
        });
        assert!(!owns((&raw const STRETCH).cast_mut().cast()), "other memory is not ours");
    }
}

#[cfg(test)]
mod models {
    use std::sync::Arc;

    use super::Stretch;
    use crate::primitive::model::{check, spawn};

    /// Memory that is not ours is never taken for ours, also while the addresses are being reserved.
    #[test]
    fn who_sees_a_length_sees_its_base() {
        check("who sees a length sees its base", || {
            let stretch = Arc::new(Stretch::new());
            assert!(!stretch.has(5) && stretch.end() == 0);
            let reserved = Arc::clone(&stretch);
            let reserves = spawn(move || reserved.set(100, 10));
            assert!(!stretch.has(5));
            reserves.join().unwrap();
            assert!(stretch.has(105) && !stretch.has(110) && stretch.end() == 110);
        });
    }
}
