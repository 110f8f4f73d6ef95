//! `cargo gordian run` on a package of kernels: plain programs, each with a real bug that has to be found at the marked
//! lines, and a fixed form that has to be silent.
//!
//! A mark is `//~ KIND` on a line where a finding of that kind has a place (an operation, or where a lock that is held was
//! taken), or `//~^ KIND` below it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use serde_json::Value;

/// A kind and a line.
type Places = BTreeSet<(String, u64)>;

/// A package of kernels: its folder below `tests`.
#[derive(Clone, Copy)]
pub(crate) struct Kernels(pub(crate) &'static str);

fn directory(kernels: Kernels) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(kernels.0)
}

fn names(kernels: Kernels) -> Vec<String> {
    let files = std::fs::read_dir(directory(kernels).join("src/bin")).expect("there are kernels");
    let name = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.expect("the entry can be read").path();
        path.file_stem().expect("it has a name").to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = files.map(name).collect();
    names.sort();
    names
}

fn gordian(kernels: Kernels, verb: &str, arguments: &[&str]) -> Output {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    Command::new(env!("CARGO_BIN_EXE_gordian"))
        .args(["cargo", verb, "--format", "json", "--target-dir"])
        .arg(temporary.join(kernels.0))
        .args(arguments)
        .current_dir(directory(kernels))
        .env("GORDIAN_CACHE", temporary.join("runtimes"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .expect("the command starts")
}

/// Runs a kernel: the exit code and the findings.
fn run(kernels: Kernels, kernel: &str, form: &[&str]) -> Result<(i32, Vec<Value>), String> {
    let output = gordian(kernels, "run", &[&["--bin", kernel, "--"], form].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code().ok_or_else(|| format!("{kernel} {form:?} was killed: {stderr}"))?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{kernel} {form:?}, exit code {code}: {error}\n{stderr}"))?;
    Ok((code, report["findings"].as_array().cloned().unwrap_or_default()))
}

fn marks(kernels: Kernels, kernel: &str) -> Places {
    let text =
        std::fs::read_to_string(directory(kernels).join(format!("src/bin/{kernel}.rs"))).expect("it can be read");
    let mark = |(line, number): (&str, u64)| {
        let (_, mark) = line.split_once("//~")?;
        let (above, kind) = mark.strip_prefix('^').map_or((0, mark), |kind| (1, kind));
        Some((kind.trim().to_owned(), number - above))
    };
    text.lines().zip(1..).filter_map(mark).collect()
}

/// The places of a finding: its operations, and where what is held there was taken.
fn places(finding: &Value, kernel: &str) -> (Places, Places) {
    let kind = finding["kind"].as_str().unwrap_or_default().to_owned();
    let here = |site: &Value| {
        let file = site["file"].as_str()?;
        file.ends_with(&format!("{kernel}.rs")).then(|| (kind.clone(), site["line"].as_u64().unwrap_or_default()))
    };
    let empty = Vec::new();
    let sites = finding["sites"].as_array().unwrap_or(&empty);
    let held = sites.iter().flat_map(|site| site["held"].as_array().into_iter().flatten()).map(|held| &held["at"]);
    (sites.iter().filter_map(here).collect(), held.filter_map(here).collect())
}

fn judge(kernels: Kernels, kernel: &str) -> Result<(), String> {
    let marks = marks(kernels, kernel);
    if marks.is_empty() {
        return Err(format!("{kernel}: no line is marked"));
    }
    let (code, findings) = run(kernels, kernel, &[])?;
    let (mut told, mut all) = (Places::new(), Places::new());
    for finding in &findings {
        let (sites, held) = places(finding, kernel);
        all.extend(sites.iter().cloned().chain(held));
        told.extend(sites);
    }
    if code != 1 || !marks.is_subset(&all) || !told.is_subset(&marks) {
        return Err(format!("{kernel}: exit code {code}, marked {marks:?}, told {told:?}, with locks held {all:?}"));
    }
    let (code, findings) = run(kernels, kernel, &["fixed"])?;
    if code != 0 || !findings.is_empty() {
        return Err(format!("{kernel}, fixed: exit code {code}, {findings:?}"));
    }
    Ok(())
}

/// Builds them all, and judges each.
pub(crate) fn judge_all(kernels: Kernels) {
    let built = gordian(kernels, "build", &[]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let left = Mutex::new(names(kernels));
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(kernel) = left.lock().unwrap().pop() else { break };
                    if let Err(reason) = judge(kernels, &kernel) {
                        wrong.lock().unwrap().push(reason);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
