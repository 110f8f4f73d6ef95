#!/usr/bin/env bash
# Runs the test suites of crates from the registry twice, under `cargo test` and under `cargo gordian test`, each compiled
# from its unchanged package, and compares the outcomes test by test.
#
#   tests/real_crates.sh DIRECTORY [--only CRATE…]
#
# DIRECTORY takes the packages, what is compiled and the logs, and may be used again. The exit code is 1 if a test came out
# differently, or a finding is `observed` or `predicted` (but for the true ones of once_cell and tokio-util). Environment:
#
#   CARGO_GORDIAN   the command to test; without it, `cargo-gordian` is built from this repository
#   RUN             words to start every cargo with, such as `nice`
#   LIMIT           seconds for a suite (600)
set -euo pipefail

# Package, version, and what of it is run if not all. A workspace has a name of its own and its members after a colon.
suites() {
    cat <<'END'
crossbeam-channel 0.5.17
crossbeam-deque 0.8.8
crossbeam-epoch 0.9.21
flume 0.12.0
dashmap 6.2.1
parking_lot 0.13.0
rayon-core 1.13.0
rayon 1.12.0
once_cell 1.21.4
async-channel 2.5.0
arc-swap 1.9.5
bb8 0.9.1
tokio-stream 0.1.19 --features full
tokio-util 0.7.20 --features full --lib --tests
tokio 1.54.1 --features full,test-util --lib --test sync_* --test rt_* --test task_*
smol: event-listener 5.4.2 event-listener-strategy 0.5.4 async-channel 2.5.0 async-lock 3.5.0
END
}

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
}

here=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 1 ] && [ "${1#-}" = "$1" ] || usage
mkdir -p "$1"
scratch=$(cd "$1" && pwd)
shift
only=
if [ $# -gt 0 ]; then
    [ "$1" = --only ] && [ $# -gt 1 ] || usage
    shift
    only=" $* "
    for name in "$@"; do
        suites | grep -q "^$name:\? " || { echo "no suite is called $name" >&2; exit 2; }
    done
fi
run=${RUN-}
limit=${LIMIT-600}
logs=$scratch/logs
mkdir -p "$logs"

wanted() {
    suites | while read -r name rest; do
        [ -z "$only" ] || [[ $only == *" ${name%:} "* ]] && echo "$name $rest"
    done || true
}

# The manifest of a package that depends on all of the packages, for cargo to fetch them.
manifest() {
    printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n\n[workspace]\n\n[dependencies]\n'
    wanted | while read -r name rest; do
        case $name in
        *:) echo "$rest" ;;
        *) echo "$name ${rest%% *}" ;;
        esac
    done | xargs -n 2 | sort -u | while read -r name version; do
        echo "$name = \"=$version\""
    done
}

# Where cargo has unpacked a package.
unpacked() {
    grep -o '"manifest_path":"[^"]*/'"$1-$2"'/Cargo.toml"' "$scratch/fetch/metadata.json" | head -1 | cut -d'"' -f4 | xargs dirname
}

# A copy of a package, which must not choose a toolchain of its own.
copy() {
    rm -rf "$3"
    mkdir -p "$3"
    cp -r "$(unpacked "$1" "$2")/." "$3"
    rm -f "$3/rust-toolchain" "$3/rust-toolchain.toml" "$3/.cargo-ok"
}

fetch() {
    mkdir -p "$scratch/fetch/src"
    manifest > "$scratch/fetch/Cargo.toml"
    : > "$scratch/fetch/src/lib.rs"
    (cd "$scratch/fetch" && cargo fetch --quiet && cargo metadata --format-version 1 > metadata.json)
}

# Makes the folder of a suite from the packages.
lay_out() {
    local name=$1 folder=$scratch/crates/${1%:}
    shift
    if [ "${name%:}" = "$name" ]; then
        copy "$name" "$1" "$folder"
        printf '\n[workspace]\n' >> "$folder/Cargo.toml"
        return
    fi
    rm -rf "$folder"
    mkdir -p "$folder"
    {
        printf '[workspace]\nresolver = "2"\nmembers = ["*"]\nexclude = ["target"]\n\n[patch.crates-io]\n'
        while [ $# -gt 0 ]; do
            copy "$1" "$2" "$folder/$1" >&2
            rm -f "$folder/$1/Cargo.lock"
            echo "$1 = { path = \"$1\" }"
            shift 2
        done
    } > "$folder/Cargo.toml.next"
    mv "$folder/Cargo.toml.next" "$folder/Cargo.toml"
}

# The log of a test run as lines of "program test outcome", sorted.
outcomes() {
    awk '
        /^ *Running / { program = $2 == "unittests" ? "unit:" $3 : $2; if (match($0, /deps\/[^)]*-/)) program = substr($0, RSTART + 5, RLENGTH - 6) ":" program }
        /^ *Doc-tests / { program = "doc:" $2 }
        match($0, /^test .* \.\.\. (ok|FAILED|ignored)/) {
            line = substr($0, RSTART + 5, RLENGTH - 5)
            outcome = line; sub(/.* \.\.\. /, "", outcome)
            sub(/ \.\.\. [A-Za-z]+$/, "", line); gsub(/ /, "_", line)
            print program, line, outcome
        }' "$1" | LC_ALL=C sort
}

