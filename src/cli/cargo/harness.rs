//! Which programs are libtest's.
//!
//! Cargo runs the test targets with `harness = false` just like the others, and only the compiler is told the difference. So
//! the wrapper leaves a mark beside each program that it compiles as a harness of tests, and the runner looks for it.

use std::path::{Path, PathBuf};

/// Notes whether the program that is about to be compiled is libtest's.
pub(super) fn mark(program: &Path, is_libtest: bool) {
    let mark = mark_of(program);
    // What can't be written is no reason not to compile: then the program's findings do not name their tests.
    let _ = if is_libtest { std::fs::write(mark, []) } else { std::fs::remove_file(mark) };
}

/// Was the program compiled as a harness of tests?
pub(super) fn is_marked(program: &Path) -> bool {
    mark_of(program).is_file()
}

fn mark_of(program: &Path) -> PathBuf {
    program.with_extension("libtest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays_until_the_program_is_compiled_without_a_harness() {
        let directory = super::super::Scratch::new().unwrap();
        let program = directory.0.join("locks-0123456789abcdef").with_extension(std::env::consts::EXE_EXTENSION);
        assert!(!is_marked(&program));
        mark(&program, true);
        assert!(is_marked(&program) && !program.exists());
        assert!(!is_marked(&directory.0.join("locks-fedcba9876543210")));
        mark(&program, false);
        assert!(!is_marked(&program));
        mark(&program, false);
        assert!(!is_marked(&program), "there was none");
    }
}
