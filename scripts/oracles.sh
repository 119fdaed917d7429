#!/usr/bin/env bash
# Lets the vendors' official SDKs for Python talk to our stand-ins, and checks the requests of our own clients against
# the SDKs' types. What is not ours is the judge: a stand-in that only our own client understands would prove nothing.
# Usage: scripts/oracles.sh [--setup] [name...]
#   --setup   only installs the SDKs (scripts/oracles/requirements.txt), into the user's cache
#   name      only scripts/oracles/name.py
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

wanted=scripts/oracles/requirements.txt
place=${XDG_CACHE_HOME:-$HOME/.cache}/studioconnect/oracles-$(sha256sum "$wanted" | cut -c1-16)
if [ ! -e "$place/complete" ]; then
    echo "oracles: installing the SDKs of $wanted into $place (Python packages, by pip)"
    if ! { rm -rf "$place" && python3 -m venv "$place" &&
        "$place/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"; }; then
        echo "oracles: they could not be installed; needed are python3 with venv and pip, and a package index" >&2
        exit 1
    fi
    touch "$place/complete"
fi
[ "${1:-}" = --setup ] && exit 0

cargo build --quiet --locked -p server
# Our clients' requests, seen by the stand-ins.
cargo test --quiet --locked -p providers --test llm what_is_sent_is_kept_for_the_oracles >/dev/null

export STUDIOCONNECT=$CARGO_TARGET_DIR/debug/studioconnect
export LLM_REQUESTS=$CARGO_TARGET_DIR/tmp/llm-requests
export PYTHONPATH=$PWD/scripts/oracles/common PYTHONDONTWRITEBYTECODE=1
# Nothing may reach a vendor, and nothing of this machine's may change what the SDKs do.
for name in $(compgen -e | grep -iE '_proxy$|^(OPENAI|MISTRAL|ANTHROPIC|GEMINI|GOOGLE|ELEVENLABS|AWS|BOTO)_'); do unset "$name"; done

failed=0 tried=0
for oracle in scripts/oracles/*.py; do
    name=$(basename "$oracle" .py)
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    tried=$((tried + 1))
    if ! "$place/bin/python" "$oracle"; then
        echo "oracles: $name did not accept it" >&2
        failed=1
    fi
done
[ "$tried" -gt 0 ] || { echo "oracles: there is no such oracle: $*" >&2; exit 1; }
exit "$failed"
