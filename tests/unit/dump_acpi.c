/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump_acpi DIRECTORY [CPUS [numa]]: writes the ACPI tables of a sample machine as the files that iasl and acpiexec
 * read: dsdt.dat, facp.dat, apic.dat, mcfg.dat, xsdt.dat, and rsdp.dat; and with two nodes, which
 * have a PCI root bus each, srat.dat and slit.dat.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/acpi/acpi.h"
#include "core/base/bits.h"
#include "core/base/fd.h"

#define BASE 0xe0000ULL
#define SIZE (128 * KIB)

#define MAX_CPUS 255

static int write_file(const char *dir, const char *name, const void *p, size_t n)
{
	char path[4096];
	int fd, r;

	if (snprintf(path, sizeof(path), "%s/%s.dat", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, p, n);
	fd_close(&fd);
	return r;
}

static int write_table(const char *dir, const uint8_t *blob, uint64_t addr)
{
	const uint8_t *t = blob + (addr - BASE);
	char name[5] = "";

	for (unsigned i = 0; i < 4; i++)
		name[i] = (char)tolower(t[i]);
	return write_file(dir, name, t, get_le(t + 4, 4));
}

static int write_tables(const char *dir, const uint8_t *blob)
{
	const uint8_t *xsdt = blob + (get_le(blob + 24, 8) - BASE);
	size_t n = (get_le(xsdt + 4, 4) - 36) / 8;
	int r = write_file(dir, "rsdp", blob, 36);

	if (!r)
		r = write_table(dir, blob, get_le(blob + 24, 8));
	for (size_t i = 0; i < n && !r; i++) {
		uint64_t addr = get_le(xsdt + 36 + 8 * i, 8);

		r = write_table(dir, blob, addr);
		if (!r && !memcmp(blob + (addr - BASE), "FACP", 4))
			r = write_table(dir, blob, get_le(blob + (addr - BASE) + 140, 8));
	}
	return r;
}

/* Half of the CPUs and of RAM on either node, and a PCI root bus whose number is not the node's. */
static void set_two_nodes(struct acpi_machine *machine)
{
	static const struct acpi_memory memory[] = {
		{ 0, GIB, 0 },
		{ GIB, 2 * GIB, 1 },
		{ 4 * GIB, GIB, 0 },
	};
	static const struct acpi_pci_root root[] = {
		{ 1,
		  { 0x1000, 0x7000 },
		  { 0xc0000000, 0x10000000 },
		  { 0x1000000000, 0x2000000000 },
		  0x80000000 },
		{ 0,
		  { 0x8000, 0x7000 },
		  { 0xd0000000, 0x18000000 },
		  { 0x3000000000, 0x2000000000 },
		  0x00000002 },
	};
	static const uint8_t distance[] = { 10, 21, 21, 10 };
	static uint32_t cpu_domain[MAX_CPUS];

	for (unsigned i = machine->nr_cpus / 2; i < machine->nr_cpus; i++)
		cpu_domain[i] = 1;
	machine->numa = (struct acpi_numa){
		.nr_domains = 2,
		.cpu_domain = cpu_domain,
		.nr_memory = ARRAY_SIZE(memory),
		.memory = memory,
		.distance = distance,
	};
	machine->nr_pci_roots = ARRAY_SIZE(root);
	memcpy(machine->pci_root, root, sizeof(root));
}

int main(int argc, char **argv)
{
	static uint32_t apic_ids[MAX_CPUS];
	static uint8_t blob[SIZE];
	struct acpi_machine machine = {
		.nr_cpus = argc > 2 ? (unsigned)atoi(argv[2]) : 4,
		.apic_ids = apic_ids,
		.ioapic_addr = 0xfec00000,
		.lapic_addr = 0xfee00000,
		.ecam_base = 0xe8000000,
		.nr_pci_roots = 1,
		.pci_root[0] = {
			.domain = -1,
			.io = { 0x1000, 0xe000 },
			.mem32 = { 0xc0000000, 0x28000000 },
			.mem64 = { 0x1000000000, 0x4000000000 },
			.hotplug_slots = 0xfffffff2,
		},
		.intx_gsi = 16,
		.sleep_control_port = 0x600,
		.sleep_status_port = 0x601,
		.reset_port = 0xcf9,
		.reset_value = 6,
		.uart = { 0x3f8, 4 },
		.hotplug = { .port = 0x620, .stride = 16, .gsi = 20 },
	};
	struct error err = { 0 };
	size_t used;
	int r;

	if (argc < 2 || machine.nr_cpus > MAX_CPUS) {
		fprintf(stderr, "usage: dump_acpi DIRECTORY [CPUS [numa]]\n");
		return 2;
	}
	if (argc > 3)
		set_two_nodes(&machine);
	/* Every other id, so that a large machine has x2APIC entries as well. */
	for (unsigned i = 0; i < MAX_CPUS; i++)
		apic_ids[i] = 2 * i;
	if (acpi_build(&machine, BASE, blob, sizeof(blob), &used, &err)) {
		error_print(&err, stderr);
		return 1;
	}
	r = write_tables(argv[1], blob);
	if (r)
		fprintf(stderr, "dump_acpi: %s: %s\n", argv[1], strerror(-r));
	return r ? 1 : 0;
}
