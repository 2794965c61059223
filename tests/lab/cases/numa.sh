# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # lib.sh sets them
# For cases that look at where things are on the host's two nodes; source lib.sh first. On the host nodes CPUs 0 and 1
# are node 0's, 2 and 3 node 1's.

node_dir=/sys/devices/system/node

# pool NODE KIB: the folder of a node's huge pages.
pool() {
	echo "$node_dir/node$1/hugepages/hugepages-$2kB"
}

# reserve NODE KIB PAGES: sets a node's pool; restore_pools puts all back.
reserve() {
	[ -n "$pools" ] || trap 'set +e; cleanup; restore_pools' EXIT
	pools="$pools $(pool "$1" "$2")/nr_hugepages=$(cat "$(pool "$1" "$2")/nr_hugepages")"
	# Memory may be in the way at first.
	echo 1 >/proc/sys/vm/compact_memory
	echo "$3" >"$(pool "$1" "$2")/nr_hugepages"
	[ "$(cat "$(pool "$1" "$2")/nr_hugepages")" -eq "$3" ] || fail "node $1 has no room for $3 pages of $2 KiB"
}
pools=''

restore_pools() {
	for pool in $pools; do
		echo "${pool#*=}" >"${pool%%=*}"
	done
	pools=''
}

# run OPTION...: a guest that does nothing, where no more is wanted; end: it has been looked at.
run() {
	launch -v --kernel "$GUESTS/ready" --cpus "$cpus" --memory "$memory" "$@"
	await serial '^READY'
}

end() {
	kill -s TERM "$torc"
	finish
	expect_status 0
}

# guest_pages NODE: KiB of guest memory there, as the kernel shows it from outside: of the mappings of 32 MiB and more that
# can be written to, but for the trace, which is mostly holes.
guest_pages() {
	while read -r range mode _ _ _ path; do
		case "$mode $path" in *torc-trace*) continue ;; rw*) ;; *) continue ;; esac
		[ $((0x${range#*-} - 0x${range%-*})) -lt 33554432 ] || echo "${range%-*}"
	done <"/proc/$torc/maps" >mappings
	awk -v node="N$1" '
		FNR == NR { mapping[$1] = 1; next }
		$1 in mapping {
			page = 4; pages = 0
			for (i = 2; i <= NF; i++) {
				split($i, pair, "=")
				if (pair[1] == node) pages = pair[2]
				if (pair[1] == "kernelpagesize_kB") page = pair[2]
			}
			sum += pages * page
		}
		END { print sum + 0 }' mappings "/proc/$torc/numa_maps"
}

# expect_pages NODE KIB: exactly so much of guest memory is there.
expect_pages() {
	there=$(guest_pages "$1")
	[ "$there" -eq "$2" ] || { cat "/proc/$torc/numa_maps"; fail "$there KiB on node $1, not $2"; }
}

# threads: each thread's name and the CPUs that it may run on.
threads() {
	for task in "/proc/$torc/task"/*; do
		echo "$(cat "$task/comm") $(sed -n 's/^Cpus_allowed_list:\t//p' "$task/status")"
	done
}

# expect_thread NAME CPUS
expect_thread() {
	threads | grep -qx "$1 $2" || { threads; fail "thread $1 is not on CPUs $2"; }
}

# expect_threads CPUS REGEX: every thread may run on these only, by a regular expression.
expect_threads() {
	! threads | grep -vE "^[^ ]* $1\$" || fail "threads that may run elsewhere"
}

# expect_mapped SIZE COUNT: KVM maps guest memory by at least so many pages of SIZE (2m, 1g).
expect_mapped() {
	mapped=$(cat "/sys/kernel/debug/kvm/$torc-"*"/pages_$1")
	[ "$mapped" -ge "$2" ] || fail "KVM maps $mapped pages of $1, not $2"
}
