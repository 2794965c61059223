/* SPDX-License-Identifier: Apache-2.0 */
/* Binding to vfio-pci and putting back, on a host made of files, whoever is killed when. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/fd.h"
#include "tests/fake/bind_sys.h"
#include "tests/unit/pci_tree.h"
#include "vfio/bind/bind.h"
#include "vfio/bind/journal.h"

#define A     "0000:01:00.0"
#define B     "0000:01:00.1"
#define PORT  "0000:00:01.0"
#define ALL   PORT " " A " " B
#define NVME  "0x010802"
#define SATA  "0x010601"
#define PCI2P "0x060400"
/* What put_group() makes. */
#define BEFORE "pcieport/(null) nvme/(null) ahci/ahci"
#define BOUND  "pcieport/(null) vfio-pci/vfio-pci vfio-pci/vfio-pci"

static void report(const char *bdf, const char *text)
{
}

static const struct vfio_bind bind_ = { &pci_tree, report };

/* A group of a bridge and two drives, one of which has an override, and so not the driver it would have otherwise. */
static void put_group(void)
{
	pci_tree_device(PORT, PCI2P, 7, "pcieport");
	pci_tree_device(A, NVME, 7, "nvme");
	pci_tree_device(B, SATA, 7, "ahci");
	pci_tree_put("sys/bus/pci/devices/" B "/driver_override", "ahci\n");
	pci_tree_put("sys/bus/pci/devices/" B "/natural", "other\n");
}

static int bind_a(bool force, struct error *err)
{
	struct vfio_host_device device = pci_tree_find(A);

	return vfio_bind(&bind_, &device, force, NULL, err);
}

static int unbind_a(struct error *err)
{
	struct vfio_host_device device = pci_tree_find(A);

	return vfio_unbind(&bind_, &device, err);
}

static int do_bind(void)
{
	return bind_a(false, NULL);
}

static int do_unbind(void)
{
	return unbind_a(NULL);
}

static int do_recover(void)
{
	return vfio_recover(&bind_, NULL);
}

/* Runs @act in a process that ends before its write number @at; false when it came to its end. */
static bool killed_at(unsigned at, int (*act)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		fake_bind.nr_writes = 0;
		fake_bind.kill_at = at;
		_exit(act() ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 1);
	return WEXITSTATUS(status) == FAKE_BIND_KILLED;
}

static void expect_before(void)
{
	pci_tree_expect(ALL, BEFORE);
	assert_int_equal(pci_tree_nr_entries(), 0);
}

static void whole_group_is_bound_bridges_aside_and_put_back_exactly(void **state)
{
	put_group();
	assert_int_equal(do_bind(), 0);
	pci_tree_expect(ALL, BOUND);
	assert_int_equal(pci_tree_nr_entries(), 2);
	assert_int_equal(do_unbind(), 0);
	expect_before();
}

static void device_without_driver_has_none_afterwards(void **state)
{
	pci_tree_device(A, NVME, 7, NULL);
	assert_int_equal(do_bind(), 0);
	pci_tree_expect(A, "vfio-pci/vfio-pci");
	assert_int_equal(do_unbind(), 0);
	pci_tree_expect(A, "-/(null)");
}

static void second_bind_and_second_unbind_change_nothing(void **state)
{
	pci_tree_device(A, NVME, 7, "nvme");
	assert_int_equal(do_bind(), 0);
	fake_bind.nr_writes = 0;
	assert_int_equal(do_bind(), 0);
	assert_int_equal(fake_bind.nr_writes, 0);
	assert_int_equal(do_unbind(), 0);
	pci_tree_expect(A, "nvme/(null)");
	fake_bind.nr_writes = 0;
	assert_int_equal(do_unbind(), 0);
	assert_int_equal(fake_bind.nr_writes, 0);
}

static void everything_is_recorded_before_anything_is_written(void **state)
{
	put_group();
	assert_true(killed_at(1, do_bind));
	assert_int_equal(pci_tree_nr_entries(), 2);
	pci_tree_expect(ALL, BEFORE);
}

