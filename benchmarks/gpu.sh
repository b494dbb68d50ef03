#!/usr/bin/env bash
# One table of what this machine's GPU does, in under ten minutes, without a network.
#
#     benchmarks/gpu.sh [OUT]          # OUT/gpu.md and OUT/gpu.json (default: gpu-table/)
#     TINY=1 benchmarks/gpu.sh [OUT]   # the same steps on the CPU with tiny sizes: proves the script, measures nothing
#     PYTHON=python3.12 WHEELS=wheels benchmarks/gpu.sh   # carried wheels of packages that the machine lacks
#
# Each step is a process with a time of its own; one that fails or is too slow is a line that says so, the others stand.
# STEPS="classify launch" does some of them.
set -u
cd "$(dirname "$0")/.." || exit 2
out=${1:-gpu-table} python=${PYTHON:-python} tiny=${TINY:+--tiny}
mkdir -p "$out" || exit 2
: > "$out/gpu.jsonl"
if [ -n "${WHEELS:-}" ]; then
    # torch stays the machine's own: the files that are carried are installed as they are, and nothing is fetched.
    "$python" -m pip install --quiet --no-deps "$WHEELS"/*.whl || exit 2
fi
for step in ${STEPS:-machine train capture classify launch}; do
    case $step in machine) seconds=30 ;; train) seconds=200 ;; capture) seconds=70 ;; *) seconds=130 ;; esac
    [ -z "$tiny" ] || seconds=$((4 * seconds))  # nothing is measured, and the machine may be a busy one
    echo "$step ..." >&2
    timeout --kill-after=5 "$seconds" "$python" benchmarks/training/gpu_steps.py "$step" $tiny >> "$out/gpu.jsonl" 2> "$out/$step.log"
    code=$?
    [ $code = 0 ] || echo "{\"$step\": \"failed with exit code $code (124: over $seconds s); see $step.log\"}" >> "$out/gpu.jsonl"
done
"$python" benchmarks/training/gpu_steps.py table "$out" | tee "$out/gpu.md"
