//! The gate as its users meet it: configuration, baseline, exit codes, files.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::schema::validate;

/// Two races: one in the user's code, one in a dependency.
const TRACE: &str = "\
T0|fork(T1)|src/bank.rs
T0|w(V1)|/home/u/.cargo/registry/src/index.crates.io-0/pool-1.2.3/src/lib.rs
T1|w(V1)|/home/u/.cargo/registry/src/index.crates.io-0/pool-1.2.3/src/other.rs
T0|w(V2)|src/legacy/bank.rs
T1|w(V2)|src/main.rs
";

/// A directory with the trace and these files.
fn project(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in [("run.std", TRACE)].iter().chain(files) {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    }
    directory
}

/// Exit code, standard output, standard error of `gordian` in the directory.
fn gordian(directory: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gordian"));
    command.args(args).current_dir(directory);
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"] {
        command.env_remove(name);
    }
    let output = command.output().expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
}

const SUPPRESS: &str =
    "[[suppress]]\nname = 'legacy bank'\nkind = 'data-race'\nsite = 'src/legacy/**'\nreason = 'old'\n";

#[test]
fn dependencies_are_folded_until_they_are_asked_for() {
    let project = project(&[]);
    let (code, stdout, _) = gordian(project.path(), &["analyze", "run.std"]);
    assert_eq!(code, 1);
    assert!(stdout.contains("\n1 finding (1 observed); 1 in dependencies\n"), "{stdout}");
    assert!(stdout.contains("\nfolded: 1 finding in pool 1.2.3: data-race; not counted"), "{stdout}");
    let (code, stdout, _) = gordian(project.path(), &["analyze", "run.std", "--deps"]);
    assert_eq!(code, 1);
    assert!(stdout.contains("\n2 findings (2 observed)\n"), "{stdout}");
    assert!(stdout.contains(" pool-1.2.3/src/lib.rs: ") && !stdout.contains("/home/u"), "{stdout}");
}

#[test]
fn a_suppression_silences_and_is_counted_by_name() {
    let project = project(&[("gordian.toml", SUPPRESS), ("deep/er/file", "")]);
    let (code, stdout, _) = gordian(project.path(), &["analyze", "run.std"]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.starts_with("no findings; 1 suppressed: legacy bank; 1 in dependencies\n"), "{stdout}");
    let (code, stdout, _) = gordian(&project.path().join("deep/er"), &["analyze", "../../run.std", "--format", "json"]);
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(code, 0, "it is found from below, too: {stdout}");
    assert_eq!(report["suppressed"][0]["suppression"], "legacy bank");
    assert_eq!(report["suppressed"][0]["reason"], "old");
    assert_eq!(report["summary"]["suppressed"], 1);
    assert_eq!(report["folded"][0]["package"], "pool 1.2.3");
}

#[test]
fn a_suppression_that_matches_nothing_is_told() {
    let unused = SUPPRESS.replace("src/legacy", "src/gone");
    let project = project(&[("gordian.toml", &format!("deny = 'observed'\n{unused}")), ("clean.std", "T0|w(V1)|1\n")]);
    let (code, stdout, _) = gordian(project.path(), &["analyze", "clean.std"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("note: gordian.toml:2: the suppression `legacy bank` matches no finding"), "{stdout}");
    assert_eq!(gordian(project.path(), &["analyze", "clean.std", "--deny-unused-suppressions"]).0, 1);
    // Paths of a report start from the workspace's root, wherever the command runs.
    std::fs::write(project.path().join("Cargo.lock"), "").expect("a file");
    let member = project.path().join("member");
    std::fs::create_dir(&member).expect("a directory");
    std::fs::copy(project.path().join("gordian.toml"), member.join("gordian.toml")).expect("a file");
    let (_, stdout, _) = gordian(&member, &["analyze", "../clean.std"]);
    assert!(stdout.contains("note: member/gordian.toml:2: "), "{stdout}");
}

#[test]
fn flags_are_stronger_than_the_configuration() {
    let config = format!("deps = true\nbaseline = 'known.txt'\n{SUPPRESS}");
    let project = project(&[("ci/gordian.toml", &config), ("ci/known.txt", "")]);
    let run = |more: &[&str]| {
        gordian(project.path(), &[&["analyze", "run.std", "--config", "ci/gordian.toml"], more].concat())
    };
    let (code, stdout, stderr) = run(&[]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stdout.contains("\n1 finding (1 observed); 1 suppressed: legacy bank\n"), "{stdout}");
    assert_eq!(run(&["--deps=false"]).0, 0);
}

#[test]
fn the_configuration_of_the_readme_is_one() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```toml\n").expect("it shows a configuration");
    let (config, _) = rest.split_once("```").expect("it ends");
    let project = project(&[("gordian.toml", config), ("gordian-baseline.txt", "")]);
    let (code, stdout, stderr) = gordian(project.path(), &["analyze", "run.std"]);
    assert_eq!((code, stderr.as_str()), (1, ""));
    assert!(stdout.contains("\n1 finding (1 observed); 1 suppressed: * at pool:src/**\n"), "{stdout}");
}

