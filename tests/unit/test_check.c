/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of whole hosts, and how it changes with one fact at a time. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "tests/unit/check_tree.h"
#include "tests/unit/pci_tree.h"
#include "vfio/tool/check.h"

#define STOP	VFIO_CHECK_IN_THE_WAY
#define BETTER	VFIO_CHECK_BETTER
#define UNKNOWN VFIO_CHECK_UNKNOWN
#define FACT	VFIO_CHECK_FACT
#define OK	VFIO_CHECK_OK
#define NONE	VFIO_CHECK_NONE
#define A	"0000:41:00.0"
#define B	"0000:42:00.0"
#define SYSCTL	"/etc/sysctl.d/90-torc.conf"
#define KERNEL	"kernel command line"

/* What has to be in a finding; NULL: nothing may be there, "" anything. */
struct expected {
	const char *name, *bdf;
	enum vfio_check_verdict verdict;
	const char *reason, *now, *where, *line;
};

static struct vfio_check_report check(const char *bdf)
{
	char *arg[1] = { (char *)bdf };
	struct vfio_check_report report;

	assert_int_equal(vfio_check(&pci_tree, arg, bdf ? 1 : 0, &report, NULL), 0);
	return report;
}

static const struct vfio_check_finding *find(const struct vfio_check_report *report,
					     const char *name, const char *bdf)
{
	for (size_t i = 0; i < report->nr; i++) {
		if (!strcmp(report->finding[i].name, name) && !strcmp(report->finding[i].bdf, bdf))
			return &report->finding[i];
	}
	return NULL;
}

static bool has(const char *text, const char *part)
{
	return part ? strstr(text, part) != NULL : !text[0];
}

static void expect(const struct vfio_check_report *report, const struct expected *e)
{
	const struct vfio_check_finding *f = find(report, e->name, e->bdf);

	if (e->verdict == NONE) {
		if (f)
			fail_msg("%s: said, though it does not arise: %s", e->name, f->reason);
		return;
	}
	if (!f)
		fail_msg("%s: nothing said", e->name);
	if (f->verdict != e->verdict || !has(f->reason, e->reason) || !has(f->now, e->now) ||
	    !has(f->where, e->where) || !has(f->line, e->line))
		fail_msg("%s: %s: %s; now %s; %s: %s", e->name, vfio_check_word(f->verdict),
			 f->reason, f->now, f->where, f->line);
}

static void expect_host(const struct check_tree *tree, const char *bdf,
			const struct expected *expected, size_t nr)
{
	struct vfio_check_report report;

	check_tree_put(tree, tree->file);
	report = check(bdf);
	for (size_t i = 0; i < nr; i++)
		expect(&report, &expected[i]);
	vfio_check_destroy(&report);
}

static void a_server_that_is_as_it_should_be(void **state)
{
	static const struct expected expected[] = {
		{ "kvm", "", OK, "/dev/kvm", NULL, NULL, NULL },
		{ "iommu", "", OK, "on: 2 units, dmar0 to dmar1", NULL, NULL, NULL },
		{ "interrupt remapping", "", OK, "on", NULL, NULL, NULL },
		{ "posted interrupts", "", OK, "APICv", NULL, NULL, NULL },
		{ "iommu mode", "", OK, "translated, lazy in 2 groups", NULL, NULL, NULL },
		{ "vfio", "", OK, "/dev/vfio/vfio", NULL, NULL, NULL },
		{ "io_uring", "", OK, "everybody", NULL, NULL, NULL },
		{ "locked memory", "", OK, "CAP_IPC_LOCK", NULL, NULL, NULL },
		{ "devices", "", NONE, "", NULL, NULL, NULL },
		{ "hugepages", "", OK,
		  "node 0: 1024 of 2 MiB (1000 free); node 1: 1024 of 2 MiB (1024 free)", NULL,
		  NULL, NULL },
		{ "thp", "", OK, "madvise", NULL, NULL, NULL },
		{ "numa balancing", "", OK, "off", NULL, NULL, NULL },
		{ "ksm", "", OK, "off", NULL, NULL, NULL },
		{ "idle states", "", OK, "intel_idle", NULL, NULL, NULL },
		{ "governor", "", OK, "performance", NULL, NULL, NULL },
		{ "isolated CPUs", "", OK, "2-3,6-7", NULL, NULL, NULL },
		{ "nohz_full", "", OK, "2-3,6-7", NULL, NULL, NULL },
		{ "irqbalance", "", OK, "does not run", NULL, NULL, NULL },
		{ "halt polling", "", OK, "200000 ns", NULL, NULL, NULL },
		{ "tsc", "", OK, "invariant", NULL, NULL, NULL },
		{ "smt", "", FACT, "off", NULL, NULL, NULL },
		{ "mitigations", "", FACT, "mitigated: none; vulnerable: mds; mitigations=off",
		  NULL, NULL, NULL },
		{ "driver", A, OK, "vfio-pci", NULL, NULL, NULL },
		{ "group", A, OK, "12, of it alone", NULL, NULL, NULL },
		{ "access", A, OK, "/dev/vfio/12", NULL, NULL, NULL },
		{ "reset", A, OK, "flr bus", NULL, NULL, NULL },
		{ "link", A, OK, "16.0 GT/s x4, 7.9 GB/s", NULL, NULL, NULL },
		{ "aspm", A, OK, "does not sleep", NULL, NULL, NULL },
		{ "node", A, OK, "1: CPUs 4-7, 65536 MiB", NULL, NULL, NULL },
		/* The other drive is in a slot of two lanes. */
		{ "link", B, BETTER,
		  "16.0 GT/s x2, 3.9 GB/s; the device is capable of 16.0 GT/s x4, 7.9 GB/s; its "
		  "slot gives no more: 0000:40:02.0",
		  NULL, "hardware", "a slot of x4" },
		{ "aspm", B, NONE, "", NULL, NULL, NULL },
	};

	expect_host(&check_intel, NULL, expected, ARRAY_SIZE(expected));
}

