/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/bind/nvme_vf.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "vfio/bind/bind_sys.h"

#define IDENTIFY_SIZE 4096

/* Figure numbers change with each revision; these are the names that stay. */
enum {
	OPCODE_IDENTIFY = 0x06,
	OPCODE_VIRTUALIZATION = 0x1c,
	CNS_CONTROLLER = 0x01,
	CNS_PRIMARY_CAPABILITIES = 0x14,
	CNS_SECONDARY_LIST = 0x15,
	OACS_VIRTUALIZATION = 1 << 7,
	ACT_OFFLINE = 7,
	ACT_ASSIGN = 8,
	ACT_ONLINE = 9,
	RESOURCE_QUEUES = 0,
	RESOURCE_INTERRUPTS = 1,
};

/* Of the secondary controller list: a count, then entries. */
#define SECONDARY_FIRST 32
#define SECONDARY_SIZE	32
#define SECONDARY_MAX	127

/* What each virtual function gets; 0 where the drive has nothing to share out. */
struct share {
	unsigned queues;
	unsigned interrupts;
};

static int identify(const char *node, unsigned cns, uint8_t *data)
{
	struct bind_sys_nvme command = {
		.opcode = OPCODE_IDENTIFY,
		.cdw10 = cns,
		.data = data,
		.size = IDENTIFY_SIZE,
	};

	memset(data, 0, IDENTIFY_SIZE);
	return bind_sys_nvme_admin(node, &command);
}

static int manage(const char *node, unsigned controller, unsigned action, unsigned resource,
		  unsigned nr)
{
	struct bind_sys_nvme command = {
		.opcode = OPCODE_VIRTUALIZATION,
		.cdw10 = controller << 16 | resource << 8 | action,
		.cdw11 = nr,
	};

	return bind_sys_nvme_admin(node, &command);
}

/* @total: flexible ones of the drive; @max: that one function may have. */
static unsigned share_of(unsigned total, unsigned max, unsigned nr)
{
	unsigned share = total / nr;

	return share < max ? share : max;
}

static int find_share(const char *node, unsigned nr, struct share *out)
{
	uint8_t data[IDENTIFY_SIZE];
	int r = identify(node, CNS_PRIMARY_CAPABILITIES, data);

	if (r)
		return r;
	/* VQFRT and VQFRSM, VIFRT and VIFRSM. */
	out->queues = share_of((unsigned)get_le(data + 32, 4), (unsigned)get_le(data + 44, 2), nr);
	out->interrupts =
		share_of((unsigned)get_le(data + 64, 4), (unsigned)get_le(data + 76, 2), nr);
	return 0;
}

/* Only what is offline can be given resources. */
static int start_one(const char *node, unsigned controller, const struct share *share)
{
	int r = manage(node, controller, ACT_OFFLINE, 0, 0);

	if (!r && share->queues)
		r = manage(node, controller, ACT_ASSIGN, RESOURCE_QUEUES, share->queues);
	if (!r && share->interrupts)
		r = manage(node, controller, ACT_ASSIGN, RESOURCE_INTERRUPTS, share->interrupts);
	return r ? r : manage(node, controller, ACT_ONLINE, 0, 0);
}

static int start_all(const char *node, unsigned nr)
{
	uint8_t list[IDENTIFY_SIZE];
	struct share share;
	int r = find_share(node, nr, &share);

	if (!r)
		r = identify(node, CNS_SECONDARY_LIST, list);
	for (unsigned i = 0; !r && i < list[0] && i < SECONDARY_MAX; i++) {
		const uint8_t *entry = list + SECONDARY_FIRST + i * SECONDARY_SIZE;
		unsigned vf = (unsigned)get_le(entry + 8, 2); /* counted from 1 */

		if (vf >= 1 && vf <= nr)
			r = start_one(node, (unsigned)get_le(entry, 2), &share);
	}
	return r;
}

/* The drive's character device: the folder nvme holds one entry, named as that. */
static bool find_node(const struct vfio_host_paths *paths, const struct vfio_host_device *device,
		      char node[PATH_MAX])
{
	char folder[PATH_MAX + 64];
	DIR *dir = opendir(vfio_host_file(device, "nvme", folder));
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		found = entry->d_name[0] != '.';
		snprintf(node, PATH_MAX, "%s/%s", paths->dev, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

int vfio_nvme_vf_start(const struct vfio_host_paths *paths, const struct vfio_host_device *device,
		       unsigned nr, struct error *err)
{
	uint8_t data[IDENTIFY_SIZE];
	char node[PATH_MAX];
	int r;

	if (!find_node(paths, device, node))
		return 0;
	r = identify(node, CNS_CONTROLLER, data);
	if (!r && !(get_le(data + 256, 2) & OACS_VIRTUALIZATION))
		return 0;
	if (!r)
		r = start_all(node, nr);
	if (!r)
		return 0;
	error_set(err, r, "device %s: Virtualization Management", device->bdf);
	if (r == -EIO)
		error_reason(err, "the drive refuses to give its virtual functions resources");
	return error_remedy(err, "ask for fewer of them; nvme-virt-mgmt(1) shows what it has");
}
