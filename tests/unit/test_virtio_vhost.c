/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio network device with vhost=on: what vhost-net is told and when, without one; a namespace for the interface. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "io/net/net.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fake/vhost.h"
#include "tests/fake/virtio_driver.h"
#include "tests/unit/within.h"

#define PAIRS	      2
#define COMMAND_QUEUE (2U * PAIRS)
#define NR_QUEUES     (COMMAND_QUEUE + 1)
#define BUFFER	      (DRIVER_DATA + 0x10000)
#define BIT(n)	      (1ULL << (n))
#define VERSION_1     BIT(VIRTIO_F_VERSION_1)
#define RING	      (BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_RING_F_INDIRECT_DESC))
#define MERGEABLE     BIT(VIRTIO_NET_F_MRG_RXBUF)
#define COMMANDS      (BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ))

/* Linux 6.12's: with logging, and headers of its own making. */
#define LINUX_FEATURES                                                                         \
	(VERSION_1 | RING | MERGEABLE | BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT(VHOST_F_LOG_ALL) | \
	 BIT(VHOST_NET_F_VIRTIO_NET_HDR) | BIT(VIRTIO_F_ACCESS_PLATFORM))

#define COMMON(field) (DRIVER_COMMON + offsetof(struct virtio_pci_common_cfg, field))
#define PBA	      0x7000

#define WAIT_FOR(condition)                                         \
	do {                                                        \
		for (unsigned i_ = 0; !(condition);)                \
			assert_true(i_++ < 200000 && !usleep(100)); \
	} while (0)

struct fixture {
	struct driver driver;
	struct virtio_net_options options;
};

static int setup_driver(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	*state = &f;
	fake_kvm_reset();
	fake_vhost_reset(LINUX_FEATURES);
	f.options = (struct virtio_net_options){
		.id = "_net0",
		.tap = { .name = "t0", .nr_pairs = PAIRS },
		.mac = { .byte = { 2, 0, 0, 0, 0, 1 } },
		.entries = DRIVER_QUEUE_SIZE,
		.vhost = true,
	};
	return driver_init(&f.driver);
}

static int setup(void **state)
{
	struct virtio_pci *net;
	struct fixture *f;

	if (setup_driver(state))
		return -1;
	f = *state;
	if (virtio_net_create(&f->options, &f->driver.site, &net, NULL))
		return -1;
	driver_attach(&f->driver, net);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	driver_detach(&f->driver);
	driver_destroy(&f->driver);
	/* Nothing was asked of vhost-net that it would refuse, or that torc should not ask. */
	return (int)fake_vhost_breaches();
}

static struct fake_vhost_device told(unsigned pair)
{
	struct fake_vhost_device device;

	fake_vhost_device(pair, &device);
	return device;
}

static struct fake_vring vring(unsigned queue)
{
	return told(queue / 2).vring[queue % 2];
}

static bool has_backend(unsigned queue)
{
	return vring(queue).backend >= 0;
}

static bool pair_runs(unsigned pair)
{
	return has_backend(2 * pair) && has_backend(2 * pair + 1);
}

static unsigned nr_backends(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < COMMAND_QUEUE; i++)
		n += has_backend(i);
	return n;
}

static void expect_log(const char *want)
{
	char log[FAKE_VHOST_LOG];

	fake_vhost_log(log);
	assert_string_equal(log, want);
}

