#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A triple fault restarts the machine too, and the log says that it was one; twice in a row it ends torc.
. "$CASES/lib.sh"
cmdline=reboot=t
start commands
await serial '^TORC-GUEST-COMMANDS'
tell 'reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
tell 'poweroff -f'
finish
expect_status 0
expect log 'triple fault'
expect_not log 'guest: reset'

launch --kernel "$GUESTS/fault" --memory 64M
finish 20
expect_status 3
expect_error guest 'triple fault again' console
