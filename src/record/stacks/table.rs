//! The symbol table of the program's own file.
//!
//! With `debug = "line-tables-only"` the debug information knows functions by their last names alone. The symbol table has
//! the paths of all that were not inlined. It is read when such a name is met for the first time; other systems than Linux
//! do without, and so does a program that was stripped.

#[cfg(target_os = "linux")]
pub(super) use linux::name_at;

/// The path of the function that an address lies in.
#[cfg(not(target_os = "linux"))]
pub(super) fn name_at(_address: usize) -> Option<String> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::ops::Range;
    use std::sync::LazyLock;

    use object::{Object as _, ObjectSegment as _, ObjectSymbol as _, SymbolKind};

    /// The program's own file, even if another one lies in its place by now.
    const PROGRAM: &str = "/proc/self/exe";

    /// The path of the function that an address lies in, if it is one of the program's own file.
    pub(in super::super) fn name_at(address: usize) -> Option<String> {
        static TABLE: LazyLock<Option<Table>> = LazyLock::new(Table::read);
        TABLE.as_ref()?.name_at(address as u64)
    }

    struct Table {
        /// Addresses in memory, and where in the file the first of them lies.
        mapped: Vec<(Range<u64>, u64)>,
        /// Places in the file, and which address the first of them has in the file's own words. (They need not begin where
        /// a page does, as what is mapped must.)
        segments: Vec<(Range<u64>, u64)>,
        /// Sorted by their beginnings.
        functions: Vec<Function>,
        names: Vec<u8>,
    }

    struct Function {
        start: u64,
        size: u64,
        /// Where its name stands in `names`.
        name: Range<usize>,
    }

    impl Table {
        fn read() -> Option<Self> {
            let data = fs::read(PROGRAM).ok()?;
            let file = object::File::parse(&*data).ok()?;
            let segments = file.segments().map(|segment| {
                let (start, size) = segment.file_range();
                (start..start.saturating_add(size), segment.address())
            });
            let path = fs::read_link(PROGRAM).ok()?;
            let maps = fs::read_to_string("/proc/self/maps").ok()?;
            let mapped = maps.lines().filter_map(|line| mapping(line, path.to_str()?));
            let (mapped, segments) = (mapped.collect(), segments.collect());
            let mut table = Self { mapped, segments, functions: Vec::new(), names: Vec::new() };
            for symbol in file.symbols() {
                // A name that is not mangled has no path.
                let name = symbol.name_bytes().unwrap_or_default();
                let is_mangled = name.starts_with(b"_R") || name.starts_with(b"_ZN");
                if symbol.kind() == SymbolKind::Text && symbol.is_definition() && is_mangled {
                    let start = table.names.len();
                    table.names.extend_from_slice(name);
                    let name = start..table.names.len();
                    table.functions.push(Function { start: symbol.address(), size: symbol.size(), name });
                }
            }
            table.functions.sort_by_key(|function| function.start);
            Some(table)
        }

        fn name_at(&self, address: u64) -> Option<String> {
            let within = |parts: &[(Range<u64>, u64)], at: u64| {
                let (part, first) = parts.iter().find(|(part, _)| part.contains(&at))?;
                first.checked_add(at - part.start)
            };
            let address = within(&self.segments, within(&self.mapped, address)?)?;
            let next = self.functions.partition_point(|function| function.start <= address);
            let function = self.functions[..next].last()?;
            let name = (address - function.start < function.size).then(|| &self.names[function.name.clone()])?;
            Some(format!("{:#}", backtrace::SymbolName::new(name)))
        }
    }

    /// The addresses of a line of `/proc/self/maps`, and where in the file at `path` they begin, if it is about that.
    fn mapping(line: &str, path: &str) -> Option<(Range<u64>, u64)> {
        let rest = line.strip_suffix(path)?;
        let mut words = rest.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        let offset = number(words.nth(1)?)?;
        // Device and inode, and then nothing: it is the whole path.
        (words.count() == 2).then_some(())?;
        Some((number(start)?..number(end)?, offset))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn lines_about_the_file_are_known() {
            let line = "55d0c0a00000-55d0c0b3f000 r-xp 0001f000 fe:01 1311   /a b/c";
            let expected = Some((0x55d0_c0a0_0000..0x55d0_c0b3_f000, 0x1f000));
            assert_eq!(mapping(line, "/a b/c"), expected);
            assert_eq!(mapping(line, "b/c"), None, "another file");
            assert_eq!(mapping("7ffd0-7ffd1 rw-p 00000000 00:00 0", "/a"), None);
            assert_eq!(mapping("", "/a"), None);
        }
    }
}
