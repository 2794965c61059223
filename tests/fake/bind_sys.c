/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/bind_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"

struct fake_bind fake_bind;

static const char *device_file(const char *bdf, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/sys/bus/pci/devices/%s/%s", fake_bind.root, bdf, name);
	return path;
}

static int put_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return -errno;
	fprintf(file, "%s\n", text);
	fclose(file);
	return 0;
}

static int attach(const char *bdf, const char *driver)
{
	char path[PATH_MAX], target[PATH_MAX];

	snprintf(target, sizeof(target), "%s/sys/bus/pci/drivers/%s", fake_bind.root, driver);
	if (access(target, F_OK))
		return -ENODEV;
	return symlink(target, device_file(bdf, "driver", path)) ? -errno : 0;
}

static bool has_override(const char *bdf, char override[64])
{
	char path[PATH_MAX];

	return !file_read_line(device_file(bdf, "driver_override", path), override, 64) &&
	       strcmp(override, "(null)") != 0;
}

/* The kernel says nothing when no driver takes the device. */
static int probe(const char *bdf)
{
	char path[PATH_MAX], driver[64] = "";

	if (fake_bind.refuses || !access(device_file(bdf, "driver", path), F_OK))
		return 0;
	if (!has_override(bdf, driver))
		file_read_line(device_file(bdf, "natural", path), driver, sizeof(driver));
	if (driver[0])
		attach(bdf, driver);
	return 0;
}

static int bind(const char *path, const char *bdf)
{
	char driver[64] = "", override[64];
	const char *name = strstr(path, "/drivers/");

	sscanf(name, "/drivers/%63[^/]", driver);
	if (has_override(bdf, override) && strcmp(override, driver) != 0)
		return -ENODEV;
	return attach(bdf, driver);
}

int bind_sys_write(const char *path, const char *text)
{
	const char *name = strrchr(path, '/') + 1;
	char link[PATH_MAX];

	if (++fake_bind.nr_writes == fake_bind.kill_at)
		_exit(FAKE_BIND_KILLED);
	if (!strcmp(name, "drivers_probe"))
		return probe(text);
	if (!strcmp(name, "bind"))
		return bind(path, text);
	if (!strcmp(name, "unbind"))
		return unlink(device_file(text, "driver", link)) ? -ENODEV : 0;
	if (!strcmp(name, "driver_override") && !strcmp(text, "\n"))
		return put_text(path, "(null)");
	return put_text(path, text);
}

int bind_sys_modprobe(const char *modprobe, const char *module)
{
	char path[PATH_MAX];

	if (!fake_bind.module)
		return -ENODEV;
	snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/%s", fake_bind.root, fake_bind.module);
	mkdir(path, 0755);
	strcat(path, "/bind");
	return put_text(path, "");
}

int bind_sys_open_group(const char *path)
{
	return fake_bind.is_busy ? -EBUSY : open("/dev/null", O_RDWR | O_CLOEXEC);
}

void bind_sys_pause(void)
{
	if (fake_bind.closed)
		unlink(fake_bind.closed);
}

bool bind_sys_is_claimed(const char *node)
{
	return fake_bind.claimed && !strcmp(strrchr(node, '/') + 1, fake_bind.claimed);
}

bool bind_sys_address(const char *interface, char *text, size_t size)
{
	if (!fake_bind.with_address || strcmp(interface, fake_bind.with_address) != 0)
		return false;
	snprintf(text, size, "192.0.2.1");
	return true;
}

static void identify(unsigned cns, uint8_t *data)
{
	switch (cns) {
	case 0x01: /* OACS */
		put_le(data + 256, 2, 1 << 7);
		break;
	case 0x14: /* VQFRT, VQFRSM, VIFRT, VIFRSM */
		put_le(data + 32, 4, 8);
		put_le(data + 44, 2, 3);
		put_le(data + 64, 4, 4);
		put_le(data + 76, 2, 4);
		break;
	case 0x15: /* SCID and VFN of two */
		data[0] = 2;
		put_le(data + 32, 2, 5);
		put_le(data + 40, 2, 1);
		put_le(data + 64, 2, 6);
		put_le(data + 72, 2, 2);
		break;
	}
}

int bind_sys_nvme_admin(const char *node, const struct bind_sys_nvme *command)
{
	unsigned n = fake_bind.nr_managed;

	if (command->opcode == 0x06) {
		identify(command->cdw10, command->data);
		return 0;
	}
	if (n >= ARRAY_SIZE(fake_bind.managed))
		return -EIO;
	fake_bind.managed[n][0] = command->cdw10;
	fake_bind.managed[n][1] = command->cdw11;
	fake_bind.nr_managed++;
	return 0;
}