static bool needs_reset(struct fixture *f)
{
	return driver_read(&f->driver, COMMON(device_status), 1) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* DRIVER_OK, and every queue has begun: the last one answers. */
static void start(struct fixture *f, uint64_t features);

static unsigned set_pairs(struct fixture *f, uint16_t nr)
{
	uint8_t *bytes = driver_ptr(&f->driver, BUFFER);
	const struct driver_buffer buffers[] = { { BUFFER, 4, false }, { BUFFER + 64, 1, true } };
	struct vring_used_elem elem;

	bytes[0] = VIRTIO_NET_CTRL_MQ;
	bytes[1] = VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET;
	put_le(bytes + 2, 2, nr);
	bytes[64] = 0xff;
	driver_add(&f->driver, COMMAND_QUEUE, buffers, 2);
	driver_kick(&f->driver, COMMAND_QUEUE);
	assert_true(driver_wait(&f->driver, COMMAND_QUEUE, &elem));
	return bytes[64];
}

static void start(struct fixture *f, uint64_t features)
{
	driver_start(&f->driver, features | COMMANDS, NR_QUEUES);
	/* One that is refused changes nothing. */
	assert_int_equal(set_pairs(f, 0), VIRTIO_NET_ERR);
}

static void queues_are_handed_over(void **state)
{
	struct fixture *f = *state;
	const struct virtio_device *dev = f->driver.vp->dev;
	struct fake_vhost_device device;

	expect_log("0:open 0:owner 0:get-features 0:memory 1:open 1:owner 1:get-features 1:memory");
	driver_enable_msix(&f->driver);
	start(f, RING | MERGEABLE);
	expect_log("0:set-features 1:set-features "
		   "0:num0 0:base0 0:addr0 0:kick0 0:call0 0:err0 0:backend0 "
		   "0:num1 0:base1 0:addr1 0:kick1 0:call1 0:err1 0:backend1 "
		   "1:num0 1:base0 1:addr0 1:kick0 1:call0 1:err0 "
		   "1:num1 1:base1 1:addr1 1:kick1 1:call1 1:err1");
	device = told(0);
	assert_int_equal(device.features, VERSION_1 | RING | MERGEABLE);
	assert_int_equal(device.nr_regions, 1);
	assert_int_equal(device.region[0].guest_phys_addr, 0);
	assert_int_equal(device.region[0].memory_size, DRIVER_MEMORY);
	assert_int_equal(device.region[0].userspace_addr, (uintptr_t)driver_ptr(&f->driver, 0));
	for (unsigned i = 0; i < COMMAND_QUEUE; i++) {
		const struct fake_vring v = vring(i);

		assert_int_equal(v.num, DRIVER_QUEUE_SIZE);
		assert_int_equal(v.base, 0);
		assert_ptr_equal(v.addr.desc_user_addr, f->driver.queue[i].desc);
		assert_ptr_equal(v.addr.avail_user_addr, f->driver.queue[i].avail);
		assert_ptr_equal(v.addr.used_user_addr, f->driver.queue[i].used);
		assert_int_equal(v.kick, dev->queue[i].kick_fd);
		assert_int_equal(v.call, f->driver.vp->vectors.vector[i + 1].fd);
	}
}

static void what_vhost_lacks_is_not_offered(void **state)
{
	static const uint64_t lacks[] = { 0, MERGEABLE, BIT(VIRTIO_RING_F_EVENT_IDX), RING };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lacks); i++) {
		const uint64_t all = VERSION_1 | RING | MERGEABLE | COMMANDS |
				     BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_GUEST_TSO4);
		struct virtio_pci *net;

		fake_vhost_reset(LINUX_FEATURES & ~lacks[i]);
		assert_int_equal(virtio_net_create(&f->options, &f->driver.site, &net, NULL), 0);
		assert_int_equal(net->dev->features & all, all & ~lacks[i]);
		/* Those that collide with others of virtio. */
		assert_int_equal(net->dev->features &
					 (BIT(VHOST_F_LOG_ALL) | BIT(VHOST_NET_F_VIRTIO_NET_HDR)),
				 0);
		virtio_pci_free(net);
	}
}

static void note(void *opaque, uint64_t address, uint32_t data)
{
	*(unsigned *)opaque |= 1U << data;
}

