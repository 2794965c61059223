/* SPDX-License-Identifier: Apache-2.0 */
/* The IOMMU: translation, interrupt remapping, posted interrupts. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "vfio/tool/check_internal.h"

#define CAP_POSTED_INTERRUPTS (1ULL << 59) /* VT-d specification, 11.4.2, capability register: PI */
/* AMD I/O Virtualization Technology Specification, MMIO 0030h: GASup, and of GAMSup the mode that Linux uses */
#define EFR_GUEST_APIC (1ULL << 7 | 1ULL << 21)
#define MAX_TYPES      8 /* of domains */

/* A switch that turns the IOMMU off; Documentation/admin-guide/kernel-parameters.txt. */
static const char *switched_off(const struct check_host *host)
{
	static const char *const words[] = { "intel_iommu=off", "amd_iommu=off", "iommu=off" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (check_has_word(host->cmdline, words[i]))
			return words[i];
	}
	return NULL;
}

static void no_iommu(const struct check_host *host, struct vfio_check_finding *f)
{
	bool dmar = check_exists(host, "sys/firmware/acpi/tables/DMAR");
	bool ivrs = check_exists(host, "sys/firmware/acpi/tables/IVRS");
	const char *off = switched_off(host);

	if (off && (dmar || ivrs)) {
		check_say(f, VFIO_CHECK_IN_THE_WAY, "off: the kernel was started with %s", off);
		check_lasting(f, CHECK_KERNEL, "without %s", off);
	} else if (dmar) {
		check_say(f, VFIO_CHECK_IN_THE_WAY,
			  "off: the firmware has one (DMAR table) that the kernel does not use");
		check_lasting(f, CHECK_KERNEL, "intel_iommu=on");
	} else if (ivrs) {
		check_say(f, VFIO_CHECK_IN_THE_WAY,
			  "off: the firmware has one (IVRS table) that the kernel does not use");
		check_now(f, "dmesg | grep -i AMD-Vi");
	} else if (host->is_guest) {
		check_say(f, VFIO_CHECK_IN_THE_WAY,
			  "none: this is a virtual machine, whose hypervisor gives it none");
		check_lasting(f, "hypervisor",
			      "a virtual IOMMU with interrupt remapping, for example QEMU's "
			      "-device intel-iommu,intremap=on,caching-mode=on");
	} else {
		check_say(f, VFIO_CHECK_IN_THE_WAY,
			  "none: the firmware has neither a DMAR nor an IVRS table");
		check_lasting(f, "firmware", "turn on %s",
			      host->is_amd ? "the IOMMU (AMD-Vi)"
					   : "VT-d, and boot with intel_iommu=on");
	}
}

void check_iommu(const struct check_host *host, const struct vfio_inspect *device,
		 struct vfio_check_finding *f)
{
	char **names;
	unsigned nr;

	if (!check_exists(host, "sys/class/iommu")) {
		check_say(f, VFIO_CHECK_UNKNOWN, "there is no %s/class/iommu", host->paths->sysfs);
		return;
	}
	nr = check_list(host, "sys/class/iommu", &names);
	if (nr)
		check_say(f, VFIO_CHECK_OK, "on: %u unit%s, %s%s%s", nr, nr == 1 ? "" : "s",
			  names[0], nr > 1 ? " to " : "", nr > 1 ? names[nr - 1] : "");
	else
		no_iommu(host, f);
	check_list_free(names, nr);
}

/* Whether a chip of remapped interrupts is in use: IR-IO-APIC, IR-PCI-MSI, with Intel and with AMD. */
static int is_remapping(const struct check_host *host)
{
	char path[PATH_MAX], *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *file;

	check_path(host, "proc/interrupts", path);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!found && getline(&line, &size, file) > 0)
		found = strstr(line, " IR-");
	free(line);
	fclose(file);
	return found;
}

void check_remapping(const struct check_host *host, const struct vfio_inspect *device,
		     struct vfio_check_finding *f)
{
	char unsafe[8] = "N";
	int r;

