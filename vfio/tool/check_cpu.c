/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps a vCPU from running: other tasks, ticks, interrupts, clocks, threads of the same core. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "numa/affinity.h"
#include "numa/topology_text.h"
#include "vfio/tool/check_internal.h"

/* A list of CPUs in a file of sysfs; "(null)" and an empty line are an empty one. False, and said, when it is not there. */
static bool need_cpus(const struct check_host *host, struct vfio_check_finding *f, const char *name,
		      cpu_set_t *out)
{
	char text[1024];

	CPU_ZERO(out);
	if (!check_need(host, f, text, sizeof(text), "%s", name))
		return false;
	if (topology_text_list(text, out) || !strcmp(text, "(null)"))
		return true;
	check_say(f, VFIO_CHECK_UNKNOWN, "/%s is no list of CPUs: %s", name, text);
	return false;
}

/* Says that there are too few CPUs for some of them to be set aside. */
static bool have_spare(const struct check_host *host, struct vfio_check_finding *f)
{
	if (host->topology_error)
		check_say(f, VFIO_CHECK_UNKNOWN, "%s: %s", host->topology_why.object,
			  host->topology_why.reason);
	else if (!CPU_COUNT(&host->spare))
		check_say(f, VFIO_CHECK_FACT, "none, and no CPU can be spared");
	else
		return true;
	return false;
}

/* Those of isolcpus=, and of cpusets that are isolated partitions; Documentation/admin-guide/cgroup-v2.rst. */
static bool read_isolated(const struct check_host *host, struct vfio_check_finding *f,
			  cpu_set_t *out)
{
	char text[1024];
	cpu_set_t cpus;

	if (!need_cpus(host, f, "sys/devices/system/cpu/isolated", out))
		return false;
	if (!check_read(host, text, sizeof(text), "sys/fs/cgroup/cpuset.cpus.isolated") &&
	    topology_text_list(text, &cpus))
		CPU_OR(out, out, &cpus);
	return true;
}

void check_isolated(const struct check_host *host, const struct vfio_inspect *device,
		    struct vfio_check_finding *f)
{
	char list[1100];
	cpu_set_t cpus;

	if (!read_isolated(host, f, &cpus))
		return;
	if (CPU_COUNT(&cpus)) {
		affinity_format(&cpus, list, sizeof(list));
		check_say(f, VFIO_CHECK_OK, "%s", list);
		return;
	}
	if (!have_spare(host, f))
		return;
	check_say(f, VFIO_CHECK_BETTER,
		  "none; %s could be, which leaves the host a core of each node", host->spare_list);
	check_lasting(f, CHECK_KERNEL, "isolcpus=managed_irq,domain,%s", host->spare_list);
}

void check_nohz_full(const struct check_host *host, const struct vfio_inspect *device,
		     struct vfio_check_finding *f)
{
	char list[1100];
	cpu_set_t cpus, isolated, rest;

	if (check_lacks(host, "sys/devices/system/cpu/nohz_full")) {
		check_say(f, VFIO_CHECK_FACT, "this kernel has none (CONFIG_NO_HZ_FULL)");
		return;
	}
	if (!need_cpus(host, f, "sys/devices/system/cpu/nohz_full", &cpus) ||
	    !read_isolated(host, f, &isolated))
		return;
	CPU_AND(&rest, &isolated, &cpus);
	CPU_XOR(&rest, &rest, &isolated);
	affinity_format(CPU_COUNT(&rest) ? &rest : &cpus, list, sizeof(list));
	if (CPU_COUNT(&cpus) && !CPU_COUNT(&rest)) {
		check_say(f, VFIO_CHECK_OK, "%s", list);
		return;
	}
	if (CPU_COUNT(&rest)) {
		check_say(f, VFIO_CHECK_BETTER, "not of CPUs %s, which are isolated", list);
		CPU_OR(&cpus, &cpus, &isolated);
		affinity_format(&cpus, list, sizeof(list));
		check_lasting(f, CHECK_KERNEL, "nohz_full=%s", list);
		return;
	}
	if (!have_spare(host, f))
		return;
	check_say(f, VFIO_CHECK_BETTER, "none");
	check_lasting(f, CHECK_KERNEL, "nohz_full=%s", host->spare_list);
}

void check_irqbalance(const struct check_host *host, const struct vfio_inspect *device,
		      struct vfio_check_finding *f)
{
	char **names, comm[32], pid[16] = "";
	unsigned nr = check_list(host, "proc/", &names);

	for (unsigned i = 0; i < nr && !pid[0]; i++) {
		if (!names[i] || !isdigit((unsigned char)names[i][0]) ||
		    check_read(host, comm, sizeof(comm), "proc/%s/comm", names[i]))
			continue;
		if (!strcmp(comm, "irqbalance"))
			snprintf(pid, sizeof(pid), "%.15s", names[i]);
	}
	check_list_free(names, nr);
	if (!nr) {
		check_say(f, VFIO_CHECK_UNKNOWN, "%s cannot be listed", host->paths->proc);
	} else if (!pid[0]) {
		check_say(f, VFIO_CHECK_OK, "does not run");
	} else {
		check_say(f, VFIO_CHECK_BETTER, "runs, as process %s", pid);
		check_now(f, "systemctl disable --now irqbalance");
	}
}