/* The command of start() interrupts, too, a while after it can be seen to be done. */
static void await_command_interrupt(void)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < 60000 && !(seen & 1U << (COMMAND_QUEUE + 1)); i++) {
		fake_kvm_deliver(note, &seen);
		usleep(1000);
	}
	assert_true(seen & 1U << (COMMAND_QUEUE + 1));
}

static void vectors_are_signalled_without_torc(void **state)
{
	struct fixture *f = *state;
	unsigned seen = 0;

	driver_enable_msix(&f->driver);
	start(f, RING);
	await_command_interrupt();
	for (unsigned i = 0; i < COMMAND_QUEUE; i++) {
		seen = 0;
		fd_eventfd_signal(vring(i).call);
		assert_int_equal(fake_kvm_deliver(note, &seen), 1);
		assert_int_equal(seen, 1U << (i + 1));
	}
}

static void masked_vectors_wait(void **state)
{
	const uint64_t control = DRIVER_MSIX + PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL;
	struct fixture *f = *state;
	unsigned seen = 0;

	driver_enable_msix(&f->driver);
	start(f, RING);
	await_command_interrupt();
	driver_write(&f->driver, control, 4, PCI_MSIX_ENTRY_CTRL_MASKBIT);
	fd_eventfd_signal(vring(0).call);
	seen = 0;
	assert_int_equal(fake_kvm_deliver(note, &seen), 0);
	assert_int_equal(driver_read(&f->driver, PBA, 8) & 2, 2);
	driver_write(&f->driver, control, 4, 0);
	assert_int_equal(fake_kvm_deliver(note, &seen), 1);
	assert_int_equal(seen, 2);
}

static bool line(void)
{
	return READ_ONCE(fake_kvm.level[DRIVER_INTX]);
}

static void without_vectors_the_line_is_raised(void **state)
{
	struct fixture *f = *state;

	for (unsigned round = 0; round < 3; round++) {
		start(f, RING);
		driver_read(&f->driver, DRIVER_ISR, 1);
		for (unsigned i = 0; i < COMMAND_QUEUE; i++) {
			assert_false(line());
			fd_eventfd_signal(vring(i).call);
			WAIT_FOR(line());
			assert_int_equal(driver_read(&f->driver, DRIVER_ISR, 1), 1);
		}
		driver_reset(&f->driver);
		fd_eventfd_signal(vring(0).call);
		usleep(2000);
		assert_false(line());
	}
}

static void resets_stop_first(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 100; i++) {
		if (i % 2)
			start(f, RING);
		else
			driver_start(&f->driver, RING, i % 4 ? NR_QUEUES : 2);
		if (i % 4 == 3)
			assert_int_equal(set_pairs(f, 2), VIRTIO_NET_OK);
		driver_reset(&f->driver);
		assert_int_equal(nr_backends(), 0);
	}
	start(f, RING);
	assert_true(pair_runs(0));
	assert_int_equal(nr_backends(), 2);
	/* As a guest's reboot does. */
	virtio_pci_reset(f->driver.vp, -1, -1);
	assert_int_equal(nr_backends(), 0);
	start(f, 0);
	assert_true(pair_runs(0));
	assert_int_equal(told(0).features, VERSION_1);
}

static void pairs_come_and_go(void **state)
{
	struct fixture *f = *state;

	start(f, RING);
	assert_false(has_backend(2) || has_backend(3));
	for (unsigned i = 0; i < 3; i++) {
		char log[FAKE_VHOST_LOG];

		fake_vhost_log(log);
		assert_int_equal(set_pairs(f, 2), VIRTIO_NET_OK);
		assert_true(pair_runs(0) && pair_runs(1));
		assert_int_equal(set_pairs(f, 2), VIRTIO_NET_OK);
		assert_int_equal(set_pairs(f, 1), VIRTIO_NET_OK);
		assert_true(pair_runs(0));
		assert_int_equal(nr_backends(), 2);
		/* The pair that stays is left alone. */
		expect_log("1:backend0 1:backend1 1:stop0 1:stop1");
	}
	assert_int_equal(set_pairs(f, 2), VIRTIO_NET_OK);
	start(f, RING);
	assert_int_equal(nr_backends(), 2);
}

