# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034 # the cases read these
# For cases of the group faults; source lib.sh first.
. "$TORC_LAB/lib.sh"

ivshmem=0000:00:0e.0
# Two functions of one device, behind a bridge with nothing else: no reset but that of the bus.
twin_a=0000:04:01.0 twin_b=0000:04:01.1

# faults: what the host's kernel said of the edu device since the case began. It says no more than ten of them in five
# seconds, whoever caused them: whether there were any is for nr_faults.
faults() {
	lab_kernel_said | grep "DMAR: .*Request device \[${LAB_BDF_EDU#0000:}\]"
}

# nr_fault_interrupts: what the IOMMU has interrupted the host for since its boot.
nr_fault_interrupts() {
	awk '/DMAR-MSI/ { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }' /proc/interrupts
}

fault_interrupts_before=$(nr_fault_interrupts)
# nr_faults: how often it has since the case began: no limit holds for these. The faults of other devices count, and fail
# the case by what the kernel says of them.
nr_faults() {
	echo $(($(nr_fault_interrupts) - fault_interrupts_before))
}

# dma_guest OPTION...: a guest that is payload/dma.c, to its end; DMA in its own memory works before and after.
dma_guest() {
	launch -v --kernel "$GUESTS/dma" --memory 64M "$@"
	finish 60
	tr -d '\r' <serial
	expect_status 0
	[ "$(grep -c '^MEMORY 1024' serial)" -eq 2 ] || fail "DMA within memory"
	expect serial '^DONE'
	expect_not log 'error:'
}