void check_halt_poll(const struct check_host *host, const struct vfio_inspect *device,
		     struct vfio_check_finding *f)
{
	char text[32];

	if (check_lacks(host, "sys/module/kvm")) {
		check_say(f, VFIO_CHECK_UNKNOWN, "kvm is not loaded");
		return;
	}
	if (!check_need(host, f, text, sizeof(text), "sys/module/kvm/parameters/halt_poll_ns"))
		return;
	if (strcmp(text, "0") != 0) {
		check_say(f, VFIO_CHECK_OK, "for up to %s ns", text);
		return;
	}
	check_say(f, VFIO_CHECK_BETTER, "off");
	check_module(host, f, "kvm", "halt_poll_ns", "200000", true);
}

void check_tsc(const struct check_host *host, const struct vfio_inspect *device,
	       struct vfio_check_finding *f)
{
	static const char folder[] = "/sys/devices/system/clocksource/clocksource0";
	char now[32], all[256] = "";

	if (!host->cpu[0]) {
		check_say(f, VFIO_CHECK_UNKNOWN, "%s/cpuinfo cannot be read", host->paths->proc);
		return;
	}
	if (!check_has_flag(host, "constant_tsc") || !check_has_flag(host, "nonstop_tsc")) {
		check_say(f, VFIO_CHECK_BETTER, "not invariant: the CPU lacks %s",
			  check_has_flag(host, "constant_tsc") ? "nonstop_tsc" : "constant_tsc");
		return;
	}
	if (!check_need(host, f, now, sizeof(now), "%s/current_clocksource", folder + 1))
		return;
	check_read(host, all, sizeof(all), "%s/available_clocksource", folder + 1);
	if (!strcmp(now, "tsc")) {
		check_say(f, VFIO_CHECK_OK, "invariant, and the host's clock");
	} else if (check_has_word(all, "tsc")) {
		check_say(f, VFIO_CHECK_BETTER, "invariant, but the host's clock is %s", now);
		check_now(f, "echo tsc > %s/current_clocksource", folder);
		check_lasting(f, CHECK_KERNEL, "clocksource=tsc");
	} else {
		check_say(f, VFIO_CHECK_BETTER,
			  "invariant, but the kernel found it unstable; the host's clock is %s; "
			  "tsc=reliable is right only where the firmware is to blame",
			  now);
		check_now(f, "dmesg | grep -i -e tsc -e clocksource");
		check_lasting(f, CHECK_KERNEL, "tsc=reliable");
	}
}

void check_smt(const struct check_host *host, const struct vfio_inspect *device,
	       struct vfio_check_finding *f)
{
	char text[32];

	if (!check_need(host, f, text, sizeof(text), "sys/devices/system/cpu/smt/control"))
		return;
	if (strcmp(text, "on") != 0) {
		check_say(f, VFIO_CHECK_FACT, "%s", text);
		return;
	}
	check_say(
		f, VFIO_CHECK_FACT,
		"on: a thread is slower while its sibling runs; pin vCPUs so that siblings are of "
		"one guest");
	check_now(f, "echo off > /sys/devices/system/cpu/smt/control");
	check_lasting(f, CHECK_KERNEL, "nosmt");
}

/* Adds a name to a list. */
static void add_name(char *text, size_t size, const char *name)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%s", used ? " " : "", name);
}

void check_mitigations(const struct check_host *host, const struct vfio_inspect *device,
		       struct vfio_check_finding *f)
{
	char **names, state[256], mitigated[400] = "", open[240] = "";
	unsigned nr = check_list(host, "sys/devices/system/cpu/vulnerabilities", &names);
	const char *given = strstr(host->cmdline, "mitigations=");

	for (unsigned i = 0; i < nr; i++) {
		if (!names[i] || check_read(host, state, sizeof(state),
					    "sys/devices/system/cpu/vulnerabilities/%s", names[i]))
			continue;
		/* "Mitigation: ...", "Vulnerable: ...", "Not affected", "KVM: Mitigation: ..." */
		if (strstr(state, "Mitigation"))
			add_name(mitigated, sizeof(mitigated), names[i]);
		else if (strstr(state, "ulnerable"))
			add_name(open, sizeof(open), names[i]);
	}
	check_list_free(names, nr);
	if (!nr) {
		check_say(f, VFIO_CHECK_UNKNOWN, "the kernel does not say");
		return;
	}
	check_say(f, VFIO_CHECK_FACT, "mitigated: %s; vulnerable: %s%s%.*s",
		  mitigated[0] ? mitigated : "none", open[0] ? open : "none", given ? "; " : "",
		  given ? (int)strcspn(given, " \n") : 0, given ? given : "");
}
