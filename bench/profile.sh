#!/bin/sh
# Where the time of a backup or a restore goes.
#
#   sh bench/profile.sh TREE [backup|restore] [LEVEL]
#
# With py-spy (pip install py-spy): a flame graph, native frames included, in flame.svg. Without: perf's list of the
# libraries and functions that the processors were in; `-X perf` needs Python 3.12 to name Python's own functions.
# Without either: cProfile's 40 dearest functions of the main thread.
set -eu

tree=$1
verb=${2:-backup}
level=${3:-balanced}
here=$(cd "$(dirname "$0")/.." && pwd)
python=$here/.venv/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export REBOND_PASSPHRASE=profile REBOND_CACHE_DIR="$work/cache" REBOND_STATE_DIR="$work/state"
"$python" -m rebond.cli vault create "$work/vault" >/dev/null 2>&1
if [ "$verb" = restore ]; then
    "$python" -m rebond.cli backup --quiet --vault "$work/vault" --path "$tree" --level "$level"
    set -- -m rebond.cli restore latest --quiet --vault "$work/vault" --to "$work/out"
else
    set -- -m rebond.cli backup --quiet --vault "$work/vault" --path "$tree" --level "$level"
fi

if command -v py-spy >/dev/null; then
    py-spy record --native --threads --rate 200 --output flame.svg -- "$python" "$@"
    echo "flame.svg"
elif command -v perf >/dev/null && perf record -q -F 500 -o "$work/perf.data" -- "$python" "$@"; then
    perf report -i "$work/perf.data" --no-children --sort dso,symbol --stdio -w 6,40,60 --percent-limit 0.7 2>/dev/null
else
    "$python" -m cProfile -s tottime "$@" | head -60
fi
