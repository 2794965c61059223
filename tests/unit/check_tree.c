/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check_tree.h"

#include <errno.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/pci_tree.h"

/* clang-format off */
#define CPU  "sys/devices/system/cpu/"
#define NODE "sys/devices/system/node/"
#define MM   "sys/kernel/mm/"
#define MEMINFO(n, kb)                                                                             \
	"Node " n " MemTotal: " kb " kB\nNode " n " MemFree: " kb " kB\nNode " n                   \
	" Active(file): 0 kB\nNode " n " Inactive(file): 0 kB\nNode " n " SReclaimable: 0 kB\n"
#define A_NODE(n, cpus, distances, pages, left)                                                    \
	{ NODE "node" n "/cpulist", cpus }, { NODE "node" n "/meminfo", MEMINFO(n, "67108864") },  \
	{ NODE "node" n "/distance", distances },                                                  \
	{ NODE "node" n "/hugepages/hugepages-2048kB/nr_hugepages", pages },                       \
	{ NODE "node" n "/hugepages/hugepages-2048kB/free_hugepages", left }
#define PROCESS(caps)                                                                              \
	{ "proc/self/status", "Name:\tx\nGid:\t100\t100\t100\t100\nGroups:\t100 108\nCapEff:\t" caps \
	  "\nCpus_allowed_list:\t0-7\nMems_allowed_list:\t0-1\n" },                                \
	{ "proc/meminfo", "MemTotal: 67108864 kB\nMemAvailable: 60000000 kB\nHugepagesize: 2048 kB\n" }, \
	{ "proc/zoneinfo", "" }, { "proc/self/mountinfo", "" }, { "proc/swaps", "" }
#define ALL_CAPS "000001ffffffffff"
#define CPUINFO(vendor, flags)                                                                     \
	{ "proc/cpuinfo", "processor\t: 0\nvendor_id\t: " vendor "\nflags\t\t: fpu " flags         \
	  " ht\nbugs\t\t:\n\nprocessor\t: 1\n" }
#define STATE(n, name, latency, off)                                                               \
	{ CPU "cpu*/cpuidle/state" n "/name", name },                                              \
	{ CPU "cpu*/cpuidle/state" n "/latency", latency }, { CPU "cpu*/cpuidle/state" n "/disable", off }
#define LINK(dir, speed, width, most_speed, most_width)                                            \
	{ dir "/current_link_speed", speed " GT/s PCIe" }, { dir "/current_link_width", width },   \
	{ dir "/max_link_speed", most_speed " GT/s PCIe" }, { dir "/max_link_width", most_width }
#define DEVICE(dir, bdf, class_, group)                                                            \
	{ dir "/vendor", "0x8086" }, { dir "/class", class_ }, { dir "/subsystem", ">sys/bus/pci" }, \
	{ dir "/iommu_group", ">sys/kernel/iommu_groups/" group },                                 \
	{ "sys/kernel/iommu_groups/" group "/devices/" bdf, ">" dir },                             \
	{ "sys/bus/pci/devices/" bdf, ">" dir }
#define DRIVER(dir, name) { dir "/driver", ">sys/bus/pci/drivers/" name }
#define PORT_A "sys/devices/pci0000:40/0000:40:01.0"
#define PORT_B "sys/devices/pci0000:40/0000:40:02.0"
#define DRIVE_A PORT_A "/0000:41:00.0"
#define DRIVE_B PORT_B "/0000:42:00.0"
#define COMMON                                                                                     \
	{ "proc/sys/kernel/osrelease", "6.12.0-1-amd64" }, { "proc/1/comm", "systemd" },           \
	{ "dev/vfio/vfio", "" }, { "sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet " }

