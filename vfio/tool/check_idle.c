/* SPDX-License-Identifier: Apache-2.0 */
/* How deep CPUs sleep and how fast they run, file by file of each CPU. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "numa/affinity.h"
#include "vfio/tool/check_internal.h"

#define SLOW_US	   10 /* exit latencies above this are told of */
#define MAX_STATES 10 /* CPUIDLE_STATE_MAX of the kernel */

struct idle_state {
	char name[32];
	long latency_us;
	cpu_set_t cpus; /* that have it enabled */
};

static bool is_number_of(const struct check_host *host, unsigned cpu, unsigned state,
			 const char *file, long *out)
{
	char text[32], *end;

	if (check_read(host, text, sizeof(text), "sys/devices/system/cpu/cpu%u/cpuidle/state%u/%s",
		       cpu, state, file))
		return false;
	*out = strtol(text, &end, 10);
	return end != text && !*end;
}

/* A state of a CPU, by its number; returns false behind its last. */
static bool read_state(const struct check_host *host, unsigned cpu, unsigned number,
		       struct idle_state *state)
{
	long latency, disabled;

	if (!is_number_of(host, cpu, number, "latency", &latency))
		return false;
	if (latency <= SLOW_US)
		return true;
	if (!is_number_of(host, cpu, number, "disable", &disabled))
		disabled = 0;
	if (disabled)
		return true;
	if (!CPU_COUNT(&state->cpus) &&
	    check_read(host, state->name, sizeof(state->name),
		       "sys/devices/system/cpu/cpu%u/cpuidle/state%u/name", cpu, number))
		snprintf(state->name, sizeof(state->name), "state %u", number);
	if (latency > state->latency_us)
		state->latency_us = latency;
	CPU_SET(cpu, &state->cpus);
	return true;
}

/* Returns how many CPUs have idle states at all. */
static unsigned read_states(const struct check_host *host, struct idle_state *states)
{
	unsigned nr = 0;

	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		unsigned number = 0;

		if (!CPU_ISSET(cpu, &host->topology.online))
			continue;
		while (number < MAX_STATES && read_state(host, cpu, number, &states[number]))
			number++;
		nr += number > 0;
	}
	return nr;
}

static bool topology_is_known(const struct check_host *host, struct vfio_check_finding *f)
{
	if (!host->topology_error)
		return true;
	check_say(f, VFIO_CHECK_UNKNOWN, "%s: %s", host->topology_why.object,
		  host->topology_why.reason);
	return false;
}

/* All states that are slow, deepest first, in one sentence. */
static void say_slow(const struct check_host *host, const struct idle_state *states,
		     struct vfio_check_finding *f)
{
	char text[900] = "", cpus[400], path[96];
	size_t used = 0;

	for (unsigned i = MAX_STATES; i-- > 0 && used < sizeof(text);) {
		const struct idle_state *s = &states[i];

		if (!CPU_COUNT(&s->cpus))
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %ld us",
					 used ? ", " : "", s->name, s->latency_us);
		if (CPU_EQUAL(&s->cpus, &host->topology.online) || used >= sizeof(text))
			continue;
		affinity_format(&s->cpus, cpus, sizeof(cpus));
		used += (size_t)snprintf(text + used, sizeof(text) - used, " (CPUs %s)", cpus);
	}
	check_say(f, VFIO_CHECK_BETTER, "it takes this long to leave: %s", text);
	for (unsigned i = 0; i < MAX_STATES; i++) {
		if (!CPU_COUNT(&states[i].cpus))
			continue;
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu*/cpuidle/state%u/disable",
			 i);
		check_sysfs(f, path, "1");
	}
}

void check_idle(const struct check_host *host, const struct vfio_inspect *device,
		struct vfio_check_finding *f)
{
	struct idle_state states[MAX_STATES] = { 0 };
	char driver[32] = "none";

	if (!topology_is_known(host, f))
		return;
	check_read(host, driver, sizeof(driver), "sys/devices/system/cpu/cpuidle/current_driver");
	if (!read_states(host, states)) {
		check_say(f, host->is_guest ? VFIO_CHECK_UNKNOWN : VFIO_CHECK_OK,
			  host->is_guest ? "the hypervisor decides how deep CPUs sleep"
					 : "the kernel manages none (driver %s)",
			  driver);
		return;
	}
	for (unsigned i = 0; i < MAX_STATES; i++) {
		if (!CPU_COUNT(&states[i].cpus))
			continue;
		say_slow(host, states, f);
		return;
	}
	check_say(f, VFIO_CHECK_OK, "all that are enabled are left within %d us (driver %s)",
		  SLOW_US, driver);
}

/* Whether a CPU runs at full clock as soon as it runs. */
static bool is_fast(const struct check_host *host, unsigned cpu, const char *governor)
{
	char preference[32];

	if (!strcmp(governor, "performance"))
		return true;
	/* Of drivers that leave the clock to the CPU: Documentation/admin-guide/pm/intel_pstate.rst, amd-pstate.rst. */
	return !strcmp(governor, "powersave") &&
	       !check_read(host, preference, sizeof(preference),
			   "sys/devices/system/cpu/cpu%u/cpufreq/energy_performance_preference",
			   cpu) &&
	       !strcmp(preference, "performance");
}

void check_governor(const struct check_host *host, const struct vfio_inspect *device,
		    struct vfio_check_finding *f)
{
	char governor[32], slow[32] = "", list[512];
	cpu_set_t cpus;
	unsigned nr = 0;

	if (!topology_is_known(host, f))
		return;
	CPU_ZERO(&cpus);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &host->topology.online) ||
		    check_read(host, governor, sizeof(governor),
			       "sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor", cpu))
			continue;
		nr++;
		if (is_fast(host, cpu, governor))
			continue;
		CPU_SET(cpu, &cpus);
		memcpy(slow, governor, sizeof(slow));
	}
	if (!nr) {
		check_say(f, VFIO_CHECK_UNKNOWN, "the kernel does not set the clock, %s does",
			  host->is_guest ? "the hypervisor" : "the firmware");
		return;
	}
	if (!slow[0]) {
		check_say(f, VFIO_CHECK_OK, "performance");
		return;
	}
	affinity_format(&cpus, list, sizeof(list));
	check_say(f, VFIO_CHECK_BETTER, "%s on CPUs %s", slow, list);
	check_sysfs(f, "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor", "performance");
}