static void killed_while_binding_then_recovered_at_every_write(void **state)
{
	unsigned at = 1;

	put_group();
	for (; killed_at(at, do_bind); at++) {
		assert_int_equal(do_recover(), 0);
		expect_before();
	}
	/* Override, unbind and probe, of each. */
	assert_int_equal(at, 7);
	pci_tree_expect(ALL, BOUND);
}

static void killed_while_binding_then_bound_and_unbound_at_every_write(void **state)
{
	put_group();
	for (unsigned at = 1; killed_at(at, do_bind); at++) {
		assert_int_equal(do_bind(), 0);
		pci_tree_expect(ALL, BOUND);
		assert_int_equal(do_unbind(), 0);
		pci_tree_expect(ALL, BEFORE);
	}
}

static void killed_while_recovering_then_recovered_at_every_write(void **state)
{
	unsigned at = 1;
	bool killed = true;

	put_group();
	for (; killed; at++) {
		assert_int_equal(do_bind(), 0);
		killed = killed_at(at, do_recover);
		assert_int_equal(do_recover(), 0);
		expect_before();
	}
	assert_true(at > 6);
}

static void killed_while_recovering_then_bound_and_unbound_at_every_write(void **state)
{
	bool killed = true;

	put_group();
	for (unsigned at = 1; killed; at++) {
		assert_int_equal(do_bind(), 0);
		killed = killed_at(at, do_unbind);
		assert_int_equal(do_bind(), 0);
		pci_tree_expect(ALL, BOUND);
		assert_int_equal(do_unbind(), 0);
		pci_tree_expect(ALL, BEFORE);
	}
}

/* After a reboot the driver's module may not be loaded, so that the device has none. */
static void reboot_while_bound(void)
{
	pci_tree_device(A, NVME, 7, "nvme");
	assert_int_equal(do_bind(), 0);
	pci_tree_remove(A, 7);
	pci_tree_device(A, NVME, 7, NULL);
	pci_tree_put("proc/sys/kernel/random/boot_id", "22222222-2222-4222-8222-222222222222\n");
	fake_bind.nr_writes = 0;
}

static void what_an_earlier_boot_recorded_is_forgotten(void **state)
{
	reboot_while_bound();
	assert_int_equal(do_recover(), 0);
	assert_int_equal(fake_bind.nr_writes, 0);
	assert_int_equal(pci_tree_nr_entries(), 0);
}

static void what_an_earlier_boot_recorded_is_recorded_anew(void **state)
{
	reboot_while_bound();
	assert_int_equal(do_bind(), 0);
	assert_int_equal(do_unbind(), 0);
	pci_tree_expect(A, "-/(null)");
}

static void device_that_is_gone_is_forgotten(void **state)
{
	pci_tree_device(A, NVME, 7, "nvme");
	assert_int_equal(do_bind(), 0);
	pci_tree_remove(A, 7);
	assert_int_equal(do_recover(), 0);
	assert_int_equal(pci_tree_nr_entries(), 0);
}

static void device_that_got_another_driver_since_keeps_it(void **state)
{
	pci_tree_device(A, NVME, 7, "nvme");
	assert_int_equal(do_bind(), 0);
	pci_tree_remove(A, 7);
	pci_tree_device(A, NVME, 7, "other");
	assert_int_equal(do_recover(), 0);
	pci_tree_expect(A, "other/(null)");
	assert_int_equal(pci_tree_nr_entries(), 0);
}

static void group_that_a_process_has_open_is_left_alone(void **state)
{
	struct error err = { 0 };

	put_group();
	assert_int_equal(do_bind(), 0);
	fake_bind.is_busy = true;
	assert_int_equal(do_recover(), 0);
	assert_int_equal(unbind_a(&err), -EBUSY);
	assert_string_equal(err.reason, "in use by a process");
	pci_tree_expect(ALL, BOUND);
	fake_bind.is_busy = false;
	assert_int_equal(do_recover(), 0);
	pci_tree_expect(ALL, BEFORE);
}

