#!/usr/bin/env bash
# Two nodes with 100 calls in progress, PostgreSQL and Redis stopped (SIGSTOP) for SECONDS_AWAY (60) seconds: do the calls
# go on, is all of them stored afterwards, does /health say degraded, and is whoever calls meanwhile asked for a message?
# Prints a table; exit status 1 when not.
# Usage: bench/database_away.sh [OPTION OF `studioconnect load nodes`...]      variables: see bench/nodes.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
. bench/nodes.sh
nodes_under freeze --seconds "${SECONDS_AWAY:-60}" "$@"
