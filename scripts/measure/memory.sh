#!/usr/bin/env bash
# Peak memory of pruning a known model's shapes: writes random weights, prunes them with 4 sequences of 128 tokens, and
# samples the process's memory beyond mapped files (RssAnon and RssShmem of /proc) ten times a second.
# ESPARSE_BINARY names a copy of the command to measure with, so that a build does not disturb a long run.
# Usage: scripts/measure/memory.sh [model of `esparse synthesize --like`, llama-7b by default] [working folder]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
like=${1:-llama-7b}
work=${2:-$root/.build/measure}
esparse=${ESPARSE_BINARY:-$(cd "$root" && swift build -c release --show-bin-path)/esparse}
mkdir -p "$work"
[ -e "$work/$like" ] || "$esparse" synthesize "$work/$like" --like "$like"
rm -rf "$work/$like-pruned" "$work/$like-pruned.partial"
start=$SECONDS
"$esparse" prune "$work/$like" --output "$work/$like-pruned" --calibration "$root/Resources/evaluation.txt" \
    --samples 4 --sequence-length 128 &
process=$!
peak=0 total=0
while kill -0 $process 2>/dev/null; do
    read -r anonymous resident < <(awk '/^RssAnon|^RssShmem/ {a += $2} /^VmHWM/ {h = $2} END {print a + 0, h + 0}' \
        "/proc/$process/status" 2>/dev/null || echo "0 0")
    [ "$anonymous" -gt "$peak" ] && peak=$anonymous
    [ "$resident" -gt "$total" ] && total=$resident
    sleep 0.1
done
wait $process
echo "$like: peak of $((peak / 1024)) MiB beyond mapped files ($((total / 1024)) MiB with them), $((SECONDS - start)) s," \
    "$(du -sm "$work/$like" | cut -f1) MiB dense, $(du -sm "$work/$like-pruned" | cut -f1) MiB pruned"
