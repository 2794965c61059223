#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each way in which a guest resets its machine restarts it in place: by ACPI, the keyboard controller, port 0xcf9.
. "$CASES/lib.sh"
cpus=2
start commands
boots=0
for type in acpi kbd pci; do
	boots=$((boots + 1))
	await serial '^TORC-GUEST-COMMANDS' $boots
	tell "echo $type >/sys/kernel/reboot/type; reboot -f"
done
await serial '^TORC-GUEST-COMMANDS' 4
running || fail "torc ended"
ask 'test $(nproc) -eq 2'
tell 'poweroff -f'
finish
expect_status 0
[ "$(grep -c 'guest: reset' log)" -eq 3 ] || fail "not three resets in the log"
expect_not log 'triple fault'
