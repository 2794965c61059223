/* SPDX-License-Identifier: Apache-2.0 */
#include "io/net/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include "core/base/fd.h"

#define DEVICE "/dev/net/tun"

/* 192.168.N.0/24, for interfaces that nobody gave an address. */
#define FIRST_NETWORK 249
#define LAST_NETWORK  255

static int open_device(struct error *err)
{
	int r = fd_open(DEVICE, O_RDWR, 0);

	if (r >= 0)
		return r;
	error_set(err, r, DEVICE);
	if (r == -ENOENT || r == -ENODEV)
		error_remedy(err, "load its driver: modprobe tun");
	return r;
}

/* Whether an interface that is there can be joined so. */
static bool may_join(const char *name, short flags)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags) };
	int fd = fd_open(DEVICE, O_RDWR, 0);
	bool may;

	if (fd < 0)
		return false;
	strcpy(ifr.ifr_name, name);
	may = !ioctl(fd, TUNSETIFF, &ifr);
	close(fd);
	return may;
}

static int refuse_existing(const char *name, unsigned nr, struct error *err)
{
	char path[64];

	if (nr == 1 && may_join(name, IFF_MULTI_QUEUE)) {
		error_reason(err, "it was made for several queues");
		return error_remedy(err, "give num_queues=4, or another even number above 2");
	}
	if (nr > 1 && may_join(name, 0)) {
		error_reason(err, "it was made for one queue each way");
		return error_remedy(err,
				    "leave num_queues out, or make it anew: ip link delete %s; ip "
				    "tuntap add %s mode tap multi_queue vnet_hdr",
				    name, name);
	}
	error_reason(err, "it is there, but not as a TAP interface");
	/* A TUN interface is nobody's card or loopback. */
	snprintf(path, sizeof(path), "/sys/class/net/%s/tun_flags", name);
	if (access(path, F_OK))
		return error_remedy(err, "use another name");
	return error_remedy(err, "use another name, or delete it: ip link delete %s", name);
}

static int refuse_others(const char *name, unsigned nr, struct error *err)
{
	char path[64];
	int64_t owner = -1;

	snprintf(path, sizeof(path), "/sys/class/net/%s/owner", name);
	if (!file_read_i64(path, &owner) && owner >= 0)
		error_reason(err, "it is the user's with the number %lld", (long long)owner);
	else
		error_reason(err, "it is there, and not this user's");
	return error_remedy(
		err,
		"run torc as that user or with CAP_NET_ADMIN, or have the administrator make it "
		"anew: ip link delete %s; ip tuntap add %s mode tap user $USER%s vnet_hdr",
		name, name, nr > 1 ? " multi_queue" : "");
}

static int attach_error(int r, const char *name, unsigned nr, struct error *err)
{
	const char *queues = nr > 1 ? " multi_queue" : "";

	error_set(err, r, "tap%s%s", name ? " " : "", name ?: "");
	if (r == -EPERM && name && if_nametoindex(name))
		return refuse_others(name, nr, err);
	if (r == -EPERM && name)
		return error_remedy(
			err,
			"run torc with CAP_NET_ADMIN, or have the administrator make the interface for this "
			"user: ip tuntap add %s mode tap user $USER%s vnet_hdr",
			name, queues);
	if (r == -EPERM)
		return error_remedy(
			err,
			"run torc with CAP_NET_ADMIN, or have the administrator make an interface for this "
			"user, ip tuntap add vmtap0 mode tap user $USER%s vnet_hdr, and give tap=vmtap0",
			queues);
	if (r == -EBUSY) {
		error_reason(err, "in use by another program");
		return error_remedy(err, "end that one, or use another interface");
	}
	return r == -EINVAL ? refuse_existing(name ?: "vmtap0", nr, err) : r;
}

