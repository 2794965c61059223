/* SPDX-License-Identifier: Apache-2.0 */
#include "core/boot/internal.h"

#include "core/kvm/layout.h"

/* The identity map page and the three TSS pages that KVM takes on some Intel CPUs. */
#define KVM_PAGES_SIZE (4 * 4 * KIB)

_Static_assert(E820_MAX <= E820_MAX_ENTRIES_ZEROPAGE, "boot.rst");

static void e820_add(struct boot_e820_entry *map, unsigned *n, uint64_t addr, uint64_t size,
		     enum e820_type type)
{
	if (!size)
		return;
	map[(*n)++] = (struct boot_e820_entry){ .addr = addr, .size = size, .type = type };
}

/* The regions of RAM behind the first that lie on one side of the device window. */
static void add_regions(struct boot_e820_entry *map, unsigned *n, const struct guest_mem *mem,
			bool high)
{
	for (unsigned i = 1; i < mem->nr_regions; i++) {
		const struct guest_region *region = &mem->region[i];

		if ((region->gpa.v >= GUEST_HIGH_START) == high)
			e820_add(map, n, region->gpa.v, region->size, E820_RAM);
	}
}

unsigned e820_build(const struct guest_mem *mem, const struct boot_machine *machine,
		    struct boot_e820_entry map[E820_MAX])
{
	uint64_t low_end = boot_low_end(mem);
	unsigned n = 0;

	e820_add(map, &n, 0, LAYOUT_EBDA, E820_RAM);
	e820_add(map, &n, LAYOUT_EBDA, 640 * KIB - LAYOUT_EBDA, E820_RESERVED);
	e820_add(map, &n, LAYOUT_ACPI, LAYOUT_HIGH_RAM - LAYOUT_ACPI, E820_ACPI);
	if (low_end > LAYOUT_HIGH_RAM)
		e820_add(map, &n, LAYOUT_HIGH_RAM, low_end - LAYOUT_HIGH_RAM, E820_RAM);
	add_regions(map, &n, mem, false);
	e820_add(map, &n, machine->ecam_base, machine->ecam_size, E820_RESERVED);
	e820_add(map, &n, LAYOUT_IDENTITY_MAP, KVM_PAGES_SIZE, E820_RESERVED);
	add_regions(map, &n, mem, true);
	return n;
}
