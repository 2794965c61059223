/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a device from its files, what the host uses it for, and virtual functions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "tests/fake/bind_sys.h"
#include "tests/unit/pci_tree.h"
#include "vfio/bind/bind.h"
#include "vfio/bind/holder.h"
#include "vfio/bind/use.h"
#include "vfio/tool/inspect.h"

#define A      "0000:01:00.0"
#define VF     "0000:01:00.1"
#define FOLDER "sys/bus/pci/devices/" A "/"
#define NVME   "0x010802"

static uint8_t config[256];

static void put_config(size_t size)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/" A "/config", pci_tree.sysfs);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(config, 1, size, file), size);
	fclose(file);
}

/* MSI-X at 0x40, MSI at 0x50, PCI Express at 0x70. */
static void make_config(void)
{
	memset(config, 0, sizeof(config));
	config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	config[PCI_INTERRUPT_PIN] = 2;
	config[PCI_CAPABILITY_LIST] = 0x40;
	config[0x40] = PCI_CAP_ID_MSIX;
	config[0x41] = 0x50;
	put_le(config + 0x42, 2, 2047);
	put_le(config + 0x44, 4, 0x2000 | 4);
	put_le(config + 0x48, 4, 0xa000 | 5);
	config[0x50] = PCI_CAP_ID_MSI;
	config[0x51] = 0x70;
	put_le(config + 0x52, 2, 5 << 1 | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT);
	config[0x70] = PCI_CAP_ID_EXP;
	put_le(config + 0x74, 4, PCI_EXP_DEVCAP_FLR);
}

static struct vfio_inspect inspect(void)
{
	struct vfio_inspect d;

	assert_int_equal(vfio_inspect(&pci_tree, A, &d, NULL), 0);
	return d;
}

static struct vfio_verdict judge(void)
{
	struct vfio_inspect d = inspect();
	struct vfio_verdict v;

	vfio_inspect_judge(&pci_tree, &d, &v);
	return v;
}

static void capabilities_are_read_from_the_configuration_space(void **state)
{
	struct vfio_inspect d;

	pci_tree_device(A, NVME, 7, "nvme");
	make_config();
	put_config(sizeof(config));
	d = inspect();
	assert_true(d.has_config && d.has_flr && d.is_express);
	assert_int_equal(d.pin, 'B');
	assert_int_equal(d.msix_vectors, 2048);
	assert_int_equal(d.msix_table_bar, 4);
	assert_int_equal(d.msix_table_offset, 0x2000);
	assert_int_equal(d.msix_pba_bar, 5);
	assert_int_equal(d.msix_pba_offset, 0xa000);
	assert_int_equal(d.msi_vectors, 32);
	assert_true(d.msi_is_64bit && d.msi_is_maskable);
}

static void without_root_nothing_is_said_of_capabilities(void **state)
{
	struct vfio_inspect d;

	pci_tree_device(A, NVME, 7, "nvme");
	make_config();
	put_config(64);
	d = inspect();
	assert_false(d.has_config);
	assert_int_equal(d.msix_vectors, 0);
}

static void capability_lists_that_loop_or_lead_out_end(void **state)
{
	pci_tree_device(A, NVME, 7, "nvme");
	make_config();
	config[0x71] = 0x40;
	put_config(sizeof(config));
	assert_int_equal(inspect().msi_vectors, 32);
	config[0x71] = 0xfc;
	config[0xfc] = PCI_CAP_ID_MSIX;
	put_config(sizeof(config));
	assert_int_equal(inspect().msix_vectors, 2048);
}

