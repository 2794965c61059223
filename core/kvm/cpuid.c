/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kvm/cpuid.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/base/bits.h"
#include "core/kvm/kvm_ioctl.h"

#define CPUID_MAX_ENTRIES 1024U
#define CPUID_AUTH	  0x68747541U /* "Auth" of AuthenticAMD */
#define CPUID_HYGO	  0x6f677948U /* "Hygo" of HygonGenuine */
#define TOPOLOGY_ENTRIES  7U	      /* subleaves of 0xb and 0x1f, the closing ones included */

/* Leaf 1, ECX and EDX. */
#define LEAF1_ECX_TSC_DEADLINE (1U << 24)
#define LEAF1_ECX_X2APIC       (1U << 21)
#define LEAF1_ECX_HYPERVISOR   (1U << 31)
#define LEAF1_EDX_HTT	       (1U << 28)
/* Leaf 0x80000001, ECX. */
#define AMD_ECX_CMP_LEGACY (1U << 1)

/*
 * Linux takes this many low bits of an APIC id to tell the CPUs of one L3 apart on AMD family 17h up to model 1Fh and on
 * Hygon, whatever leaf 0x8000001d says (cacheinfo_amd_init_llc_id()).
 */
#define L3_ID_BITS 3U
#define XAPIC_IDS  255U /* 255 itself is the broadcast */

/* How many bits the APIC id's field for a count of things takes. */
static unsigned field_bits(unsigned count)
{
	return count <= 1 ? 0 : 32 - (unsigned)__builtin_clz(count - 1);
}

struct shifts {
	unsigned core, die, package;
};

static struct shifts topology_shifts(const struct cpuid_topology *t)
{
	struct shifts s;

	s.core = field_bits(t->threads);
	s.die = s.core + field_bits(t->cores);
	if (t->dies * t->packages > 1 && s.die < L3_ID_BITS &&
	    t->packages << (L3_ID_BITS + field_bits(t->dies)) <= XAPIC_IDS)
		s.die = L3_ID_BITS;
	s.package = s.die + field_bits(t->dies);
	return s;
}

/* The last vCPU before @i on the same node; -1: there is none. */
static int previous_on_node(const uint32_t *node, unsigned i)
{
	for (unsigned j = i; j-- > 0;) {
		if (node[j] == node[i])
			return (int)j;
	}
	return -1;
}

void cpuid_topology_of_nodes(struct cpuid_topology *topology, uint16_t *place, const uint32_t *node,
			     unsigned nr)
{
	struct cpuid_topology t = { .threads = 1, .dies = 1, .place = place };
	unsigned package = 0;

	/* The place within the package comes first: it tells how large packages are. */
	for (unsigned i = 0; i < nr; i++) {
		int previous = previous_on_node(node, i);

		place[i] = previous < 0 ? 0 : (uint16_t)(place[previous] + 1);
		if (previous < 0)
			t.packages++;
		if (place[i] >= t.cores)
			t.cores = place[i] + 1U;
	}
	for (unsigned i = 0; i < nr; i++) {
		int previous = previous_on_node(node, i);

		place[i] = (uint16_t)(previous < 0 ? package++ * t.cores : place[previous] + 1U);
	}
	*topology = t;
}

uint32_t cpuid_apic_id(const struct cpuid_topology *t, unsigned index)
{
	struct shifts s = topology_shifts(t);
	unsigned place = t->place ? t->place[index] : index;
	unsigned thread = place % t->threads;
	unsigned core = place / t->threads % t->cores;
	unsigned die = place / t->threads / t->cores % t->dies;
	unsigned package = place / t->threads / t->cores / t->dies;

	return package << s.package | die << s.die | core << s.core | thread;
}

static void append_topology(struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t subleaves)
{
	for (uint32_t i = 0; i < subleaves; i++) {
		cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
			.function = function,
			.index = i,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		};
	}
}

