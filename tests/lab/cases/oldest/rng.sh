#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: the virtio entropy device.
. "$CASES/plain/rng.sh"
