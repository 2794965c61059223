#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: a virtio network device whose packets vhost moves.
# shellcheck disable=SC2034 # net-vhost.sh reads it
pings=${TORC_SOAK:+1000}
pings=${pings:-200}
. "$CASES/plain/net-vhost.sh"