static void a_server_that_nobody_has_set_up(void **state)
{
	static const struct expected expected[] = {
		{ "posted interrupts", "", BETTER, "AVIC and x2AVIC, but kvm_amd's avic is off",
		  "modprobe -r kvm_amd && modprobe kvm_amd avic=1", "/etc/modprobe.d/torc.conf",
		  "options kvm_amd avic=1" },
		{ "interrupt remapping", "", OK, "on", NULL, NULL, NULL },
		{ "iommu mode", "", BETTER, "translated, strict in 1 group", NULL, KERNEL,
		  "iommu.strict=0" },
		/* Root may. */
		{ "io_uring", "", OK, "this user", NULL, NULL, NULL },
		{ "numa balancing", "", BETTER, "on (1)", "sysctl -w kernel.numa_balancing=0",
		  SYSCTL, "kernel.numa_balancing = 0" },
		{ "irqbalance", "", BETTER, "process 812", "systemctl disable --now irqbalance",
		  NULL, NULL },
		/* kvm is built in, kvm_amd is not. */
		{ "halt polling", "", BETTER, "off",
		  "echo 200000 > /sys/module/kvm/parameters/halt_poll_ns", KERNEL,
		  "kvm.halt_poll_ns=200000" },
		{ "isolated CPUs", "", BETTER, "1,3,5,7 could be", NULL, KERNEL,
		  "isolcpus=managed_irq,domain,1,3,5,7" },
		{ "nohz_full", "", BETTER, "none", NULL, KERNEL, "nohz_full=1,3,5,7" },
		{ "smt", "", FACT, "on", "smt/control", KERNEL, "nosmt" },
		{ "mitigations", "", FACT, "mitigated: srso; vulnerable: none", NULL, NULL, NULL },
		{ "governor", "", BETTER, "schedutil on CPUs 0-7",
		  "echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
		  "/etc/tmpfiles.d/torc.conf",
		  "w /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor - - - - performance" },
		{ "idle states", "", BETTER, "C2 800 us", "cpu*/cpuidle/state2/disable",
		  "/etc/tmpfiles.d/torc.conf", "cpu*/cpuidle/state2/disable - - - - 1" },
		{ "tsc", "", BETTER, "the host's clock is hpet", "echo tsc > /sys", KERNEL,
		  "clocksource=tsc" },
		{ "hugepages", "", BETTER, "none on any node",
		  "echo PAGES > /sys/devices/system/node/node1/", KERNEL, "hugepages=PAGES" },
		{ "thp", "", BETTER, "never",
		  "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
		  "/etc/tmpfiles.d/torc.conf", "enabled - - - - madvise" },
		{ "ksm", "", BETTER, "on", "echo 2 > /sys/kernel/mm/ksm/run",
		  "/etc/tmpfiles.d/torc.conf", "w /sys/kernel/mm/ksm/run - - - - 0" },
		{ "group", "0000:21:00.0", STOP,
		  "7 is not viable: drivers of the host have others "
		  "of it: 0000:21:00.1 (ahci)",
		  "torc-vfio bind 0000:21:00.0", NULL, NULL },
		{ "access", "0000:21:00.0", STOP, "there is no /dev/vfio/7", NULL, NULL, NULL },
		{ "reset", "0000:21:00.0", BETTER, "none", NULL, NULL, NULL },
		{ "node", "0000:21:00.0", UNKNOWN, "the firmware does not say", NULL, NULL, NULL },
		{ "link", "0000:21:00.0", NONE, "", NULL, NULL, NULL },
	};

	expect_host(&check_amd, NULL, expected, ARRAY_SIZE(expected));
}

static void a_laptop_with_one_drive(void **state)
{
	static const struct expected expected[] = {
		{ "io_uring", "", STOP, "kernel.io_uring_disabled is 2: nobody",
		  "sysctl -w kernel.io_uring_disabled=0", SYSCTL, "kernel.io_uring_disabled = 0" },
		{ "locked memory", "", STOP, "8192 KiB", "prlimit",
		  "/etc/security/limits.d/90-torc.conf", "memlock unlimited" },
		{ "posted interrupts", "", BETTER, "this IOMMU has none", NULL, NULL, NULL },
		{ "governor", "", BETTER, "powersave on CPUs 0-3", "performance", "", "" },
		{ "idle states", "", BETTER, "C10 890 us", "state1/disable", "", "" },
		{ "thp", "", OK, "always", NULL, NULL, NULL },
		{ "numa balancing", "", NONE, "", NULL, NULL, NULL },
		{ "nohz_full", "", FACT, "CONFIG_NO_HZ_FULL", NULL, NULL, NULL },
		{ "devices", "", NONE, "", NULL, NULL, NULL },
		{ "driver", "0000:01:00.0", STOP, "nvme has it, and the host needs it", "umount /",
		  NULL, NULL },
		{ "group", "0000:01:00.0", OK, "14, of it alone", NULL, NULL, NULL },
		{ "access", "0000:01:00.0", NONE, "", NULL, NULL, NULL },
		{ "link", "0000:01:00.0", OK, "8.0 GT/s x4, 3.9 GB/s", NULL, NULL, NULL },
		{ "aspm", "0000:01:00.0", BETTER, "l1_aspm, l1_2_aspm",
		  "echo 0 > /sys/bus/pci/devices/0000:01:00.0/link/l1_aspm", KERNEL,
		  "pcie_aspm.policy=performance" },
		{ "node", "0000:01:00.0", OK, "one only", NULL, NULL, NULL },
	};

	/* In short form, as it may be typed. */
	expect_host(&check_laptop, "01:00.0", expected, ARRAY_SIZE(expected));
}

