#!/usr/bin/env bash
# Makes pictures of every letter, as mail programs show them: 600 and 375 pixels wide side by side, light and dark.
# Usage: scripts/letters.sh FOLDER [NAME…]. Needs chromium. Look at them after changing crates/letters.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
folder=${1:?say the folder that letters and pictures are written to}
shift
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo 'letters: chromium is not installed' >&2; exit 1; }
cargo run --quiet -p letters --example preview "$folder"
folder=$(cd "$folder" && pwd)
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT

# picture PAGE PNG WIDTH HEIGHT SETTING: 0 is dark, 1 is light.
picture() {
    "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$profile" \
        --blink-settings=preferredColorScheme="$5" --allow-file-access-from-files \
        --window-size="$3,$4" --screenshot="$2" "file://$1" >/dev/null 2>&1
}

# A logo, for the look that has one.
printf '<body style="margin:0;font:700 44px sans-serif;color:#a8325e;background:#fff6ef">aurora<span style="color:#333">.</span>' >"$folder/frame.html"
picture "$folder/frame.html" "$folder/logo.png" 320 64 1
for file in "$folder"/*.html; do
    name=$(basename "$file" .html)
    [ "$name" != frame ] || continue
    [ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
    height=900
    case $name in call-summary.*) height=2300 ;; hard-call.*) height=2900 ;; hard-*) height=1300 ;; esac
    # A window can't be as narrow as a telephone; a frame can.
    {
        printf '<!doctype html><meta name="color-scheme" content="light dark"><body style="margin:0;display:flex;gap:20px">'
        for width in 600 375; do
            printf '<iframe src="%s" style="border:0;flex:none;width:%spx;height:%spx"></iframe>' "$name.html" "$width" "$height"
        done
    } >"$folder/frame.html"
    picture "$folder/frame.html" "$folder/$name.light.png" 995 "$height" 1
    picture "$folder/frame.html" "$folder/$name.dark.png" 995 "$height" 0
done
rm -f "$folder/frame.html"
echo "letters: $(find "$folder" -name '*.light.png' -o -name '*.dark.png' | wc -l) pictures in $folder"
