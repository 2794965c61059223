/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of whole hosts, and how it changes with one fact at a time. */
#include "vfio/check.h"

#include <errno.h>
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

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "core/base/bits.h"
#include "tests/unit/check_tree.h"
#include "tests/unit/pci_tree.h"

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

#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, pci_tree_setup, pci_tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOST_TEST(a_server_that_is_as_it_should_be),
		HOST_TEST(a_server_that_nobody_has_set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