static void a_virtual_machine_without_an_iommu(void **state)
{
	static const struct expected expected[] = {
		{ "kvm", "", STOP, "neither VMX nor SVM", NULL, "hypervisor",
		  "nested virtualization" },
		{ "iommu", "", STOP, "hypervisor gives it none", NULL, "hypervisor",
		  "-device intel-iommu,intremap=on" },
		{ "interrupt remapping", "", NONE, "", NULL, NULL, NULL },
		{ "posted interrupts", "", NONE, "", NULL, NULL, NULL },
		{ "iommu mode", "", NONE, "", NULL, NULL, NULL },
		{ "vfio", "", UNKNOWN, "no IOMMU that VFIO", NULL, NULL, NULL },
		{ "devices", "", FACT, "vfio-pci has none", "torc-vfio list", NULL, NULL },
		{ "governor", "", UNKNOWN, "the hypervisor does", NULL, NULL, NULL },
		{ "idle states", "", UNKNOWN, "the hypervisor decides", NULL, NULL, NULL },
		{ "halt polling", "", UNKNOWN, "kvm is not loaded", NULL, NULL, NULL },
		{ "tsc", "", BETTER, "the host's clock is kvm-clock", "echo tsc", "", "" },
		{ "thp", "", BETTER, "CONFIG_TRANSPARENT_HUGEPAGE", NULL, NULL, NULL },
		{ "ksm", "", OK, "this kernel has none", NULL, NULL, NULL },
		{ "hugepages", "", BETTER, "CONFIG_HUGETLBFS", NULL, NULL, NULL },
		{ "mitigations", "", UNKNOWN, "does not say", NULL, NULL, NULL },
	};

	expect_host(&check_vm, NULL, expected, ARRAY_SIZE(expected));
}

static void the_lab(void **state)
{
	static const struct expected expected[] = {
		{ "iommu", "", OK, "on: 1 unit, dmar0", NULL, NULL, NULL },
		{ "posted interrupts", "", BETTER, "no AVIC", NULL, NULL, NULL },
		{ "iommu mode", "", OK, "identity", NULL, NULL, NULL },
		{ "io_uring", "", UNKNOWN, "6.1.0-30-amd64 does not say", NULL, NULL, NULL },
		{ "numa balancing", "", OK, "this kernel has none", NULL, NULL, NULL },
		{ "isolated CPUs", "", FACT, "no CPU can be spared", NULL, NULL, NULL },
		{ "nohz_full", "", FACT, "no CPU can be spared", NULL, NULL, NULL },
		{ "tsc", "", BETTER, "lacks nonstop_tsc", NULL, NULL, NULL },
		{ "driver", A, OK, "vfio-pci", NULL, NULL, NULL },
		{ "node", A, BETTER, "1, which has no CPUs", NULL, NULL, NULL },
		{ "reset", A, BETTER, "none", NULL, NULL, NULL },
		{ "link", A, OK, "2.5 GT/s x1, 0.2 GB/s", NULL, NULL, NULL },
	};

	expect_host(&check_lab, NULL, expected, ARRAY_SIZE(expected));
}

#define CPU	"sys/devices/system/cpu/"
#define NODE	"sys/devices/system/node/"
#define PORT_A	"sys/devices/pci0000:40/0000:40:01.0"
#define DRIVE_A PORT_A "/0000:41:00.0"
#define STATUS	"Gid:\t100 100\nGroups:\t100 108\nCpus_allowed_list:\t0-7\nCapEff:\t"

/* Files of a host that are changed, and what is said then. */
struct change {
	struct check_file file[6]; /* up to five */
	struct expected expected;
};

