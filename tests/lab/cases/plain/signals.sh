#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGTERM, SIGINT and SIGHUP end torc in order, early and late.
. "$CASES/lib.sh"
for signal in TERM INT HUP; do
	launch -v --kernel "$GUESTS/halt" --memory 64M --cpus 4
	# Before its guest can run, a signal ends torc as it would end any program.
	tries=0
	until grep -q '^vcpu0$' "/proc/$torc/task/"*/comm 2>/dev/null || [ $((tries += 1)) -gt 200 ]; do
		sleep 0.1
	done
	sleep 1
	kill -s $signal "$torc"
	finish 20
	expect_status 0
	expect log "signal .*: ending the VM"
	expect_not log 'guest:'
done
start commands
await serial '^TORC-GUEST-COMMANDS'
kill -s TERM "$torc"
finish 20
expect_status 0
