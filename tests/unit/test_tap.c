/* SPDX-License-Identifier: Apache-2.0 */
/* TAP interfaces that others have made, or may not be made. In a network namespace of its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/route.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/capability.h>
#include <linux/if_tun.h>

#include "core/base/bits.h"
#include "io/net/tap.h"

/* A user's, persistent and up. @mtu: 0: as it is. */
static void make_interface_of(uid_t owner, const char *name, short flags, int mtu)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags) };

	strcpy(ifr.ifr_name, name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	assert_int_equal(ioctl(fd, TUNSETOWNER, owner), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	ifr.ifr_mtu = mtu;
	assert_false(mtu && ioctl(sock, SIOCSIFMTU, &ifr));
	ifr.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(sock, SIOCSIFFLAGS, &ifr), 0);
	close(sock);
	close(fd);
}

static void make_interface(const char *name, short flags, int mtu)
{
	make_interface_of(geteuid(), name, flags, mtu);
}

static void what_is_no_interface_is_refused(void **state)
{
	const int no_tap = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct {
		struct tap_config config;
		int code;
		const char *reason;
	} bad[] = {
		{ { .name = "a-name-that-is-too-long", .nr_pairs = 1 }, -EINVAL, "15 characters" },
		{ { .name = "lo", .nr_pairs = 1 }, -EINVAL, "not as a TAP" },
		{ { .name = "several", .nr_pairs = 1 }, -EINVAL, "made for several queues" },
		{ { .name = "one", .nr_pairs = 2 }, -EINVAL, "made for one queue" },
		{ { .name = "a/b", .nr_pairs = 1 }, -EINVAL, "no slash" },
		{ { .name = "x y", .nr_pairs = 1 },
		  -EINVAL,
		  "no slash, colon, percent sign or space" },
		{ { .name = "\xc3\xa0", .nr_pairs = 1 }, -EINVAL, "or space" },
		{ { .name = "t%d", .nr_pairs = 1 }, -EINVAL, "percent" },
		{ { .name = "..", .nr_pairs = 1 }, -EINVAL, "a folder's" },
		{ { .nr_pairs = 1, .fd = &no_tap }, -EINVAL, "not of a TAP" },
	};

	make_interface("several", IFF_MULTI_QUEUE, 0);
	make_interface("one", 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = { 0 };
		struct tap tap = { 0 };

		assert_int_equal(tap_open(&tap, &bad[i].config, &err), bad[i].code);
		assert_non_null(strstr(err.reason, bad[i].reason));
		assert_true(*err.remedy);
		assert_int_equal(tap.nr, 0);
	}
	/* It may be anybody's. */
	assert_int_equal(close(no_tap), 0);
}

static void descriptors_may_be_passed(void **state)
{
	struct ifreq ifr = { .ifr_name = "t1", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	const struct tap_config config = { .nr_pairs = 1, .fd = &fd };
	struct tap tap;

	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	assert_int_equal(tap_open(&tap, &config, NULL), 0);
	assert_string_equal(tap.name, "t1");
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, tap.nowait ? 0 : O_NONBLOCK);
	tap_close(&tap);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	/* It is there for whoever passed it, who may give it to another machine. */
	assert_int_equal(tap_open(&tap, &config, NULL), 0);
	tap_close(&tap);
	assert_int_equal(close(fd), 0);
	assert_int_equal(if_nametoindex("t1"), 0);
}

static int open_tap(struct tap *tap, const char *name, unsigned mtu, struct error *err)
{
	const struct tap_config config = { .name = name, .mtu = mtu, .nr_pairs = 1 };

	return tap_open(tap, &config, err);
}

static void mtu_is_known(void **state)
{
	struct tap tap = { 0 };
	struct tap_config passed = { .nr_pairs = 1 };
	struct tap second = { 0 };
	int fd;

	make_interface("large", 0, 9000);
	assert_int_equal(open_tap(&tap, "large", 0, NULL), 0);
	assert_int_equal(tap.mtu, 9000);
	fd = dup(tap.fd[0]);
	passed.fd = &fd;
	assert_int_equal(tap_open(&second, &passed, NULL), 0);
	assert_int_equal(second.mtu, 9000);
	tap_close(&second);
	assert_int_equal(close(fd), 0);
	tap_close(&tap);
	assert_int_equal(open_tap(&tap, "large", 1450, NULL), 0);
	assert_int_equal(tap.mtu, 1450);
	tap_close(&tap);
}

