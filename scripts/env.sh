# shellcheck shell=sh
# Sourced by the Makefile's recipes and by .ci/run: where builds go and which compiler is used. POSIX shell.

# Outside the clone, so that a second clone builds in seconds.
: "${CARGO_TARGET_DIR:=${XDG_CACHE_HOME:-$HOME/.cache}/studioconnect/target}"
export CARGO_TARGET_DIR

# Statements were checked when they were written (.sqlx); a build needs no database.
: "${SQLX_OFFLINE:=true}"
export SQLX_OFFLINE

# rust-toolchain.toml names an exact compiler. A machine whose `stable` is that very compiler under another
# name is served without a download; cargo called directly there needs the same variable.
if [ -z "${RUSTUP_TOOLCHAIN:-}" ] && command -v rustup >/dev/null 2>&1; then
    pinned=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
    if ! rustup toolchain list 2>/dev/null | grep -q "^$pinned-"; then
        case $(RUSTUP_TOOLCHAIN=stable rustc --version 2>/dev/null) in
            "rustc $pinned "*) RUSTUP_TOOLCHAIN=stable && export RUSTUP_TOOLCHAIN ;;
        esac
    fi
    unset pinned
fi
