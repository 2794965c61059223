/* SPDX-License-Identifier: Apache-2.0 */
/* What this process may have: KVM, VFIO, rings, locked memory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>

#include "core/base/bits.h"
#include "numa/topology_text.h"
#include "vfio/tool/check_internal.h"

#define DEFAULT_GUEST (512 * MIB) /* torc's --memory */

/* Whether a node can be opened for reading and writing, as far as its mode says: opening one may keep others out. */
static int try_node(const struct check_host *host, const char *name)
{
	char path[PATH_MAX];

	check_path(host, name, path);
	return faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) ? -errno : 0;
}

static bool nodes_are_known(const struct check_host *host, struct vfio_check_finding *f)
{
	if (host->paths->dev[0])
		return true;
	check_say(f, VFIO_CHECK_UNKNOWN, "the nodes of that host are not here (--dev DIR)");
	return false;
}

static void no_kvm(const struct check_host *host, struct vfio_check_finding *f)
{
	bool vmx = check_has_flag(host, "vmx"), svm = check_has_flag(host, "svm");
	const char *module = vmx ? "kvm_intel" : "kvm_amd";

	if (!host->cpu[0]) {
		check_say(f, VFIO_CHECK_IN_THE_WAY, "there is no /dev/kvm");
		return;
	}
	if (!vmx && !svm) {
		check_say(f, VFIO_CHECK_IN_THE_WAY,
			  "there is no /dev/kvm, and the CPU shows neither VMX nor SVM");
		if (host->is_guest)
			check_lasting(f, "hypervisor",
				      "nested virtualization for this virtual machine");
		else
			check_lasting(f, "firmware",
				      "turn virtualization on (VT-x; SVM mode with AMD)");
		return;
	}
	check_say(f, VFIO_CHECK_IN_THE_WAY, "there is no /dev/kvm, though the CPU has %s",
		  vmx ? "VMX" : "SVM");
	check_now(f, "modprobe %s", module);
	check_lasting(f, "/etc/modules-load.d/torc.conf", "%s", module);
}

void check_kvm(const struct check_host *host, const struct vfio_inspect *device,
	       struct vfio_check_finding *f)
{
	int r;

	if (!nodes_are_known(host, f))
		return;
	r = try_node(host, "dev/kvm");
	if (r == -ENOENT) {
		no_kvm(host, f);
	} else if (r) {
		check_say(f, VFIO_CHECK_IN_THE_WAY, "/dev/kvm: %s", strerror(-r));
		check_now(
			f,
			"usermod -aG kvm USER # and log in again; groupadd --system kvm where there is no such group");
		check_lasting(f, "/etc/udev/rules.d/90-torc.rules",
			      "KERNEL==\"kvm\", GROUP=\"kvm\", MODE=\"0660\"");
	} else {
		check_say(f, VFIO_CHECK_OK, "/dev/kvm may be read and written");
	}
}

void check_container(const struct check_host *host, const struct vfio_inspect *device,
		     struct vfio_check_finding *f)
{
	int r;

	if (!nodes_are_known(host, f))
		return;
	r = try_node(host, "dev/vfio/vfio");
	if (r == -ENOENT && host->nr_iommus) {
		check_say(f, VFIO_CHECK_IN_THE_WAY,
			  "there is no /dev/vfio/vfio: VFIO is not loaded");
		check_now(f, "modprobe -a vfio-pci vfio_iommu_type1");
		check_lasting(f, "/etc/modules-load.d/torc.conf", "vfio-pci\nvfio_iommu_type1");
	} else if (r == -ENOENT) {
		check_say(f, VFIO_CHECK_UNKNOWN,
			  "there is no /dev/vfio/vfio, and no IOMMU that VFIO could be loaded for");
	} else if (r) {
		check_say(f, VFIO_CHECK_IN_THE_WAY, "/dev/vfio/vfio: %s", strerror(-r));
		check_now(f, "chmod 0666 /dev/vfio/vfio");
		check_lasting(f, "/etc/udev/rules.d/90-torc.rules",
			      "KERNEL==\"vfio\", SUBSYSTEM==\"misc\", MODE=\"0666\"");
	} else {
		check_say(f, VFIO_CHECK_OK, "/dev/vfio/vfio may be read and written");
	}
}

void check_access(const struct check_host *host, const struct vfio_inspect *device,
		  struct vfio_check_finding *f)
{
	char name[64];
	int r;

	/* Until it is bound, there need not be a node. */
	if (device->host.group < 0 || !vfio_host_is_bound(&device->host) ||
	    !nodes_are_known(host, f))
		return;
	snprintf(name, sizeof(name), "dev/vfio/%d", device->host.group);
	r = try_node(host, name);
	if (!r) {
		check_say(f, VFIO_CHECK_OK, "/%s may be read and written", name);
		return;
	}
	if (r == -ENOENT) {
		check_say(f, VFIO_CHECK_IN_THE_WAY,
			  "there is no /%s; a container has to be given it", name);
		return;
	}
	check_say(f, VFIO_CHECK_IN_THE_WAY, "/%s: %s", name, strerror(-r));
	check_now(f, "chown $USER /%s # as root, $USER the one who runs torc", name);
	check_lasting(f, "/etc/udev/rules.d/90-torc.rules",
		      "SUBSYSTEM==\"vfio\", GROUP=\"kvm\", MODE=\"0660\"");
}

