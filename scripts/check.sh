#!/usr/bin/env bash
# What must hold before a commit: formatting, lints, generated files, statements, dependencies, shell scripts.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

say() { printf 'check: %s\n' "$*"; }

say "formatting"
cargo fmt --all --check

say "lints"
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings

say "generated files"
cargo test --quiet --locked -p server -p api --lib generated_documents

say "SQL statements"
scripts/prepare-sql.sh --check

say "the API's document and client"
scripts/api-lint.sh

say "dependencies"
for unwanted in ring openssl-sys native-tls; do
    # --target all: what another platform would build counts too.
    if grep -q "^name = \"$unwanted\"$" Cargo.lock && cargo tree --locked -q --target all -e normal,build -i "$unwanted" 2>/dev/null | grep -q .; then
        say "$unwanted is in the graph; deny.toml says why it must not be" >&2
        exit 1
    fi
done
if command -v cargo-deny >/dev/null 2>&1; then
    cargo deny --locked check bans licenses sources
else
    say "cargo-deny is not installed: licences and sources are not checked"
fi

if command -v shellcheck >/dev/null 2>&1; then
    say "shell scripts"
    shellcheck -x -S warning scripts/*.sh bench/*.sh .ci/run
else
    say "shellcheck is not installed: shell scripts are not checked"
fi
say "all is well"