static const struct check_file intel[] = {
	COMMON, PROCESS(ALL_CAPS),
	CPUINFO("GenuineIntel", "vmx constant_tsc nonstop_tsc pdpe1gb"),
	{ "proc/cmdline", "BOOT_IMAGE=/vmlinuz intel_iommu=on isolcpus=managed_irq,domain,2-3,6-7 mitigations=off" },
	{ "proc/interrupts", "   CPU0\n  8:  0  IR-IO-APIC  8-edge  rtc0\n" },
	{ "proc/sys/kernel/io_uring_disabled", "0" }, { "proc/sys/kernel/numa_balancing", "0" },
	{ "sys/class/iommu/dmar0/intel-iommu/cap", "8d2078c106f0466" },
	{ "sys/class/iommu/dmar1/intel-iommu/cap", "8d2078c106f0466" },
	{ "sys/module/kvm/initstate", "live" }, { "sys/module/kvm/parameters/halt_poll_ns", "200000" },
	{ "sys/module/kvm_intel/initstate", "live" }, { "sys/module/kvm_intel/parameters/enable_apicv", "Y" },
	{ "dev/kvm", "" }, { "dev/vfio/12", "" }, { "dev/vfio/13", "" },
	{ CPU "online", "0-7" }, { CPU "isolated", "2-3,6-7" }, { CPU "nohz_full", "2-3,6-7" },
	{ CPU "smt/control", "off" }, { CPU "vulnerabilities/mds", "Vulnerable; SMT vulnerable" },
	{ CPU "vulnerabilities/l1tf", "Not affected" }, { CPU "cpu*/cpufreq/scaling_governor", "performance" },
	{ CPU "cpuidle/current_driver", "intel_idle" },
	STATE("0", "POLL", "0", "0"), STATE("1", "C1", "2", "0"), STATE("2", "C1E", "10", "0"), STATE("3", "C6", "133", "1"),
	{ "sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc" },
	{ NODE "online", "0-1" }, A_NODE("0", "0-3", "10 21", "1024", "1000"), A_NODE("1", "4-7", "21 10", "1024", "1024"),
	{ MM "transparent_hugepage/enabled", "always [madvise] never" }, { MM "ksm/run", "0" },
	DEVICE(PORT_A, "0000:40:01.0", "0x060400", "10"), LINK(PORT_A, "16.0", "4", "16.0", "4"),
	DEVICE(PORT_B, "0000:40:02.0", "0x060400", "11"), LINK(PORT_B, "16.0", "2", "16.0", "2"),
	DEVICE(DRIVE_A, "0000:41:00.0", "0x010802", "12"), DRIVER(DRIVE_A, "vfio-pci"), LINK(DRIVE_A, "16.0", "4", "16.0", "4"),
	DEVICE(DRIVE_B, "0000:42:00.0", "0x010802", "13"), DRIVER(DRIVE_B, "vfio-pci"), LINK(DRIVE_B, "16.0", "2", "16.0", "4"),
	{ DRIVE_A "/numa_node", "1" }, { DRIVE_A "/reset_method", "flr bus" }, { DRIVE_A "/link/l1_aspm", "0" },
	{ DRIVE_B "/numa_node", "1" }, { DRIVE_B "/reset_method", "flr" },
	{ "sys/kernel/iommu_groups/10/type", "DMA-FQ" }, { "sys/kernel/iommu_groups/11/type", "DMA-FQ" },
	{ "sys/kernel/iommu_groups/12/type", "unmanaged" }, { NULL, NULL },
};

#define NIC  "sys/devices/pci0000:00/0000:00:03.1/0000:21:00.0"
#define SATA "sys/devices/pci0000:00/0000:00:03.1/0000:21:00.1"