/* Whether a group is among those of this process. */
static bool is_member(const struct check_host *host, const char *gid)
{
	const char *groups = topology_text_find(host->status, "Groups");
	const char *own = topology_text_find(host->status, "Gid");
	char text[2048];

	snprintf(text, sizeof(text), "%.*s %.*s", groups ? (int)strcspn(groups, "\n") : 0,
		 groups ? groups : "", own ? (int)strcspn(own, "\n") : 0, own ? own : "");
	return check_has_word(text, gid);
}

/* The switch came with Linux 6.6; a kernel without io_uring has none either. */
static void no_switch(const struct check_host *host, struct vfio_check_finding *f)
{
	unsigned major = 0, minor = 0;
	char release[64];

	if (!check_need(host, f, release, sizeof(release), "proc/sys/kernel/osrelease"))
		return;
	if (sscanf(release, "%u.%u", &major, &minor) != 2)
		check_say(f, VFIO_CHECK_UNKNOWN, "kernel %s: which version is that?", release);
	else if (major > 6 || (major == 6 && minor >= 6))
		check_say(f, VFIO_CHECK_IN_THE_WAY,
			  "kernel %s was built without it (CONFIG_IO_URING)", release);
	else
		check_say(f, VFIO_CHECK_UNKNOWN,
			  "kernel %s does not say whether it has it; there is no switch to turn it "
			  "off",
			  release);
}

void check_io_uring(const struct check_host *host, const struct vfio_inspect *device,
		    struct vfio_check_finding *f)
{
	char value[32], gid[32] = "-1";

	if (check_lacks(host, "proc/sys/kernel/io_uring_disabled")) {
		no_switch(host, f);
		return;
	}
	if (!check_need(host, f, value, sizeof(value), "proc/sys/kernel/io_uring_disabled"))
		return;
	check_read(host, gid, sizeof(gid), "proc/sys/kernel/io_uring_group");
	if (!strcmp(value, "0")) {
		check_say(f, VFIO_CHECK_OK, "everybody may have rings");
		return;
	}
	if (!strcmp(value, "1") && (check_capable(host, CAP_SYS_ADMIN) || is_member(host, gid))) {
		check_say(f, VFIO_CHECK_OK, "this user may have rings, others may not");
		return;
	}
	check_say(f, VFIO_CHECK_IN_THE_WAY, "kernel.io_uring_disabled is %s: %s", value,
		  !strcmp(value, "1")
			  ? "root and the group of kernel.io_uring_group alone may have "
			    "rings"
			  : "nobody may have rings");
	check_sysctl(f, "kernel.io_uring_disabled", "0");
}

void check_memlock(const struct check_host *host, const struct vfio_inspect *device,
		   struct vfio_check_finding *f)
{
	char path[PATH_MAX], *limits, *line;
	uint64_t bytes;
	int r;

	if (check_capable(host, CAP_IPC_LOCK)) {
		check_say(f, VFIO_CHECK_OK, "without limit for this user (CAP_IPC_LOCK)");
		return;
	}
	check_path(host, "proc/self/limits", path);
	r = topology_text_read(path, &limits);
	if (r) {
		check_say(f, VFIO_CHECK_UNKNOWN, "%s: %s", path, strerror(-r));
		return;
	}
	line = strstr(limits, "Max locked memory");
	if (line && sscanf(line, "Max locked memory %" SCNu64, &bytes) == 1) {
		check_say(f, bytes < DEFAULT_GUEST ? VFIO_CHECK_IN_THE_WAY : VFIO_CHECK_OK,
			  "the limit is %" PRIu64 " KiB: no larger guest can have a device",
			  bytes / (uint64_t)KIB);
		if (bytes < DEFAULT_GUEST) {
			check_now(f,
				  "prlimit --memlock=unlimited --pid $$ # as root, of the shell");
			check_lasting(f, "/etc/security/limits.d/90-torc.conf",
				      "@kvm - memlock unlimited");
		}
	} else if (line && strstr(line, "unlimited")) {
		check_say(f, VFIO_CHECK_OK, "without limit");
	} else {
		check_say(f, VFIO_CHECK_UNKNOWN, "%s says nothing of locked memory", path);
	}
	free(limits);
}

void check_devices(const struct check_host *host, const struct vfio_inspect *device,
		   struct vfio_check_finding *f)
{
	if (host->nr_named || host->nr_bound)
		return;
	check_say(f, VFIO_CHECK_FACT,
		  "vfio-pci has none; torc-vfio check BDF judges one that it does not have yet");
	check_now(f, "torc-vfio list");
}