#[test]
fn a_baseline_hides_what_it_has() {
    let project = project(&[]);
    let run = |args: &[&str]| gordian(project.path(), &[&["analyze"], args].concat());
    let (code, stdout, _) = run(&["run.std", "--write-baseline", "known.txt"]);
    assert_eq!(code, 0, "what is accepted is no failure");
    assert!(stdout.contains("note: 1 finding accepted: written to known.txt\n"), "{stdout}");
    let written = std::fs::read_to_string(project.path().join("known.txt")).expect("it was written");
    assert!(written.contains(" # data-race src/main.rs: ") && !written.contains("pool"), "{written}");

    let (code, stdout, _) = run(&["run.std", "--baseline", "known.txt"]);
    assert_eq!(code, 0);
    assert!(stdout.starts_with("no findings; 1 known from the baseline; 1 in dependencies\n"), "{stdout}");
    let again = run(&["run.std", "--baseline", "known.txt", "--write-baseline", "known.txt"]);
    assert_eq!(again.0, 0, "what is known stays in it");
    assert_eq!(std::fs::read_to_string(project.path().join("known.txt")).expect("it is there"), written);

    std::fs::write(project.path().join("clean.std"), "T0|w(V1)|1\n").expect("a file");
    let (code, stdout, _) = run(&["clean.std", "--baseline", "known.txt"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("note: an entry of the baseline was not seen: "), "{stdout}");
}

#[test]
fn bad_files_are_3_and_name_the_place() {
    let wrong: [(&str, &str, &str); 4] = [
        (
            "gordian.toml",
            "[[suppress]]\nkind = 'data-rice'\nsite = 'a'\nreason = 'r'",
            "gordian.toml:2:8: no finding kind",
        ),
        ("gordian.toml", "[[suppress]]\nkind = '*'\nsite = 'a'", "gordian.toml:1:1: missing field `reason`"),
        ("gordian.toml", "on-deadlock = 'explode'", "gordian.toml:1:15: unknown variant `explode`"),
        ("known.txt", "# ours\n<<<<<<< HEAD\n", "known.txt:2: `<<<<<<< HEAD` is not a fingerprint"),
    ];
    for (name, text, reason) in wrong {
        let project = project(&[(name, text)]);
        let baseline: &[&str] = if name == "known.txt" { &["--baseline", "known.txt"] } else { &[] };
        let (code, stdout, stderr) = gordian(project.path(), &[&["analyze", "run.std"], baseline].concat());
        assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
        assert!(stderr.starts_with(&format!("error: {reason}")), "{stderr}");
    }
    let project = project(&[]);
    let (code, _, stderr) = gordian(project.path(), &["analyze", "run.std", "--baseline", "none.txt"]);
    assert_eq!(code, 3);
    assert!(
        stderr.contains("none.txt: the baseline cannot be read") && stderr.contains("--write-baseline"),
        "{stderr}"
    );
    assert_eq!(gordian(project.path(), &["analyze", "run.std", "--config", "none.toml"]).0, 3);
}

#[test]
fn every_form_comes_from_one_run() {
    let project = project(&[]);
    let outputs = ["json=r.json", "sarif=r.sarif", "junit=r.xml", "github=r.txt"].map(|output| ["--output", output]);
    let args = [&["run", "ab-ba", "--deny", "observed"], outputs.as_flattened()].concat();
    let (code, stdout, stderr) = gordian(project.path(), &args);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.starts_with("error[lock-order-cycle] "), "{stdout}");
    let read = |name: &str| std::fs::read_to_string(project.path().join(name)).expect("it was written");
    let fingerprint =
        serde_json::from_str::<Value>(&read("r.json")).expect("JSON")["findings"][0]["fingerprint"].clone();
    let log = validate(&read("r.sarif"));
    assert_eq!(log["runs"][0]["results"][0]["partialFingerprints"]["gordian/v1"], fingerprint);
    assert_eq!(log["runs"][0]["invocations"][0]["exitCode"], 0);
    let flows = log["runs"][0]["results"][0]["codeFlows"][0]["threadFlows"].as_array().expect("flows").len();
    assert_eq!(flows, 2, "one for each thread");
    assert!(read("r.xml").contains("failures=\"0\""), "below the gate it is no failure: {}", read("r.xml"));
    assert!(read("r.txt").starts_with("::error file=scenarios/deadlock/ab_ba.rs,line="), "{}", read("r.txt"));
    let refused = gordian(project.path(), &["list", "--format", "sarif"]);
    assert_eq!(refused.0, 2, "a list has no findings");
}

#[test]
fn a_clean_run_is_a_valid_log_and_a_passing_suite() {
    let project = project(&[]);
    let (code, stdout, _) = gordian(project.path(), &["run", "ab-ba", "--fixed", "--format", "sarif"]);
    assert_eq!(code, 0);
    assert_eq!(validate(&stdout)["runs"][0]["results"], Value::Array(Vec::new()));
    let (_, stdout, _) = gordian(project.path(), &["run", "ab-ba", "--fixed", "--format", "junit"]);
    assert!(stdout.contains("tests=\"1\"") && stdout.contains("failures=\"0\""), "{stdout}");
}

#[test]
fn a_github_job_gets_a_summary_once() {
    let project = project(&[("summary.md", "before\n")]);
    let summary = project.path().join("summary.md");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gordian"));
    command.args(["analyze", "run.std", "--format", "github", "--output", "github=commands.txt"]);
    command.current_dir(project.path()).env("GITHUB_STEP_SUMMARY", &summary).env_remove("GITHUB_WORKSPACE");
    assert_eq!(command.output().expect("it starts").status.code(), Some(1));
    let text = std::fs::read_to_string(summary).expect("it is there");
    assert!(text.starts_with("before\n## gordian\n") && text.matches("## gordian").count() == 1, "{text}");
}