/* The server that is as it should be, with one or two files that are not. */
static const struct change changes[] = {
	{ { { "dev/kvm", NULL } },
	  { "kvm", "", STOP, "CPU has VMX", "modprobe kvm_intel", "/etc/modules-load.d/torc.conf",
	    "kvm_intel" } },
	{ { { "dev/kvm", NULL }, { "proc/cpuinfo", "flags : svm" } },
	  { "kvm", "", STOP, "no /dev/kvm", NULL, "firmware", "virtualization" } },
	{ { { "dev/kvm", NULL }, { "proc/cpuinfo", NULL } },
	  { "kvm", "", STOP, "there is no /dev/kvm", NULL, NULL, NULL } },
	{ { { "dev/vfio/vfio", NULL } },
	  { "vfio", "", STOP, "VFIO is not loaded", "modprobe -a vfio-pci vfio_iommu_type1", "",
	    "" } },
	{ { { "proc/interrupts", " 9: 0 IO-APIC 9-edge\n 16: 0 PCI-MSI-0000:41:00.0 nvme0" } },
	  { "interrupt remapping", "", STOP, "off; VFIO gives no device out",
	    "echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
	    "/etc/modprobe.d/torc.conf", "options vfio_iommu_type1 allow_unsafe_interrupts=1" } },
	{ { { "proc/interrupts", " 9: 0 IO-APIC\n" }, { "proc/cmdline", "x intremap=off" } },
	  { "interrupt remapping", "", STOP, "off", "", KERNEL, "without intremap=off" } },
	{ { { "proc/interrupts", " 9: 0 IO-APIC\n" },
	    { "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y" } },
	  { "interrupt remapping", "", BETTER, "was told to do without", NULL, NULL, NULL } },
	{ { { "proc/interrupts", NULL } },
	  { "interrupt remapping", "", UNKNOWN, "No such file", NULL, NULL, NULL } },
	{ { { "sys/class/iommu/dmar1/intel-iommu/cap", "c0000c40660462" } },
	  { "posted interrupts", "", BETTER, "this IOMMU has none", NULL, NULL, NULL } },
	{ { { "sys/class/iommu/dmar1/intel-iommu/cap", NULL } },
	  { "posted interrupts", "", UNKNOWN, "No such file", NULL, NULL, NULL } },
	{ { { "proc/cmdline", "intremap=nopost" } },
	  { "posted interrupts", "", BETTER, "nopost", NULL, KERNEL, "without intremap=nopost" } },
	{ { { "sys/module/kvm_intel/parameters/enable_apicv", "N" } },
	  { "posted interrupts", "", BETTER, "enable_apicv is off",
	    "modprobe -r kvm_intel && modprobe kvm_intel enable_apicv=1", "",
	    "options kvm_intel enable_apicv=1" } },
	{ { { "sys/module/kvm_intel/parameters/enable_apicv", "N" },
	    { "sys/module/kvm_intel/initstate", NULL } },
	  { "posted interrupts", "", BETTER, "off", NULL, KERNEL, "kvm_intel.enable_apicv=1" } },
	{ { { "sys/module/kvm_intel/parameters/enable_apicv", NULL } },
	  { "posted interrupts", "", UNKNOWN, "not loaded", NULL, NULL, NULL } },
	{ { { "sys/module/kvm_intel/parameters/enable_apicv", "maybe" } },
	  { "posted interrupts", "", UNKNOWN, "whether kvm_intel uses it: Invalid argument", NULL,
	    NULL, NULL } },
	{ { { "proc/cpuinfo", "vendor_id : AuthenticAMD\nflags : avic x2avic\n" },
	    { "sys/module/kvm_amd/parameters/avic", "Y" },
	    { "sys/class/iommu/dmar0/amd-iommu/features", "200080" },
	    { "sys/class/iommu/dmar1/amd-iommu/features", "f77ef22294ada:0" } },
	  { "posted interrupts", "", OK, "KVM uses AVIC, in guests' x2APIC mode too", NULL, NULL,
	    NULL } },
	{ { { "proc/cpuinfo", "vendor_id : AuthenticAMD\nflags : avic\n" },
	    { "sys/module/kvm_amd/parameters/avic", "1" },
	    { "sys/class/iommu/dmar0/amd-iommu/features", "200080" },
	    { "sys/class/iommu/dmar1/amd-iommu/features", "200080" } },
	  { "posted interrupts", "", OK, "the CPU has no x2AVIC", NULL, NULL, NULL } },
	{ { { "proc/cpuinfo", "vendor_id : AuthenticAMD\nflags : avic\n" },
	    { "sys/module/kvm_amd/parameters/avic", "1" },
	    { "sys/class/iommu/dmar0/amd-iommu/features", "200080" },
	    { "sys/class/iommu/dmar1/amd-iommu/features", "200080" },
	    { "proc/cmdline", "amd_iommu_intr=legacy" } },
	  { "posted interrupts", "", BETTER, "off: KVM uses AVIC", NULL, KERNEL,
	    "without amd_iommu_intr=legacy" } },
	/* A guest virtual APIC, and not in the mode that Linux uses. */
	{ { { "proc/cpuinfo", "vendor_id : AuthenticAMD\nflags : avic\n" },
	    { "sys/module/kvm_amd/parameters/avic", "1" },
	    { "sys/class/iommu/dmar0/amd-iommu/features", "200080" },
	    { "sys/class/iommu/dmar1/amd-iommu/features", "80" } },
	  { "posted interrupts", "", BETTER, "this IOMMU cannot deliver to it", NULL, NULL,
	    NULL } },
	{ { { "proc/cpuinfo", "vendor_id : AuthenticAMD\nflags : avic\n" },
	    { "sys/module/kvm_amd/parameters/avic", "1" },
	    { "sys/class/iommu/dmar0/amd-iommu/features", "200080" },
	    { "sys/class/iommu/dmar1/amd-iommu/features", "20007f:80" } },
	  { "posted interrupts", "", BETTER, "this IOMMU cannot deliver to it", NULL, NULL,
	    NULL } },
	{ { { "proc/cpuinfo", "vendor_id : AuthenticAMD\nflags : avic\n" },
	    { "sys/module/kvm_amd/parameters/avic", "1" } },
	  { "posted interrupts", "", UNKNOWN, "features of the IOMMU: No such file", NULL, NULL,
	    NULL } },
	{ { { "proc/cpuinfo", "vendor_id : AuthenticAMD\nflags : avic\n" } },
	  { "posted interrupts", "", UNKNOWN, "kvm_amd, which has to use it, is not loaded", NULL,
	    NULL, NULL } },
	{ { { "proc/cpuinfo", "vendor_id : Another\nflags : svm\n" } },
	  { "posted interrupts", "", UNKNOWN, "neither Intel's nor AMD's", NULL, NULL, NULL } },
	{ { { "sys/kernel/iommu_groups/10/type", NULL },
	    { "sys/kernel/iommu_groups/11/type", NULL } },
	  { "iommu mode", "", UNKNOWN, "no group has a type", NULL, NULL, NULL } },
	{ { { "sys/kernel/iommu_groups/10/type", "DMA" } },
	  { "iommu mode", "", BETTER, "translated, strict in 1 group, translated, lazy in 1 group",
	    NULL, KERNEL, "iommu.strict=0" } },
	{ { { "proc/sys/kernel/io_uring_disabled", NULL } },
	  { "io_uring", "", STOP, "6.12.0-1-amd64 was built without it", NULL, NULL, NULL } },
	{ { { "proc/sys/kernel/io_uring_disabled", NULL },
	    { "proc/sys/kernel/osrelease", "custom" } },
	  { "io_uring", "", UNKNOWN, "custom: which version", NULL, NULL, NULL } },
	{ { { "proc/sys/kernel/io_uring_disabled", "1" }, { "proc/self/status", STATUS "0\n" } },
	  { "io_uring", "", STOP, "is 1: root and the group", "", "", "" } },
	{ { { "proc/sys/kernel/io_uring_disabled", "1" },
	    { "proc/sys/kernel/io_uring_group", "108" },
	    { "proc/self/status", STATUS "0\n" } },
	  { "io_uring", "", OK, "this user", NULL, NULL, NULL } },
	{ { { "proc/self/status", STATUS "0\n" }, { "proc/self/limits", NULL } },
	  { "locked memory", "", UNKNOWN, "No such file", NULL, NULL, NULL } },
	{ { { "proc/self/status", STATUS "0\n" },
	    { "proc/self/limits", "Max locked memory  unlimited  unlimited  bytes\n" } },
	  { "locked memory", "", OK, "without limit", NULL, NULL, NULL } },
	{ { { "proc/self/status", STATUS "0\n" },
	    { "proc/self/limits", "Max locked memory  536870912  unlimited  bytes\n" } },
	  { "locked memory", "", OK, "524288 KiB: no larger guest", NULL, NULL, NULL } },
	{ { { "proc/self/status", STATUS "0\n" }, { "proc/self/limits", "Max open files 1\n" } },
	  { "locked memory", "", UNKNOWN, "nothing of locked memory", NULL, NULL, NULL } },
	{ { { NODE "node0/hugepages/hugepages-2048kB/free_hugepages", "0" },
	    { NODE "node1/hugepages/hugepages-2048kB/free_hugepages", "0" } },
	  { "hugepages", "", BETTER, "all are in use: node 0: 1024 of 2 MiB (0 free)", "", "",
	    "hugepagesz=1G hugepages=GIB" } },
	{ { { NODE "online", "what" } },
	  { "hugepages", "", UNKNOWN, "not a list", NULL, NULL, NULL } },
	{ { { "sys/kernel/mm/transparent_hugepage/shmem_enabled", "always [never] deny" } },
	  { "thp", "", OK, "but none with shared=on", NULL, NULL, NULL } },
	{ { { "sys/kernel/mm/transparent_hugepage/enabled", "often" } },
	  { "thp", "", UNKNOWN, "often", NULL, NULL, NULL } },
	{ { { CPU "cpu5/cpuidle/state3/disable", "0" } },
	  { "idle states", "", BETTER, "C6 133 us (CPUs 5)", "state3/disable", "", "state3" } },
	{ { { CPU "cpu5/cpuidle/state2/latency", "11" } },
	  { "idle states", "", BETTER, "C1E 11 us (CPUs 5)", "", "", "" } },
	{ { { CPU "cpu6/cpufreq/scaling_governor", "powersave" } },
	  { "governor", "", BETTER, "powersave on CPUs 6", "", "", "" } },
	{ { { CPU "cpu6/cpufreq/scaling_governor", "powersave" },
	    { CPU "cpu6/cpufreq/energy_performance_preference", "performance" } },
	  { "governor", "", OK, "performance", NULL, NULL, NULL } },
	{ { { CPU "isolated", "" }, { "sys/fs/cgroup/cpuset.cpus.isolated", "4-5" } },
	  { "isolated CPUs", "", OK, "4-5", NULL, NULL, NULL } },
	{ { { CPU "isolated", "0-3,x" } },
	  { "isolated CPUs", "", UNKNOWN, "is no list of CPUs", NULL, NULL, NULL } },
	{ { { CPU "isolated", NULL } },
	  { "isolated CPUs", "", UNKNOWN, "No such file", NULL, NULL, NULL } },
	{ { { CPU "nohz_full", "2-3" } },
	  { "nohz_full", "", BETTER, "not of CPUs 6-7", NULL, KERNEL, "nohz_full=2-3,6-7" } },
	{ { { "sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet" },
	    { "sys/devices/system/clocksource/clocksource0/available_clocksource", "hpet" } },
	  { "tsc", "", BETTER, "found it unstable", "dmesg", KERNEL, "tsc=reliable" } },
	{ { { "proc/cpuinfo", NULL } },
	  { "tsc", "", UNKNOWN, "cannot be read", NULL, NULL, NULL } },
	{ { { CPU "smt/control", NULL } },
	  { "smt", "", UNKNOWN, "No such file", NULL, NULL, NULL } },
	{ { { DRIVE_A "/driver", NULL } },
	  { "driver", A, FACT, "no driver has it", "torc-vfio bind " A, "torc's command line",
	    "--device path=/sys/bus/pci/devices/" A "/,bind=on" } },
	{ { { DRIVE_A "/driver", ">sys/bus/pci/drivers/nvme" } },
	  { "driver", A, FACT, "the host's driver nvme has it", "torc-vfio bind " A, "", "" } },
	{ { { DRIVE_A "/class", "0x060400" } },
	  { "driver", A, STOP, "a bridge", NULL, NULL, NULL } },
	{ { { DRIVE_A "/iommu_group", NULL }, { DRIVE_A "/driver", ">sys/bus/pci/drivers/nvme" } },
	  { "driver", A, FACT, "nvme", NULL, NULL, NULL } },
	{ { { DRIVE_A "/iommu_group", NULL } },
	  { "group", A, STOP, "no IOMMU serves this device", NULL, NULL, NULL } },
	{ { { DRIVE_A "/iommu_group", ">sys/kernel/iommu_groups/99" } },
	  { "group", A, UNKNOWN, "No such file", NULL, NULL, NULL } },
	{ { { "sys/kernel/iommu_groups/12/devices/0000:40:01.0", ">" PORT_A } },
	  { "group", A, OK, "12, of it alone but for bridges", NULL, NULL, NULL } },
	{ { { "dev/vfio/12", NULL } },
	  { "access", A, STOP, "there is no /dev/vfio/12", NULL, NULL, NULL } },
	{ { { DRIVE_A "/reset_method", "pm" } },
	  { "reset", A, BETTER, "pm alone", NULL, NULL, NULL } },
	{ { { DRIVE_A "/reset_method", NULL }, { DRIVE_A "/reset", "" } },
	  { "reset", A, UNKNOWN, "does not say which", NULL, NULL, NULL } },
	{ { { DRIVE_A "/current_link_speed", "8.0 GT/s PCIe" } },
	  { "link", A, BETTER,
	    "8.0 GT/s x4, 3.9 GB/s; the device is capable of 16.0 GT/s x4, 7.9 "
	    "GB/s; its slot could give more: 0000:40:01.0",
	    NULL, "hardware", "seat it again" } },
	{ { { DRIVE_A "/current_link_speed", "8.0 GT/s PCIe" },
	    { PORT_A "/max_link_speed", "8.0 GT/s PCIe" } },
	  { "link", A, BETTER, "its slot gives no more: 0000:40:01.0", NULL, "hardware",
	    "a slot of x4 and 16.0 GT/s" } },
	{ { { PORT_A "/current_link_width", "1" } },
	  { "link", A, BETTER, "behind 0000:40:01.0, whose link has 16.0 GT/s x1, 2.0 GB/s", NULL,
	    "hardware", "not behind 0000:40:01.0" } },
	/* A virtual function, by the other drive's link. */
	{ { { DRIVE_A "/physfn", ">sys/devices/pci0000:40/0000:40:02.0/" B } },
	  { "link", A, BETTER, "16.0 GT/s x2, 3.9 GB/s", NULL, "hardware", "a slot of x4" } },
	{ { { DRIVE_A "/class", "0x030000" }, { DRIVE_A "/current_link_speed", "2.5 GT/s PCIe" } },
	  { "link", A, BETTER, "GPUs slow their links down when idle", NULL, "", "" } },
	{ { { DRIVE_A "/current_link_speed", "Unknown" } },
	  { "link", A, UNKNOWN, "does not say", NULL, NULL, NULL } },
	{ { { NODE "node1/hugepages/hugepages-2048kB/free_hugepages", "0" } },
	  { "node", A, BETTER, "1, whose huge pages are all in use or none", "node1/hugepages",
	    KERNEL, "hugepages=1:PAGES" } },
	{ { { NODE "node1/meminfo", "MemTotal: 0 kB\nMemFree: 0 kB\nActive(file): 0 kB\n"
				    "Inactive(file): 0 kB\nSReclaimable: 0 kB\n" } },
	  { "node", A, BETTER, "1, which has no memory", NULL, "hardware", "memory" } },
	{ { { DRIVE_A "/numa_node", "3" } },
	  { "node", A, UNKNOWN, "3, which is not online", NULL, NULL, NULL } },
};

