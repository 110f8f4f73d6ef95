//! What is asked of the processor and of the system about memory: where there are very many locks, to wait for that is what takes
//! the time.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};
use std::{fmt, slice};

/// Asks for what is needed soon, where the processor can be asked: in a graph of very many locks nothing is in its caches,
/// and so what doesn't depend on one another is at least on its way together.
#[inline(always)]
pub(crate) fn prefetch<T>(value: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch does nothing that the program could see, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(value.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// A large page of most systems. Tables from this size on ask for such.
const LARGE: usize = 2 << 20;

/// A table that is looked into anywhere has just got its memory: a big one asks for large pages. Of small ones the processor
/// does not remember enough, and then finding the page takes longer than the read itself.
pub(super) fn ask_for_large_pages<T>(table: *const [T]) {
    let (start, size) = (table.cast::<T>().addr(), table.len() * size_of::<T>());
    if size < LARGE {
        return;
    }
    #[cfg(all(feature = "detect", target_os = "linux", not(miri)))]
    {
        // SAFETY: it only asks.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        // All of the mapping, also what is none of the table: one of which a part was advised is two to the system, and can't be
        // moved when the table grows.
        let skip = start % page;
        // SAFETY: how a range is mapped is nothing that the program could see. It is advice: an error changes nothing.
        unsafe { libc::madvise(ptr::without_provenance_mut(start - skip), skip + size, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(all(feature = "detect", target_os = "linux", not(miri))))]
    let _ = start;
}

/// What a table may be made of.
///
/// # Safety
///
/// All bytes zero are a value of the type, which has no destructor.
pub(crate) unsafe trait Zero {}

// SAFETY: a number.
unsafe impl Zero for u64 {}

/// A table that begins as zeroes; a big one lies in large pages, and begins with one.
pub(crate) struct Zeroed<T: Zero> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: it owns what it points to.
unsafe impl<T: Zero + Send> Send for Zeroed<T> {}
// SAFETY: as above.
unsafe impl<T: Zero + Sync> Sync for Zeroed<T> {}

impl<T: Zero> Zeroed<T> {
    /// A table of length 0.
    pub(crate) const fn new() -> Self {
        Self { start: NonNull::dangling(), len: 0 }
    }

    /// A table of this length.
    ///
    /// # Panics
    ///
    /// If no memory can be that large.
    pub(crate) fn of(len: usize) -> Self {
        let layout = Self::layout(len);
        if layout.size() == 0 {
            return Self { start: NonNull::dangling(), len };
        }
        // SAFETY: the layout is not of size 0.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }.cast::<T>()) else { handle_alloc_error(layout) };
        ask_for_large_pages(ptr::slice_from_raw_parts(start.as_ptr(), len));
        // SAFETY: so many were allocated.
        unsafe { start.write_bytes(0, len) };
        Self { start, len }
    }

    fn layout(len: usize) -> Layout {
        let layout = Layout::array::<T>(len);
        let aligned = layout.and_then(|layout| if layout.size() < LARGE { Ok(layout) } else { layout.align_to(LARGE) });
        aligned.expect("a table that memory has room for")
    }
}

impl<T: Zero> Drop for Zeroed<T> {
    fn drop(&mut self) {
        let layout = Self::layout(self.len);
        if layout.size() > 0 {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}

impl<T: Zero> Default for Zeroed<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Zero> Deref for Zeroed<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: so many were allocated, and zeroes are values.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Zero> DerefMut for Zeroed<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: Zero + Clone> Clone for Zeroed<T> {
    fn clone(&self) -> Self {
        let mut clone = Self::of(self.len);
        clone.clone_from_slice(self);
        clone
    }
}

impl<T: Zero + fmt::Debug> fmt::Debug for Zeroed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_begins_as_zeroes() {
        for len in [0, 1, 100, LARGE / 8 - 1, LARGE / 8, LARGE / 8 + 1_000] {
            let mut table = Zeroed::<u64>::of(len);
            assert!(table.len() == len && table.iter().all(|&value| value == 0));
            assert!(len * 8 < LARGE || table.as_ptr().addr().is_multiple_of(LARGE));
            table.iter_mut().zip(1..).for_each(|(value, place)| *value = place);
            let clone = table.clone();
            drop(table);
            assert!(clone.iter().copied().eq(1..=len as u64));
        }
        assert!(Zeroed::<u64>::default().is_empty());
    }
}
