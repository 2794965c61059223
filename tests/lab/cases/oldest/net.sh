#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: a virtio network device on a TAP interface.
# shellcheck disable=SC2034 # net.sh reads it
pings=${TORC_SOAK:+1000}
pings=${pings:-200}
. "$CASES/plain/net.sh"
