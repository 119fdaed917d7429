#!/usr/bin/env bash
# Two nodes on one PostgreSQL and Redis, 100 calls in the middle of their questions, kill -9 one node: does every call go
# on within 3 seconds, and with all that its caller had told? Prints a table; exit status 1 when not.
# Usage: bench/kill_node.sh [OPTION OF `studioconnect load nodes`...]      variables: see bench/nodes.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
. bench/nodes.sh
nodes_under kill "$@"
