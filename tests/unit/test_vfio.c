/* SPDX-License-Identifier: Apache-2.0 */
/* What vfio/bind/host.c makes of sysfs, on trees made for the purpose; which resets there are. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/capability.h>

#include "core/base/bits.h"
#include "vfio/bind/host.h"
#include "vfio/dma/ioas.h"
#include "vfio/pci/reset.h"

#define BDF    "0000:01:00.0"
#define BRIDGE "devices/pci0000:00/0000:00:1c.0"
#define DEVICE BRIDGE "/" BDF

/* A scratch directory in the place of /sys. */
static char root[PATH_MAX];

static const char *at(const char *name)
{
	static char path[4][2 * PATH_MAX];
	static unsigned next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof(path[next]), "%s/%s", root, name);
	return path[next];
}

static void make_dir(const char *name)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	assert_false(mkdir(path, 0755) && errno != EEXIST);
}

static void make_link(const char *dir, const char *name, const char *target)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s/%s", root, dir, name);
	unlink(path);
	if (target)
		assert_int_equal(symlink(target, path), 0);
}

static void make_file(const char *dir, const char *name, const char *text)
{
	char path[2 * PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", root, dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

/* A PCI function in IOMMU group 7, its driver NULL for none. */
static void make_device(const char *dir, const char *driver)
{
	char group[2 * PATH_MAX], target[128];
	const char *bdf = strrchr(dir, '/') + 1;

	make_dir(dir);
	make_link(dir, "subsystem", "../../../../bus/pci");
	snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver ? driver : "");
	make_link(dir, "driver", driver ? target : NULL);
	make_dir("kernel/iommu_groups/7/devices");
	snprintf(group, sizeof(group), "%s/kernel/iommu_groups/7", root);
	make_link(dir, "iommu_group", group);
	make_link("kernel/iommu_groups/7/devices", bdf, at(dir));
	make_file(dir, "numa_node", "-1\n");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char template[PATH_MAX / 2];

	snprintf(template, sizeof(template), "%s/torc-vfio.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(template) || !realpath(template, root))
		return -1;
	make_dir(BRIDGE);
	make_file(BRIDGE, "numa_node", "-1\n");
	make_device(DEVICE, "vfio-pci");
	return 0;
}

static int teardown(void **state)
{
	return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void find(struct vfio_host_device *d)
{
	assert_int_equal(vfio_host_find(at(DEVICE), d, NULL), 0);
}

static void device_is_described(void **state)
{
	struct vfio_host_device d;

	find(&d);
	assert_string_equal(d.bdf, BDF);
	assert_string_equal(d.dir, at(DEVICE));
	assert_string_equal(d.driver, "vfio-pci");
	assert_int_equal(d.group, 7);
	assert_int_equal(d.node, -1);
	assert_int_equal(vfio_host_check(&d, NULL), 0);
}

static void links_and_slashes_name_the_same_device(void **state)
{
	struct vfio_host_device d;
	char path[2 * PATH_MAX];

	make_dir("bus/pci/devices");
	make_link("bus/pci/devices", BDF, "../../../" DEVICE);
	assert_int_equal(vfio_host_find(at("bus/pci/devices/" BDF), &d, NULL), 0);
	assert_string_equal(d.dir, at(DEVICE));
	snprintf(path, sizeof(path), "%s//../%s/", at(DEVICE), BDF);
	assert_int_equal(vfio_host_find(path, &d, NULL), 0);
	assert_string_equal(d.dir, at(DEVICE));
	assert_string_equal(d.bdf, BDF);
}

static void absent_device_is_an_error(void **state)
{
	struct vfio_host_device d = { .group = 42 };
	struct error err = { 0 };

	assert_int_equal(vfio_host_find(at("devices/nowhere"), &d, &err), -ENOENT);
	assert_non_null(strstr(err.object, "devices/nowhere"));
	assert_non_null(strstr(err.remedy, "lspci"));
	assert_false(err.usage);
	assert_int_equal(d.group, 42);
}

static void other_buses_are_refused(void **state)
{
	struct vfio_host_device d = { .group = 42 };
	struct error err = { 0 };

	make_link(DEVICE, "subsystem", "../../../../bus/usb");
	assert_int_equal(vfio_host_find(at(DEVICE), &d, &err), -EINVAL);
	assert_string_equal(err.reason, "not a PCI device");
	assert_true(err.remedy[0]);
	make_link(DEVICE, "subsystem", NULL);
	assert_int_equal(vfio_host_find(at(DEVICE), &d, &err), -EINVAL);
	/* A directory, a file, and what has too long a name to be a function. */
	assert_int_equal(vfio_host_find(root, &d, &err), -EINVAL);
	assert_int_equal(vfio_host_find("/dev/null", &d, &err), -EINVAL);
	make_device(BRIDGE "/0000:01:00.0-and-more", NULL);
	assert_int_equal(vfio_host_find(at(BRIDGE "/0000:01:00.0-and-more"), &d, &err), -EINVAL);
	assert_int_equal(d.group, 42);
}

static void node_is_that_of_the_nearest_bridge_that_knows(void **state)
{
	struct vfio_host_device d;

	make_file(BRIDGE, "numa_node", "1\n");
	find(&d);
	assert_int_equal(d.node, 1);
	make_file(DEVICE, "numa_node", "0\n");
	find(&d);
	assert_int_equal(d.node, 0);
	/* The bridge does not know either, the root bus does. */
	make_file(DEVICE, "numa_node", "-1\n");
	make_file(BRIDGE, "numa_node", "-1\n");
	make_file("devices/pci0000:00", "numa_node", "3\n");
	find(&d);
	assert_int_equal(d.node, 3);
}

static void without_iommu_group_it_cannot_be_used(void **state)
{
	struct vfio_host_device d;
	struct error err = { 0 };

	make_link(DEVICE, "iommu_group", NULL);
	find(&d);
	assert_int_equal(d.group, -1);
	assert_int_equal(vfio_host_check(&d, &err), -ENODEV);
	assert_non_null(strstr(err.reason, "IOMMU group"));
	assert_non_null(strstr(err.remedy, "IOMMU"));
}

static void own_driver_is_named_with_the_command(void **state)
{
	struct vfio_host_device d;
	struct error err = { 0 };

	make_device(DEVICE, "nvme");
	find(&d);
	assert_int_equal(vfio_host_check(&d, &err), -EBUSY);
	assert_non_null(strstr(err.object, BDF));
	assert_non_null(strstr(err.reason, "nvme"));
	assert_string_equal(err.remedy, "torc-vfio bind " BDF);
	assert_false(err.usage);

	make_device(DEVICE, NULL);
	find(&d);
	assert_string_equal(d.driver, "");
	assert_int_equal(vfio_host_check(&d, &err), -EBUSY);
	assert_non_null(strstr(err.reason, "no driver"));
}

static void variant_drivers_of_vfio_will_do(void **state)
{
	struct vfio_host_device d;

	make_device(DEVICE, "mlx5-vfio-pci");
	make_dir(DEVICE "/vfio-dev");
	find(&d);
	assert_int_equal(vfio_host_check(&d, NULL), 0);
}

static void group_may_hold_what_is_harmless(void **state)
{
	struct vfio_host_device d;

	make_device(BRIDGE "/0000:01:00.1", NULL);
	make_device(BRIDGE "/0000:01:00.2", "vfio-pci");
	make_device(BRIDGE "/0000:01:00.3", "pci-stub");
	make_device(BRIDGE "/0000:01:00.4", "pcieport");
	find(&d);
	assert_int_equal(vfio_host_check(&d, NULL), 0);
}

static void everything_in_the_way_is_named(void **state)
{
	struct vfio_host_device d;
	struct error err = { 0 };

	make_device(BRIDGE "/0000:01:00.1", "snd_hda_intel");
	make_device(BRIDGE "/0000:01:00.2", NULL);
	make_device(BRIDGE "/0000:01:00.3", "xhci_hcd");
	find(&d);
	assert_int_equal(vfio_host_check(&d, &err), -EBUSY);
	assert_non_null(strstr(err.object, "group 7"));
	assert_non_null(strstr(err.reason, "0000:01:00.1 (snd_hda_intel)"));
	assert_non_null(strstr(err.reason, "0000:01:00.3 (xhci_hcd)"));
	assert_null(strstr(err.reason, "0000:01:00.2"));
	assert_null(strstr(err.reason, BDF));
	assert_true(err.remedy[0]);
}

/* More of them than a message holds: it is cut, not overrun. */
static void large_group_is_cut_short(void **state)
{
	struct vfio_host_device d;
	struct error err = { 0 };

	for (unsigned i = 1; i < 32; i++) {
		char dir[128];

		snprintf(dir, sizeof(dir), BRIDGE "/0000:01:%02x.0", i);
		make_device(dir, "a_driver_with_a_name_that_is_rather_long");
	}
	find(&d);
	assert_int_equal(vfio_host_check(&d, &err), -EBUSY);
	assert_true(strlen(err.reason) < sizeof(err.reason));
	assert_non_null(strstr(err.reason, "a_driver_with_a_name"));
}

static void hot_reset_needs_the_groups_that_it_affects(void **state)
{
	const struct vfio_pci_dependent_device affected[] = { { .group_id = 7 },
							      { .group_id = 9 } };
	const struct vfio_pci_dependent_device twins[] = { { .group_id = 9 }, { .group_id = 9 } };
	struct vfio_ioas ioas = { 0 };
	int32_t fds[VFIO_IOAS_MAX_GROUPS];

	/* Of other devices, too, which may be more than it affects. */
	ioas.group[0] = (struct vfio_group){ .id = 9, .fd = 19, .users = 1 };
	ioas.group[1] = (struct vfio_group){ .id = 1, .fd = 11, .users = 1 };
	ioas.group[2] = (struct vfio_group){ .id = 2, .fd = 12, .users = 1 };
	ioas.group[3] = (struct vfio_group){ .id = 7, .fd = 17, .users = 2 };
	assert_int_equal(vfio_reset_groups(&ioas, affected, 2, fds), 2);
	assert_int_equal(fds[0], 17);
	assert_int_equal(fds[1], 19);
	assert_int_equal(vfio_reset_groups(&ioas, twins, 2, fds), 1);
	assert_int_equal(fds[0], 19);
	/* A group that was given back is not ours any more. */
	ioas.group[3].users = 0;
	assert_int_equal(vfio_reset_groups(&ioas, affected, 2, fds), -EPERM);
	assert_int_equal(vfio_reset_groups(&ioas, affected + 1, 1, fds), 1);
}

static void kernel_says_how_it_resets(void **state)
{
	struct vfio_device device = { 0 };
	char name[VFIO_RESET_NAME_SIZE];

	find(&device.host);
	vfio_reset_describe(&device, name);
	assert_string_equal(name, "by the kernel");
	make_file(DEVICE, "reset_method", "pm bus\n");
	find(&device.host);
	vfio_reset_describe(&device, name);
	assert_string_equal(name, "pm");
	make_file(DEVICE, "reset_method", "a_method_whose_name_is_too_long_to_be_kept\n");
	find(&device.host);
	vfio_reset_describe(&device, name);
	assert_int_equal(strlen(name), VFIO_RESET_NAME_SIZE - 1);
}

/* In a process of its own: neither the limit nor the capability can be had back. */
static int memlock(uint64_t limit, uint64_t size, struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	struct rlimit rlimit = { limit, limit };

	if (setrlimit(RLIMIT_MEMLOCK, &rlimit) || syscall(SYS_capset, &header, data))
		return -EPERM;
	return vfio_memlock_check(size, err);
}

static int in_child(int (*check)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(check());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int too_little(void)
{
	struct error err = { 0 };

	return memlock(4 * MIB, 512 * MIB, &err) != -ENOMEM || !strstr(err.reason, "524288 KiB") ||
	       !strstr(err.reason, "4096 KiB") || !strstr(err.remedy, "ulimit -l 524288");
}

static int just_enough(void)
{
	return memlock(4 * MIB, 4 * MIB, NULL);
}

static void locked_memory_limit_is_checked(void **state)
{
	assert_int_equal(in_child(too_little), 0);
	assert_int_equal(in_child(just_enough), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(device_is_described),
		CASE(links_and_slashes_name_the_same_device),
		CASE(absent_device_is_an_error),
		CASE(other_buses_are_refused),
		CASE(node_is_that_of_the_nearest_bridge_that_knows),
		CASE(without_iommu_group_it_cannot_be_used),
		CASE(own_driver_is_named_with_the_command),
		CASE(variant_drivers_of_vfio_will_do),
		CASE(group_may_hold_what_is_harmless),
		CASE(everything_in_the_way_is_named),
		CASE(large_group_is_cut_short),
		cmocka_unit_test(hot_reset_needs_the_groups_that_it_affects),
		CASE(kernel_says_how_it_resets),
		cmocka_unit_test(locked_memory_limit_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
