# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034 # these are for whoever sources this file
# What the lab has and where. Source it, on the machine or in a job: `. tests/lab/env.sh`.
# The cache is visible in the lab's host at the same path as on the machine.

# Raise when fetch.sh would put something else into the cache; each recipe has a folder of its own.
LAB_RECIPE=4
LAB_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/torc/lab
LAB_ROOT=$LAB_CACHE/r$LAB_RECIPE

# QEMU 11.1: the machine that the lab's host runs on and, with -accel kvm, the peer VMM inside it.
LAB_QEMU=$LAB_ROOT/bin/qemu-system-x86_64

# Hosts, one folder for each that run.sh --kernel names: Debian 13's 6.12 and, the oldest that torc supports, Debian 12's
# 6.1, every driver a module. Guest: Debian 12's cloud 6.1, NVMe built in.
# The vmlinux of each is the same kernel as an ELF file with a PVH entry.
LAB_HOSTS='6.12 6.1'
LAB_HOST_KERNEL=$LAB_ROOT/host-6.12
LAB_HOST_BZIMAGE=$LAB_HOST_KERNEL/bzImage
LAB_HOST_VMLINUX=$LAB_HOST_KERNEL/vmlinux
LAB_GUEST_KERNEL=$LAB_ROOT/guest
LAB_GUEST_BZIMAGE=$LAB_GUEST_KERNEL/bzImage
LAB_GUEST_VMLINUX=$LAB_GUEST_KERNEL/vmlinux

# The host's devices; run.sh plugs each at a fixed place. Bus 0 has no node of its own (numa_node reads -1).
LAB_BDF_NVME_A=0000:41:00.0       # node 1, SR-IOV (4 VFs), serial torcA
LAB_BDF_NVME_B=0000:21:00.0       # node 0, serial torcB
LAB_BDF_E1000E=0000:01:00.0       # for a guest; MSI-X and MSI, no FLR
LAB_BDF_IGB=0000:02:00.0          # SR-IOV, each VF in a group of its own
LAB_BDF_E1000E_HOST=0000:00:08.0  # the host's end of the wire that joins all NICs
LAB_BDF_E1000=0000:00:09.0        # INTx only, no reset
LAB_BDF_EDU=0000:00:0a.0          # MSI only, a DMA engine
LAB_BDF_SD=0000:00:0b.0           # SD card reader, INTx only
LAB_BDF_XHCI=0000:00:0c.0         # MSI-X, with a USB stick
LAB_BDF_TESTDEV=0000:00:0d.0      # PIO and MMIO BARs, no interrupt
LAB_BDF_XHCI_MSI=0000:00:0f.0     # MSI and no MSI-X, with a USB stick
LAB_BDF_ISA=0000:00:1f.0          # shares its group with 00:1f.2 and 00:1f.3

# What no kernel of the lab's may say, and what it says of faults of the edu device, which some cases are for.
LAB_COMPLAINTS='WARNING:|BUG:|Oops|Call Trace|rcu.*(stall|detected)|DMAR:.*fault|soft lockup|hung_task|blocked for more than'
LAB_EDU_FAULTS='DMAR: (DRHD: handling fault status|\[DMA (Read|Write)[ A-Z_]*\] Request device \[00:0a.0\])'

# run.sh's root port rp3 is empty: for `monitor.sh device_add DRIVER,bus=rp3`, or a device by run.sh --qemu-arg.
LAB_BDF_SPARE=0000:03:00.0