static void expect_changes(const struct check_tree *tree, const char *bdf,
			   const struct change *change, size_t nr)
{
	check_tree_put(tree, tree->file);
	for (size_t i = 0; i < nr; i++) {
		struct vfio_check_report report;

		check_tree_put(tree, change[i].file);
		report = check(bdf);
		expect(&report, &change[i].expected);
		vfio_check_destroy(&report);
		check_tree_restore(tree, change[i].file);
	}
}

static void one_fact_at_a_time(void **state)
{
	expect_changes(&check_intel, A, changes, ARRAY_SIZE(changes));
}

/* By what its firmware and its command line say; and where huge pages are without nodes. */
static void a_host_without_an_iommu_or_nodes(void **state)
{
	static const struct change hosts[] = {
		{ { { "proc/cpuinfo", "GenuineIntel\nflags : vmx\n" } },
		  { "iommu", "", STOP, "neither a DMAR nor an IVRS", NULL, "firmware",
		    "turn on VT-d, and boot with intel_iommu=on" } },
		{ { { "proc/cpuinfo", "AuthenticAMD\nflags : svm\n" } },
		  { "iommu", "", STOP, "neither a DMAR nor an IVRS", NULL, "firmware", "AMD-Vi" } },
		{ { { "proc/cpuinfo", "GenuineIntel\nflags : vmx\n" } },
		  { "idle states", "", OK, "the kernel manages none (driver none)", NULL, NULL,
		    NULL } },
		{ { { "sys/firmware/acpi/tables/DMAR", "" } },
		  { "iommu", "", STOP, "DMAR table", NULL, KERNEL, "intel_iommu=on" } },
		{ { { "sys/firmware/acpi/tables/IVRS", "" } },
		  { "iommu", "", STOP, "IVRS table", "dmesg", NULL, NULL } },
		{ { { "sys/firmware/acpi/tables/DMAR", "" }, { "proc/cmdline", "a iommu=off b" } },
		  { "iommu", "", STOP, "started with iommu=off", NULL, KERNEL,
		    "without iommu=off" } },
		{ { { "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0" },
		    { "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0" } },
		  { "hugepages", "", BETTER, "none on any node",
		    "echo PAGES > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", KERNEL,
		    "hugepages=PAGES" } },
		{ { { "sys/class/iommu/dmar0", ">sys/devices" } },
		  { "iommu", "", OK, "1 unit, dmar0", NULL, NULL, NULL } },
	};

	expect_changes(&check_vm, NULL, hosts, ARRAY_SIZE(hosts));
}

