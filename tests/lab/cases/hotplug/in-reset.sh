#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest's reset that waits for storage which does not answer keeps the host from nothing: a device that it wants back goes at
# the deadline. When the storage answers, the guest boots without the device.
. "$CASES/lib.sh"
. "$CASES/hotplug.sh"
. "$CASES/frozen.sh"
freeze --disk path=disk/image --device "$(device "$LAB_BDF_NVME_A")"
tell 'reboot -f'
await log 'guest: reset'
unbind "$LAB_BDF_NVME_A"
await log 'the host wants it back'
await_unbound "$LAB_BDF_NVME_A" 25
expect log 'warning:.*did not let go of it within 20 s'
: >serial
thaw
await serial '^TORC-GUEST-COMMANDS'
ask '[ ! -e /dev/nvme0n1 ] && [ -e /dev/vda ]'
tell 'poweroff -f'
finish
expect_status 0
