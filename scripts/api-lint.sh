#!/usr/bin/env bash
# The API's document and its typed client: Redocly's rules (redocly.yaml), the client current and type-checked.
# --generate: writes the client's types anew instead of comparing them.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    echo 'api-lint: node and npm are missing (make setup installs them): neither the document nor its client can be checked' >&2
    exit 1
fi
# The cheapest sign that what the lock file names is installed.
stamp=web/api-client/node_modules/.package-lock.json
if [ ! -e "$stamp" ] || [ web/api-client/package-lock.json -nt "$stamp" ]; then
    echo 'api-lint: installing what web/api-client/package-lock.json names'
    npm ci --prefix web/api-client --ignore-scripts --no-audit --no-fund --loglevel=error
    touch "$stamp"
fi
bin=web/api-client/node_modules/.bin

export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
"$bin/redocly" lint openapi.json --config redocly.yaml --format=summary
cd web/api-client
if [ "${1:-}" = --generate ]; then
    node_modules/.bin/openapi-typescript --default-non-nullable=false ../../openapi.json --output src/schema.ts
elif ! node_modules/.bin/openapi-typescript --default-non-nullable=false ../../openapi.json --output src/schema.ts --check; then
    echo 'api-lint: web/api-client/src/schema.ts is not current: run `make client` and commit what it changes' >&2
    exit 1
fi
node_modules/.bin/tsc --noEmit
echo 'api-lint: the document keeps the rules; the client is current and type-checks'
