//! What stands at an address: functions, by the debug information and the symbol table.

use std::ffi::c_void;

use super::table;
use crate::event::Site;

/// A function at an address.
pub(super) struct Symbol {
    /// Its path, as the older way of mangling has it: `krate::function::{{closure}}`.
    pub(super) name: Option<String>,
    /// The place there, if the debug information has it.
    pub(super) site: Option<Site>,
}

/// The functions at a return address: those that were inlined first, and that which is called last.
pub(super) fn at(ip: usize) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    // It looks at the call itself, which lies before the address that it returns to.
    backtrace::resolve(ip as *mut c_void, |symbol| {
        let site = |file: &std::path::Path| {
            Site::new(&file.to_string_lossy(), symbol.lineno().unwrap_or(0), symbol.colno().unwrap_or(0))
        };
        symbols.push(Symbol {
            name: symbol.name().map(|name| in_older_words(&format!("{name:#}"))),
            site: symbol.filename().map(site),
        });
    });
    if let Some(Symbol { name: Some(name), site: Some(_) }) = symbols.last_mut()
        && !has_path(name)
        && let Some(whole) = table::name_at(ip.saturating_sub(1))
    {
        let whole = in_older_words(&whole);
        if is_path_of(&whole, name) {
            *name = whole;
        }
    }
    symbols
}

/// `f::<T>::{closure#0}` as `f<T>::{{closure}}`.
fn in_older_words(name: &str) -> String {
    let mut parts = name.split("{closure#");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            // With `line-tables-only` it is all that there is, and tells one closure from another.
            Some((_, after)) if out.ends_with("::") => out.extend(["{{closure}}", after]),
            _ => out.extend(["{closure#", part]),
        }
    }
    out.replace("::<", "<")
}

/// Is it more than the last name of a function? Type arguments have paths, too: `poll<krate::Future>`.
fn has_path(name: &str) -> bool {
    let own = name.split('<').next().unwrap_or_default();
    own.is_empty() || own.contains("::")
}

/// Is the path one of the function that has this last name? Else the two know different things: the symbol of a function
/// that was merged with another one, say.
fn is_path_of(path: &str, name: &str) -> bool {
    let name = name.split('<').next().unwrap_or_default();
    // `{closure#1}`, `{async_fn#0}`, `{async_block#2}`.
    let name = if name.starts_with('{') { "{{closure}}" } else { name };
    without_arguments(path).strip_suffix(name).is_some_and(|around| around.ends_with("::"))
}

/// A path without the type arguments at its end.
fn without_arguments(path: &str) -> &str {
    let mut depth = 0;
    let start = path.char_indices().rev().find(|&(_, c)| {
        depth += i32::from(c == '>') - i32::from(c == '<');
        depth == 0
    });
    match start {
        Some((start, '<')) => &path[..start],
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_older_mangling() {
        for (newer, older) in [
            ("a::f::{closure#0}", "a::f::{{closure}}"),
            ("a::f::<u8>::{closure#12}::{closure#0}", "a::f<u8>::{{closure}}::{{closure}}"),
            ("core::ptr::drop_in_place::<a::f::{closure#0}>", "core::ptr::drop_in_place<a::f::{{closure}}>"),
            ("<a::B>::f", "<a::B>::f"),
            ("a::f::{{closure}}", "a::f::{{closure}}"),
            ("{closure#1}", "{closure#1}"),
        ] {
            assert_eq!(in_older_words(newer), older);
        }
    }

    #[test]
    fn a_path_belongs_to_its_last_name() {
        for (path, name, fits) in [
            ("a::f", "f", true),
            ("a::f<a::B, [u8; 2]>", "f<a::B, [u8; 2]>", true),
            ("<a::B as c::D<e::F>>::f", "f", true),
            ("a::f::{{closure}}", "{async_fn#0}", true),
            ("a::f::{{closure}}<u8>", "{closure#3}<u8>", true),
            ("a::f", "g", false),
            ("a::of", "f", false),
            ("a::f", "{closure#0}", false),
            ("f", "f", false),
        ] {
            assert_eq!(is_path_of(path, name), fits, "{path} {name}");
        }
        assert!(has_path("a::f") && has_path("<a::B as c::D>::f") && !has_path("f<a::B>") && !has_path("{async_fn#0}"));
    }

    /// Whatever the debug information has.
    #[test]
    fn a_function_of_this_program_has_its_path() {
        let here = a_function_of_this_program_has_its_path as fn() as usize;
        let whole = "gordian::record::stacks::symbols::tests::a_function_of_this_program_has_its_path";
        let symbols = at(here + 1);
        assert_eq!(symbols.last().and_then(|symbol| symbol.name.as_deref()), Some(whole));
        #[cfg(target_os = "linux")]
        assert_eq!(table::name_at(here).as_deref(), Some(whole));
        assert_eq!(table::name_at(std::ptr::from_ref(&symbols).addr()), None, "no function lies on the stack");
    }
}
