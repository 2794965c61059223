/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pci_tree.h"

#include <dirent.h>
#include <ftw.h>
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

#include "core/base/fd.h"
#include "tests/fake/bind_sys.h"

#define DEVICES "sys/bus/pci/devices/"

static char root[64], sysfs[80], proc[80], dev[80], state_folder[80];
struct vfio_host_paths pci_tree = { sysfs, proc, dev, state_folder, 100, NULL };

static const char *full(const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", root, name);
	return path;
}

static void make_folders(char *path)
{
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

void pci_tree_put(const char *name, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	FILE *file;

	full(name, path);
	make_folders(path);
	file = fopen(path, "w");
	assert_non_null(file);
	va_start(ap, fmt);
	assert_true(vfprintf(file, fmt, ap) >= 0);
	va_end(ap);
	fclose(file);
}

void pci_tree_link(const char *name, const char *target)
{
	char path[PATH_MAX], to[PATH_MAX];

	full(name, path);
	make_folders(path);
	assert_int_equal(symlink(full(target, to), path), 0);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int pci_tree_setup(void **state)
{
	snprintf(root, sizeof(root), "/tmp/torc-pci-tree.XXXXXX");
	assert_non_null(mkdtemp(root));
	snprintf(sysfs, sizeof(sysfs), "%s/sys", root);
	snprintf(proc, sizeof(proc), "%s/proc", root);
	snprintf(dev, sizeof(dev), "%s/dev", root);
	snprintf(state_folder, sizeof(state_folder), "%s/state", root);
	fake_bind = (struct fake_bind){ .root = root };
	pci_tree_put("proc/sys/kernel/random/boot_id", "11111111-1111-4111-8111-111111111111\n");
	pci_tree_put("proc/sys/kernel/modprobe", "/sbin/modprobe\n");
	pci_tree_put("sys/bus/pci/drivers_probe", "%s", "");
	pci_tree_put("sys/bus/pci/drivers/vfio-pci/bind", "%s", "");
	return 0;
}

int pci_tree_teardown(void **state)
{
	return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

__attribute__((format(printf, 3, 4))) static void put_attribute(const char *bdf, const char *name,
								const char *fmt, ...)
{
	char path[512], text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), DEVICES "%s/%s", bdf, name);
	pci_tree_put(path, "%s\n", text);
}

void pci_tree_device(const char *bdf, const char *class, int group, const char *driver)
{
	char path[512], target[512];

	put_attribute(bdf, "class", "%s", class);
	put_attribute(bdf, "driver_override", "(null)");
	put_attribute(bdf, "numa_node", "-1");
	snprintf(path, sizeof(path), DEVICES "%s/subsystem", bdf);
	pci_tree_link(path, "sys/bus/pci");
	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/devices/%s", group, bdf);
	snprintf(target, sizeof(target), DEVICES "%s", bdf);
	pci_tree_link(path, target);
	snprintf(path, sizeof(path), DEVICES "%s/iommu_group", bdf);
	snprintf(target, sizeof(target), "sys/kernel/iommu_groups/%d", group);
	pci_tree_link(path, target);
	if (!driver)
		return;
	put_attribute(bdf, "natural", "%s", driver);
	snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/bind", driver);
	pci_tree_put(path, "%s", "");
	snprintf(path, sizeof(path), DEVICES "%s/driver", bdf);
	snprintf(target, sizeof(target), "sys/bus/pci/drivers/%s", driver);
	pci_tree_link(path, target);
}

void pci_tree_remove(const char *bdf, int group)
{
	char name[512], path[PATH_MAX];

	snprintf(name, sizeof(name), DEVICES "%s", bdf);
	assert_int_equal(nftw(full(name, path), remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
	snprintf(name, sizeof(name), "sys/kernel/iommu_groups/%d/devices/%s", group, bdf);
	assert_int_equal(unlink(full(name, path)), 0);
}

struct vfio_host_device pci_tree_find(const char *bdf)
{
	struct vfio_host_device device;

	assert_int_equal(vfio_host_lookup(&pci_tree, bdf, &device, NULL), 0);
	return device;
}

char *pci_tree_state(const char *bdfs)
{
	char *words = strdup(bdfs), *text = NULL, *save = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (char *bdf = strtok_r(words, " ", &save); bdf; bdf = strtok_r(NULL, " ", &save)) {
		struct vfio_host_device device = pci_tree_find(bdf);
		char path[PATH_MAX + 64], override[64];

		vfio_host_file(&device, "driver_override", path);
		assert_int_equal(file_read_line(path, override, sizeof(override)), 0);
		fprintf(out, "%s%s/%s", bdf == words ? "" : " ",
			device.driver[0] ? device.driver : "-", override);
	}
	fclose(out);
	free(words);
	return text;
}

void pci_tree_expect(const char *bdfs, const char *state)
{
	char *now = pci_tree_state(bdfs);

	assert_string_equal(now, state);
	free(now);
}

unsigned pci_tree_nr_entries(void)
{
	char path[PATH_MAX];
	DIR *dir = opendir(full("state/bind", path));
	struct dirent *entry;
	unsigned nr = 0;

	while (dir && (entry = readdir(dir)))
		nr += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return nr;
}
