//! Every fuzz target on every input of its corpus, without libFuzzer.

use std::path::Path;

#[path = "../fuzz/oracles/lib.rs"]
#[allow(unreachable_pub, reason = "public for the targets, which are another crate")]
mod oracles;

/// Runs a target on the files of its directory; returns how many they are. An input that fails is the last one named.
#[allow(clippy::print_stdout, reason = "says which input fails")]
fn replay(target: &str, run: fn(&[u8])) -> usize {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs: Vec<_> =
        std::fs::read_dir(&directory).expect("the corpus is there").map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    for input in &inputs {
        println!("{target}: {}", input.file_name().unwrap_or_default().display());
        run(&std::fs::read(input).expect("the input can be read"));
    }
    inputs.len()
}

/// A target and its name.
type Target = (&'static str, fn(&[u8]));

#[test]
fn every_target_runs_on_its_corpus() {
    let targets: [Target; 6] = [
        ("trace", oracles::trace),
        ("clocks", oracles::clocks),
        ("lock_order", oracles::lock_order),
        ("happens_before", oracles::happens_before),
        ("predict", oracles::predict),
        ("serialisability", oracles::serialisability),
    ];
    for (target, run) in targets {
        assert_ne!(replay(target, run), 0, "the corpus of {target} is empty");
    }
    let directories = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus")).unwrap().count();
    let programs = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/fuzz_targets")).unwrap().count();
    assert_eq!((directories, programs), (targets.len(), targets.len()), "a target that is not run here");
}