static void passed_interface_may_be_elsewhere(void **state)
{
	struct ifreq ifr = { .ifr_name = "large", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct tap_config config = { .nr_pairs = 1 };
	struct tap tap = { 0 };
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	/* One of that name, with an MTU that is none of this one's. */
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	close(here);
	config.fd = &fd;
	assert_int_equal(tap_open(&tap, &config, NULL), 0);
	assert_string_equal(tap.name, "large");
	assert_int_equal(tap.mtu, 0);
	tap_close(&tap);
	assert_int_equal(close(fd), 0);
}

/* What is said without CAP_NET_ADMIN, by a process of its own. */
static void without_privilege(void (*check)(void))
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (syscall(SYS_capset, &header, none))
			_exit(1);
		check();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void check_what_is_so_already(void)
{
	struct tap tap = { 0 };

	if (open_tap(&tap, "small", 1400, NULL) || tap.mtu != 1400)
		_exit(2);
	tap_close(&tap);
	if (open_tap(&tap, "small", 1450, NULL) != -EPERM)
		_exit(3);
}

static void what_is_so_already_needs_no_privilege(void **state)
{
	make_interface("small", 0, 1400);
	without_privilege(check_what_is_so_already);
}

static void check_remedies(void)
{
	struct error err = { 0 };
	struct tap tap = { 0 };

	if (open_tap(&tap, NULL, 0, &err) != -EPERM || strcmp(err.object, "tap") != 0 ||
	    strchr(err.remedy, '%') || !strstr(err.remedy, "tap=vmtap0") ||
	    !strstr(err.remedy, "ip tuntap add vmtap0 mode tap"))
		_exit(2);
	err = (struct error){ 0 };
	if (open_tap(&tap, "new", 0, &err) != -EPERM || strcmp(err.object, "tap new") != 0 ||
	    !strstr(err.remedy, "ip tuntap add new mode tap"))
		_exit(3);
	err = (struct error){ 0 };
	if (open_tap(&tap, "theirs", 0, &err) != -EPERM || strncmp(err.reason, "it is ", 6) != 0 ||
	    !strstr(err.remedy, "ip link delete theirs; ip tuntap add theirs mode tap"))
		_exit(4);
}

static void remedies_can_be_typed(void **state)
{
	make_interface_of(1234, "theirs", 0, 0);
	without_privilege(check_remedies);
}

static int open_any(struct tap *tap, struct error *err)
{
	const struct tap_config config = { .choose_ip = true,
					   .mask.s_addr = htonl(0xffffff00),
					   .nr_pairs = 1 };

	return tap_open(tap, &config, err);
}

static void give_address(const char *name, const char *ip, uint32_t mask)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct ifreq ifr = { 0 };

	strcpy(ifr.ifr_name, name);
	inet_pton(AF_INET, ip, &sin.sin_addr);
	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	assert_int_equal(ioctl(sock, SIOCSIFADDR, &ifr), 0);
	sin.sin_addr.s_addr = htonl(mask);
	memcpy(&ifr.ifr_netmask, &sin, sizeof(sin));
	assert_int_equal(ioctl(sock, SIOCSIFNETMASK, &ifr), 0);
	close(sock);
}

static void add_route(const char *to, const char *mask, const char *gateway)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
	struct sockaddr_in sin = { .sin_family = AF_INET };

	inet_pton(AF_INET, to, &sin.sin_addr);
	memcpy(&route.rt_dst, &sin, sizeof(sin));
	inet_pton(AF_INET, mask, &sin.sin_addr);
	memcpy(&route.rt_genmask, &sin, sizeof(sin));
	inet_pton(AF_INET, gateway, &sin.sin_addr);
	memcpy(&route.rt_gateway, &sin, sizeof(sin));
	assert_int_equal(ioctl(sock, SIOCADDRT, &route), 0);
	close(sock);
}

static void *choose(void *arg)
{
	assert_int_equal(open_any(arg, NULL), 0);
	return NULL;
}

/* While another chooses, this one waits, and sees what that one has taken. */
static void one_chooses_at_a_time(void **state)
{
	int lock = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct tap tap = { 0 };
	pthread_t thread;

	make_interface("other", 0, 0);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(pthread_create(&thread, NULL, choose, &tap), 0);
	while (!if_nametoindex("vmtap0"))
		usleep(1000);
	usleep(50 * 1000);
	give_address("other", "192.168.249.1", 0xffffff00);
	close(lock);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(ntohl(tap.ip.s_addr), 0xc0a8fa01);
	tap_close(&tap);
	give_address("other", "172.16.0.1", 0xffffff00);
}

static void chosen_address_is_in_no_network_of_the_host(void **state)
{
	struct tap tap[8] = { 0 };
	struct error err = { 0 };

	/* The host's, and then one another's. */
	make_interface("lan", 0, 0);
	give_address("lan", "192.168.250.77", 0xffffff00);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(open_any(&tap[i], NULL), 0);
		assert_int_equal(ntohl(tap[i].ip.s_addr), 0xc0a8f901 + ((i + !!i) << 8));
	}
	assert_int_equal(open_any(&tap[6], &err), -EADDRINUSE);
	assert_string_equal(err.remedy, "give ip=");
	tap_close(&tap[3]);
	assert_int_equal(open_any(&tap[6], NULL), 0);
	assert_int_equal(ntohl(tap[6].ip.s_addr), 0xc0a8fd01);
	for (unsigned i = 0; i < 7; i++)
		tap_close(&tap[i]);
	/* Nor in one that it has a way to. */
	give_address("lan", "10.20.30.1", 0xffffff00);
	add_route("192.168.249.0", "255.255.255.0", "10.20.30.2");
	add_route("192.168.252.0", "255.255.254.0", "10.20.30.2");
	add_route("0.0.0.0", "0.0.0.0", "10.20.30.2");
	for (unsigned i = 0; i < 4; i++) {
		static const unsigned free_ones[] = { 250, 251, 254, 255 };

		assert_int_equal(open_any(&tap[i], NULL), 0);
		assert_int_equal(ntohl(tap[i].ip.s_addr), 0xc0a80001 + (free_ones[i] << 8));
	}
	for (unsigned i = 0; i < 4; i++)
		tap_close(&tap[i]);
	/* A larger one has them all. */
	give_address("lan", "192.168.1.1", 0xffff0000);
	assert_int_equal(open_any(&tap[0], &err), -EADDRINUSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_interface_is_refused),
		cmocka_unit_test(descriptors_may_be_passed),
		cmocka_unit_test(mtu_is_known),
		cmocka_unit_test(passed_interface_may_be_elsewhere),
		cmocka_unit_test(what_is_so_already_needs_no_privilege),
		cmocka_unit_test(remedies_can_be_typed),
		cmocka_unit_test(one_chooses_at_a_time),
		cmocka_unit_test(chosen_address_is_in_no_network_of_the_host),
	};

	if (unshare(CLONE_NEWNET)) {
		perror("skipped: a network namespace");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