/* As dev_valid_name() of the kernel has it, which takes a percent sign for a number to be found. */
static int check_name(const char *name, struct error *err)
{
	const char *reason = NULL;

	if (strlen(name) >= IFNAMSIZ)
		reason = "a name has at most 15 characters";
	else if (!strcmp(name, ".") || !strcmp(name, ".."))
		reason = "a name is not a folder's";
	else if (strpbrk(name, "/:% \t\n\v\f\r\xa0"))
		reason = "a name has no slash, colon, percent sign or space";
	if (!reason)
		return 0;
	error_set(err, -EINVAL, "tap %s", name);
	error_reason(err, "%s", reason);
	return error_remedy(err, "use another name");
}

static int add_queue(struct tap *tap, const struct tap_config *config, struct error *err)
{
	const char *name = tap->nr ? tap->name : config->name;
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
						  (config->nr_pairs > 1 ? IFF_MULTI_QUEUE : 0)) };
	int r = name ? check_name(name, err) : 0, fd;

	if (r)
		return r;
	strcpy(ifr.ifr_name, name ?: "vmtap%d");
	fd = open_device(err);
	if (fd < 0)
		return fd;
	if (ioctl(fd, TUNSETIFF, &ifr)) {
		r = attach_error(-errno, name, config->nr_pairs, err);
		fd_close(&fd);
		return r;
	}
	memcpy(tap->name, ifr.ifr_name, sizeof(tap->name));
	tap->fd[tap->nr++] = fd;
	return 0;
}

static int refuse_fd(int fd, const char *reason, struct error *err)
{
	error_set(err, -EINVAL, "fd %d", fd);
	error_reason(err, "%s", reason);
	return error_remedy(err, "pass what TUNSETIFF was called on, one for each pair of queues");
}

static int adopt_queue(struct tap *tap, int fd, struct error *err)
{
	const short need = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	struct ifreq ifr = { 0 };
	int own;

	if (fcntl(fd, F_GETFL) < 0)
		return refuse_fd(fd, "not open", err);
	if (ioctl(fd, TUNGETIFF, &ifr) || (ifr.ifr_flags & need) != need)
		return refuse_fd(fd, "not of a TAP interface with IFF_NO_PI and IFF_VNET_HDR", err);
	if (tap->nr && strncmp(tap->name, ifr.ifr_name, sizeof(tap->name)) != 0)
		return refuse_fd(fd, "of another interface than those before", err);
	/* Neither is for a program that torc starts. */
	own = fcntl(fd, F_SETFD, FD_CLOEXEC) ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return error_set(err, -errno, "fd %d", fd);
	memcpy(tap->name, ifr.ifr_name, sizeof(tap->name));
	tap->fd[tap->nr++] = own;
	return 0;
}

static bool knows_nowait(int fd)
{
	char byte = 0;
	struct iovec too_short = { .iov_base = &byte, .iov_len = 1 };

	return pwritev2(fd, &too_short, 1, -1, RWF_NOWAIT) >= 0 || errno != EOPNOTSUPP;
}

/*
 * Before Linux 6.4 TAP does not say that it can do without waiting (FMODE_NOWAIT), and io_uring would have a worker
 * thread do each read and write, in any order. O_NONBLOCK says it as well; a ring then waits with poll. Where it is said
 * already a ring would get EAGAIN from such a descriptor.
 */
static int set_waiting(struct tap *tap, struct error *err)
{
	tap->nowait = knows_nowait(tap->fd[0]);
	for (unsigned i = 0; i < tap->nr; i++) {
		int flags = fcntl(tap->fd[i], F_GETFL) & ~O_NONBLOCK;

		if (fcntl(tap->fd[i], F_SETFL, tap->nowait ? flags : flags | O_NONBLOCK))
			return error_set(err, -errno, "tap %s: O_NONBLOCK", tap->name);
	}
	return 0;
}

static int configure_address(int sock, struct ifreq *ifr, unsigned long request,
			     struct in_addr addr)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = addr };

	memcpy(&ifr->ifr_addr, &sin, sizeof(sin));
	return ioctl(sock, request, ifr) ? -errno : 0;
}

