#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On a terminal: raw while the guest runs, keys reach it (Ctrl-C included), as it was after the guest powered off.
. "$CASES/lib.sh"
. "$CASES/pty.sh"
on_terminal -v --kernel "$kernel" --initramfs "$initramfs" --memory 256M --serial tty --console off \
	--cmdline "console=ttyS0 quiet panic=-1 mitigations=off script=commands"
await typescript '^TORC-GUEST-COMMANDS'
is_raw || fail "not raw: $(stty -F "$terminal" -a)"
tell 'echo KEYS $((6 * 7))'
await typescript '^KEYS 42'
# Neither an end of line nor a signal: Ctrl-C, Ctrl-D, and Return as it is.
tell 'stty -isig -icanon -icrnl; echo READING; keys=$(dd bs=1 count=4 2>/dev/null | od -An -tx1); stty icanon icrnl; echo "GOT$keys"'
await typescript '^READING'
printf '\003\004\r ' >&9
await typescript '^GOT 03 04 0d 20' 1 20
tell 'poweroff -f'
ended
expect_restored
[ "$status" -eq 0 ] || fail "exit status $status"