static const struct check_file amd[] = {
	COMMON, PROCESS(ALL_CAPS),
	CPUINFO("AuthenticAMD", "svm avic x2avic constant_tsc nonstop_tsc"), { "proc/cmdline", "quiet amd_iommu=on" },
	{ "proc/interrupts", " 44:  1  IR-PCI-MSIX-0000:21:00.0  0-edge  nvme0q0\n" },
	{ "proc/sys/kernel/io_uring_disabled", "1" }, { "proc/sys/kernel/numa_balancing", "1" },
	{ "proc/812/comm", "irqbalance" }, { "sys/class/iommu/ivhd0/amd-iommu/cap", "0" },
	{ "sys/module/kvm/parameters/halt_poll_ns", "0" }, { "sys/module/kvm_amd/initstate", "live" },
	{ "sys/module/kvm_amd/parameters/avic", "N" }, { "dev/kvm", "" },
	{ CPU "online", "0-7" }, { CPU "isolated", "" }, { CPU "nohz_full", "(null)" }, { CPU "smt/control", "on" },
	{ CPU "cpu*/topology/core_cpus_list", "0-7" }, { CPU "cpu0/topology/core_cpus_list", "0,4" },
	{ CPU "cpu1/topology/core_cpus_list", "1,5" }, { CPU "cpu2/topology/core_cpus_list", "2,6" },
	{ CPU "cpu3/topology/core_cpus_list", "3,7" }, { CPU "cpu4/topology/core_cpus_list", "0,4" },
	{ CPU "cpu5/topology/core_cpus_list", "1,5" }, { CPU "cpu6/topology/core_cpus_list", "2,6" },
	{ CPU "cpu7/topology/core_cpus_list", "3,7" },
	{ CPU "vulnerabilities/srso", "Mitigation: Safe RET" }, { CPU "cpu*/cpufreq/scaling_governor", "schedutil" },
	STATE("0", "POLL", "0", "0"), STATE("1", "C1", "1", "0"), STATE("2", "C2", "800", "0"),
	{ "sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet" },
	{ NODE "online", "0-1" }, A_NODE("0", "0-1,4-5", "10 32", "0", "0"), A_NODE("1", "2-3,6-7", "32 10", "0", "0"),
	{ MM "transparent_hugepage/enabled", "always madvise [never]" }, { MM "ksm/run", "1" },
	DEVICE(NIC, "0000:21:00.0", "0x020000", "7"), DRIVER(NIC, "vfio-pci"), { NIC "/numa_node", "-1" },
	DEVICE(SATA, "0000:21:00.1", "0x010601", "7"), DRIVER(SATA, "ahci"),
	{ "sys/kernel/iommu_groups/7/type", "DMA" }, { NULL, NULL },
};

#define SSD "sys/devices/pci0000:00/0000:00:1d.0/0000:01:00.0"

static const struct check_file laptop[] = {
	COMMON, PROCESS("0000000000000000"),
	CPUINFO("GenuineIntel", "vmx constant_tsc nonstop_tsc"), { "proc/cmdline", "quiet splash" },
	{ "proc/self/limits", "Limit   Soft Limit  Hard Limit  Units\nMax locked memory   8388608   8388608   bytes\n" },
	{ "proc/interrupts", "  9:  1  IR-IO-APIC  9-fasteoi  acpi\n" }, { "proc/sys/kernel/io_uring_disabled", "2" },
	{ "sys/class/iommu/dmar0/intel-iommu/cap", "1c0000c40660462" },
	{ "sys/module/kvm/initstate", "live" }, { "sys/module/kvm/parameters/halt_poll_ns", "200000" },
	{ "sys/module/kvm_intel/parameters/enable_apicv", "N" }, { "dev/kvm", "" },
	{ CPU "online", "0-3" }, { CPU "isolated", "" }, { CPU "smt/control", "on" },
	{ CPU "vulnerabilities/mds", "Mitigation: Clear CPU buffers" },
	{ CPU "cpu*/cpufreq/scaling_governor", "powersave" },
	{ CPU "cpu*/cpufreq/energy_performance_preference", "balance_performance" },
	STATE("0", "POLL", "0", "0"), STATE("1", "C10", "890", "0"),
	{ "sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc" },
	{ NODE "online", "0" }, A_NODE("0", "0-3", "10", "0", "0"),
	{ MM "transparent_hugepage/enabled", "[always] madvise never" }, { MM "ksm/run", "0" },
	DEVICE(SSD, "0000:01:00.0", "0x010802", "14"), DRIVER(SSD, "nvme"), LINK(SSD, "8.0", "4", "8.0", "4"),
	{ SSD "/reset_method", "flr" }, { SSD "/link/l1_aspm", "1" }, { SSD "/link/l1_2_aspm", "1" },
	{ SSD "/nvme/nvme0/nvme0n1/dev", "259:0" }, { "sys/class/block/nvme0n1", ">" SSD "/nvme/nvme0/nvme0n1" },
	{ "proc/self/mountinfo", "21 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n" },
	{ "sys/kernel/iommu_groups/14/type", "DMA-FQ" }, { NULL, NULL },
};

static const struct check_file vm[] = {
	COMMON, PROCESS(ALL_CAPS), { "dev/vfio/vfio", NULL },
	CPUINFO("GenuineIntel", "hypervisor constant_tsc nonstop_tsc"), { "proc/cmdline", "quiet" },
	{ "proc/interrupts", "  9:  1  IO-APIC  9-fasteoi  acpi\n" }, { "proc/sys/kernel/io_uring_disabled", "0" },
	{ CPU "online", "0-1" }, { CPU "isolated", "" }, { CPU "smt/control", "notsupported" },
	{ "sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock" },
	{ MM "swap/vma_ra_enabled", "true" }, { "sys/module/loop/parameters/max_loop", "8" },
	{ "sys/class/iommu/.keep", "" }, { NULL, NULL },
};