/* Whether the host has a way into this network, other than to everywhere. */
static bool is_routed(const struct tap *tap, struct in_addr ip, struct in_addr mask)
{
	/* Of the thread's network namespace, in the order of the bytes on the wire; proc_pid_net(5). */
	FILE *file = fopen("/proc/thread-self/net/route", "re");
	char line[256], interface[IFNAMSIZ];
	unsigned to, its_mask;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%15s %x %*x %*x %*d %*d %*d %x", interface, &to, &its_mask) ==
				3 &&
			its_mask && strcmp(interface, tap->name) != 0 &&
			!((to ^ ip.s_addr) & its_mask & mask.s_addr);
	if (file)
		fclose(file);
	return found;
}

/* Whether an interface with an index below @below has addresses of this network; -errno not known. */
static int is_taken(const struct tap *tap, struct in_addr ip, struct in_addr mask, unsigned below)
{
	struct ifaddrs *all, *one;

	if (getifaddrs(&all))
		return -errno;
	for (one = all; one; one = one->ifa_next) {
		struct sockaddr_in addr, its_mask;

		if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || !one->ifa_netmask ||
		    !strcmp(one->ifa_name, tap->name))
			continue;
		memcpy(&addr, one->ifa_addr, sizeof(addr));
		memcpy(&its_mask, one->ifa_netmask, sizeof(its_mask));
		if (!((addr.sin_addr.s_addr ^ ip.s_addr) & its_mask.sin_addr.s_addr &
		      mask.s_addr) &&
		    if_nametoindex(one->ifa_name) < below)
			break;
	}
	freeifaddrs(all);
	return one || is_routed(tap, ip, mask);
}

/* One torc at a time chooses. Others can have that lock as well, and whoever keeps it is not waited for. */
static void lock_choice(const struct tap *tap)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	for (unsigned n = 0; flock(tap->fd[0], LOCK_EX | LOCK_NB) && n < 300; n++)
		nanosleep(&pause, NULL);
}

/* With another than torc that takes the same at the same time, the younger interface goes on. */
static int choose_ip(struct tap *tap, const struct tap_config *config, int sock, struct ifreq *ifr,
		     struct error *err)
{
	for (unsigned third = FIRST_NETWORK; third <= LAST_NETWORK; third++) {
		struct in_addr ip = { htonl(192U << 24 | 168U << 16 | third << 8 | 1) };
		int r = is_taken(tap, ip, config->mask, UINT_MAX);

		if (r > 0)
			continue;
		if (!r)
			r = configure_address(sock, ifr, SIOCSIFADDR, ip);
		if (!r)
			r = configure_address(sock, ifr, SIOCSIFNETMASK, config->mask);
		if (!r)
			r = is_taken(tap, ip, config->mask, if_nametoindex(tap->name));
		if (r > 0)
			continue;
		if (r) {
			error_set(err, r, "tap %s: IP address", tap->name);
			return error_remedy(err, "give ip=");
		}
		tap->ip = ip;
		return 0;
	}
	error_set(err, -EADDRINUSE, "tap %s: IP address", tap->name);
	error_reason(err, "the host uses 192.168.%d.0/24 to 192.168.%d.0/24 all", FIRST_NETWORK,
		     LAST_NETWORK);
	return error_remedy(err, "give ip=");
}

static int bring_up(int sock, struct ifreq *ifr)
{
	if (ioctl(sock, SIOCGIFFLAGS, ifr))
		return -errno;
	if (ifr->ifr_flags & IFF_UP)
		return 0;
	ifr->ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, ifr) ? -errno : 0;
}

/* Descriptors that were passed may be of an interface elsewhere, and one of its name be here: the addresses tell. */
static bool is_here(const struct tap *tap, int sock)
{
	struct ifreq there = { 0 }, here = { 0 };

	memcpy(here.ifr_name, tap->name, sizeof(here.ifr_name));
	return !ioctl(tap->fd[0], SIOCGIFHWADDR, &there) && !ioctl(sock, SIOCGIFHWADDR, &here) &&
	       !memcmp(there.ifr_hwaddr.sa_data, here.ifr_hwaddr.sa_data, ETHER_ADDR_LEN);
}

