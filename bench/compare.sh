#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What changed between two runs of the benchmarks, beyond noise.
#
#   compare.sh BEFORE.json AFTER.json
#
# Both are what Google Benchmark writes, with repetitions (`meson test --benchmark` has 9). A change counts when the
# Mann-Whitney U test finds it with p < 0.01 and the medians are 5% or more apart. Fewer than 5 repetitions
# on a side cannot be told from noise.
#
# Exit status: 0 when nothing got slower; 1 when something did; 2 when the files cannot be compared.

set -u
here=$(cd "$(dirname "$0")" && pwd)
[ "${1-}" != --help ] || { sed -n '3,/^$/s/^# \{0,1\}//p' "$0"; exit 0; }
[ $# -eq 2 ] || { echo "usage: compare.sh BEFORE.json AFTER.json" >&2; exit 2; }
exec python3 "$here/compare.py" "$1" "$2"