#define LAB_PORT  "sys/devices/pci0000:40/0000:40:00.0"
#define LAB_DRIVE LAB_PORT "/0000:41:00.0"

static const struct check_file lab[] = {
	COMMON, PROCESS(ALL_CAPS),
	CPUINFO("AuthenticAMD", "hypervisor svm constant_tsc"), { "proc/cmdline", "intel_iommu=on iommu=pt mitigations=off" },
	{ "proc/interrupts", "  9:  1  IR-IO-APIC  9-fasteoi  acpi\n" }, { "proc/sys/kernel/osrelease", "6.1.0-30-amd64" },
	{ "sys/class/iommu/dmar0/intel-iommu/cap", "d2008c222f0606" },
	{ "sys/module/kvm/initstate", "live" }, { "sys/module/kvm/parameters/halt_poll_ns", "200000" },
	{ "sys/module/kvm_amd/initstate", "live" }, { "sys/module/kvm_amd/parameters/avic", "N" },
	{ "dev/kvm", "" }, { "dev/vfio/5", "" },
	{ CPU "online", "0" }, { CPU "isolated", "" }, { CPU "nohz_full", "" }, { CPU "smt/control", "notsupported" },
	{ CPU "vulnerabilities/mds", "Not affected" },
	{ NODE "online", "0-1" }, A_NODE("0", "0", "10 20", "64", "0"), A_NODE("1", "", "20 10", "64", "64"),
	{ MM "transparent_hugepage/enabled", "always [madvise] never" }, { MM "ksm/run", "0" },
	DEVICE(LAB_PORT, "0000:40:00.0", "0x060400", "4"), DRIVER(LAB_PORT, "pcieport"),
	DEVICE(LAB_DRIVE, "0000:41:00.0", "0x010802", "5"), DRIVER(LAB_DRIVE, "vfio-pci"), { LAB_DRIVE "/numa_node", "1" },
	LINK(LAB_DRIVE, "2.5", "1", "2.5", "1"), { "sys/kernel/iommu_groups/4/type", "identity" }, { NULL, NULL },
};
/* clang-format on */

const struct check_tree check_intel = { 8, intel };
const struct check_tree check_amd = { 8, amd };
const struct check_tree check_laptop = { 4, laptop };
const struct check_tree check_vm = { 2, vm };
const struct check_tree check_lab = { 1, lab };

/* A file of the scratch folder, without it and, when @and_folders, without the folders that it leaves empty. */
static void take_away(const char *name, bool and_folders)
{
	char path[PATH_MAX];
	size_t length = strlen(pci_tree.sysfs) - strlen("/sys");

	snprintf(path, sizeof(path), "%.*s/%s", (int)length, pci_tree.sysfs, name);
	if (unlink(path))
		assert_true(errno == ENOENT || errno == ENOTDIR);
	while (and_folders && strlen(path) > length) {
		*strrchr(path, '/') = '\0';
		if (rmdir(path))
			return;
	}
}

static void put_one(const char *name, const char *content)
{
	take_away(name, false);
	if (content && content[0] == '>')
		pci_tree_link(name, content + 1);
	else if (content)
		pci_tree_put(name, "%s", content);
}

void check_tree_put(const struct check_tree *tree, const struct check_file *file)
{
	for (; file->name; file++) {
		const char *star = strchr(file->name, '*');
		char name[PATH_MAX];

		for (unsigned cpu = 0; star && cpu < tree->nr_cpus; cpu++) {
			snprintf(name, sizeof(name), "%.*s%u%s", (int)(star - file->name),
				 file->name, cpu, star + 1);
			put_one(name, file->content);
		}
		if (!star)
			put_one(file->name, file->content);
	}
}

void check_tree_restore(const struct check_tree *tree, const struct check_file *file)
{
	for (; file->name; file++) {
		take_away(file->name, true);
		for (const struct check_file *row = tree->file; row->name; row++) {
			if (!fnmatch(row->name, file->name, FNM_PATHNAME))
				put_one(file->name, row->content);
		}
	}
}
