#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: it gets a drive back from a guest.
. "$CASES/hotplug/request.sh"
