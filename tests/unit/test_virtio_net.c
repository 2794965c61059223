/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio network device from its registers to a TAP interface, in a network namespace of the test's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "io/net/net.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fake/virtio_driver.h"
#include "tests/unit/within.h"

#define PAIRS	      2
#define RX(pair)      (2U * (pair))
#define TX(pair)      (2U * (pair) + 1)
#define COMMAND_QUEUE (2U * PAIRS)
#define HEADER	      sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define BUFFER	      (DRIVER_DATA + 0x10000)
#define SMALL	      600 /* of a receiving buffer where several are to be filled */
#define EVENT_IDX     (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define MERGEABLE     (1ULL << VIRTIO_NET_F_MRG_RXBUF)
#define COMMANDS                                                                         \
	(1ULL << VIRTIO_NET_F_CTRL_VQ | 1ULL << VIRTIO_NET_F_MQ |                        \
	 1ULL << VIRTIO_NET_F_CTRL_MAC_ADDR | 1ULL << VIRTIO_NET_F_CTRL_GUEST_OFFLOADS | \
	 1ULL << VIRTIO_NET_F_GUEST_CSUM)

#define COMMON(field) (DRIVER_COMMON + offsetof(struct virtio_pci_common_cfg, field))

static const uint8_t mac[] = { 2, 0, 0, 0, 0, 1 };

struct fixture {
	struct driver driver;
	int packet_fd; /* the host's end of the wire */
};

static int setup(void **state)
{
	static struct fixture f;
	struct virtio_net_options options = {
		.id = "_net0",
		.tap = { .name = "t0", .nr_pairs = PAIRS, .mtu = 1400 },
		.entries = DRIVER_QUEUE_SIZE,
	};
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct virtio_pci *net;

	memset(&f, 0, sizeof(f));
	*state = &f;
	fake_kvm_reset();
	memcpy(options.mac.byte, mac, sizeof(mac));
	if (driver_init(&f.driver) || virtio_net_create(&options, &f.driver.site, &net, NULL))
		return -1;
	driver_attach(&f.driver, net);
	to.sll_ifindex = (int)if_nametoindex("t0");
	f.packet_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	return bind(f.packet_fd, (struct sockaddr *)&to, sizeof(to));
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->packet_fd);
	driver_detach(&f->driver);
	driver_destroy(&f->driver);
	/* Linux 6.1 closes what was registered with a ring up to a second later; the next test is not to join that one. */
	for (unsigned n = 0; n < 6000 && if_nametoindex("t0"); n++)
		usleep(10000);
	return (int)if_nametoindex("t0");
}

/* An Ethernet frame with UDP over IPv4, from guest to host or back, that says which it is. */
static void make_frame(uint8_t *frame, unsigned size, unsigned number, bool to_guest)
{
	static const uint8_t ip[] = { 0x45, 0, 0,  0, 0, 0, 0,	0, 64, 17,
				      0,    0, 10, 0, 0, 1, 10, 0, 0,  2 };

	memset(frame, (int)(number * 7 + 1), size);
	memset(frame, 0x12, 12);
	frame[0] = 0x52;
	put_le(frame + 12, 2, 8); /* IPv4 */
	memcpy(frame + 14, ip, sizeof(ip));
	put_le(frame + 16, 2, htons((uint16_t)(size - 14)));
	put_le(frame + 34, 4, 0x02000200);
	if (to_guest) {
		frame[29] = 2;
		frame[33] = 1;
	}
	put_le(frame + 42, 4, number);
}

static void send_to_guest(struct fixture *f, unsigned size, unsigned number)
{
	uint8_t frame[2048];

	make_frame(frame, size, number, true);
	assert_int_equal(send(f->packet_fd, frame, size, 0), size);
}

/* What the interface got from the guest; its own frames are seen there, too. */
static ssize_t receive_from_guest(struct fixture *f, uint8_t *frame, size_t size)
{
	struct pollfd pfd = { .fd = f->packet_fd, .events = POLLIN };
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);

	while (poll(&pfd, 1, 60000) == 1) {
		ssize_t n = recvfrom(f->packet_fd, frame, size, 0, (struct sockaddr *)&from, &len);

		if (from.sll_pkttype != PACKET_OUTGOING)
			return n;
	}
	return -1;
}

