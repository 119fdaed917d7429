#!/usr/bin/env bash
# The key faults of a speech-to-speech model, each RUNS times (100) in calls at the pace of a telephone, AT_ONCE (16)
# beside each other: a table of what callers heard. Exit status 4 when a run was not as it must be.
# Usage: scripts/chaos.sh [--only PART_OF_A_NAME] [--show]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

cargo build --quiet --locked -p server --example chaos
printf 'chaos: %s, %s cores, load %s\n' "$(date -u +%F)" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
exec "$CARGO_TARGET_DIR/debug/examples/chaos" --runs "${RUNS:-100}" --at-once "${AT_ONCE:-16}" "$@"