/* A port's configuration space: what ACS can do and what of it is on; @can negative: it has no such capability. */
static void put_config(unsigned type, int can, int on, size_t size)
{
	uint8_t config[4096] = { 0 };
	char path[PATH_MAX];
	FILE *file;

	config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	config[PCI_CAPABILITY_LIST] = 0x40;
	config[0x40] = PCI_CAP_ID_PM;
	config[0x41] = 0x48;
	config[0x48] = PCI_CAP_ID_EXP;
	put_le(config + 0x4a, 2, type << 4 | 2);
	put_le(config + 0x100, 4, 0x1c010001); /* AER, and the next at 0x1c0 */
	if (can >= 0) {
		put_le(config + 0x1c0, 4, 0x0001000d);
		put_le(config + 0x1c4, 2, (unsigned)can);
		put_le(config + 0x1c6, 2, (unsigned)on);
	}
	snprintf(path, sizeof(path), "%s/../" PORT_A "/config", pci_tree.sysfs);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(config, 1, size, file), size);
	fclose(file);
}

static void expect_group(const char *reason, const char *where)
{
	struct vfio_check_report report = check(A);

	expect(&report, &(struct expected){ "group", A, BETTER, reason, NULL, where, "" });
	vfio_check_destroy(&report);
}

static void who_shares_a_group_and_why(void **state)
{
	static const struct check_file shared[] = {
		{ "sys/kernel/iommu_groups/12/devices/" B,
		  ">sys/devices/pci0000:40/0000:40:02.0/" B },
		{ NULL, NULL },
	};

	check_tree_put(&check_intel, check_intel.file);
	check_tree_put(&check_intel, shared);
	expect_group("12, with " B " (vfio-pci): whether ports above it lack ACS takes root", NULL);
	put_config(PCI_EXP_TYPE_ROOT_PORT, -1, 0, 4096);
	expect_group("no ACS, or not on, in the ports above it: 0000:40:01.0", "hardware");
	put_config(PCI_EXP_TYPE_ROOT_PORT, 0x1d, 0x1c, 4096);
	expect_group("no ACS, or not on, in the ports above it: 0000:40:01.0", "hardware");
	/* A port need not be able to do all of it. */
	put_config(PCI_EXP_TYPE_ROOT_PORT, 0x1, 0x1, 4096);
	expect_group("the ports above it isolate", NULL);
	put_config(PCI_EXP_TYPE_ROOT_PORT, 0x1d, 0x1d, 4096);
	expect_group("the ports above it isolate", NULL);
	put_config(PCI_EXP_TYPE_DOWNSTREAM, 0x1d, 0x1d, 4096);
	expect_group("the ports above it isolate", NULL);
	/* An upstream port leads to one bus only; behind a bridge to PCI nobody knows who is who. */
	put_config(PCI_EXP_TYPE_UPSTREAM, -1, 0, 4096);
	expect_group("the ports above it isolate", NULL);
	put_config(PCI_EXP_TYPE_PCI_BRIDGE, 0x1d, 0x1d, 4096);
	expect_group("no ACS", "hardware");
	/* Without root, and a bridge of conventional PCI. */
	put_config(PCI_EXP_TYPE_ROOT_PORT, 0x1d, 0x1d, 64);
	expect_group("takes root", NULL);
	put_config(PCI_EXP_TYPE_ROOT_PORT, 0x1d, 0x1d, 256);
	expect_group("no ACS", "hardware");
}

