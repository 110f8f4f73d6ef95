#!/usr/bin/env bash
# Runs all programs of tests/known_bad under `cargo gordian run`, with the versions that have the bugs and with those that
# have the fixes, and compares what is found with what their first lines say. `cargo test --test known_bad` runs some.
set -euo pipefail
cd "$(dirname "$0")/.."
KNOWN_BAD=all exec cargo test --test known_bad -- --nocapture
