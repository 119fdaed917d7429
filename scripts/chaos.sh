#!/usr/bin/env bash
# The key faults of a speech-to-speech model, each RUNS times (100) in calls at the pace of a telephone, AT_ONCE (16)
# beside each other: a table of what callers heard. Exit status 4 when a run was not as it must be.
# Usage: scripts/chaos.sh [--only PART_OF_A_NAME] [--show]     CASES (3) beside each other, each with a server of its own;
# PROFILE=debug takes the debug build, to try the script.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

profile=${PROFILE:-release}
build=(--quiet --locked)
[ "$profile" = debug ] || build+=(--release)
cargo build "${build[@]}" -p server --example chaos
printf 'chaos: %s, %s cores, load %s, %s build\n' "$(date -u +%F)" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)" "$profile"
exec "$CARGO_TARGET_DIR/$profile/examples/chaos" --runs "${RUNS:-100}" --at-once "${AT_ONCE:-16}" \
    --cases "${CASES:-3}" "$@"
