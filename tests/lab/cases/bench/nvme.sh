#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# torc-bench measures a drive on the host, in a guest of torc and in one of Cloud Hypervisor, for which a program stands
# in that records how it was started. All is told, and the drive is back.
. "$CASES/lib.sh"
. "$CASES/bench.sh"
cat >/run/cloud-hypervisor <<'END'
#!/bin/sh
[ "$1" != --version ] || { echo "cloud-hypervisor stand-in"; exit; }
printf '%s\n' "$@" >/run/cloud-hypervisor.words
exec torc "$@"
END
chmod +x /run/cloud-hypervisor

refused() {
	! torc-bench nvme "$LAB_BDF_NVME_A" "$@" >said 2>&1 || fail "not refused: $*"
	grep -q 'remedy:' said || { cat said; fail "refused without a remedy: $*"; }
}
refused --vs bhyve
refused --out /boot
drive=$(drive_named torcA)
mkfs.ext4 -q "$drive"
refused --destructive
grep -q 'a file system' said || { cat said; fail "not for its file system"; }
mkdir -p point
mount "$drive" point
refused
grep -q "mounted on $PWD/point" said || { cat said; fail "not for its mount"; }
umount point
# Signatures alone are gone then.
wipefs -qa "$drive"
refused --destructive
grep -q 'data that blkid does not know' said || { cat said; fail "not for its data"; }
exec 9<"$drive"
refused 9<&-
grep -q "process $$ (.*) has $drive open" said || { cat said; fail "not for who has it open"; }
exec 9<&-

torc-bench nvme "$LAB_BDF_NVME_A" --runtime 0.5 --rounds 1 --vs cloud-hypervisor --out out >said 2>progress ||
	{ cat said progress; tail out/*.log; fail "torc-bench"; }
expect_nothing_left "$LAB_BDF_NVME_A" nvme
cat progress
grep -q 'takes *about' said || fail "no plan"
grep -qE '^ *[0-9]+ s, about .* left: 3/6 Cloud Hypervisor' progress || fail "no progress"
jq -e '[.runs[].system] == ["host", "torc", "cloud-hypervisor", "cloud-hypervisor", "torc", "host"] and
	(.runs | all(.jobs | length == 4 and all(.iops > 0 and .p50 > 0 and .n > 0))) and
	(.runs[1].jobs["randread-1"] | .exits > 0 and .interrupts > 0 and (.reasons.exits | length > 0) and
		.stages.total.count > 0) and
	(.summary["randread-1"].p50.torc.ratio > 0)' out/result.json >/dev/null || { cat out/result.json; fail "the results"; }
grep -q "torc: p50 .* the host's" out/report.txt || fail "no verdict"
! LC_ALL=C.UTF-8 grep -E '.{81}' out/report.txt | grep -v '^  ' || fail "wider than a terminal"
for page in report.html result.csv; do
	[ -s "out/$page" ] || fail "no $page"
done
tr '\n' ' ' </run/cloud-hypervisor.words | grep -qE -- "--kernel /boot/vmlinuz-\S+ --cmdline .* --cpus boot=[0-9] \
--memory size=1024M --serial tty --console off --initramfs \S+ --device path=/sys/bus/pci/devices/$LAB_BDF_NVME_A/ $" ||
	{ cat /run/cloud-hypervisor.words; fail "Cloud Hypervisor's words"; }
torc-bench compare out out
rm /run/cloud-hypervisor*
