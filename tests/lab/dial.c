/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial SOCKET: connects to a unix socket, says CONNECTED, and hands on what comes from either side, until the socket's ends.
 * Python takes four seconds to start in the lab.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int hand_on(int from, int to)
{
	char data[65536];
	ssize_t n = read(from, data, sizeof(data));

	return n > 0 && write(to, data, (size_t)n) == n;
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };

	if (argc != 2 || strlen(argv[1]) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "usage: dial SOCKET\n");
		return 2;
	}
	strcpy(addr.sun_path, argv[1]);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		perror(argv[1]);
		return 1;
	}
	if (write(1, "CONNECTED\n", 10) != 10)
		return 1;
	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents && !hand_on(fd, 1))
			return 0;
		if (fds[1].revents && !hand_on(0, fd))
			fds[1].fd = -1;
	}
	return 1;
}
