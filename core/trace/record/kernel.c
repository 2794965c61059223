/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/record/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"

#define TRACEFS "/sys/kernel/tracing"

/* The one that is open, for trace_kernel_put_back(). */
static struct {
	char path[128];
	volatile int pipe;
} opened = { .pipe = -1 };

static int put(const struct trace_kernel *kernel, const char *file, const char *text,
	       struct error *err)
{
	char path[256];
	int fd, r;

	snprintf(path, sizeof(path), "%s/%s", kernel->path, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "%s", path);
	r = fd_write_all(fd, text, strlen(text));
	close(fd);
	return r ? error_set(err, r, "%s", path) : 0;
}

static int enable(const struct trace_kernel *kernel, struct error *err)
{
	unsigned enabled = 0;
	char file[64];
	int r = 0;

	for (unsigned i = 1; i < TRACE_KERNEL_NR_TYPES; i++) {
		if (i == TRACE_KERNEL_HOST || i == TRACE_KERNEL_MMIO_EXIT)
			continue;
		snprintf(file, sizeof(file), "events/kvm/%s/enable", trace_kernel_name(i));
		r = put(kernel, file, "1", err);
		enabled += !r;
	}
	/* Older kernels lack some. */
	return enabled ? 0 : r;
}

/* Only those of VFIO: others cost no more than the filter. */
static int enable_host(const struct trace_kernel *kernel, struct error *err)
{
	int r = put(kernel, "events/irq/irq_handler_entry/filter", "name ~ \"vfio-msi*\"", err);

	return r ? r : put(kernel, "events/irq/irq_handler_entry/enable", "1", err);
}

int trace_kernel_open(struct trace_kernel *kernel, int pid, struct error *err)
{
	char path[256];
	int r;

	memset(kernel, 0, sizeof(*kernel));
	kernel->pid = pid;
	kernel->pipe = -1;
	snprintf(path, sizeof(path), TRACEFS "/instances/torc-trace-%d", pid);
	/* One may be left of a recording that was killed; one in use is busy, and stays. */
	rmdir(path);
	if (mkdir(path, 0700)) {
		error_set(err, -errno, "%s", path);
		return error_remedy(err, "be root, and mount -t tracefs tracefs " TRACEFS);
	}
	memcpy(kernel->path, path, sizeof(kernel->path));
	memcpy(opened.path, kernel->path, sizeof(opened.path));
	r = put(kernel, "trace_clock", "x86-tsc", err);
	if (!r)
		r = enable(kernel, err);
	if (!r)
		kernel->lacks_host = enable_host(kernel, NULL);
	if (r)
		return r;
	snprintf(path, sizeof(path), "%s/trace_pipe", kernel->path);
	kernel->pipe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	opened.pipe = kernel->pipe;
	return kernel->pipe < 0 ? error_set(err, -errno, "%s", path) : 0;
}

void trace_kernel_put_back(void)
{
	if (opened.pipe >= 0)
		close(opened.pipe);
	if (opened.path[0])
		rmdir(opened.path);
}

void trace_kernel_close(struct trace_kernel *kernel)
{
	if (!kernel->path[0])
		return;
	fd_close(&kernel->pipe);
	opened.pipe = -1;
	rmdir(kernel->path);
	opened.path[0] = '\0';
	kernel->path[0] = '\0';
}

/* Whether the process has the file of its group open. */
static bool has_group(int pid, const char *group)
{
	char path[64], link[64];
	struct dirent *entry;
	bool found = false;
	ssize_t length;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		length = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		link[length > 0 ? length : 0] = '\0';
		found = !strncmp(link, "/dev/vfio/", 10) && !strcmp(link + 10, group);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool has_device(const struct trace_kernel *kernel, uint32_t device)
{
	char path[96], link[256];
	const char *group;
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%04x:%02x:%02x.%x/iommu_group",
		 device >> 16, device >> 8 & 0xff, device >> 3 & 0x1f, device & 7);
	length = readlink(path, link, sizeof(link) - 1);
	link[length > 0 ? length : 0] = '\0';
	group = strrchr(link, '/');
	return group && has_group(kernel->pid, group + 1);
}

/* Asked of each device once. */
static bool is_our_device(struct trace_kernel *kernel, uint32_t device)
{
	for (unsigned i = 0; i < kernel->nr_devices; i++) {
		if (kernel->device[i].number == device)
			return kernel->device[i].is_ours;
	}
	if (kernel->nr_devices == ARRAY_SIZE(kernel->device))
		kernel->nr_devices = 0;
	kernel->device[kernel->nr_devices].number = device;
	kernel->device[kernel->nr_devices].is_ours = has_device(kernel, device);
	return kernel->device[kernel->nr_devices++].is_ours;
}

/* Other VMs' devices interrupt, too; what their interrupts lead to on that CPU is not ours either. */
static bool is_ours(struct trace_kernel *kernel, const struct trace_kernel_event *event)
{
	bool *is_foreign = &kernel->is_foreign[event->cpu % ARRAY_SIZE(kernel->is_foreign)];
	char path[64];

	if (event->type == TRACE_KERNEL_HOST) {
		*is_foreign = !is_our_device(kernel, (uint32_t)(event->arg >> 32));
		return !*is_foreign;
	}
	if (event->is_interrupt)
		return event->type != TRACE_KERNEL_MSI || !*is_foreign;
	snprintf(path, sizeof(path), "/proc/%d/task/%u", kernel->pid, event->tid);
	return !access(path, F_OK);
}

size_t trace_kernel_read(struct trace_kernel *kernel, struct trace_kernel_event *out, size_t max)
{
	size_t n = 0, at = 0;
	char *end;
	ssize_t r;

	if (kernel->pipe < 0)
		return 0;
	r = read(kernel->pipe, kernel->text + kernel->nr, sizeof(kernel->text) - kernel->nr);
	if (r > 0)
		kernel->nr += (size_t)r;
	while (n < max && (end = memchr(kernel->text + at, '\n', kernel->nr - at))) {
		unsigned long long lost;

		*end = '\0';
		if (sscanf(kernel->text + at, "CPU:%*u [LOST %llu EVENTS]", &lost) == 1)
			kernel->nr_lost += lost;
		else if (trace_kernel_parse(kernel->text + at, &out[n]) && is_ours(kernel, &out[n]))
			n++;
		at = (size_t)(end - kernel->text) + 1;
	}
	memmove(kernel->text, kernel->text + at, kernel->nr - at);
	kernel->nr -= at;
	/* No line is that long. */
	if (kernel->nr == sizeof(kernel->text) && n < max)
		kernel->nr = 0;
	return n;
}