static void transmit(struct fixture *f, unsigned pair, unsigned size, unsigned number)
{
	const struct driver_buffer buffers[] = { { BUFFER, HEADER, false },
						 { BUFFER + 64, size, false } };
	struct vring_used_elem elem;

	memset(driver_ptr(&f->driver, BUFFER), 0, HEADER);
	make_frame(driver_ptr(&f->driver, BUFFER + 64), size, number, false);
	driver_add(&f->driver, TX(pair), buffers, 2);
	driver_kick(&f->driver, TX(pair));
	assert_true(driver_wait(&f->driver, TX(pair), &elem));
}

static void add_buffers(struct fixture *f, unsigned pair, unsigned nr, uint32_t size)
{
	for (unsigned i = 0; i < nr; i++) {
		const struct driver_buffer buffer = { BUFFER + 0x10000 + 2048 * i, size, true };

		driver_add(&f->driver, RX(pair), &buffer, 1);
	}
	driver_kick(&f->driver, RX(pair));
}

static void packets_go_out(void **state)
{
	struct fixture *f = *state;
	uint8_t got[2048], want[2048];

	driver_start(&f->driver, EVENT_IDX, COMMAND_QUEUE);
	for (unsigned i = 0; i < 50; i++) {
		transmit(f, 0, 60 + 25 * i, i);
		make_frame(want, 60 + 25 * i, i, false);
		assert_int_equal(receive_from_guest(f, got, sizeof(got)), 60 + 25 * i);
		assert_memory_equal(got, want, 60 + 25 * i);
	}
}

static void packets_come_in(void **state)
{
	struct fixture *f = *state;
	uint8_t want[2048];

	driver_start(&f->driver, EVENT_IDX, COMMAND_QUEUE);
	add_buffers(f, 0, 8, 2048);
	for (unsigned i = 0; i < 8; i++) {
		const struct virtio_net_hdr_mrg_rxbuf *header;
		struct vring_used_elem elem;

		send_to_guest(f, 60 + 100 * i, i);
		assert_true(driver_wait(&f->driver, RX(0), &elem));
		assert_int_equal(elem.len, HEADER + 60 + 100 * i);
		header = driver_ptr(&f->driver, f->driver.queue[RX(0)].desc[elem.id].addr);
		assert_int_equal(header->num_buffers, 1);
		make_frame(want, 60 + 100 * i, i, true);
		assert_memory_equal(header + 1, want, 60 + 100 * i);
	}
}

static void large_packets_fill_several_buffers(void **state)
{
	struct fixture *f = *state;
	uint8_t want[2048], got[2048];

	driver_start(&f->driver, EVENT_IDX | MERGEABLE, COMMAND_QUEUE);
	add_buffers(f, 0, 60, SMALL);
	for (unsigned i = 0; i < 20; i++) {
		const struct virtio_net_hdr_mrg_rxbuf *header = NULL;
		unsigned have = 0, nr = 1;

		send_to_guest(f, 1400, i);
		for (unsigned n = 0; n < nr; n++) {
			struct vring_used_elem elem;
			const void *buffer;

			assert_true(driver_wait(&f->driver, RX(0), &elem));
			assert_within(elem.len, 1, SMALL);
			buffer = driver_ptr(&f->driver, f->driver.queue[RX(0)].desc[elem.id].addr);
			if (!header) {
				header = buffer;
				nr = header->num_buffers;
			}
			memcpy(got + have, buffer, elem.len);
			have += elem.len;
		}
		assert_int_equal(nr, 3);
		assert_int_equal(have, HEADER + 1400);
		make_frame(want, 1400, i, true);
		assert_memory_equal(got + HEADER, want, 1400);
	}
}