static void group_that_a_process_holds_is_left_alone_until_it_ends(void **state)
{
	struct vfio_host_device device;
	int hold = -1, second = 5;

	put_group();
	device = pci_tree_find(B);
	assert_int_equal(vfio_bind(&bind_, &device, false, &hold, NULL), 0);
	assert_true(hold >= 0);
	assert_int_equal(do_recover(), 0);
	pci_tree_expect(ALL, BOUND);
	/* A second one has nothing to put back. */
	device = pci_tree_find(A);
	assert_int_equal(vfio_bind(&bind_, &device, false, &second, NULL), 0);
	assert_int_equal(second, -1);
	close(hold);
	assert_int_equal(do_recover(), 0);
	pci_tree_expect(ALL, BEFORE);
}

static void device_that_vfio_pci_does_not_take_is_put_back(void **state)
{
	struct error err = { 0 };

	put_group();
	fake_bind.refuses = true;
	assert_int_equal(bind_a(false, &err), -EIO);
	assert_non_null(strstr(err.reason, "did not take it"));
	expect_before();
}

static void missing_vfio_pci_is_loaded_or_reported(void **state)
{
	struct error err = { 0 };
	char path[512];

	pci_tree_device(A, NVME, 7, "nvme");
	snprintf(path, sizeof(path), "%s/bus/pci/drivers/vfio-pci/bind", pci_tree.sysfs);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	assert_int_equal(bind_a(false, &err), -ENOENT);
	assert_non_null(strstr(err.reason, "modprobe cannot load it"));
	pci_tree_expect(A, "nvme/(null)");
	fake_bind.module = "vfio-pci";
	assert_int_equal(do_bind(), 0);
	pci_tree_expect(A, "vfio-pci/vfio-pci");
}

static void what_somebody_else_bound_is_not_put_back(void **state)
{
	struct error err = { 0 };

	pci_tree_device(A, NVME, 7, "vfio-pci");
	assert_int_equal(do_bind(), 0);
	assert_int_equal(unbind_a(&err), -EPERM);
	assert_non_null(strstr(err.reason, "not by torc"));
	pci_tree_expect(A, "vfio-pci/(null)");
	assert_int_equal(fake_bind.nr_writes, 0);
}

static void bridge_and_device_without_group_are_refused(void **state)
{
	struct vfio_host_device device;
	struct error err = { 0 };

	put_group();
	device = pci_tree_find(PORT);
	assert_int_equal(vfio_bind(&bind_, &device, true, NULL, &err), -EINVAL);
	device = pci_tree_find(A);
	device.group = -1;
	assert_int_equal(vfio_bind(&bind_, &device, true, NULL, NULL), -ENODEV);
	expect_before();
}

static void damaged_entry_is_reported_and_the_rest_put_back(void **state)
{
	struct error err = { 0 };

	put_group();
	assert_int_equal(do_bind(), 0);
	pci_tree_put("state/bind/0000:00:1f.0", "nonsense\n");
	assert_int_equal(vfio_recover(&bind_, &err), -EINVAL);
	assert_string_equal(err.reason, "damaged");
	pci_tree_expect(ALL, BEFORE);
	assert_int_equal(pci_tree_nr_entries(), 1);
}

/* Who may open a file may lock it, and keep everybody from binding anything. */
static void journal_is_closed_to_others(void **state)
{
	struct vfio_host_device device;
	mode_t umask_was = umask(0);
	char path[128];
	struct stat st;
	int hold = -1;

	put_group();
	device = pci_tree_find(A);
	snprintf(path, sizeof(path), "%s/bind", pci_tree.state);
	pci_tree_put("state/bind/.old", "%s", "");
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(vfio_bind(&bind_, &device, false, &hold, NULL), 0);
	umask(umask_was);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/bind/" A, pci_tree.state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	fd_close(&hold);
}

