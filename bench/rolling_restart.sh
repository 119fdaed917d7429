#!/usr/bin/env bash
# Two nodes with 100 calls in progress, each told to stop (SIGTERM) and started again, one after the other: is any call cut,
# or any caller left in silence for more than 3 seconds? Prints a table; exit status 1 when one is.
# Usage: bench/rolling_restart.sh [OPTION OF `studioconnect load nodes`...]      variables: see bench/nodes.sh
# DRAIN (20s) is how long calls go on at their node before they are handed over.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
. bench/nodes.sh
nodes_under restart --set "server.drain_within=${DRAIN:-20s}" "$@"