static uint64_t cpu_time_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Whatever the kernel: the ring does it all by itself, and sleeps while there is nothing to do. */
static void packets_need_no_worker(void **state)
{
	struct fixture *f = *state;
	unsigned workers = driver_count_workers();
	uint64_t begin_ms;

	driver_start(&f->driver, EVENT_IDX, COMMAND_QUEUE);
	add_buffers(f, 0, 40, 2048);
	for (unsigned i = 0; i < 32; i++) {
		struct vring_used_elem elem;

		send_to_guest(f, 100, i);
		if (i % 2) /* the first two come together */
			assert_true(driver_wait(&f->driver, RX(0), &elem));
		transmit(f, 0, 100, i);
	}
	assert_int_equal(driver_count_workers(), workers);
	begin_ms = cpu_time_ms();
	usleep(300000);
	assert_within(cpu_time_ms() - begin_ms, 0, 150);
}

/* With fewer buffers than packets, so that the device runs out of them again and again. */
static void streams_keep_their_order(void **state)
{
	struct fixture *f = *state;
	unsigned sent = 0, seen = 0;

	driver_start(&f->driver, EVENT_IDX | MERGEABLE, COMMAND_QUEUE);
	add_buffers(f, 0, 12, 2048);
	while (seen < 5000) {
		struct vring_used_elem elem;
		const uint8_t *bytes;

		while (sent < 5000 && sent - seen < 40)
			send_to_guest(f, 100, sent++);
		assert_true(driver_wait(&f->driver, RX(0), &elem));
		bytes = driver_ptr(&f->driver, f->driver.queue[RX(0)].desc[elem.id].addr);
		assert_int_equal(get_le(bytes + HEADER + 42, 4), seen);
		seen++;
		{
			const struct driver_buffer again = {
				f->driver.queue[RX(0)].desc[elem.id].addr, 2048, true
			};

			driver_add(&f->driver, RX(0), &again, 1);
			driver_kick(&f->driver, RX(0));
		}
	}
}

static unsigned command(struct fixture *f, unsigned class, unsigned cmd, const void *data,
			unsigned size)
{
	uint8_t *bytes = driver_ptr(&f->driver, BUFFER);
	const struct driver_buffer buffers[] = {
		{ BUFFER, 2, false },
		{ BUFFER + 2, size, false },
		{ BUFFER + 64, 1, true },
	};
	struct vring_used_elem elem;

	bytes[0] = (uint8_t) class;
	bytes[1] = (uint8_t)cmd;
	memcpy(bytes + 2, data, size);
	bytes[64] = 0xff;
	driver_add(&f->driver, COMMAND_QUEUE, buffers, 3);
	driver_kick(&f->driver, COMMAND_QUEUE);
	assert_true(driver_wait(&f->driver, COMMAND_QUEUE, &elem));
	assert_int_equal(elem.len, 1);
	return bytes[64];
}

static unsigned set_pairs(struct fixture *f, uint16_t nr)
{
	return command(f, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &nr, sizeof(nr));
}

static void commands_are_carried_out(void **state)
{
	static const uint8_t other[] = { 2, 0, 0, 0, 0, 9 };
	struct fixture *f = *state;
	uint64_t offload = 1ULL << VIRTIO_NET_F_GUEST_CSUM;

	driver_start(&f->driver, COMMANDS, COMMAND_QUEUE + 1);
	assert_int_equal(set_pairs(f, 2), VIRTIO_NET_OK);
	assert_int_equal(set_pairs(f, 0), VIRTIO_NET_ERR);
	assert_int_equal(set_pairs(f, 3), VIRTIO_NET_ERR);
	assert_int_equal(set_pairs(f, 1), VIRTIO_NET_OK);
	assert_int_equal(command(f, VIRTIO_NET_CTRL_GUEST_OFFLOADS,
				 VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, &offload, 8),
			 VIRTIO_NET_OK);
	offload |= 1ULL << VIRTIO_NET_F_GUEST_TSO4; /* not negotiated */
	assert_int_equal(command(f, VIRTIO_NET_CTRL_GUEST_OFFLOADS,
				 VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, &offload, 8),
			 VIRTIO_NET_ERR);
	assert_int_equal(command(f, 99, 0, &offload, 8), VIRTIO_NET_ERR);
	assert_int_equal(command(f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, other, 6),
			 VIRTIO_NET_OK);
	assert_int_equal(driver_read(&f->driver, DRIVER_CONFIG + 5, 1), 9);
	driver_reset(&f->driver);
	assert_int_equal(driver_read(&f->driver, DRIVER_CONFIG + 5, 1), 1);
	assert_int_equal(driver_read(&f->driver,
				     DRIVER_CONFIG + offsetof(struct virtio_net_config, mtu), 2),
			 1400);
}

