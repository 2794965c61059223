#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: a virtio disk, its features, flush and lock.
. "$CASES/plain/disk.sh"
