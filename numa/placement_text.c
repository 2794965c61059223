/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/base/bits.h"
#include "numa/affinity.h"
#include "numa/placement_internal.h"

/* Huge pages count too: where they come from is worth a line. */
static bool is_anything_placed(const struct placement_work *work)
{
	const struct placement_plan *plan = &work->plan;

	for (unsigned i = 0; i < work->request->nr_zones; i++) {
		if (plan->zone[i].node >= 0 || work->request->zone[i].page_size)
			return true;
	}
	for (unsigned i = 0; i < work->request->nr_vcpus; i++) {
		if (plan->vcpu[i].is_set || plan->ring[i].is_set)
			return true;
	}
	return false;
}

static const char *why_nothing(const struct placement_request *request)
{
	if (request->policy == PLACEMENT_OFF)
		return "numa=off follows no device";
	if (request->nr_devices)
		return "no device's node is known";
	return "there is no passed-through device to follow";
}

/* Which devices made this the home node. */
static void write_reason(const struct placement_work *work, FILE *out)
{
	const struct topology_node *node = work->device[work->home_device];
	unsigned others = 0;

	for (unsigned i = work->home_device + 1; i < work->request->nr_devices; i++)
		others += work->device[i] == node;
	fprintf(out, " (%s device %s", node == work->home ? "where" : "nearest to where",
		work->request->device[work->home_device].name);
	if (others)
		fprintf(out, " and %u more are)", others);
	else
		fprintf(out, " is)");
}

static void write_zone(const struct placement_work *work, unsigned i, FILE *out)
{
	const struct placement_zone *zone = &work->request->zone[i];
	const struct placement_memory *memory = &work->plan.zone[i];
	char name[PLACEMENT_NAME_SIZE], unit[PLACEMENT_UNIT_SIZE];
	uint64_t mib = zone->size / MIB;

	placement_name_zones(work->request, 1U << i, name);
	fprintf(out, "%s: %" PRIu64 " MiB", name, mib);
	if (zone->page_size) {
		placement_format_size(zone->page_size, unit);
		fprintf(out, " of %s pages", unit);
	}
	if (memory->node < 0) {
		fprintf(out, " on any node\n");
		return;
	}
	fprintf(out, " on node %d", memory->node);
	if (zone->node >= 0)
		fprintf(out, " (as asked)");
	else
		write_reason(work, out);
	fprintf(out, "%s\n", zone->node < 0 && memory->is_strict ? ", strict" : "");
}

static void write_cpus(const struct placement_cpus *cpus, FILE *out)
{
	char list[PLACEMENT_LIST_SIZE];

	affinity_format(&cpus->cpus, list, sizeof(list));
	if (!cpus->is_set)
		fprintf(out, "on any CPU");
	else
		fprintf(out, "on CPU%s %s", CPU_COUNT(&cpus->cpus) == 1 ? "" : "s", list);
}

/* One line: neighbours with the same CPUs together, without numbers when all have the same. */
static void write_threads(const char *what, const struct placement_cpus *cpus, unsigned nr,
			  FILE *out)
{
	fprintf(out, "%s:", what);
	for (unsigned first = 0, next; first < nr; first = next) {
		next = first + 1;
		while (next < nr && cpus[next].is_set == cpus[first].is_set &&
		       CPU_EQUAL(&cpus[next].cpus, &cpus[first].cpus))
			next++;
		if (next - first == nr && nr > 1)
			fputc(' ', out);
		else if (next - first == 1)
			fprintf(out, "%s%u ", first ? ", " : " ", first);
		else
			fprintf(out, "%s%u-%u ", first ? ", " : " ", first, next - 1);
		write_cpus(&cpus[first], out);
	}
	fputc('\n', out);
}

static void write_device(const struct placement_work *work, unsigned i, FILE *out)
{
	const struct placement_request *request = work->request;
	const struct placement_device *device = &request->device[i];
	int guest_node = work->plan.device_guest_node[i];

	fprintf(out, "device %s: ", device->name);
	if (work->device[i])
		fprintf(out, "node %u", work->device[i]->id);
	else if (device->node >= 0)
		fprintf(out, "node %d, which is not online", device->node);
	else
		fprintf(out, "node not known");
	if (guest_node >= 0)
		fprintf(out, ", guest node %u", request->guest_node[guest_node].id);
	fputc('\n', out);
}

static void write_lines(const struct placement_work *work, FILE *out)
{
	const struct placement_request *request = work->request;
	const struct placement_plan *plan = &work->plan;

	if (is_anything_placed(work)) {
		for (unsigned i = 0; i < request->nr_zones; i++)
			write_zone(work, i, out);
		write_threads("vCPUs", plan->vcpu, request->nr_vcpus, out);
		write_threads("rings", plan->ring, request->nr_vcpus, out);
		fprintf(out, "other threads: ");
		write_cpus(&plan->all, out);
		fputc('\n', out);
	} else {
		fprintf(out, "nothing is placed: %s\n", why_nothing(request));
	}
	for (unsigned i = 0; i < request->nr_devices; i++)
		write_device(work, i, out);
}

int placement_write_text(struct placement_work *work, const char *notes, struct error *err)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return error_set(err, -ENOMEM, "NUMA placement");
	write_lines(work, out);
	fputs(notes, out);
	if (fclose(out)) {
		free(text);
		return error_set(err, -ENOMEM, "NUMA placement");
	}
	work->plan.text = text;
	return 0;
}