static void errors_ask_for_a_reset(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		start(f, RING);
		fd_eventfd_signal(vring(i).err);
		WAIT_FOR(needs_reset(f));
		assert_false(has_backend(i));
		/* Not even when the driver asks for it. */
		assert_int_equal(set_pairs(f, 2), VIRTIO_NET_OK);
		assert_false(has_backend(i));
	}
	start(f, RING);
	assert_true(pair_runs(0));
	usleep(2000);
	assert_false(needs_reset(f));
}

/* rtnetlink(7) */
static void delete_interface(const char *name)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} ask = {
		.head = { .nlmsg_len = sizeof(ask),
			  .nlmsg_type = RTM_DELLINK,
			  .nlmsg_flags = NLM_F_REQUEST },
		.info.ifi_index = (int)if_nametoindex(name),
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_int_equal(send(fd, &ask, sizeof(ask), 0), sizeof(ask));
	close(fd);
	assert_int_equal(if_nametoindex(name), 0);
}

static void deleted_interface_is_not_the_guests_fault(void **state)
{
	struct fixture *f = *state;
	char path[64], text[4096];
	struct log_config config = { .level = LOG_LEVEL_WARNING, .path = path };
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/torc-vhost.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	fd = mkstemp(path);
	assert_int_equal(log_open(&config, NULL), 0);
	start(f, RING);
	delete_interface("t0");
	fd_eventfd_signal(vring(0).err);
	WAIT_FOR(needs_reset(f));
	log_close();
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_within(n, 1, sizeof(text) - 1);
	text[n] = '\0';
	assert_non_null(strstr(text, "tap t0: the interface was deleted"));
	assert_null(strstr(text, "broke the specification"));
	unlink(path);
	close(fd);
}

static void failures_ask_for_a_reset(void **state)
{
	struct fixture *f = *state;

	for (enum fake_vhost_request r = FAKE_VHOST_NUM; r <= FAKE_VHOST_BACKEND; r++) {
		for (unsigned skip = 0; skip < 2; skip++) {
			fake_vhost_fail(r, skip, -ENOMEM);
			driver_start(&f->driver, RING, 2);
			WAIT_FOR(needs_reset(f));
			assert_false(has_backend(skip));
			driver_reset(&f->driver);
			assert_int_equal(nr_backends(), 0);
		}
	}
	fake_vhost_fail(FAKE_VHOST_SET_FEATURES, 0, -EOPNOTSUPP);
	driver_start(&f->driver, RING, 2);
	WAIT_FOR(needs_reset(f));
	driver_reset(&f->driver);
	assert_int_equal(nr_backends(), 0);
	start(f, RING);
	assert_true(pair_runs(0));
	assert_false(needs_reset(f));
}

/* What cannot be stopped loses its descriptor before the reset is acknowledged, and the device its use. */
static void what_does_not_stop_is_closed(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f, RING);
	fd = told(0).fd;
	assert_int_not_equal(fcntl(fd, F_GETFD), -1);
	fake_vhost_fail(FAKE_VHOST_STOP, 0, -EFAULT);
	driver_reset(&f->driver);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	driver_start(&f->driver, RING, 2);
	WAIT_FOR(needs_reset(f));
}

static void queues_outside_of_memory_are_not_handed_over(void **state)
{
	struct fixture *f = *state;
	char log[FAKE_VHOST_LOG];

	driver_prepare(&f->driver, RING, 1);
	driver_write(&f->driver, COMMON(queue_select), 2, 1);
	driver_write(&f->driver, COMMON(queue_desc_lo), 4, DRIVER_MEMORY);
	driver_write(&f->driver, COMMON(queue_enable), 2, 1);
	fake_vhost_log(log);
	driver_go(&f->driver);
	WAIT_FOR(needs_reset(f));
	expect_log("0:set-features 1:set-features "
		   "0:num0 0:base0 0:addr0 0:kick0 0:call0 0:err0 0:backend0");
	driver_reset(&f->driver);
	assert_int_equal(nr_backends(), 0);
	start(f, RING);
	assert_true(pair_runs(0));
}

