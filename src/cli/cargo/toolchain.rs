//! The compiler that the user's project is compiled with.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::sources;
use crate::cli::error::Error;
use crate::cli::exit_code::ExitCode;

/// A compiler.
#[derive(Debug)]
pub(super) struct Toolchain {
    /// What starts it: a path, or a name to look for.
    pub(super) rustc: PathBuf,
    /// What starts its cargo.
    pub(super) cargo: PathBuf,
    /// What starts its rustdoc.
    pub(super) rustdoc: PathBuf,
    /// All of `rustc -vV`: what else is compiled has to be compiled with the same.
    pub(super) version: String,
}

impl Toolchain {
    /// Asks `rustc`, in the current directory, so that a `rust-toolchain.toml` counts.
    ///
    /// `cargo` is what the user's cargo is started with, if nothing better is found beside the compiler.
    pub(super) fn of(rustc: &Path, cargo: &Path) -> Result<Self, Error> {
        let version = ask(rustc, &["-vV"])?;
        let sysroot = PathBuf::from(ask(rustc, &["--print", "sysroot"])?.trim());
        // Past rustup's proxies, which choose by the current directory: the runtime is built elsewhere.
        let beside = |name: &str, otherwise: &Path| {
            let path = sysroot.join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            if path.exists() { path } else { otherwise.to_owned() }
        };
        let rustdoc = beside("rustdoc", Path::new("rustdoc"));
        let toolchain = Self { rustc: beside("rustc", rustc), cargo: beside("cargo", cargo), rustdoc, version };
        toolchain.supported()?;
        Ok(toolchain)
    }

    /// A line of `rustc -vV`.
    fn line(&self, key: &str) -> &str {
        let line = self.version.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        line.unwrap_or_default()
    }

    pub(super) fn host(&self) -> &str {
        self.line("host")
    }

    pub(super) fn release(&self) -> &str {
        self.line("release")
    }

    fn supported(&self) -> Result<(), Error> {
        if numbers(self.release()) >= numbers(sources::RUST_VERSION) {
            return Ok(());
        }
        let message = format!(
            "this project is compiled with rustc {}; gordian needs {} or newer",
            self.release(),
            sources::RUST_VERSION
        );
        Err(Error::new(ExitCode::Usage, message)
            .with_help("choose a newer toolchain, for example with `cargo +stable gordian …`"))
    }
}

/// `1.95.0-nightly` as numbers.
fn numbers(version: &str) -> Vec<u32> {
    let version = version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers: Vec<u32> = version.split('.').map(|number| number.parse().unwrap_or(0)).collect();
    numbers.resize(3, 0);
    numbers
}

fn ask(rustc: &Path, arguments: &[&str]) -> Result<String, Error> {
    let fail = |reason: String| {
        Error::new(ExitCode::Usage, format!("cannot ask {}: {reason}", rustc.display()))
            .with_help("gordian needs a Rust toolchain: see https://rustup.rs")
    };
    let output = Command::new(rustc).args(arguments).output().map_err(|error| fail(error.to_string()))?;
    if !output.status.success() {
        return Err(fail(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(release: &str) -> Toolchain {
        let version = format!("rustc {release} (abc 2026-04-14)\nhost: riscv64\nrelease: {release}\n");
        Toolchain { rustc: PathBuf::new(), cargo: PathBuf::new(), rustdoc: PathBuf::new(), version }
    }

    #[test]
    fn an_older_compiler_is_refused() {
        let error = toolchain("1.70.0").supported().unwrap_err();
        assert_eq!(error.code, ExitCode::Usage);
        assert!(error.message.contains("rustc 1.70.0") && error.message.contains(sources::RUST_VERSION), "{error}");
        assert!(toolchain(&format!("{}.0", sources::RUST_VERSION)).supported().is_ok());
        assert!(toolchain("1.100.0-nightly").supported().is_ok());
        assert_eq!(toolchain("1.100.0").host(), "riscv64");
    }
}
