#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The expansion ROM of a NIC reads in the guest as that of its twin does on the host, twice, and is gone when disabled.
. "$CASES/lib.sh"
twin=/sys/bus/pci/devices/$LAB_BDF_E1000E_HOST
echo 1 >"$twin/rom"
want=$(md5sum <"$twin/rom")
echo 0 >"$twin/rom"
start commands --device "$(device "$LAB_BDF_E1000E")"
await serial TORC-GUEST-COMMANDS
rom=/sys/bus/pci/devices/0000:00:01.0/rom
ask "echo 1 >${rom%/rom}/enable; echo 1 >$rom; echo FIRST \$(md5sum <$rom); echo SECOND \$(md5sum <$rom); echo 0 >$rom; ! cat $rom" 120
expect serial "^FIRST ${want%% *}"
expect serial "^SECOND ${want%% *}"
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
