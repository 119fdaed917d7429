#!/usr/bin/env bash
# Runs the tests: with cargo-nextest where it is installed, else with cargo test.
# --spoken: only the spoken scenarios, printing their reports.
# --faults: only what takes wall time and is not part of the tests: the fault matrices in real calls, of models, the
# telephone and all vendors, and processes that are killed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

# Recorded traffic of vendors. Tests that read it say so when the folder is not there; with
# CONTRACTS_REQUIRED=1 (continuous integration) they fail instead.
: "${CONTRACTS_DIR:=../shared/contracts}"
if [ -d "$CONTRACTS_DIR" ]; then
    CONTRACTS_DIR=$(cd "$CONTRACTS_DIR" && pwd)
elif [ -n "${CONTRACTS_REQUIRED:-}" ]; then
    echo "test: there is no folder $CONTRACTS_DIR (CONTRACTS_DIR), so contract tests can't run" >&2
    exit 1
else
    echo "test: contract tests are skipped: there is no folder $CONTRACTS_DIR (CONTRACTS_DIR)"
fi
export CONTRACTS_DIR

nextest=$(command -v cargo-nextest || true)
if [ "${1:-}" = --spoken ]; then
    if [ -n "$nextest" ]; then
        exec cargo nextest run -p server --test it --success-output final -E 'test(/^spoken/)'
    fi
    exec cargo test -p server --test it -- --nocapture spoken
fi
if [ "${1:-}" = --faults ]; then
    if [ -n "$nextest" ]; then
        exec cargo nextest run -p server --test it --ignore-default-filter --success-output final \
            --no-fail-fast --test-threads 1 -E 'test(/^(faults|nodes::processes|vendors|api::after_calls::killed)::/)'
    fi
    exec cargo test -p server --test it -- --nocapture --test-threads 1 faults:: nodes::processes:: vendors:: \
        api::after_calls::killed::
fi
if command -v node >/dev/null 2>&1; then
    node --test web/live/*.test.mjs
else
    echo "test: the tests of web/live are skipped: there is no node"
fi
if [ -n "$nextest" ]; then
    exec cargo nextest run --workspace "${@}"
fi
exec cargo test --workspace --no-fail-fast --lib --bins --tests "${@}" -- --skip faults:: --skip nodes::processes:: \
    --skip vendors:: --skip api::after_calls::killed::
