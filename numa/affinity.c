/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/affinity.h"

#include <errno.h>
#include <stdio.h>

void affinity_format(const cpu_set_t *cpus, char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (unsigned first = 0; first < CPU_SETSIZE && used < size; first++) {
		unsigned last = first;
		int n;

		if (!CPU_ISSET(first, cpus))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, cpus))
			last++;
		n = first == last
			    ? snprintf(text + used, size - used, "%s%u", used ? "," : "", first)
			    : snprintf(text + used, size - used, "%s%u-%u", used ? "," : "", first,
				       last);
		used += (size_t)n;
		first = last;
	}
}

int affinity_set(pthread_t thread, const cpu_set_t *cpus, const cpu_set_t *allowed,
		 struct error *err)
{
	cpu_set_t missing, both;
	char list[128];
	int r;

	CPU_AND(&both, cpus, allowed);
	CPU_XOR(&missing, cpus, &both);
	if (CPU_COUNT(&missing) || !CPU_COUNT(cpus)) {
		affinity_format(&missing, list, sizeof(list));
		error_set(err, -EINVAL, "CPU %s", list);
		affinity_format(allowed, list, sizeof(list));
		error_reason(err, "not there, or not in the cpuset that torc was started in");
		return error_remedy(err, "choose from %s", list);
	}
	r = -pthread_setaffinity_np(thread, sizeof(*cpus), cpus);
	return r ? error_set(err, r, "CPU affinity") : 0;
}