static void bars_resets_and_virtual_functions_are_read(void **state)
{
	struct vfio_inspect d;

	pci_tree_device(A, NVME, 7, "nvme");
	pci_tree_put(FOLDER "resource",
		     "0x00000000fe000000 0x00000000fe003fff 0x0000000000140204\n"
		     "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		     "0x000000000000c000 0x000000000000c03f 0x0000000000040101\n");
	pci_tree_put(FOLDER "reset_method", "flr bus\n");
	pci_tree_put(FOLDER "sriov_totalvfs", "4\n");
	pci_tree_put(FOLDER "vendor", "0x8086\n");
	d = inspect();
	assert_int_equal(d.bar[0].start, 0xfe000000);
	assert_int_equal(d.bar[0].size, 0x4000);
	assert_true(d.bar[0].is_64bit && !d.bar[0].is_io);
	assert_int_equal(d.bar[1].size, 0);
	assert_true(d.bar[2].is_io);
	assert_string_equal(d.reset, "flr bus");
	assert_int_equal(d.totalvfs, 4);
	assert_int_equal(d.vendor, 0x8086);
}

static void verdict_says_what_to_do(void **state)
{
	struct vfio_verdict v;

	pci_tree_device(A, NVME, 7, "nvme");
	v = judge();
	assert_true(v.is_assignable && !v.is_ready);
	assert_string_equal(v.remedy, "torc-vfio bind " A);
	assert_non_null(strstr(v.reason, "no reset"));
	pci_tree_put(FOLDER "reset_method", "flr\n");
	pci_tree_device("0000:01:00.7", NVME, 7, NULL);
	pci_tree_put("sys/bus/pci/devices/0000:01:00.7/sriov_numvfs", "2\n");
	v = judge();
	assert_false(v.is_assignable);
	assert_non_null(strstr(v.reason, "shares IOMMU group 7 with 0000:01:00.7"));
	pci_tree_remove("0000:01:00.7", 7);
	pci_tree_remove(A, 7);
	pci_tree_device(A, NVME, 7, "vfio-pci");
	v = judge();
	assert_true(v.is_assignable && v.is_ready);
	assert_string_equal(v.remedy, "");
}

static void expect_use(const char *what)
{
	struct vfio_host_device device = pci_tree_find(A);
	struct vfio_use use = { "", "" };

	assert_int_equal(vfio_use_find(&pci_tree, &device, &use), what[0] != '\0');
	assert_string_equal(use.what, what);
	/* And what is in use is bound only by force. */
	assert_int_equal(vfio_bind_check(&pci_tree, &device, NULL), what[0] ? -EBUSY : 0);
}

/* A drive with a partition; another drive of the host's, which is in use. */
static void put_drive(const char *folder)
{
	char path[256];

	pci_tree_device(A, NVME, 7, "nvme");
	snprintf(path, sizeof(path), "%s/nvme0n1/nvme0n1p1/dev", folder);
	pci_tree_put(path, "259:1\n");
	snprintf(path, sizeof(path), "%s/nvme0n1/dev", folder);
	pci_tree_put(path, "259:0\n");
	snprintf(path, sizeof(path), "%s/nvme0n1", folder);
	pci_tree_link("sys/class/block/nvme0n1", path);
	snprintf(path, sizeof(path), "%s/nvme0n1/nvme0n1p1", folder);
	pci_tree_link("sys/class/block/nvme0n1p1", path);
	pci_tree_put("sys/devices/other/sda/dev", "8:0\n");
	pci_tree_link("sys/class/block/sda", "sys/devices/other/sda");
	pci_tree_put("proc/self/mountinfo", "21 1 8:0 / / rw - ext4 /dev/sda rw\n");
	pci_tree_put("proc/swaps", "Filename\tType\n/dev/nvme0n1p10 partition 1 0 -2\n");
}

static void drives_are_in_use_by_mounts_swap_volumes_and_claims(void **state)
{
	put_drive(FOLDER "nvme/nvme0");
	expect_use("");
	fake_bind.claimed = "nvme0n1";
	expect_use("the kernel has exclusive use of nvme0n1");
	fake_bind.claimed = NULL;
	pci_tree_put("sys/class/block/nvme0n1p1/holders/dm-0/x", "%s", "");
	expect_use("nvme0n1p1 is part of dm-0");
	pci_tree_put("proc/swaps", "Filename\tType\n/dev/nvme0n1p1  partition 1 0 -2\n");
	expect_use("nvme0n1p1 is swap space");
	pci_tree_put("proc/self/mountinfo", "21 1 8:0 / / rw - ext4 /dev/sda rw\n"
					    "30 21 259:1 / /srv rw shared:1 - ext4 x rw\n");
	expect_use("nvme0n1p1 is mounted on /srv");
	/* A file system on several drives has a number of its own. */
	pci_tree_put("proc/self/mountinfo", "30 21 0:44 /@ /home rw - btrfs /dev/nvme0n1p1 rw\n");
	expect_use("nvme0n1p1 is mounted on /home");
}

static void open_disk(const char *fd, const char *node)
{
	char path[PATH_MAX];

	pci_tree_put("proc/4321/fd/x", "%s", "");
	snprintf(path, sizeof(path), "%s/4321/fd/%s", pci_tree.proc, fd);
	assert_int_equal(symlink(node, path), 0);
}

static void drives_are_in_use_by_processes_that_have_them_open(void **state)
{
	put_drive(FOLDER "nvme/nvme0");
	pci_tree_put(FOLDER "nvme/nvme0/ng0n1/dev", "241:0\n");
	pci_tree_link("sys/class/nvme-generic/ng0n1", FOLDER "nvme/nvme0/ng0n1");
	open_disk("3", "/dev/sda");
	open_disk("4", "/dev/nvme0n1p10");
	open_disk("5", "/srv/nvme0n1");
	expect_use("");
	pci_tree_put("proc/4321/comm", "qemu-system-x86\n");
	open_disk("6", "/dev/ng0n1");
	expect_use("process 4321 (qemu-system-x86) has /dev/ng0n1 open");
	open_disk("7", "/dev/nvme0n1p1");
	expect_use("process 4321 (qemu-system-x86) has /dev/nvme0n1p1 open");
}

/* udev, which looks at each disk that comes or was written to. */
static void what_is_open_for_a_moment_is_not_in_use(void **state)
{
	char path[PATH_MAX];

	put_drive(FOLDER "nvme/nvme0");
	open_disk("7", "/dev/nvme0n1");
	snprintf(path, sizeof(path), "%s/4321/fd/7", pci_tree.proc);
	fake_bind.closed = path;
	expect_use("");
}

static void who_has_disks_open_is_looked_for_once_for_all(void **state)
{
	struct vfio_holders holders = { .is_read = false };
	struct vfio_host_device device;
	struct vfio_use use;

	put_drive(FOLDER "nvme/nvme0");
	device = pci_tree_find(A);
	pci_tree.holders = &holders;
	assert_false(vfio_use_find(&pci_tree, &device, &use));
	open_disk("7", "/dev/nvme0n1");
	assert_false(vfio_use_find(&pci_tree, &device, &use));
	pci_tree.holders = NULL;
	assert_true(vfio_use_find(&pci_tree, &device, &use));
	vfio_holders_destroy(&holders);
}

static void drives_with_several_paths_are_found_by_their_subsystem(void **state)
{
	put_drive("sys/devices/virtual/nvme-subsystem/nvme-subsys0");
	pci_tree_put(FOLDER "nvme/nvme0/dev", "240:0\n");
	pci_tree_put("proc/self/mountinfo", "30 21 259:1 / /srv rw - ext4 x rw\n");
	pci_tree_link("sys/class/nvme-subsystem/nvme-subsys0",
		      "sys/devices/virtual/nvme-subsystem/nvme-subsys0");
	expect_use("");
	pci_tree_link("sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0", FOLDER "nvme/nvme0");
	expect_use("nvme0n1p1 is mounted on /srv");
}

static void interfaces_are_in_use_with_an_address_a_route_or_a_bridge(void **state)
{
	pci_tree_device(A, "0x020000", 7, "e1000e");
	pci_tree_put(FOLDER "net/eth0/mtu", "1500\n");
	pci_tree_link("sys/class/net/eth0", FOLDER "net/eth0");
	expect_use("");
	fake_bind.with_address = "eth0";
	expect_use("interface eth0 is up and has address 192.0.2.1");
	pci_tree_put("proc/net/route", "Iface\tDestination\tGateway\neth1\t00000000\t0102000A\n"
				       "eth0\t00000000\t0102000A\n");
	expect_use("the default route goes through interface eth0");
	pci_tree_put("sys/devices/virtual/net/br0/mtu", "1500\n");
	pci_tree_link(FOLDER "net/eth0/master", "sys/devices/virtual/net/br0");
	expect_use("interface eth0 is part of br0");
}

static void interfaces_are_in_use_by_what_is_on_top_of_them(void **state)
{
	struct vfio_host_device device;
	struct vfio_use use;

	pci_tree_device(A, "0x020000", 7, "e1000e");
	pci_tree_put(FOLDER "net/eth0/mtu", "1500\n");
	pci_tree_link("sys/class/net/eth0", FOLDER "net/eth0");
	pci_tree_put("sys/devices/virtual/net/eth0.5/mtu", "1500\n");
	pci_tree_link(FOLDER "net/eth0/lower_x", "sys/devices/virtual/net/eth0.5");
	expect_use("");
	pci_tree_link(FOLDER "net/eth0/upper_eth0.5", "sys/devices/virtual/net/eth0.5");
	expect_use("interface eth0 carries eth0.5");
	device = pci_tree_find(A);
	assert_true(vfio_use_find(&pci_tree, &device, &use));
	assert_string_equal(use.remedy, "ip link delete eth0.5");
}

static void report(const char *bdf, const char *text)
{
}

static const struct vfio_bind bind_ = { &pci_tree, report };

static int set_vfs(unsigned nr, struct error *err)
{
	struct vfio_host_device device = pci_tree_find(A);

	return vfio_set_vfs(&bind_, &device, nr, err);
}

static void expect_vfs(int numvfs, int autoprobe)
{
	struct vfio_inspect d = inspect();
	char path[PATH_MAX + 64], line[16], want[16];

	assert_int_equal(d.numvfs, numvfs);
	snprintf(want, sizeof(want), "%d", autoprobe);
	vfio_host_file(&d.host, "sriov_drivers_autoprobe", path);
	assert_int_equal(file_read_line(path, line, sizeof(line)), 0);
	assert_string_equal(line, want);
}

static void put_sriov(void)
{
	pci_tree_device(A, NVME, 7, "nvme");
	pci_tree_put(FOLDER "sriov_totalvfs", "1\n");
	pci_tree_put(FOLDER "sriov_numvfs", "0\n");
	pci_tree_put(FOLDER "sriov_drivers_autoprobe", "1\n");
}

static void virtual_functions_are_made_recorded_and_put_back(void **state)
{
	struct vfio_host_device vf;
	struct error err = { 0 };

	put_sriov();
	assert_int_equal(set_vfs(2, &err), -ERANGE);
	assert_int_equal(set_vfs(1, NULL), 0);
	expect_vfs(1, 1);
	assert_int_equal(pci_tree_nr_entries(), 1);
	pci_tree_device(VF, NVME, 8, NULL);
	pci_tree_link(FOLDER "virtfn0", "sys/bus/pci/devices/" VF);
	vf = pci_tree_find(VF);
	assert_int_equal(vfio_bind(&bind_, &vf, false, NULL, NULL), 0);
	/* A process has it. */
	fake_bind.is_busy = true;
	assert_int_equal(set_vfs(0, NULL), -EBUSY);
	assert_int_equal(vfio_recover(&bind_, NULL), 0);
	expect_vfs(1, 1);
	fake_bind.is_busy = false;
	assert_int_equal(vfio_recover(&bind_, NULL), 0);
	expect_vfs(0, 1);
	assert_int_equal(pci_tree_nr_entries(), 0);
}

static void virtual_functions_that_somebody_uses_stay(void **state)
{
	put_sriov();
	assert_int_equal(set_vfs(1, NULL), 0);
	/* Bound by somebody else, so that the journal does not know it. */
	pci_tree_device(VF, NVME, 8, "vfio-pci");
	pci_tree_link(FOLDER "virtfn0", "sys/bus/pci/devices/" VF);
	fake_bind.is_busy = true;
	assert_int_equal(set_vfs(0, NULL), -EBUSY);
	expect_vfs(1, 1);
}

static void killed_while_making_virtual_functions_then_recovered_at_every_write(void **state)
{
	bool killed = true;

	put_sriov();
	pci_tree_device(VF, NVME, 8, NULL);
	pci_tree_link(FOLDER "virtfn0", "sys/bus/pci/devices/" VF);
	for (unsigned at = 1; killed; at++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (!pid) {
			fake_bind.nr_writes = 0;
			fake_bind.kill_at = at;
			_exit(set_vfs(1, NULL) ? 1 : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		killed = WIFEXITED(status) && WEXITSTATUS(status) == FAKE_BIND_KILLED;
		assert_true(killed || !status);
		assert_int_equal(vfio_recover(&bind_, NULL), 0);
		expect_vfs(0, 1);
		assert_int_equal(pci_tree_nr_entries(), 0);
	}
}

static void virtual_functions_of_a_drive_get_their_share_and_go_online(void **state)
{
	/* Offline, 3 queues, 2 interrupts, online: controllers 5 and 6. */
	static const uint32_t want[][2] = {
		{ 0x50007, 0 }, { 0x50008, 3 }, { 0x50108, 2 }, { 0x50009, 0 },
		{ 0x60007, 0 }, { 0x60008, 3 }, { 0x60108, 2 }, { 0x60009, 0 },
	};

	put_sriov();
	pci_tree_put(FOLDER "sriov_totalvfs", "2\n");
	pci_tree_put(FOLDER "nvme/nvme0/dev", "240:0\n");
	assert_int_equal(set_vfs(2, NULL), 0);
	assert_int_equal(fake_bind.nr_managed, 8);
	assert_memory_equal(fake_bind.managed, want, sizeof(want));
}

static void device_without_sriov_has_no_virtual_functions(void **state)
{
	pci_tree_device(A, NVME, 7, "nvme");
	assert_int_equal(set_vfs(1, NULL), -ENOTSUP);
	assert_int_equal(fake_bind.nr_writes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, pci_tree_setup, pci_tree_teardown)
		TEST(capabilities_are_read_from_the_configuration_space),
		TEST(without_root_nothing_is_said_of_capabilities),
		TEST(capability_lists_that_loop_or_lead_out_end),
		TEST(bars_resets_and_virtual_functions_are_read),
		TEST(verdict_says_what_to_do),
		TEST(drives_are_in_use_by_mounts_swap_volumes_and_claims),
		TEST(drives_are_in_use_by_processes_that_have_them_open),
		TEST(what_is_open_for_a_moment_is_not_in_use),
		TEST(who_has_disks_open_is_looked_for_once_for_all),
		TEST(drives_with_several_paths_are_found_by_their_subsystem),
		TEST(interfaces_are_in_use_with_an_address_a_route_or_a_bridge),
		TEST(interfaces_are_in_use_by_what_is_on_top_of_them),
		TEST(virtual_functions_are_made_recorded_and_put_back),
		TEST(virtual_functions_that_somebody_uses_stay),
		TEST(killed_while_making_virtual_functions_then_recovered_at_every_write),
		TEST(virtual_functions_of_a_drive_get_their_share_and_go_online),
		TEST(device_without_sriov_has_no_virtual_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