static unsigned read_mtu(const struct tap *tap)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };
	unsigned mtu = 0;

	if (sock < 0)
		return 0;
	memcpy(ifr.ifr_name, tap->name, sizeof(ifr.ifr_name));
	if (is_here(tap, sock) && !ioctl(sock, SIOCGIFMTU, &ifr))
		mtu = (unsigned)ifr.ifr_mtu;
	close(sock);
	return mtu;
}

static int configure(struct tap *tap, const struct tap_config *config, struct error *err)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;
	struct ifreq ifr = { 0 };
	const char *what = "IP address";

	if (sock < 0)
		return error_set(err, -errno, "socket for tap %s", tap->name);
	memcpy(ifr.ifr_name, tap->name, sizeof(ifr.ifr_name));
	if (config->choose_ip) {
		lock_choice(tap);
		r = choose_ip(tap, config, sock, &ifr, err);
		flock(tap->fd[0], LOCK_UN);
		if (r) {
			close(sock);
			return r;
		}
	}
	if (config->ip.s_addr)
		r = configure_address(sock, &ifr, SIOCSIFADDR, config->ip);
	if (!r && config->ip.s_addr) {
		what = "network mask";
		r = configure_address(sock, &ifr, SIOCSIFNETMASK, config->mask);
	}
	/* What it is already needs no privilege. */
	if (!r && config->mtu && config->mtu != read_mtu(tap)) {
		what = "MTU";
		ifr.ifr_mtu = (int)config->mtu;
		r = ioctl(sock, SIOCSIFMTU, &ifr) ? -errno : 0;
	}
	if (!r) {
		what = "bringing it up";
		r = bring_up(sock, &ifr);
	}
	close(sock);
	if (!r)
		return 0;
	error_set(err, r, "tap %s: %s", tap->name, what);
	if (r == -EPERM)
		error_remedy(
			err,
			"run torc with CAP_NET_ADMIN, or leave ip, mask and mtu out and bring the interface "
			"up before");
	return r;
}

static int set_header(const struct tap *tap, struct error *err)
{
	int size = sizeof(struct virtio_net_hdr_mrg_rxbuf);

	for (unsigned i = 0; i < tap->nr; i++) {
		if (ioctl(tap->fd[i], TUNSETVNETHDRSZ, &size))
			return error_set(err, -errno, "tap %s: TUNSETVNETHDRSZ", tap->name);
	}
	return 0;
}

int tap_open(struct tap *tap, const struct tap_config *config, struct error *err)
{
	struct tap t = { 0 };
	int r = 0;

	for (unsigned i = 0; i < config->nr_pairs && !r; i++)
		r = config->fd ? adopt_queue(&t, config->fd[i], err) : add_queue(&t, config, err);
	if (!r)
		r = set_header(&t, err);
	if (!r)
		r = set_waiting(&t, err);
	/* Whoever made the interface has configured it. */
	if (!r && !config->fd)
		r = configure(&t, config, err);
	if (!r) {
		t.mtu = read_mtu(&t);
		*tap = t;
		return 0;
	}
	tap_close(&t);
	return r;
}

static int open_source(const void *what, void *result, struct error *err)
{
	return tap_open(result, what, err);
}

const struct host_source tap_source = { "tap", open_source };

void tap_close(struct tap *tap)
{
	for (unsigned i = 0; i < tap->nr; i++)
		fd_close(&tap->fd[i]);
	tap->nr = 0;
}

bool tap_is_there(const struct tap *tap)
{
	struct ifreq ifr;

	return !ioctl(tap->fd[0], TUNGETIFF, &ifr) || errno != EBADFD;
}

int tap_set_offload(const struct tap *tap, unsigned offload)
{
	/* They are the interface's: any descriptor will do. */
	return ioctl(tap->fd[0], TUNSETOFFLOAD, offload) ? -errno : 0;
}

int tap_attach(const struct tap *tap, unsigned pair, bool on)
{
	struct ifreq ifr = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	/* EINVAL: it is so already. */
	return ioctl(tap->fd[pair], TUNSETQUEUE, &ifr) && errno != EINVAL ? -errno : 0;
}
