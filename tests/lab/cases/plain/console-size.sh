#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On a terminal, --console tty tells the guest its size, also when that changes; it is raw and as it was afterwards.
. "$CASES/lib.sh"
. "$CASES/pty.sh"
on_terminal -v --kernel "$kernel" --initramfs "$GUESTS/guest-virtio.cpio" --memory 256M --console tty \
	--cmdline "console=hvc0 quiet panic=-1 mitigations=off script=commands"
await typescript '^TORC-GUEST-COMMANDS'
is_raw || fail "not raw: $(stty -F "$terminal" -a)"
for size in '33 99' '50 132'; do
	# shellcheck disable=SC2086 # rows and columns
	set -- $size
	stty -F "$terminal" rows "$1" cols "$2"
	tell "until [ \"\$(stty size </dev/hvc0)\" = '$size' ]; do sleep 0.1; done; echo SIZE \$(stty size </dev/hvc0)"
	await typescript "^SIZE $size" 1 20
done
printf '\001x' >&9
ended
expect_restored
[ "$status" -eq 0 ] || fail "exit status $status"
