//! Tables by dense identifier.

/// The entry of an identifier, made on first use with all before it.
#[inline]
pub(super) fn at<T>(table: &mut Vec<T>, index: usize, make: impl Fn() -> T) -> &mut T {
    if index >= table.len() {
        grow(table, index, make);
    }
    &mut table[index]
}

#[cold]
fn grow<T>(table: &mut Vec<T>, index: usize, make: impl Fn() -> T) {
    table.resize_with(index + 1, make);
}
