#!/usr/bin/env bash
# The measurements of docs/benchmarks.md that one command can repeat: release build, this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

cargo build --release --quiet -p server
program=$CARGO_TARGET_DIR/release/studioconnect

echo "== CPU for each 20 ms frame of a call =="
cargo run --release --quiet -p speech --example frame_cost

echo
echo "== from the start of the program to the first answered request, embedded database =="
data=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
    rm -rf "$data"
}
trap finish EXIT
# Without curl, which a bare machine does not have.
answers() {
    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET /health/ready HTTP/1.0\r\n\r\n' >&3
    head -n 1 <&3 | grep -q ' 200 '
}
for round in first second third; do
    port=$((20000 + RANDOM % 20000))
    began=$(date +%s%N)
    "$program" serve --port "$port" --data-dir "$data" --set log.level=error &
    server=$!
    until answers "$port"; do
        kill -0 "$server" 2>/dev/null || { echo "the server ended before it answered" >&2; exit 1; }
        sleep 0.01
    done
    ended=$(date +%s%N)
    resident_kib=$(awk '/^VmRSS/ {print $2}' "/proc/$server/status")
    echo "$round start: $(((ended - began) / 1000000)) ms, then $((resident_kib / 1024)) MiB resident"
    kill -TERM "$server"
    wait "$server" || true
    server=
done
