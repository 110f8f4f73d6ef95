//! The models of our own lock-free parts, in every execution that loom can tell apart.

use std::path::Path;
use std::process::Command;

/// The unit tests in modules called `models`, compiled with loom's primitives in the place of the real ones.
#[test]
#[allow(clippy::print_stdout, reason = "the numbers of executions are what a reader wants to know")]
fn models_hold_in_every_execution() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("loom");
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // Everything that it needs has been fetched for this test itself.
        .args(["test", "--offline", "--lib", "--no-default-features", "--features", "detect"])
        .args(["::models::", "--", "--nocapture", "--test-threads=1"])
        .env("RUSTFLAGS", "--cfg gordian_loom")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output()
        .expect("cargo runs");
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{said}");
    let models: Vec<&str> =
        told.lines().filter_map(|line| line.split_once("model: ")).map(|(_, model)| model).collect();
    println!("{}", models.join("\n"));
    let passed = told.split(" passed;").next().and_then(|before| before.rsplit(' ').next());
    let passed: usize = passed.and_then(|number| number.parse().ok()).expect("the test program says how many");
    assert!(passed > 0 && models.len() >= passed, "each test runs a model:\n{told}");
    for model in models {
        let executions = model.rsplit(": ").next().and_then(|count| count.strip_suffix(" executions"));
        let executions: usize = executions.expect("a model says how many").parse().expect("a number");
        assert!(executions > 1, "{model}: there is nothing to choose");
    }
}
