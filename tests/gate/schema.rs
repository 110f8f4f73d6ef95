//! OASIS's JSON schema of SARIF 2.1.0, as the crate ships it that our types are made from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// The standard output of a program that must succeed.
fn output(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Where cargo keeps the sources of the crate that it compiled for us.
fn sources(package: &str) -> PathBuf {
    let version = output(Command::new("rustc").arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc has a host");
    let metadata = output(
        Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", host])
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    );
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let manifest = packages.iter().find(|found| found["name"] == package).expect("we depend on it");
    Path::new(manifest["manifest_path"].as_str().expect("a path")).parent().expect("a directory").to_path_buf()
}

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let path = sources("serde-sarif").join("src/schema.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // The schema has a stray bracket in its pattern for languages, which makes it no regular expression.
    let text = text.replace("^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$");
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    assert_eq!(schema["title"], "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema");
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema is valid")
});

/// Fails with every place where the log is not what the schema wants.
pub(super) fn validate(log: &str) -> Value {
    let log: Value = serde_json::from_str(log).unwrap_or_else(|error| panic!("{error}: {log}"));
    let errors: Vec<String> =
        VALIDATOR.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    log
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let log = super::formats::log();
    let refused = |pointer: &str, wrong: Value| {
        let mut log: Value = serde_json::from_str(&log).expect("JSON");
        *log.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is there")) = wrong;
        !VALIDATOR.is_valid(&log)
    };
    assert!(refused("/version", "2.0.0".into()));
    assert!(refused("/runs/0/results/0/level", "fatal".into()));
    assert!(refused("/runs/0/results/0/locations/0/physicalLocation/region/startLine", 0.into()));
    assert!(refused("/runs/0/results/0/message", Value::Object(serde_json::Map::new())));
    assert!(refused("/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri", "a b".into()));
}