static void what_this_user_may_not_open(void **state)
{
	static const struct expected expected[] = {
		{ "kvm", "", STOP, "/dev/kvm: Permission denied", "usermod -aG kvm",
		  "/etc/udev/rules.d/90-torc.rules", "KERNEL==\"kvm\"" },
		{ "vfio", "", STOP, "/dev/vfio/vfio: Permission denied", "chmod 0666",
		  "/etc/udev/rules.d/90-torc.rules", "SUBSYSTEM==\"misc\"" },
		{ "access", A, STOP, "/dev/vfio/12: Permission denied", "chown $USER /dev/vfio/12",
		  "/etc/udev/rules.d/90-torc.rules", "SUBSYSTEM==\"vfio\"" },
	};
	struct vfio_check_report report;
	char path[PATH_MAX];

	if (geteuid())
		skip();
	check_tree_put(&check_intel, check_intel.file);
	snprintf(path, sizeof(path), "%s/..", pci_tree.dev);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(chmod(pci_tree.dev, 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		snprintf(path, sizeof(path), "%s/%.*s", pci_tree.dev,
			 (int)strcspn(expected[i].reason + 5, ":"), expected[i].reason + 5);
		assert_int_equal(chmod(path, 0600), 0);
	}
	assert_int_equal(seteuid(65534), 0);
	report = check(A);
	assert_int_equal(seteuid(0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		expect(&report, &expected[i]);
	vfio_check_destroy(&report);
}

/* Nodes of another host, and CPUs of one whose files say nothing. */
static void what_cannot_be_known_is_said_so(void **state)
{
	static const struct check_file broken[] = { { CPU "online", NULL },
						    { CPU "isolated", "" },
						    { NULL, NULL } };
	static const struct expected expected[] = {
		{ "kvm", "", UNKNOWN, "--dev DIR", NULL, NULL, NULL },
		{ "vfio", "", UNKNOWN, "--dev DIR", NULL, NULL, NULL },
		{ "access", A, UNKNOWN, "--dev DIR", NULL, NULL, NULL },
		{ "hugepages", "", UNKNOWN, "cpu/online: No such file", NULL, NULL, NULL },
		{ "idle states", "", UNKNOWN, "cpu/online: No such file", NULL, NULL, NULL },
		{ "governor", "", UNKNOWN, "cpu/online: No such file", NULL, NULL, NULL },
		{ "isolated CPUs", "", UNKNOWN, "cpu/online: No such file", NULL, NULL, NULL },
		{ "node", A, UNKNOWN, "cpu/online: No such file", NULL, NULL, NULL },
	};
	struct vfio_host_paths paths = pci_tree;
	struct vfio_check_report report;
	char *arg[] = { (char *)A };

	check_tree_put(&check_intel, check_intel.file);
	check_tree_put(&check_intel, broken);
	paths.dev = "";
	assert_int_equal(vfio_check(&paths, arg, 1, &report, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		expect(&report, &expected[i]);
	vfio_check_destroy(&report);
}

static void a_host_without_any_file_is_not_known_at_all(void **state)
{
	struct vfio_host_paths paths = {
		"/nonexistent", "/nonexistent", "", "/nonexistent", 0, NULL
	};
	struct vfio_check_report report;

	assert_int_equal(vfio_check(&paths, NULL, 0, &report, NULL), 0);
	assert_true(report.nr > 10);
	for (size_t i = 0; i < report.nr; i++) {
		if (report.finding[i].verdict != UNKNOWN && report.finding[i].verdict != FACT)
			fail_msg("%s: %s", report.finding[i].name, report.finding[i].reason);
	}
	vfio_check_destroy(&report);
}

static void devices_that_are_not_there_are_refused(void **state)
{
	struct vfio_check_report report = { NULL, 7, { 0 } };
	char *arg[] = { (char *)A, (char *)"0000:77:00.0" };

	check_tree_put(&check_intel, check_intel.file);
	assert_int_equal(vfio_check(&pci_tree, arg, 2, &report, NULL), -ENOENT);
	arg[1] = (char *)"zebra";
	assert_int_equal(vfio_check(&pci_tree, arg, 2, &report, NULL), -EINVAL);
	assert_int_equal(report.nr, 7);
}

static void expect_json(const struct vfio_check_report *report)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *json, *checks, *item, *summary;
	size_t i = 0;

	assert_int_equal(vfio_check_print_json(report, out, NULL), 0);
	fclose(out);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	checks = json_object_get(json, "checks");
	assert_int_equal(json_array_size(checks), report->nr);
	json_array_foreach(checks, i, item)
	{
		const struct vfio_check_finding *f = &report->finding[i];
		const char *bdf = json_string_value(json_object_get(item, "bdf"));
		json_t *lasting = json_object_get(item, "lasting");
		json_t *now = json_object_get(item, "now");

		assert_string_equal(json_string_value(json_object_get(item, "check")), f->name);
		assert_string_equal(json_string_value(json_object_get(item, "verdict")),
				    vfio_check_word(f->verdict));
		assert_string_equal(json_string_value(json_object_get(item, "reason")), f->reason);
		assert_string_equal(bdf ? bdf : "", f->bdf);
		assert_true(json_is_array(now) && (json_array_size(now) > 0) == !!f->now[0]);
		assert_true(f->where[0] ? json_is_object(lasting) : json_is_null(lasting));
	}
	summary = json_object_get(json, "summary");
	for (unsigned v = 0; v < VFIO_CHECK_VERDICTS; v++)
		assert_int_equal(json_integer_value(json_object_get(summary, vfio_check_word(v))),
				 report->count[v]);
	json_decref(json);
	free(text);
}

/* Sentences end within the width; what is to be typed is in one piece. */
static void expect_text(const struct vfio_check_report *report)
{
	char *text = NULL, *save = NULL;
	unsigned before = 0;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	vfio_check_print(report, 80, out);
	fclose(out);
	for (size_t i = 0; i < report->nr; i++) {
		char now[sizeof(report->finding[i].now)];

		assert_true(report->finding[i].verdict >= before);
		before = report->finding[i].verdict;
		snprintf(now, sizeof(now), "%.*s", (int)strcspn(report->finding[i].now, "\n"),
			 report->finding[i].now);
		assert_non_null(strstr(text, now));
	}
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool is_sentence = strncmp(line, "    now", 7) &&
				   strncmp(line, "    to last", 11) &&
				   strncmp(line, "    change", 10) && !strpbrk(line, "|>/=");

		if (is_sentence && strlen(line) > 80)
			fail_msg("too long: %s", line);
	}
	free(text);
}

static void text_fits_a_terminal_and_json_says_the_same(void **state)
{
	static const struct check_tree *const trees[] = { &check_intel, &check_amd, &check_laptop,
							  &check_vm, &check_lab };

	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		struct vfio_check_report report;

		assert_int_equal(pci_tree_setup(NULL), 0);
		check_tree_put(trees[i], trees[i]->file);
		report = check(NULL);
		expect_text(&report);
		expect_json(&report);
		vfio_check_destroy(&report);
		assert_int_equal(pci_tree_teardown(NULL), 0);
	}
}

#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, pci_tree_setup, pci_tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOST_TEST(a_server_that_is_as_it_should_be),
		HOST_TEST(a_server_that_nobody_has_set_up),
		HOST_TEST(a_laptop_with_one_drive),
		HOST_TEST(a_virtual_machine_without_an_iommu),
		HOST_TEST(the_lab),
		HOST_TEST(one_fact_at_a_time),
		HOST_TEST(a_host_without_an_iommu_or_nodes),
		HOST_TEST(who_shares_a_group_and_why),
		HOST_TEST(what_this_user_may_not_open),
		HOST_TEST(what_cannot_be_known_is_said_so),
		cmocka_unit_test(a_host_without_any_file_is_not_known_at_all),
		HOST_TEST(devices_that_are_not_there_are_refused),
		cmocka_unit_test(text_fits_a_terminal_and_json_says_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
