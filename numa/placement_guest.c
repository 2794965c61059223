/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/placement_internal.h"

/* The node of a guest node's zones, of the first that has one when they do not agree. */
static const struct topology_node *find_node(struct placement_work *work,
					     const struct placement_guest_node *guest)
{
	const struct placement_request *request = work->request;
	const struct topology_node *found = NULL;
	bool agree = true;

	for (unsigned i = 0; i < request->nr_zones; i++) {
		const struct topology_node *node =
			topology_find(work->topology, work->plan.zone[i].node);

		if (!(guest->zones & 1U << i) || !node)
			continue;
		agree &= !found || node == found;
		found = found ? found : node;
	}
	if (!agree)
		fprintf(work->notes,
			"guest node %u: its zones are on several nodes; its %s those of node %u\n",
			guest->id,
			request->policy == PLACEMENT_OFF ? "devices are" : "vCPUs and devices are",
			found->id);
	if (!guest->zones && request->policy != PLACEMENT_OFF && CPU_COUNT(&guest->vcpus))
		fprintf(work->notes,
			"guest node %u: it has no memory that its vCPUs could be near\n",
			guest->id);
	return found;
}

static int find_guest_node(struct placement_work *work, unsigned device)
{
	const struct placement_request *request = work->request;
	const struct topology_node *node = work->device[device];

	for (unsigned i = 0; node && i < request->nr_guest_nodes; i++) {
		if (work->guest_node[i] == node)
			return (int)i;
	}
	fprintf(work->notes, "device %s: ", request->device[device].name);
	if (node)
		fprintf(work->notes, "no guest node has its memory on node %u\n", node->id);
	else
		fprintf(work->notes, "the guest is not told its node, which is not known\n");
	return -1;
}

void placement_place_guest_nodes(struct placement_work *work)
{
	const struct placement_request *request = work->request;

	for (unsigned i = 0; i < request->nr_devices; i++)
		work->plan.device_guest_node[i] = -1;
	for (unsigned i = 0; i < request->nr_guest_nodes; i++)
		work->guest_node[i] = find_node(work, &request->guest_node[i]);
	for (unsigned i = 0; request->nr_guest_nodes && i < request->nr_devices; i++)
		work->plan.device_guest_node[i] = find_guest_node(work, i);
}