/* KVM gives subleaf 0 only, which says "no topology": put whole leaves in its place. */
static void replace_topology(struct kvm_cpuid2 *cpuid)
{
	uint32_t kept = 0, max_leaf = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 0)
			max_leaf = e->eax;
		if (e->function != 0xb && e->function != 0x1f)
			cpuid->entries[kept++] = *e;
	}
	cpuid->nent = kept;
	if (max_leaf >= 0xb)
		append_topology(cpuid, 0xb, 3);
	if (max_leaf >= 0x1f)
		append_topology(cpuid, 0x1f, 4);
}

int cpuid_supported(int kvm_fd, struct kvm_cpuid2 **out, struct error *err)
{
	/* KVM wants to be told the room; it answers E2BIG until there is enough. */
	for (uint32_t room = 128; room <= CPUID_MAX_ENTRIES; room *= 2) {
		struct kvm_cpuid2 *cpuid = calloc(
			1, sizeof(*cpuid) + (room + TOPOLOGY_ENTRIES) * sizeof(cpuid->entries[0]));
		int r;

		if (!cpuid)
			return error_set(err, -ENOMEM, "CPUID");
		cpuid->nent = room;
		r = kvm_supported_cpuid(kvm_fd, cpuid);
		if (!r) {
			replace_topology(cpuid);
			*out = cpuid;
			return 0;
		}
		free(cpuid);
		if (r != -E2BIG)
			return error_set(err, r, "KVM_GET_SUPPORTED_CPUID");
	}
	return error_set(err, -E2BIG, "KVM_GET_SUPPORTED_CPUID");
}

/* What of a leaf is to go. */
struct hidden {
	uint32_t function;
	uint32_t eax, ebx, ecx, edx;
};

#define ALL 0xffffffffU
#define ALL_OF(leaf)                     \
	{                                \
		leaf, ALL, ALL, ALL, ALL \
	}

static const struct hidden nested_leaves[] = {
	{ 1, 0, 0, 1U << 5, 0 },	  /* VMX */
	{ 0x80000001, 0, 0, 1U << 2, 0 }, /* SVM */
	ALL_OF(0x8000000a),		  /* its features */
};

static const struct hidden pmu_leaves[] = {
	{ 1, 0, 0, 1U << 2 | 1U << 4 | 1U << 15, 1U << 21 }, /* DTES64, DS-CPL, PDCM; DS */
	ALL_OF(0xa),					     /* architectural counters */
	ALL_OF(0x1c),					     /* last branch records */
	{ 0x80000001, 0, 0, 1U << 10 | 1U << 23 | 1U << 24 | 1U << 28, 0 }, /* IBS; core, NB, L3 */
	ALL_OF(0x8000001b),						    /* IBS */
	ALL_OF(0x80000022),						    /* version 2 */
};

static void hide(struct kvm_cpuid2 *cpuid, const struct hidden *leaf, unsigned nr)
{
	for (uint32_t i = 0; i < cpuid->nent * nr; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i / nr];
		const struct hidden *h = &leaf[i % nr];

		if (e->function != h->function)
			continue;
		e->eax &= ~h->eax;
		e->ebx &= ~h->ebx;
		e->ecx &= ~h->ecx;
		e->edx &= ~h->edx;
	}
}

void cpuid_hide(struct kvm_cpuid2 *cpuid, bool nested, bool pmu)
{
	if (nested)
		hide(cpuid, nested_leaves, ARRAY_SIZE(nested_leaves));
	if (pmu)
		hide(cpuid, pmu_leaves, ARRAY_SIZE(pmu_leaves));
}

/* Leaves 0xb and 0x1f: one level a subleaf, each saying where the next one's id starts. */
static void set_extended_topology(struct kvm_cpuid_entry2 *e, const struct cpuid_topology *t,
				  uint32_t apic_id)
{
	struct shifts s = topology_shifts(t);
	unsigned per_package = t->threads * t->cores * t->dies;

	e->eax = e->ebx = 0;
	e->ecx = e->index;
	e->edx = apic_id;
	if (e->index == 0) {
		e->eax = s.core;
		e->ebx = t->threads;
		e->ecx |= 1U << 8; /* SMT */
	} else if (e->index == 1) {
		e->eax = e->function == 0x1f ? s.die : s.package;
		e->ebx = e->function == 0x1f ? t->threads * t->cores : per_package;
		e->ecx |= 2U << 8; /* core */
	} else if (e->index == 2 && e->function == 0x1f) {
		e->eax = s.package;
		e->ebx = per_package;
		e->ecx |= 5U << 8; /* die */
	}
}