/* Of an interface that is there, in the device's configuration; 0: it says nothing of it. */
static unsigned told_mtu(struct tap_config tap)
{
	struct virtio_net_options options = { .id = "_net1", .tap = tap, .entries = 8 };
	struct virtio_pci *net;
	struct driver driver = { 0 };
	uint64_t features;
	unsigned mtu;

	fake_kvm_reset();
	assert_int_equal(driver_init(&driver), 0);
	assert_int_equal(virtio_net_create(&options, &driver.site, &net, NULL), 0);
	driver_attach(&driver, net);
	driver_write(&driver, COMMON(device_feature_select), 4, 0);
	features = driver_read(&driver, COMMON(device_feature), 4);
	mtu = (unsigned)driver_read(&driver,
				    DRIVER_CONFIG + offsetof(struct virtio_net_config, mtu), 2);
	driver_detach(&driver);
	driver_destroy(&driver);
	assert_int_equal(features >> VIRTIO_NET_F_MTU & 1, mtu != 0);
	return mtu;
}

static void the_guest_is_told_the_mtu_that_there_is(void **state)
{
	struct ifreq ifr = { .ifr_name = "t2", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), passed;

	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	passed = dup(fd);
	/* One that is passed is left as it is, and what is asked for told. */
	assert_int_equal(told_mtu((struct tap_config){ .fd = &passed, .nr_pairs = 1, .mtu = 2000 }),
			 2000);
	close(passed);
	assert_int_equal(ioctl(sock, SIOCGIFMTU, &ifr), 0);
	assert_int_equal(ifr.ifr_mtu, 1500);
	close(fd);
	assert_int_equal(told_mtu((struct tap_config){ .name = "t2", .nr_pairs = 1 }), 0);
	ifr.ifr_mtu = 9000;
	assert_int_equal(ioctl(sock, SIOCSIFMTU, &ifr), 0);
	assert_int_equal(told_mtu((struct tap_config){ .name = "t2", .nr_pairs = 1 }), 9000);
	close(sock);
}

/* The interface answers a flow where it was seen last: Documentation/networking/tuntap.rst. */
static void each_pair_carries_packets(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, COMMANDS | MERGEABLE, COMMAND_QUEUE + 1);
	add_buffers(f, 0, 20, 2048);
	add_buffers(f, 1, 20, 2048);
	for (unsigned round = 0; round < 3; round++) {
		struct vring_used_elem elem;
		uint8_t frame[2048];

		assert_int_equal(set_pairs(f, 2), VIRTIO_NET_OK);
		transmit(f, 1, 100, round);
		assert_int_equal(receive_from_guest(f, frame, sizeof(frame)), 100);
		send_to_guest(f, 200, round);
		assert_true(driver_wait(&f->driver, RX(1), &elem));
		assert_int_equal(elem.len, HEADER + 200);
		/* With one pair, everything comes there. */
		assert_int_equal(set_pairs(f, 1), VIRTIO_NET_OK);
		send_to_guest(f, 300, round);
		assert_true(driver_wait(&f->driver, RX(0), &elem));
		assert_int_equal(elem.len, HEADER + 300);
	}
}

static void resets_end_what_waits(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 100; i++) {
		uint16_t used;

		driver_start(&f->driver, EVENT_IDX | (i % 2 ? MERGEABLE : 0), COMMAND_QUEUE);
		add_buffers(f, 0, 40, 2048);
		for (unsigned n = 0; n < i % 7; n++)
			send_to_guest(f, 100, n);
		usleep(i % 5 * 50);
		driver_reset(&f->driver);
		used = f->driver.queue[RX(0)].used->idx;
		memset(driver_ptr(&f->driver, BUFFER + 0x10000), 0x5a, 40 * 2048);
		send_to_guest(f, 100, 0);
		assert_int_equal(f->driver.queue[RX(0)].used->idx, used);
		for (unsigned n = 0; n < 40 * 2048; n++)
			assert_int_equal(*(uint8_t *)driver_ptr(&f->driver, BUFFER + 0x10000 + n),
					 0x5a);
	}
	driver_start(&f->driver, 0, COMMAND_QUEUE);
	transmit(f, 0, 100, 0);
}