/* How often the ring's thread has slept. */
static long ring_sleeps(void)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *entry;
	long n = -1;

	while ((entry = readdir(dir))) {
		char path[300], text[64];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		if (file_read_line(path, text, sizeof(text)) || strcmp(text, "ring0") != 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		file = fopen(path, "re");
		while (n < 0 && fgets(text, sizeof(text), file))
			sscanf(text, "voluntary_ctxt_switches: %ld", &n);
		fclose(file);
	}
	closedir(dir);
	return n;
}

static void doorbells_do_not_wake_the_ring(void **state)
{
	struct fixture *f = *state;
	long before;

	driver_enable_msix(&f->driver);
	start(f, RING);
	usleep(20000);
	before = ring_sleeps();
	assert_true(before >= 0);
	for (unsigned i = 0; i < 100; i++) {
		driver_kick(&f->driver, 0);
		driver_kick(&f->driver, 1);
		fd_eventfd_signal(vring(0).call);
		usleep(300);
	}
	assert_within(ring_sleeps() - before, 0, 10);
	assert_int_not_equal(fd_eventfd_drain(vring(1).kick), 0);
}

static void creation_unwinds(void **state)
{
	struct fixture *f = *state;

	for (enum fake_vhost_request r = FAKE_VHOST_OPEN; r <= FAKE_VHOST_MEMORY; r++) {
		for (unsigned skip = 0; skip < PAIRS && r != FAKE_VHOST_SET_FEATURES; skip++) {
			struct virtio_pci *net = NULL;
			struct error err = { 0 };

			fake_vhost_reset(LINUX_FEATURES);
			fake_vhost_fail(r, skip, -ENOMEM);
			assert_int_equal(virtio_net_create(&f->options, &f->driver.site, &net,
							   &err),
					 -ENOMEM);
			assert_null(net);
			assert_non_null(strstr(err.object, "network device _net0: /dev/vhost-net"));
			for (unsigned i = 0; i <= skip; i++)
				assert_true(!told(i).fd || fcntl(told(i).fd, F_GETFD) == -1);
			assert_int_equal(if_nametoindex("t0"), 0);
		}
	}
}

static void old_ones_are_refused(void **state)
{
	struct fixture *f = *state;
	struct virtio_pci *net;
	struct error err = { 0 };

	fake_vhost_reset(RING | MERGEABLE);
	assert_int_equal(virtio_net_create(&f->options, &f->driver.site, &net, &err), -ENOTSUP);
	assert_non_null(strstr(err.reason, "Virtio 1.0"));
	assert_non_null(strstr(err.remedy, "leave vhost=on out"));
}

#define TEST(name)	 cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, setup_driver, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(queues_are_handed_over),
		TEST_ALONE(what_vhost_lacks_is_not_offered),
		TEST(vectors_are_signalled_without_torc),
		TEST(masked_vectors_wait),
		TEST(without_vectors_the_line_is_raised),
		TEST(resets_stop_first),
		TEST(pairs_come_and_go),
		TEST(errors_ask_for_a_reset),
		TEST(deleted_interface_is_not_the_guests_fault),
		TEST(failures_ask_for_a_reset),
		TEST(what_does_not_stop_is_closed),
		TEST(queues_outside_of_memory_are_not_handed_over),
		TEST(doorbells_do_not_wake_the_ring),
		TEST_ALONE(creation_unwinds),
		TEST_ALONE(old_ones_are_refused),
	};

	if (unshare(CLONE_NEWNET)) {
		perror("skipped: a network namespace");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