	if (!host->nr_iommus)
		return;
	r = is_remapping(host);
	if (r < 0) {
		check_say(f, VFIO_CHECK_UNKNOWN, "%s/interrupts: %s", host->paths->proc,
			  strerror(-r));
		return;
	}
	if (r) {
		check_say(f, VFIO_CHECK_OK, "on");
		return;
	}
	check_read(host, unsafe, sizeof(unsafe),
		   "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
	if (unsafe[0] == 'Y') {
		check_say(f, VFIO_CHECK_BETTER,
			  "off, and VFIO was told to do without (allow_unsafe_interrupts)");
	} else {
		check_say(f, VFIO_CHECK_IN_THE_WAY,
			  "off; VFIO gives no device out, unless allow_unsafe_interrupts says that "
			  "guests are trusted");
		check_module(host, f, "vfio_iommu_type1", "allow_unsafe_interrupts", "1", true);
	}
	if (check_has_word(host->cmdline, "intremap=off") ||
	    check_has_word(host->cmdline, "nointremap")) {
		f->where[0] = f->line[0] = '\0';
		check_lasting(f, CHECK_KERNEL, "without intremap=off or nointremap");
	}
}

/* Whether all IOMMUs have these bits in a register; -errno of one that cannot be read. */
static int have_capability(const struct check_host *host, const char *reg, uint64_t bits)
{
	char **names, value[32];
	unsigned nr = check_list(host, "sys/class/iommu", &names);
	int r = nr ? 1 : 0;

	for (unsigned i = 0; i < nr && r == 1; i++) {
		r = check_read(host, value, sizeof(value), "sys/class/iommu/%s/%s", names[i], reg);
		/* Hexadecimal without 0x, AMD's with a second register behind a colon; Documentation/ABI/testing/sysfs-class-iommu*. */
		if (!r)
			r = (strtoull(value, NULL, 16) & bits) == bits;
	}
	check_list_free(names, nr);
	return r;
}

/* A module's switch: 0 or 1; -errno; -EINVAL when it is something else. */
static int read_switch(const struct check_host *host, const char *name)
{
	char text[16];
	int r = check_read(host, text, sizeof(text), "%s", name);

	if (r)
		return r;
	if (!strcmp(text, "Y") || !strcmp(text, "1"))
		return 1;
	return strcmp(text, "N") && strcmp(text, "0") ? -EINVAL : 0;
}

/* A module that has to use what the hardware has, and whose switch cannot be read. */
static void say_unused(struct vfio_check_finding *f, const char *what, const char *module, int r)
{
	if (r == -ENOENT)
		check_say(f, VFIO_CHECK_UNKNOWN, "%s; %s, which has to use it, is not loaded", what,
			  module);
	else
		check_say(f, VFIO_CHECK_UNKNOWN, "%s; whether %s uses it: %s", what, module,
			  strerror(-r));
}

static void posted_intel(const struct check_host *host, struct vfio_check_finding *f)
{
	int iommu = have_capability(host, "intel-iommu/cap", CAP_POSTED_INTERRUPTS);
	int apicv = read_switch(host, "sys/module/kvm_intel/parameters/enable_apicv");

	if (iommu < 0)
		check_say(f, VFIO_CHECK_UNKNOWN, "capabilities of the IOMMU: %s", strerror(-iommu));
	else if (!iommu)
		check_say(f, VFIO_CHECK_BETTER,
			  "this IOMMU has none (server CPUs from Broadwell on have)");
	else if (check_has_word(host->cmdline, "intremap=nopost")) {
		check_say(f, VFIO_CHECK_BETTER, "off: the kernel was started with intremap=nopost");
		check_lasting(f, CHECK_KERNEL, "without intremap=nopost");
	} else if (apicv < 0)
		say_unused(f, "the IOMMU has them", "kvm_intel", apicv);
	else if (apicv)
		check_say(f, VFIO_CHECK_OK, "the IOMMU has them, and KVM uses them (APICv)");
	else {
		check_say(f, VFIO_CHECK_BETTER,
			  "the IOMMU has them, but kvm_intel's enable_apicv is off");
		check_module(host, f, "kvm_intel", "enable_apicv", "1", false);
	}
}

static void posted_amd(const struct check_host *host, struct vfio_check_finding *f)
{
	int avic = read_switch(host, "sys/module/kvm_amd/parameters/avic");
	int iommu = have_capability(host, "amd-iommu/features", EFR_GUEST_APIC);
	bool x2avic = check_has_flag(host, "x2avic");

	if (!check_has_flag(host, "avic"))
		check_say(f, VFIO_CHECK_BETTER,
			  "the CPU has no AVIC, or the firmware or hypervisor hides it");
	else if (avic < 0)
		say_unused(f, "the CPU has AVIC", "kvm_amd", avic);
	else if (avic && iommu < 0)
		check_say(f, VFIO_CHECK_UNKNOWN, "KVM uses AVIC; features of the IOMMU: %s",
			  strerror(-iommu));
	else if (avic && !iommu)
		check_say(
			f, VFIO_CHECK_BETTER,
			"KVM uses AVIC, but this IOMMU cannot deliver to it (it has no guest virtual APIC)");
	else if (avic && check_has_word(host->cmdline, "amd_iommu_intr=legacy")) {
		check_say(
			f, VFIO_CHECK_BETTER,
			"off: KVM uses AVIC, but the kernel was started with amd_iommu_intr=legacy");
		check_lasting(f, CHECK_KERNEL, "without amd_iommu_intr=legacy");
	} else if (avic)
		check_say(f, VFIO_CHECK_OK, "KVM uses AVIC%s",
			  x2avic ? ", in guests' x2APIC mode too (x2AVIC)"
				 : "; the CPU has no x2AVIC");
	else {
		check_say(f, VFIO_CHECK_BETTER, "the CPU has AVIC%s, but kvm_amd's avic is off",
			  x2avic ? " and x2AVIC" : "");
		check_module(host, f, "kvm_amd", "avic", "1", false);
	}
}

void check_posted(const struct check_host *host, const struct vfio_inspect *device,
		  struct vfio_check_finding *f)
{
	if (!host->nr_iommus)
		return;
	if (host->is_intel)
		posted_intel(host, f);
	else if (host->is_amd)
		posted_amd(host, f);
	else
		check_say(f, VFIO_CHECK_UNKNOWN, "the CPU is neither Intel's nor AMD's");
}

struct type_count {
	char name[16];
	unsigned nr;
};

/* Counts the groups of each type of domain; returns how many types there are. */
static unsigned count_types(const struct check_host *host, struct type_count *type)
{
	char **groups, name[16];
	unsigned nr = check_list(host, "sys/kernel/iommu_groups", &groups), types = 0;

	for (unsigned i = 0; i < nr; i++) {
		unsigned at = 0;

		if (check_read(host, name, sizeof(name), "sys/kernel/iommu_groups/%s/type",
			       groups[i]))
			continue;
		while (at < types && strcmp(type[at].name, name) != 0)
			at++;
		if (at == MAX_TYPES)
			continue;
		if (at == types) {
			memcpy(type[types].name, name, sizeof(name));
			type[types++].nr = 0;
		}
		type[at].nr++;
	}
	check_list_free(groups, nr);
	return types;
}

void check_iommu_mode(const struct check_host *host, const struct vfio_inspect *device,
		      struct vfio_check_finding *f)
{
	/* Documentation/ABI/testing/sysfs-kernel-iommu_groups. */
	static const char *const meaning[][2] = {
		{ "DMA", "translated, strict" },
		{ "DMA-FQ", "translated, lazy" },
		{ "identity", "not translated (identity)" },
	};
	struct type_count type[MAX_TYPES];
	unsigned types, used = 0;
	char text[256] = "";
	bool strict = false;

	if (!host->nr_iommus)
		return;
	types = count_types(host, type);
	for (unsigned i = 0; i < types; i++) {
		const char *what = NULL;

		for (size_t k = 0; k < ARRAY_SIZE(meaning); k++) {
			if (!strcmp(type[i].name, meaning[k][0]))
				what = meaning[k][1];
		}
		/* What VFIO or nobody has is of no mode. */
		if (!what)
			continue;
		strict |= !strcmp(type[i].name, "DMA");
		used += (unsigned)snprintf(text + used, sizeof(text) - used, "%s%s in %u group%s",
					   used ? ", " : "", what, type[i].nr,
					   type[i].nr == 1 ? "" : "s");
	}
	if (!used) {
		check_say(f, VFIO_CHECK_UNKNOWN, "no group has a type that says so");
		return;
	}
	check_say(f, strict ? VFIO_CHECK_BETTER : VFIO_CHECK_OK, "%s", text);
	if (strict)
		check_lasting(f, CHECK_KERNEL, "iommu.strict=0");
}