/* Return: a descriptor that keeps it locked, by process 4711 as far as /proc says. */
static int lock_as_sleep(const char *path, int how)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_int_equal(flock(fd, how), 0);
	assert_int_equal(fstat(fd, &st), 0);
	pci_tree_put(
		"proc/locks",
		"1: POSIX  ADVISORY  WRITE 7 00:01:%lu 0 EOF\n2: FLOCK  ADVISORY  READ 4711 %02x:%02x:%lu 0 EOF\n",
		st.st_ino, major(st.st_dev), minor(st.st_dev), st.st_ino);
	pci_tree_put("proc/4711/comm", "sleep\n");
	return fd;
}

static void who_has_the_journal_is_named(void **state)
{
	struct error err = { 0 };
	char path[128];
	int fd;

	put_group();
	snprintf(path, sizeof(path), "%s/bind", pci_tree.state);
	pci_tree_put("state/bind/.new", "%s", "");
	fd = lock_as_sleep(path, LOCK_SH);
	assert_int_equal(bind_a(false, &err), -EBUSY);
	assert_non_null(strstr(err.object, "journal "));
	assert_non_null(strstr(err.reason, "pid 4711 (sleep) has it"));
	assert_non_null(strstr(err.remedy, "kill 4711"));
	pci_tree_put("proc/locks", "%s", "");
	err = (struct error){ 0 };
	assert_int_equal(bind_a(false, &err), -EBUSY);
	assert_non_null(strstr(err.remedy, "/proc/locks"));
	fd_close(&fd);
	assert_int_equal(bind_a(false, NULL), 0);
}

/* Two may hold it; one that has it alone is not waited for without end. */
static void who_has_an_entry_is_named(void **state)
{
	struct vfio_journal journal;
	struct error err = { 0 };
	char path[128];
	int fd, hold;

	put_group();
	assert_int_equal(bind_a(false, NULL), 0);
	assert_int_equal(vfio_journal_open(&journal, &pci_tree, NULL), 0);
	snprintf(path, sizeof(path), "%s/bind/" A, pci_tree.state);
	fd = lock_as_sleep(path, LOCK_EX);
	assert_int_equal(vfio_journal_hold(&journal, A, &pci_tree, &err), -EBUSY);
	assert_non_null(strstr(err.reason, "pid 4711 (sleep) has it"));
	assert_int_equal(flock(fd, LOCK_SH), 0);
	hold = vfio_journal_hold(&journal, A, &pci_tree, NULL);
	assert_true(hold >= 0);
	fd_close(&hold);
	fd_close(&fd);
	vfio_journal_close(&journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, pci_tree_setup, pci_tree_teardown)
		TEST(whole_group_is_bound_bridges_aside_and_put_back_exactly),
		TEST(device_without_driver_has_none_afterwards),
		TEST(second_bind_and_second_unbind_change_nothing),
		TEST(everything_is_recorded_before_anything_is_written),
		TEST(killed_while_binding_then_recovered_at_every_write),
		TEST(killed_while_binding_then_bound_and_unbound_at_every_write),
		TEST(killed_while_recovering_then_recovered_at_every_write),
		TEST(killed_while_recovering_then_bound_and_unbound_at_every_write),
		TEST(what_an_earlier_boot_recorded_is_forgotten),
		TEST(what_an_earlier_boot_recorded_is_recorded_anew),
		TEST(device_that_is_gone_is_forgotten),
		TEST(device_that_got_another_driver_since_keeps_it),
		TEST(group_that_a_process_has_open_is_left_alone),
		TEST(group_that_a_process_holds_is_left_alone_until_it_ends),
		TEST(device_that_vfio_pci_does_not_take_is_put_back),
		TEST(missing_vfio_pci_is_loaded_or_reported),
		TEST(what_somebody_else_bound_is_not_put_back),
		TEST(bridge_and_device_without_group_are_refused),
		TEST(damaged_entry_is_reported_and_the_rest_put_back),
		TEST(journal_is_closed_to_others),
		TEST(who_has_the_journal_is_named),
		TEST(who_has_an_entry_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
