#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# More memory than is available: with a device all of it would be pinned, so torc refuses; without one it is the host's
# to give as the guest uses it.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
bind "$LAB_BDF_NVME_A"
total=$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)
available=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
[ $((total - available)) -gt 32 ] || fail "all of $total MiB are available"
memory=$((total / 2 * 2 - 2))M
refused 1 "option --memory: size=$memory" 'devices need it pinned, [0-9]+ MiB with its page tables, and the host has [0-9]+ MiB available' 'ask for less' \
	--device "$(device "$LAB_BDF_NVME_A")"
echo "told: $(grep -o 'the host has [0-9]* MiB' log); before: $available of $total MiB"
starts
memory=$((total / 2 * 2 + 2))M
refused 1 "option --memory: size=$memory" "the host has $total MiB of memory in all" 'ask for less' \
	--device "$(device "$LAB_BDF_NVME_A")"
refused 1 "option --memory: size=$memory" "the host has $total MiB of memory in all" 'ask for less'