# Seconds, with a tenth, that a command takes; its output goes to the first argument, its exit code to the second.
seconds() {
    local log=$1 code=$2 start status=0
    shift 2
    start=$(date +%s%N)
    "$@" > "$log" 2>&1 < /dev/null || status=$?
    echo "$status" > "$code"
    awk -v from="$start" -v to="$(date +%s%N)" 'BEGIN { printf "%.1f", (to - from) / 1e9 }'
}

gordian() {
    if [ -n "${CARGO_GORDIAN-}" ]; then
        echo "$CARGO_GORDIAN"
        return
    fi
    (cd "$here" && $run cargo build --quiet --bin cargo-gordian >&2 && cargo metadata --format-version 1 --no-deps) |
        grep -o '"target_directory":"[^"]*"' | cut -d'"' -f4 | sed 's|$|/debug/cargo-gordian|'
}

# How many findings of a tier a report has.
count() {
    grep -o "\"tier\": *\"$2\"" "$1" 2> /dev/null | wc -l || true
}

differences=0
judge() {
    local name=${1%:} log=$logs/${1%:} build_plain build_gordian plain watched tests different findings=
    shift
    local arguments=() options=() true_ones=" 0 0 "
    case $name in
    # One of its tests starts a program that deadlocks, and looks whether it goes on to hang.
    once_cell) options=(--on-deadlock continue) true_ones=" 1 0 " ;;
    # Its pool of pinned workers, made in a poll, blocks there until the thread that it starts has come up.
    tokio-util) true_ones=" 1 0 " ;;
    esac
    case $name in
    smol) arguments=(--workspace) ;;
    *) shift; set -f; arguments=("$@"); set +f ;;
    esac
    cd "$scratch/crates/$name"
    export CARGO_TARGET_DIR=$scratch/target/$name
    rm -f "$log.json"
    build_plain=$(seconds "$log.plain-build" "$log.code" $run cargo test --no-run "${arguments[@]}")
    plain=$(seconds "$log.plain" "$log.code" $run timeout "$limit" cargo test --no-fail-fast "${arguments[@]}")
    build_gordian=$(seconds "$log.gordian-build" "$log.code" $run "$gordian" gordian test --no-run "${arguments[@]}")
    watched=$(seconds "$log.gordian" "$log.code" $run timeout "$limit" "$gordian" gordian test "${options[@]}" \
        --output "json=$log.json" --no-fail-fast "${arguments[@]}")
    outcomes "$log.plain" > "$log.plain-outcomes"
    outcomes "$log.gordian" > "$log.gordian-outcomes"
    diff "$log.plain-outcomes" "$log.gordian-outcomes" > "$log.differences" || true
    tests=$(wc -l < "$log.plain-outcomes")
    different=$(grep -c '^[<>]' "$log.differences" || true)
    for tier in observed predicted possible; do
        findings+=" $(count "$log.json" $tier)"
    done
    printf '%-18s %5d %9d %9s %9s %9s %9s %s\n' "$name" "$tests" "$different" "$build_plain" "$build_gordian" "$plain" \
        "$watched" "$findings"
    sed 's/^\([<>]\) /    \1 /;/^[0-9-]/d' "$log.differences"
    [ "$different" -eq 0 ] && [[ $findings == "$true_ones"* ]] || differences=1
}

gordian=$(gordian)
fetch
# The runtime is compiled before anything is measured.
printf '%-18s %5s %9s %9s %9s %9s %9s  %s\n' suite tests different 'build s' 'gordian s' 'run s' 'gordian s' \
    'observed predicted possible'
while read -r name rest; do
    # shellcheck disable=SC2086 # words
    set -f
    lay_out "$name" $rest
    judge "$name" $rest
    set +f
done < <(wanted)
exit $differences
