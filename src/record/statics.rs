//! What lives as long as the program.

/// Is it a static of the program, at this address? Its guards may go to whoever lives as long: to another task. On systems
/// that can't tell, anything may be one.
#[cfg(not(target_os = "linux"))]
pub(crate) fn contain(_address: usize) -> bool {
    true
}

#[cfg(target_os = "linux")]
pub(crate) use linux::contain;

#[cfg(target_os = "linux")]
mod linux {
    use std::ops::Range;
    use std::sync::OnceLock;

    static PROGRAM: OnceLock<Range<usize>> = OnceLock::new();

    #[inline]
    pub(crate) fn contain(address: usize) -> bool {
        PROGRAM.get_or_init(program).contains(&address)
    }

    /// Where the executable lies in memory, with all of its data.
    #[cold]
    fn program() -> Range<usize> {
        unsafe extern "C" fn of_first(
            info: *mut libc::dl_phdr_info,
            _size: libc::size_t,
            range: *mut libc::c_void,
        ) -> libc::c_int {
            // SAFETY: both are valid during the call: the loader's information, and the place that was passed below.
            let (info, range) = unsafe { (&*info, &mut *range.cast::<Range<usize>>()) };
            for place in 0..usize::from(info.dlpi_phnum) {
                // SAFETY: there are so many headers.
                let header = unsafe { &*info.dlpi_phdr.add(place) };
                if header.p_type == libc::PT_LOAD {
                    let start = info.dlpi_addr as usize + header.p_vaddr as usize;
                    range.start = range.start.min(start);
                    range.end = range.end.max(start + header.p_memsz as usize);
                }
            }
            // The first is the executable, and enough.
            1
        }
        let mut range = Range { start: usize::MAX, end: 0 };
        // SAFETY: the function keeps the contract, and the pointer is that of the range that it expects.
        unsafe { libc::dl_iterate_phdr(Some(of_first), (&raw mut range).cast()) };
        range
    }

    #[cfg(test)]
    mod tests {
        use super::contain;

        #[test]
        fn statics_are_told_from_the_rest() {
            static WORD: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
            let (local, boxed) = (0_u32, Box::new(0_u32));
            assert!(contain((&raw const WORD).addr()));
            assert!(!contain((&raw const local).addr()) && !contain((&raw const *boxed).addr()));
        }
    }
}
