#!/usr/bin/env bash
# Runs every fuzz target for a number of seconds (first argument, default 60). A crash ends it with its input.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

seconds=${1:-60}
if ! command -v cargo-fuzz >/dev/null 2>&1; then
    echo "fuzz: cargo-fuzz is missing: cargo install cargo-fuzz --locked" >&2
    exit 1
fi
if ! rustc +nightly --version >/dev/null 2>&1; then
    echo "fuzz: the nightly toolchain is missing: rustup toolchain install nightly --profile minimal" >&2
    exit 1
fi
unset RUSTUP_TOOLCHAIN
for target in $(cargo +nightly fuzz list); do
    echo "fuzz: $target for $seconds s"
    cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -print_final_stats=1
done
echo "fuzz: every target ran $seconds s clean"
