/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/bind/bind_sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/nvme_ioctl.h>

#include "core/base/fd.h"

int bind_sys_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	r = n < 0 ? -errno : 0;
	fd_close(&fd);
	return r;
}

int bind_sys_modprobe(const char *modprobe, const char *module)
{
	/* posix_spawn() promises to change none of them. */
	const char *const argv[] = { modprobe, "-q", "--", module, NULL };
	const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	posix_spawnattr_t attr;
	sigset_t none, usual;
	int status, r;
	pid_t pid;

	/* torc has its signals blocked, and SIGPIPE ignored; a program that it starts would have them so, too. */
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	r = posix_spawnattr_init(&attr);
	if (r)
		return -r;
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawn(&pid, modprobe, NULL, &attr, (char *const *)argv, (char *const *)envp);
	posix_spawnattr_destroy(&attr);
	if (r)
		return -r;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return status ? -ENODEV : 0;
}

int bind_sys_open_group(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void bind_sys_pause(void)
{
	usleep(20000);
}

bool bind_sys_is_claimed(const char *node)
{
	/* open(2): of a block device without O_CREAT, O_EXCL fails when the kernel has it for itself. */
	int fd = open(node, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);
	bool claimed = fd < 0 && errno == EBUSY;

	fd_close(&fd);
	return claimed;
}

static bool format_address(const struct sockaddr *addr, char *text, size_t size)
{
	const struct sockaddr_in6 *in6 = (const void *)addr;
	const struct sockaddr_in *in = (const void *)addr;

	if (addr && addr->sa_family == AF_INET)
		return inet_ntop(AF_INET, &in->sin_addr, text, (socklen_t)size);
	if (addr && addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		return inet_ntop(AF_INET6, &in6->sin6_addr, text, (socklen_t)size);
	return false;
}

bool bind_sys_address(const char *interface, char *text, size_t size)
{
	struct ifaddrs *list;
	bool found = false;

	if (getifaddrs(&list))
		return false;
	for (const struct ifaddrs *a = list; a && !found; a = a->ifa_next)
		found = !strcmp(a->ifa_name, interface) && a->ifa_flags & IFF_UP &&
			format_address(a->ifa_addr, text, size);
	freeifaddrs(list);
	return found;
}

int bind_sys_nvme_admin(const char *node, const struct bind_sys_nvme *command)
{
	struct nvme_admin_cmd admin = {
		.opcode = command->opcode,
		.cdw10 = command->cdw10,
		.cdw11 = command->cdw11,
		.addr = (uint64_t)(uintptr_t)command->data,
		.data_len = command->size,
	};
	int fd = open(node, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	/* A positive result is the drive's status. */
	r = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &admin);
	r = r < 0 ? -errno : r > 0 ? -EIO : 0;
	fd_close(&fd);
	return r;
}
