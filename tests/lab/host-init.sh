#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Process 1 of the lab's host, from host-stage1.sh on: loads the drivers, runs the job, hands back what run.sh waits
# for, and stops the machine. The folder shared with run.sh, $lab, holds:
#   env, job    from run.sh: the caller's environment; the command
#   output      the job's stdout and stderr, as they come
#   started     the job runs now
#   dmesg       the kernel's messages from the start of the job on
#   status      the job's exit status; complete when it is there

lab=/run/torc-lab
# shellcheck source=/dev/null
. "$lab/env"
exec </dev/null
# shellcheck disable=SC3045 # dash and bash have it
ulimit -l unlimited

read -r release </proc/sys/kernel/osrelease
mkdir -p /lib/modules
ln -sfn "$TORC_LAB_KERNEL/lib/modules/$release" "/lib/modules/$release"
# shellcheck disable=SC2086 # a list
printf '%s\n' $TORC_LAB_MODULES | xargs -P 2 -n 4 modprobe -a

# QEMU's e1000e says that a change of its power state resets it, and goes on as before: it receives into what a guest that
# was reset has had there. A reset of its bus does reset it. Linux waits for the link then, of which QEMU's ports say nothing,
# unless they are slow ones; see run.sh.
nic=/sys/bus/pci/devices/0000:01:00.0/reset_method
! grep -qw bus $nic 2>/dev/null || echo bus >$nic

# A VM that does nothing, for as long as the host is up: the kernel patches its scheduler when the first VM comes and when
# the last one goes, and QEMU's emulated CPUs may execute a breakpoint of that long after it is gone ("Oops: int3" in
# finish_task_switch, once in some hundred VMs): a store invalidates translated code first and writes afterwards.
perl -e 'open my $kvm, "+<", "/dev/kvm" or exit; ioctl $kvm, 0xae01, 0; sleep' &

echo "torc-lab: job" >/dev/kmsg
: >"$lab/started"
if [ -n "$TORC_LAB_SHELL" ]; then
	setsid -c sh "$lab/job" <>/dev/hvc0 >&0 2>&1
	status=$?
else
	# Through a pipe, for those that open /dev/stderr again. What the job leaves running may hold it open.
	mkfifo /run/torc-lab.fifo
	cat /run/torc-lab.fifo >>"$lab/output" &
	cat=$!
	setsid sh "$lab/job" >/run/torc-lab.fifo 2>&1
	status=$?
	tries=20
	while kill -0 $cat 2>/dev/null && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
fi
dmesg | sed -n '/torc-lab: job$/,$p' >"$lab/dmesg"
[ -z "${TORC_LAB_OUT-}" ] || umount "$TORC_LAB_OUT" || sync
echo $status >"$lab/status.part"
mv "$lab/status.part" "$lab/status"
# The machine has a device that ends QEMU at once.
printf '\0' | dd of=/dev/port bs=1 seek=244 conv=notrunc status=none
poweroff -f