static void malformed_chains_ask_for_a_reset(void **state)
{
	static const struct {
		unsigned queue;
		struct driver_buffer buffer;
	} bad[] = {
		{ TX(0), { BUFFER, HEADER - 1, false } },  { TX(0), { BUFFER, 100, true } },
		{ RX(0), { BUFFER, 100, false } },	   { RX(0), { BUFFER, HEADER - 1, true } },
		{ RX(0), { 64 * MIB, 2048, true } },	   { COMMAND_QUEUE, { BUFFER, 1, false } },
		{ COMMAND_QUEUE, { BUFFER, 100, false } },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		unsigned n = 0;

		driver_start(&f->driver, COMMANDS, COMMAND_QUEUE + 1);
		driver_add(&f->driver, bad[i].queue, &bad[i].buffer, 1);
		driver_kick(&f->driver, bad[i].queue);
		while (!(driver_read(&f->driver, COMMON(device_status), 1) &
			 VIRTIO_CONFIG_S_NEEDS_RESET)) {
			usleep(100);
			assert_true(n++ < 500000);
		}
	}
	driver_start(&f->driver, 0, COMMAND_QUEUE);
	transmit(f, 0, 100, 0);
}

/* A packet that the interface refuses is lost, and the next one goes. */
static void bad_headers_lose_their_packet(void **state)
{
	struct fixture *f = *state;
	struct virtio_net_hdr_mrg_rxbuf *header = driver_ptr(&f->driver, BUFFER);
	const struct driver_buffer buffer = { BUFFER, 100, false };
	struct vring_used_elem elem;
	uint8_t got[2048];

	driver_start(&f->driver, EVENT_IDX, COMMAND_QUEUE);
	memset(header, 0xff, sizeof(*header));
	driver_add(&f->driver, TX(0), &buffer, 1);
	driver_kick(&f->driver, TX(0));
	assert_true(driver_wait(&f->driver, TX(0), &elem));
	transmit(f, 0, 77, 1);
	assert_int_equal(receive_from_guest(f, got, sizeof(got)), 77);
}

static void vhost_needs_its_device(void **state)
{
	struct fixture *f = *state;
	const struct virtio_net_options options = {
		.id = "_net1",
		.tap = { .name = "t1", .nr_pairs = 1 },
		.entries = DRIVER_QUEUE_SIZE,
		.vhost = true,
	};
	struct virtio_pci *net;
	struct error err = { 0 };
	int r;

	if (!access("/dev/vhost-net", F_OK))
		skip();
	r = virtio_net_create(&options, &f->driver.site, &net, &err);
	assert_int_equal(r, -ENOENT);
	assert_string_equal(err.object, "network device _net1: /dev/vhost-net");
	assert_non_null(strstr(err.remedy, "modprobe vhost_net"));
	assert_int_equal(if_nametoindex("t1"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_guest_is_told_the_mtu_that_there_is),
		TEST(packets_go_out),
		TEST(packets_come_in),
		TEST(large_packets_fill_several_buffers),
		TEST(packets_need_no_worker),
		TEST(streams_keep_their_order),
		TEST(commands_are_carried_out),
		TEST(each_pair_carries_packets),
		TEST(resets_end_what_waits),
		TEST(malformed_chains_ask_for_a_reset),
		TEST(bad_headers_lose_their_packet),
		TEST(vhost_needs_its_device),
	};
	int fd;

	if (unshare(CLONE_NEWNET)) {
		perror("skipped: a network namespace");
		return 77;
	}
	/* Its router solicitations would be packets to the guest. */
	fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1", 1) != 1)
		return 1;
	fd_close(&fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
