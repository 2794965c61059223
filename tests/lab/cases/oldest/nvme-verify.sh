#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: a passed-through NVMe drive verified.
. "$CASES/device/verify.sh"
