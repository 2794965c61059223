/* SPDX-License-Identifier: Apache-2.0 */
#include "core/acpi/srat.h"

#include <errno.h>

#include "core/base/bits.h"

#define LOCAL 10 /* a domain's distance to itself */

/* ACPI 6.4, 5.2.16: SRAT entries. */
enum srat_entry {
	SRAT_LAPIC = 0,
	SRAT_MEMORY = 1,
	SRAT_X2APIC = 2,
};

#define SRAT_ENABLED (1U << 0) /* in the flags of all of them */

static int check_domain(const struct acpi_numa *numa, uint32_t domain, struct error *err)
{
	if (domain < numa->nr_domains)
		return 0;
	error_set(err, -EINVAL, "proximity domain %u", domain);
	return error_reason(err, "there are %u", numa->nr_domains);
}

static int check_cpu(const struct acpi_numa *numa, unsigned index, struct error *err)
{
	int r = check_domain(numa, numa->cpu_domain[index], err);

	return r ? error_set(err, r, "CPU %u", index) : 0;
}

static int check_memory(const struct acpi_numa *numa, unsigned index, struct error *err)
{
	const struct acpi_memory *m = &numa->memory[index];
	int r = check_domain(numa, m->domain, err);

	if (r)
		return error_set(err, r, "memory at %#lx", m->base);
	if (!m->size || !range_fits(m->base, m->size, UINT64_MAX)) {
		error_set(err, -EINVAL, "memory at %#lx", m->base);
		return error_reason(err, "%#lx bytes are out of range", m->size);
	}
	for (unsigned i = 0; i < index; i++) {
		const struct acpi_memory *other = &numa->memory[i];

		if (ranges_overlap(m->base, m->size, other->base, other->size)) {
			error_set(err, -EINVAL, "memory at %#lx", m->base);
			return error_reason(err, "overlaps memory at %#lx", other->base);
		}
	}
	return 0;
}

/* ACPI 6.4, 5.2.17; Linux drops the whole SLIT for one wrong distance. */
static int check_distances(const struct acpi_numa *numa, struct error *err)
{
	const uint8_t *distance = numa->distance;

	for (unsigned from = 0; from < numa->nr_domains; from++) {
		for (unsigned to = 0; to < numa->nr_domains; to++, distance++) {
			if (from == to ? *distance == LOCAL : *distance > LOCAL)
				continue;
			error_set(err, -EINVAL, "distance from proximity domain %u to %u", from,
				  to);
			return error_reason(err, "is %u, not %s%d", *distance,
					    from == to ? "" : "above ", LOCAL);
		}
	}
	return 0;
}

int srat_check(const struct acpi_machine *machine, struct error *err)
{
	const struct acpi_numa *numa = &machine->numa;
	int r = 0;

	if (!numa->nr_domains)
		return 0;
	for (unsigned i = 0; i < machine->nr_cpus && !r; i++)
		r = check_cpu(numa, i, err);
	for (unsigned i = 0; i < numa->nr_memory && !r; i++)
		r = check_memory(numa, i, err);
	if (!r)
		r = check_distances(numa, err);
	return r ? error_set(err, r, "ACPI tables") : 0;
}

/* The kind of entry is that of the CPU's MADT entry. */
static void write_cpu(struct aml *b, uint32_t apic_id, uint32_t domain)
{
	if (apic_id <= SRAT_MAX_XAPIC_ID) {
		aml_le(b, SRAT_LAPIC, 1);
		aml_le(b, 16, 1);
		aml_le(b, domain, 1);
		aml_le(b, apic_id, 1);
		aml_le(b, SRAT_ENABLED, 4);
		aml_le(b, domain & ~0xffU, 4); /* a SAPIC's id, then the domain's upper bits */
		aml_le(b, 0, 4);	       /* clock domain */
		return;
	}
	aml_le(b, SRAT_X2APIC, 1);
	aml_le(b, 24, 1);
	aml_le(b, 0, 2);
	aml_le(b, domain, 4);
	aml_le(b, apic_id, 4);
	aml_le(b, SRAT_ENABLED, 4);
	aml_le(b, 0, 4); /* clock domain */
	aml_le(b, 0, 4);
}

static void write_memory(struct aml *b, const struct acpi_memory *memory)
{
	aml_le(b, SRAT_MEMORY, 1);
	aml_le(b, 40, 1);
	aml_le(b, memory->domain, 4);
	aml_le(b, 0, 2);
	aml_le(b, memory->base, 8);
	aml_le(b, memory->size, 8);
	aml_le(b, 0, 4);
	aml_le(b, SRAT_ENABLED, 4);
	aml_le(b, 0, 8);
}

size_t srat_write(struct aml *b, const struct acpi_machine *machine)
{
	const struct acpi_numa *numa = &machine->numa;
	size_t t = aml_table_begin(b, "SRAT", 3);

	aml_le(b, 1, 4); /* reserved, and 1 */
	aml_le(b, 0, 8);
	for (unsigned i = 0; i < machine->nr_cpus; i++)
		write_cpu(b, machine->apic_ids[i], numa->cpu_domain[i]);
	for (unsigned i = 0; i < numa->nr_memory; i++)
		write_memory(b, &numa->memory[i]);
	aml_table_end(b, t);
	return t;
}

size_t slit_write(struct aml *b, const struct acpi_numa *numa)
{
	size_t t = aml_table_begin(b, "SLIT", 1);

	aml_le(b, numa->nr_domains, 8);
	aml_bytes(b, numa->distance, (size_t)numa->nr_domains * numa->nr_domains);
	aml_table_end(b, t);
	return t;
}
