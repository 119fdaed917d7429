#!/usr/bin/env bash
# Makes pictures of every letter, as mail programs show them: 600 and 375 pixels wide, light and dark.
# Usage: scripts/letters.sh FOLDER. Needs chromium. Look at them after changing crates/letters.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
folder=${1:?say the folder that letters and pictures are written to}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo 'letters: chromium is not installed' >&2; exit 1; }
cargo run --quiet -p letters --example preview "$folder"
folder=$(cd "$folder" && pwd)
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
for file in "$folder"/*.html; do
    name=$(basename "$file" .html)
    case $name in frame.*) continue ;; esac
    height=900
    case $name in call-summary.*) height=2300 ;; esac
    for width in 600 375; do
        # A window can't be as narrow as a telephone; a frame can.
        printf '<!doctype html><meta name="color-scheme" content="light dark"><body style="margin:0"><iframe src="%s" style="border:0;width:%spx;height:%spx">' \
            "$name.html" "$width" "$height" >"$folder/frame.$name.html"
        for scheme in light dark; do
            setting=1
            [ "$scheme" = light ] || setting=0
            "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$profile" \
                --blink-settings=preferredColorScheme=$setting --allow-file-access-from-files \
                --window-size="$width,$height" --screenshot="$folder/$name.$width.$scheme.png" \
                "file://$folder/frame.$name.html" >/dev/null 2>&1
        done
        rm -f "$folder/frame.$name.html"
    done
done
echo "letters: $(find "$folder" -name '*.png' | wc -l) pictures in $folder"
