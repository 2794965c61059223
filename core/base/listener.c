/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/listener.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/fd.h"

_Static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) == LISTENER_MAX_PATH + 1, "unix(7)");

/* Return: 0 a process that is gone has left it; -EADDRINUSE somebody listens; -EEXIST it is something else; -errno. */
static int check_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, r = -EADDRINUSE;

	if (lstat(addr->sun_path, &st))
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN: so many wait for it already. */
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno != EAGAIN)
		r = errno == ECONNREFUSED ? 0 : -errno;
	fd_close(&fd);
	return r;
}

static int bind_over(int fd, const struct sockaddr_un *addr)
{
	int r;

	if (!bind(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	r = check_stale(addr);
	if (!r && unlink(addr->sun_path) && errno != ENOENT)
		r = -errno;
	if (!r && bind(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		r = -errno;
	return r;
}

static int refuse(int r, const char *what, const char *path, struct error *err)
{
	error_set(err, r, "%s=%s", what, path);
	if (r == -EEXIST) {
		error_reason(err, "it exists and is no socket");
		error_remedy(err, "remove it, or name another path");
	} else if (r == -EADDRINUSE) {
		error_reason(err, "a process listens on it");
		error_remedy(err, "end that process, or name another path");
	} else if (r == -ENAMETOOLONG) {
		error_remedy(err, "use a path of at most %d bytes", LISTENER_MAX_PATH);
	}
	return r;
}

int listener_open(struct listener *listener, const char *what, const char *path, mode_t mode,
		  int backlog, struct error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd, r;

	if (strlen(path) > LISTENER_MAX_PATH)
		return refuse(-ENAMETOOLONG, what, path, err);
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return refuse(-errno, what, path, err);
	/* bind(2) gives the file the socket's mode less the umask: nobody else has it for a moment, either. */
	r = fchmod(fd, mode) ? -errno : bind_over(fd, &addr);
	if (!r && (lstat(path, &st) || ((st.st_mode & 07777) != mode && chmod(path, mode)) ||
		   listen(fd, backlog))) {
		r = -errno;
		unlink(path);
	}
	if (r) {
		fd_close(&fd);
		return refuse(r, what, path, err);
	}
	*listener = (struct listener){ fd, path, st.st_dev, st.st_ino };
	return 0;
}

void listener_close(struct listener *listener)
{
	struct stat st;

	/* Somebody may have put another one in its place. */
	if (listener->fd >= 0 && !lstat(listener->path, &st) && st.st_dev == listener->dev &&
	    st.st_ino == listener->ino)
		unlink(listener->path);
	fd_close(&listener->fd);
}
