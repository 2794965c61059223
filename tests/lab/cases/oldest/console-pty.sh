#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: a virtio console on a pseudo terminal.
. "$CASES/plain/console-pty.sh"