/* Leaf 4 and 0x8000001d: how many logical CPUs share a cache: L1 and L2 a core's, L3 a die's. */
static void set_cache(struct kvm_cpuid_entry2 *e, const struct cpuid_topology *t)
{
	struct shifts s = topology_shifts(t);
	unsigned level = e->eax >> 5 & 7;
	unsigned sharing = 1U << (level >= 3 ? s.die : s.core);

	if (!(e->eax & 0x1f))
		return;
	e->eax &= ~(0xfffU << 14);
	e->eax |= (sharing - 1) << 14;
	if (e->function == 4) {
		e->eax &= ~(0x3fU << 26);
		e->eax |= (((1U << (s.package - s.core)) - 1) & 0x3f) << 26;
	}
}

static void set_leaf1(struct kvm_cpuid_entry2 *e, const struct cpuid_topology *t, uint32_t apic_id)
{
	unsigned per_package = 1U << topology_shifts(t).package;

	e->ebx &= 0xffff;
	e->ebx |= (per_package < 255 ? per_package : 255) << 16 | apic_id << 24;
	e->ecx |= LEAF1_ECX_TSC_DEADLINE | LEAF1_ECX_X2APIC | LEAF1_ECX_HYPERVISOR;
	e->edx &= ~LEAF1_EDX_HTT;
	if (per_package > 1)
		e->edx |= LEAF1_EDX_HTT;
}

/* AMD: the package's thread count and the id field's width; then core and node ids. */
static void set_amd(struct kvm_cpuid_entry2 *e, const struct cpuid_topology *t, uint32_t apic_id)
{
	struct shifts s = topology_shifts(t);
	unsigned per_package = t->threads * t->cores * t->dies;

	switch (e->function) {
	case 0x80000001:
		e->ecx &= ~AMD_ECX_CMP_LEGACY;
		if (per_package > 1)
			e->ecx |= AMD_ECX_CMP_LEGACY;
		break;
	case 0x80000008:
		e->ecx &= ~0xf0ffU;
		e->ecx |= ((per_package - 1) & 0xff) | s.package << 12;
		break;
	case 0x8000001e:
		e->eax = apic_id;
		e->ebx = (apic_id >> s.core & 0xff) | (t->threads - 1) << 8;
		e->ecx = (apic_id >> s.die & 0xff) | (t->dies - 1) << 8;
		e->edx = 0;
		break;
	}
}

/* AMD or Hygon, by the first letters of the vendor string. */
static bool is_amd(const struct kvm_cpuid2 *cpuid)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 0)
			return e->ebx == CPUID_AUTH || e->ebx == CPUID_HYGO;
	}
	return false;
}

void cpuid_set_vcpu(struct kvm_cpuid2 *cpuid, const struct cpuid_topology *topology, unsigned index)
{
	uint32_t apic_id = cpuid_apic_id(topology, index);
	bool amd = is_amd(cpuid);

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		switch (e->function) {
		case 1:
			set_leaf1(e, topology, apic_id);
			break;
		case 4:
		case 0x8000001d:
			set_cache(e, topology);
			break;
		case 0xb:
		case 0x1f:
			set_extended_topology(e, topology, apic_id);
			break;
		case 0x80000001:
		case 0x80000008:
		case 0x8000001e:
			if (amd)
				set_amd(e, topology, apic_id);
			break;
		case 0x8000001f:
			/* Memory encryption: a guest that sees it reads MSRs KVM does not have. */
			e->eax = e->ebx = e->ecx = e->edx = 0;
			break;
		}
	}
}

unsigned cpuid_phys_bits(const struct kvm_cpuid2 *cpuid)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		uint32_t eax = cpuid->entries[i].eax;

		if (cpuid->entries[i].function == 0x80000008)
			return eax >> 16 & 0xff ? eax >> 16 & 0xff : eax & 0xff;
	}
	return 36;
}
