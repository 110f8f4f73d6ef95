//! The allocator of a program that has one of its own.

use std::alloc::{GlobalAlloc, Layout};

#[cfg(feature = "detect")]
use crate::record::{context, memory};

/// A program's own global allocator, which is not to see what the detector allocates.
///
/// An allocator may count, or take a lock; the program must find the same count, and must not wait, because it is
/// watched. What the detector allocates comes from memory of its own instead (on Unix; elsewhere it still comes from the
/// program's). `cargo gordian` puts this type over the allocator of every program by itself.
///
/// ```
/// use std::alloc::{GlobalAlloc, Layout, System};
///
/// struct Mine;
///
/// // SAFETY: `System` does it.
/// unsafe impl GlobalAlloc for Mine {
///     unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
///         unsafe { System.alloc(layout) }
///     }
///     unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
///         unsafe { System.dealloc(block, layout) }
///     }
/// }
///
/// static MINE: Mine = Mine;
///
/// #[global_allocator]
/// static WATCHED: gordian::Allocator<Mine> = gordian::Allocator::new(&MINE);
/// # drop(Box::new(1));
/// ```
#[derive(Debug)]
pub struct Allocator<A: 'static>(&'static A);

impl<A> Allocator<A> {
    /// Over an allocator.
    #[must_use]
    pub const fn new(allocator: &'static A) -> Self {
        Self(allocator)
    }
}

// SAFETY: a block is given back to where it came from, which its address tells.
#[cfg(feature = "detect")]
unsafe impl<A: GlobalAlloc> GlobalAlloc for Allocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if context::is_inside() {
            let block = memory::allocate(layout);
            if !block.is_null() {
                return block;
            }
        }
        // SAFETY: by the caller's promise.
        unsafe { self.0.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if context::is_inside() {
            let block = memory::allocate(layout);
            if !block.is_null() {
                // SAFETY: the block has that many bytes.
                unsafe { block.write_bytes(0, layout.size()) };
                return block;
            }
        }
        // SAFETY: by the caller's promise.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if memory::owns(block) {
            // SAFETY: by the caller's promise.
            unsafe { memory::release(block, layout) };
        } else {
            // SAFETY: by the caller's promise; it is not ours, so it is the allocator's.
            unsafe { self.0.dealloc(block, layout) };
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if memory::owns(block) {
            // SAFETY: by the caller's promise.
            unsafe { memory::resize(block, layout, size) }
        } else {
            // SAFETY: by the caller's promise; it is not ours, so it is the allocator's.
            unsafe { self.0.realloc(block, layout, size) }
        }
    }
}

// SAFETY: it is the allocator's.
#[cfg(not(feature = "detect"))]
unsafe impl<A: GlobalAlloc> GlobalAlloc for Allocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller's promise.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller's promise.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: by the caller's promise.
        unsafe { self.0.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by the caller's promise.
        unsafe { self.0.realloc(block, layout, size) }
    }
}
