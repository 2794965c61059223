#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: the driver of a virtio disk comes and goes under load.
. "$CASES/soak/rebind.sh"
