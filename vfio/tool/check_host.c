/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "numa/affinity.h"
#include "numa/topology_text.h"
#include "vfio/tool/check_internal.h"

void check_path(const struct check_host *host, const char *name, char path[PATH_MAX])
{
	const char *root = !strncmp(name, "sys/", 4)	? host->paths->sysfs
			   : !strncmp(name, "proc/", 5) ? host->paths->proc
							: host->paths->dev;

	snprintf(path, PATH_MAX, "%s%s", root, strchr(name, '/'));
}

static void format_path(const struct check_host *host, char path[PATH_MAX], const char *fmt,
			va_list ap)
{
	char name[PATH_MAX];

	vsnprintf(name, sizeof(name), fmt, ap);
	check_path(host, name, path);
}

bool check_exists(const struct check_host *host, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	format_path(host, path, fmt, ap);
	va_end(ap);
	return !access(path, F_OK);
}

bool check_lacks(const struct check_host *host, const char *name)
{
	int folder = (int)(strrchr(name, '/') - name);

	return check_exists(host, "%.*s/", folder, name) && !check_exists(host, "%s", name);
}

int check_read(const struct check_host *host, char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	format_path(host, path, fmt, ap);
	va_end(ap);
	return file_read_line(path, buf, size);
}

bool check_need(const struct check_host *host, struct vfio_check_finding *f, char *buf, size_t size,
		const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int r;

	va_start(ap, fmt);
	format_path(host, path, fmt, ap);
	va_end(ap);
	r = file_read_line(path, buf, size);
	if (r)
		check_say(f, VFIO_CHECK_UNKNOWN, "%s: %s", path, strerror(-r));
	return !r;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

unsigned check_list(const struct check_host *host, const char *folder, char ***out)
{
	struct dirent **entries = NULL;
	char path[PATH_MAX], **names;
	int n;

	check_path(host, folder, path);
	n = scandir(path, &entries, not_hidden, versionsort);
	names = n > 0 ? calloc((size_t)n, sizeof(*names)) : NULL;
	for (int i = 0; i < n; i++) {
		if (names)
			names[i] = strdup(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	*out = names;
	return names ? (unsigned)n : 0;
}

void check_list_free(char **names, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		free(names[i]);
	free(names);
}

bool check_has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p += length) {
		if ((p == text || strchr(" \t\n", p[-1])) && strchr(" \t\n", p[length]))
			return true;
	}
	return false;
}

bool check_has_flag(const struct check_host *host, const char *flag)
{
	const char *line = strstr(host->cpu, "\nflags");
	char flags[sizeof(host->cpu)];

	if (!line)
		return false;
	snprintf(flags, sizeof(flags), "%.*s", (int)strcspn(line + 1, "\n"), line + 1);
	return check_has_word(flags, flag);
}

bool check_capable(const struct check_host *host, unsigned cap)
{
	const char *value = topology_text_find(host->status, "CapEff");

	return value && strtoull(value, NULL, 16) >> cap & 1;
}

/* The start of a file, which may have several lines and be too long. */
static void read_start(const struct check_host *host, const char *name, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd;

	check_path(host, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = fd_read_all(fd, buf, size - 1);
	fd_close(&fd);
	buf[n > 0 ? n : 0] = '\0';
}

/* The kernel and the host's own work stay on the first core of each node. */
static void find_spare(struct check_host *host)
{
	const struct topology *t = &host->topology;

	host->spare = t->online;
	for (unsigned i = 0; i < t->nr_nodes; i++) {
		int first = -1;

		for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (!CPU_ISSET(cpu, &t->node[i].cpus))
				continue;
			if (first < 0)
				first = t->core[cpu];
			if (t->core[cpu] == first)
				CPU_CLR(cpu, &host->spare);
		}
	}
	affinity_format(&host->spare, host->spare_list, sizeof(host->spare_list));
}

static unsigned count(const struct check_host *host, const char *folder)
{
	char **names;
	unsigned nr = check_list(host, folder, &names);

	check_list_free(names, nr);
	return nr;
}

void check_host_read(struct check_host *host, const struct vfio_host_paths *paths)
{
	char *end;

	*host = (struct check_host){ .paths = paths };
	read_start(host, "proc/cmdline", host->cmdline, sizeof(host->cmdline));
	read_start(host, "proc/self/status", host->status, sizeof(host->status));
	read_start(host, "proc/cpuinfo", host->cpu, sizeof(host->cpu));
	end = strstr(host->cpu, "\n\n");
	if (end)
		*end = '\0';
	host->is_intel = strstr(host->cpu, "GenuineIntel");
	host->is_amd = strstr(host->cpu, "AuthenticAMD");
	host->is_guest = check_has_flag(host, "hypervisor");
	host->nr_iommus = count(host, "sys/class/iommu");
	host->topology_error =
		topology_read(&host->topology, paths->sysfs, paths->proc, &host->topology_why);
	if (!host->topology_error)
		find_spare(host);
}

void check_say(struct vfio_check_finding *f, enum vfio_check_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	f->verdict = verdict;
	va_start(ap, fmt);
	vsnprintf(f->reason, sizeof(f->reason), fmt, ap);
	va_end(ap);
}

/* One more line. */
static void append(char *text, size_t size, const char *fmt, va_list ap)
{
	size_t used = strlen(text);

	if (used && used + 1 < size) {
		text[used++] = '\n';
		text[used] = '\0';
	}
	vsnprintf(text + used, size - used, fmt, ap);
}

void check_now(struct vfio_check_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(f->now, sizeof(f->now), fmt, ap);
	va_end(ap);
}

void check_lasting(struct vfio_check_finding *f, const char *where, const char *fmt, ...)
{
	va_list ap;

	snprintf(f->where, sizeof(f->where), "%s", where);
	va_start(ap, fmt);
	append(f->line, sizeof(f->line), fmt, ap);
	va_end(ap);
}

void check_module(const struct check_host *host, struct vfio_check_finding *f, const char *module,
		  const char *parameter, const char *value, bool is_writable)
{
	/* What is built in has no state of loading; Documentation/ABI/stable/sysfs-module. */
	bool is_built_in = check_exists(host, "sys/module/%s", module) &&
			   !check_exists(host, "sys/module/%s/initstate", module);

	if (is_writable)
		check_now(f, "echo %s > /sys/module/%s/parameters/%s", value, module, parameter);
	else if (!is_built_in)
		check_now(f, "modprobe -r %s && modprobe %s %s=%s", module, module, parameter,
			  value);
	if (is_built_in)
		check_lasting(f, CHECK_KERNEL, "%s.%s=%s", module, parameter, value);
	else
		check_lasting(f, CHECK_MODPROBE_FILE, "options %s %s=%s", module, parameter, value);
}

void check_sysctl(struct vfio_check_finding *f, const char *name, const char *value)
{
	check_now(f, "sysctl -w %s=%s", name, value);
	check_lasting(f, CHECK_SYSCTL_FILE, "%s = %s", name, value);
}

void check_sysfs(struct vfio_check_finding *f, const char *path, const char *value)
{
	/* A shell does not redirect to several files. */
	if (strpbrk(path, "*?["))
		check_now(f, "echo %s | tee %s", value, path);
	else
		check_now(f, "echo %s > %s", value, path);
	check_lasting(f, CHECK_TMPFILES_FILE, "w %s - - - - %s", path, value);
}
