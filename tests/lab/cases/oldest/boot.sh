#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: a guest with 4 vCPUs boots, has what it was given, and powers off.
. "$CASES/plain/bzimage-4-cpu.sh"
