/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "numa/affinity.h"
#include "numa/placement_internal.h"

/* The only node with memory; NULL when there are several. */
static const struct topology_node *only_node(const struct topology *topology)
{
	const struct topology_node *only = NULL;

	for (unsigned i = 0; i < topology->nr_nodes; i++) {
		if (topology->node[i].memory && only)
			return NULL;
		if (topology->node[i].memory)
			only = &topology->node[i];
	}
	return only;
}

/* Whether some memory is for the devices to place: the user did not say where all of it goes. */
static bool is_memory_open(const struct placement_request *request)
{
	for (unsigned i = 0; i < request->nr_zones; i++) {
		if (request->zone[i].node < 0)
			return true;
	}
	return false;
}

static int refuse_unknown(const struct placement_work *work, unsigned device, struct error *err)
{
	const struct topology *topology = work->topology;
	char option[PLACEMENT_OPTION_SIZE];

	placement_suggest_node(work->request, topology->node[0].id, option);
	error_set(err, -EINVAL, "device %s", work->request->device[device].name);
	error_reason(err, "nobody knows which of the host's %u NUMA nodes it is on",
		     topology->nr_nodes);
	return error_remedy(
		err, "say where memory goes: %s; or leave that open: --platform numa=auto", option);
}

static int find_devices(struct placement_work *work, struct error *err)
{
	const struct placement_request *request = work->request;
	const struct topology_node *only = only_node(work->topology);

	for (unsigned i = 0; i < request->nr_devices; i++) {
		const struct placement_device *device = &request->device[i];
		const struct topology_node *node = topology_find(work->topology, device->node);

		work->device[i] = node ? node : only;
		if (work->device[i] || request->policy != PLACEMENT_STRICT ||
		    !is_memory_open(request))
			continue;
		return refuse_unknown(work, i, err);
	}
	return 0;
}

static unsigned count_on(const struct placement_work *work, const struct topology_node *node)
{
	unsigned n = 0;

	for (unsigned i = 0; i < work->request->nr_devices; i++)
		n += work->device[i] == node;
	return n;
}

/* The first device on the node that has most of them; nr_devices when no device's node is known. */
static unsigned find_leader(const struct placement_work *work)
{
	unsigned nr = work->request->nr_devices, leader = nr, most = 0;

	for (unsigned i = 0; i < nr; i++) {
		unsigned n = work->device[i] ? count_on(work, work->device[i]) : 0;

		if (n > most) {
			leader = i;
			most = n;
		}
	}
	return leader;
}

/* Not all devices can be where everything else is. */
static int check_others(struct placement_work *work, struct error *err)
{
	const struct placement_request *request = work->request;
	const struct topology_node *node = work->device[work->home_device];
	char list[PLACEMENT_LIST_SIZE], option[PLACEMENT_OPTION_SIZE];
	unsigned other = request->nr_devices;
	cpu_set_t ids;

	CPU_ZERO(&ids);
	for (unsigned i = request->nr_devices; i--;) {
		if (!work->device[i])
			continue;
		CPU_SET(work->device[i]->id, &ids);
		if (work->device[i] != node)
			other = i;
	}
	if (other == request->nr_devices)
		return 0;
	if (request->policy == PLACEMENT_STRICT && is_memory_open(request)) {
		error_set(err, -EINVAL, "device %s", request->device[other].name);
		error_reason(err,
			     "on node %u, but device %s is on node %u, and guest memory cannot be "
			     "near both",
			     work->device[other]->id, request->device[work->home_device].name,
			     node->id);
		placement_suggest_node(request, node->id, option);
		return error_remedy(err,
				    "say where memory goes: %s; or give the guest memory on each "
				    "by several --memory-zone and --numa",
				    option);
	}
	affinity_format(&ids, list, sizeof(list));
	if (is_memory_open(request) || !request->nr_guest_nodes)
		fprintf(work->notes,
			"devices are on nodes %s: everything else is on node %u; --memory-zone "
			"and --numa give the guest memory on each\n",
			list, work->home->id);
	return 0;
}

/* The device's own node has no memory for us. */
static int check_detour(struct placement_work *work, struct error *err)
{
	const struct placement_request *request = work->request;
	const struct topology_node *node = work->device[work->home_device];
	const char *name = request->device[work->home_device].name;
	const char *why = node->memory ? "may not be used by this process" : "has no memory";
	char option[PLACEMENT_OPTION_SIZE];

	if (request->policy == PLACEMENT_STRICT && is_memory_open(request)) {
		error_set(err, node->memory ? -EPERM : -EINVAL, "device %s", name);
		error_reason(err, "node %u, which it is on, %s", node->id, why);
		placement_suggest_node(request, work->home->id, option);
		return error_remedy(err, "take the nearest that has: %s", option);
	}
	fprintf(work->notes, "device %s: node %u, which it is on, %s; node %u is the nearest\n",
		name, node->id, why, work->home->id);
	return 0;
}

int placement_find_home(struct placement_work *work, struct error *err)
{
	unsigned leader;
	int r = find_devices(work, err);

	if (r)
		return r;
	leader = find_leader(work);
	if (work->request->policy == PLACEMENT_OFF || leader == work->request->nr_devices)
		return 0;
	work->home_device = leader;
	work->home = placement_nearest(work->topology, work->device[leader], placement_has_memory);
	if (!work->home) {
		error_set(err, -ENOMEM, "memory");
		return error_reason(err, "this process may not use the memory of any node");
	}
	r = work->home == work->device[leader] ? 0 : check_detour(work, err);
	return r ? r : check_others(work, err);
}
