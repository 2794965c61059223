/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio disk from its registers to its file, with the real rings; only KVM is not there. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "core/base/bits.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fake/trace.h"
#include "tests/unit/blk_fixture.h"
#include "tests/unit/within.h"

#define SECTORS	  2048
#define HEADER	  DRIVER_DATA
#define STATUS	  (DRIVER_DATA + 0x100)
#define BUFFER	  (DRIVER_DATA + 0x10000)
#define FLUSH	  (1ULL << VIRTIO_BLK_F_FLUSH)
#define EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)

#define COMMON(field) (DRIVER_COMMON + offsetof(struct virtio_pci_common_cfg, field))

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 7 + offset / 512);
}

static int write_image(struct fixture *f)
{
	uint8_t *bytes = malloc(SECTORS * 512);
	ssize_t n;

	for (uint64_t i = 0; i < SECTORS * 512; i++)
		bytes[i] = byte_at(i);
	n = pwrite(f->fd, bytes, SECTORS * 512, 0);
	free(bytes);
	return n == SECTORS * 512 ? 0 : -1;
}

static struct virtio_blk_options options(bool readonly, bool direct)
{
	return (struct virtio_blk_options){
		.id = "_disk0",
		.serial = "a serial number of 20",
		.file = { .readonly = readonly, .direct = direct, .sparse = true },
		.nr_queues = 2,
		.entries = DRIVER_QUEUE_SIZE,
	};
}

static int create(struct fixture *f, bool readonly, bool direct, struct virtio_pci **out,
		  struct error *err)
{
	return blk_fixture_create(f, options(readonly, direct), out, err);
}

static int open_disk(void **state, bool readonly, bool direct, bool in_memory)
{
	if (blk_fixture_init(state, in_memory) || write_image(*state))
		return -1;
	return blk_fixture_attach(*state, options(readonly, direct));
}

static int setup(void **state)
{
	return open_disk(state, false, false, false);
}

static int setup_readonly(void **state)
{
	return open_disk(state, true, false, false);
}

static int setup_direct(void **state)
{
	return open_disk(state, false, true, false);
}

static int setup_memory(void **state)
{
	return open_disk(state, true, false, true);
}

static int setup_full(void **state)
{
	struct virtio_blk_options full = options(false, false);

	full.file.sparse = false;
	return blk_fixture_init(state, false) || write_image(*state)
		       ? -1
		       : blk_fixture_attach(*state, full);
}

/* A request in three buffers and its status; @len bytes at BUFFER. */
static unsigned request(struct fixture *f, uint32_t type, uint64_t sector, uint32_t len)
{
	struct virtio_blk_outhdr *header = driver_ptr(&f->driver, HEADER);
	uint8_t *status = driver_ptr(&f->driver, STATUS);
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	const struct driver_buffer buffers[] = {
		{ HEADER, sizeof(*header), false },
		{ BUFFER, len, in },
		{ STATUS, 1, true },
	};
	struct vring_used_elem elem;

	*header = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	*status = 0xff;
	driver_add(&f->driver, 0, buffers, 3);
	driver_kick(&f->driver, 0);
	assert_true(driver_wait(&f->driver, 0, &elem));
	if (!*status)
		assert_int_equal(elem.len, in ? len + 1 : 1);
	return *status;
}

static uint8_t *buffer(struct fixture *f)
{
	return driver_ptr(&f->driver, BUFFER);
}

static void reads_give_what_the_file_has(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, FLUSH | EVENT_IDX, 2);
	for (uint64_t sector = 0; sector < SECTORS; sector += 97) {
		memset(buffer(f), 0, 1024);
		assert_int_equal(request(f, VIRTIO_BLK_T_IN, sector, 512), VIRTIO_BLK_S_OK);
		for (unsigned i = 0; i < 512; i++)
			assert_int_equal(buffer(f)[i], byte_at(sector * 512 + i));
		assert_int_equal(buffer(f)[512], 0);
	}
}

static void files_in_memory_are_read_without_a_worker(void **state)
{
	struct fixture *f = *state;
	unsigned before = driver_count_workers();

	driver_start(&f->driver, FLUSH, 1);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(request(f, VIRTIO_BLK_T_IN, i, 4096), VIRTIO_BLK_S_OK);
	assert_int_equal(driver_count_workers(), before);
}

static void writes_reach_the_file(void **state)
{
	struct fixture *f = *state;
	uint8_t got[1024];

	for (unsigned flush = 0; flush < 2; flush++) {
		driver_start(&f->driver, flush ? FLUSH : 0, 2);
		memset(buffer(f), 0xa0 + (int)flush, 1024);
		assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 5, 1024), VIRTIO_BLK_S_OK);
		assert_int_equal(request(f, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
		assert_int_equal(pread(f->fd, got, 1024, 5 * 512), 1024);
		assert_memory_equal(got, buffer(f), 1024);
	}
	assert_int_equal(pread(f->fd, got, 1, 7 * 512), 1);
	assert_int_equal(got[0], byte_at(7 * 512));
}

static void buffers_may_be_cut_anywhere(void **state)
{
	struct fixture *f = *state;
	struct virtio_blk_outhdr *header = driver_ptr(&f->driver, HEADER);
	const struct driver_buffer buffers[] = {
		{ HEADER, 3, false },	     { HEADER + 3, 13, false },	 { BUFFER, 100, true },
		{ BUFFER + 100, 400, true }, { BUFFER + 500, 13, true }, /* 12 and the status */
	};
	struct vring_used_elem elem;

	driver_start(&f->driver, FLUSH, 2);
	*header = (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN, .sector = 9 };
	buffer(f)[512] = 0xff;
	driver_add(&f->driver, 0, buffers, 5);
	driver_kick(&f->driver, 0);
	assert_true(driver_wait(&f->driver, 0, &elem));
	assert_int_equal(elem.len, 513);
	assert_int_equal(buffer(f)[512], VIRTIO_BLK_S_OK);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(buffer(f)[i], byte_at(9 * 512 + i));
}

static void bad_requests_are_refused(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, FLUSH, 2);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, SECTORS, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, SECTORS - 1, 1024), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, UINT64_MAX, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, UINT64_MAX / 512 + 1, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, 511), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, 77, 0, 512), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, SECTORS - 1, 512), VIRTIO_BLK_S_OK);
}

static void readonly_disk_takes_no_write(void **state)
{
	struct fixture *f = *state;
	uint8_t got;

	driver_start(&f->driver, FLUSH, 2);
	memset(buffer(f), 0xaa, 512);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(pread(f->fd, &got, 1, 1), 1);
	assert_int_equal(got, byte_at(1));
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
}

static void serial_number_is_told(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, FLUSH, 2);
	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK);
	assert_memory_equal(buffer(f), "a serial number of 2", 20);
}

static bool is_discard_offered(struct fixture *f)
{
	driver_write(&f->driver, COMMON(device_feature_select), 4, 0);
	return driver_read(&f->driver, COMMON(device_feature), 4) &
	       (1U << VIRTIO_BLK_F_DISCARD | 1U << VIRTIO_BLK_F_WRITE_ZEROES);
}

static void discarded_sectors_read_zero(void **state)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };
	struct fixture *f = *state;
	struct virtio_blk_discard_write_zeroes *range = (void *)buffer(f);
	uint8_t got[512] = { 1 }, zero[512] = { 0 };

	driver_start(&f->driver, FLUSH, 2);
	assert_true(is_discard_offered(f));
	for (unsigned i = 0; i < 2; i++) {
		*range = (struct virtio_blk_discard_write_zeroes){ .sector = 16 + 16 * i,
								   .num_sectors = 8 };
		assert_int_equal(request(f, types[i], 0, sizeof(*range)), VIRTIO_BLK_S_OK);
		assert_int_equal(pread(f->fd, got, 512, (off_t)(16 + 16 * i + 7) * 512), 512);
		assert_memory_equal(got, zero, 512);
		range->num_sectors = 0x400000;
		assert_int_equal(request(f, types[i], 0, sizeof(*range)), VIRTIO_BLK_S_IOERR);
		range->num_sectors = 8;
		range->flags = 2;
		assert_int_equal(request(f, types[i], 0, sizeof(*range)), VIRTIO_BLK_S_UNSUPP);
	}
}

static void what_is_not_sparse_keeps_its_storage(void **state)
{
	struct fixture *f = *state;
	struct virtio_blk_discard_write_zeroes *range = (void *)buffer(f);

	driver_start(&f->driver, FLUSH, 2);
	assert_false(is_discard_offered(f));
	*range = (struct virtio_blk_discard_write_zeroes){ .num_sectors = 8 };
	assert_int_equal(request(f, VIRTIO_BLK_T_DISCARD, 0, sizeof(*range)), VIRTIO_BLK_S_UNSUPP);
}

static void file_cut_short_is_an_io_error(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, FLUSH, 2);
	assert_int_equal(ftruncate(f->fd, 100 * 512 + 256), 0);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 100, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 200, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 99, 512), VIRTIO_BLK_S_OK);
}

/*
 * A write that the kernel refuses, as it does on a full filesystem, but without one: EFBIG. Until the limit is lifted only
 * what lies behind it fails, and only the first failure is told.
 */
static void refused_write_is_an_io_error(void **state)
{
	struct fixture *f = *state;
	int log_fd = memfd_create("log", MFD_CLOEXEC), stderr_fd = dup(STDERR_FILENO);
	char log[512] = "", got[512];
	struct rlimit was, limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = (struct rlimit){ 100 * 512, was.rlim_max };
	driver_start(&f->driver, FLUSH, 2);
	memset(buffer(f), 0xaa, 512);
	dup2(log_fd, STDERR_FILENO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 100, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 200, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 99, 1024), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 99, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 200, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(buffer(f)[1], byte_at(200 * 512 + 1));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	memset(buffer(f), 0xbb, 512);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 200, 512), VIRTIO_BLK_S_OK);
	dup2(stderr_fd, STDERR_FILENO);
	assert_int_equal(pread(f->fd, got, 512, 200 * 512), 512);
	assert_memory_equal(got, buffer(f), 512);
	assert_true(pread(log_fd, log, sizeof(log) - 1, 0) > 0);
	assert_non_null(strstr(log, "_disk0: write of 512 bytes at 51200: File too large"));
	assert_ptr_equal(strchr(log, '\n'), log + strlen(log) - 1);
	close(log_fd);
	close(stderr_fd);
}

static void direct_io_takes_any_buffer(void **state)
{
	struct fixture *f = *state;
	struct virtio_blk_outhdr *header = driver_ptr(&f->driver, HEADER);
	const struct driver_buffer in[] = {
		{ HEADER, 16, false },
		{ BUFFER + 1, 4095, true },
		{ BUFFER + 8192 + 3, 1, true },
		{ STATUS, 1, true },
	};
	struct vring_used_elem elem;

	driver_start(&f->driver, FLUSH, 2);
	*header = (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN, .sector = 8 };
	driver_add(&f->driver, 0, in, 4);
	driver_kick(&f->driver, 0);
	assert_true(driver_wait(&f->driver, 0, &elem));
	assert_int_equal(*(uint8_t *)driver_ptr(&f->driver, STATUS), VIRTIO_BLK_S_OK);
	for (unsigned i = 0; i < 4095; i++)
		assert_int_equal(buffer(f)[1 + i], byte_at(4096 + i));
	assert_int_equal(buffer(f)[8192 + 3], byte_at(8191));
}

static unsigned status(struct fixture *f)
{
	return (unsigned)driver_read(&f->driver, COMMON(device_status), 1);
}

static void malformed_request_asks_for_a_reset(void **state)
{
	struct fixture *f = *state;
	const struct driver_buffer bad[][2] = {
		{ { HEADER, 15, false }, { STATUS, 1, true } },	  /* half a header */
		{ { HEADER, 16, false }, { BUFFER, 1, false } },  /* no status */
		{ { HEADER, 16, false }, { 64 * MIB, 1, true } }, /* not RAM */
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		driver_start(&f->driver, FLUSH, 2);
		driver_add(&f->driver, 0, bad[i], 2);
		driver_kick(&f->driver, 0);
		for (unsigned n = 0; n < 500000 && !(status(f) & VIRTIO_CONFIG_S_NEEDS_RESET); n++)
			usleep(100);
		assert_true(status(f) & VIRTIO_CONFIG_S_NEEDS_RESET);
		/* The reset makes it well. */
		driver_start(&f->driver, FLUSH, 2);
		assert_int_equal(request(f, VIRTIO_BLK_T_IN, 1, 512), VIRTIO_BLK_S_OK);
	}
}

/* The driver may put a queue where there is nothing, and ring its doorbell all the same. */
static void queue_outside_ram_asks_for_a_reset(void **state)
{
	struct fixture *f = *state;
	const unsigned begin = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	driver_reset(&f->driver);
	driver_write(&f->driver, COMMON(device_status), 1, begin);
	driver_write(&f->driver, COMMON(guest_feature_select), 4, 1);
	driver_write(&f->driver, COMMON(guest_feature), 4, 1);
	driver_write(&f->driver, COMMON(device_status), 1, begin | VIRTIO_CONFIG_S_FEATURES_OK);
	driver_write(&f->driver, COMMON(queue_select), 2, 0);
	driver_write(&f->driver, COMMON(queue_desc_lo), 8, 1ULL << 40);
	driver_write(&f->driver, COMMON(queue_enable), 2, 1);
	driver_write(&f->driver, COMMON(device_status), 1,
		     begin | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	for (unsigned i = 0; i < 100; i++) {
		driver_kick(&f->driver, 0);
		usleep(100);
	}
	for (unsigned n = 0; n < 500000 && !(status(f) & VIRTIO_CONFIG_S_NEEDS_RESET); n++)
		usleep(100);
	assert_true(status(f) & VIRTIO_CONFIG_S_NEEDS_RESET);
	driver_start(&f->driver, FLUSH, 2);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 1, 512), VIRTIO_BLK_S_OK);
}

static void resets_under_load_lose_nothing(void **state)
{
	struct fixture *f = *state;
	struct virtio_blk_outhdr *header = driver_ptr(&f->driver, HEADER);
	const struct driver_buffer buffers[] = {
		{ HEADER, sizeof(*header), false },
		{ BUFFER, 65536, true },
		{ STATUS, 1, true },
	};

	*header = (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN, .sector = 0 };
	for (unsigned i = 0; i < 200; i++) {
		uint16_t used;

		driver_start(&f->driver, FLUSH | EVENT_IDX, 2);
		for (unsigned n = 0; n < 20; n++)
			driver_add(&f->driver, i % 2, buffers, 3);
		driver_kick(&f->driver, i % 2);
		usleep(i % 5 * 20);
		driver_reset(&f->driver);
		/* After a reset the device keeps its hands off the driver's memory. */
		used = f->driver.queue[i % 2].used->idx;
		assert_true(used <= 20);
		memset(buffer(f), 0x5a, 65536);
		assert_int_equal(f->driver.queue[i % 2].used->idx, used);
		for (unsigned n = 0; n < 65536; n++)
			assert_int_equal(buffer(f)[n], 0x5a);
	}
	driver_start(&f->driver, FLUSH, 2);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 3, 512), VIRTIO_BLK_S_OK);
}

static void many_requests_each_finish_once(void **state)
{
	struct fixture *f = *state;
	unsigned done = 0, added = 0;

	driver_start(&f->driver, FLUSH | EVENT_IDX, 2);
	for (unsigned i = 0; i < 20; i++) {
		struct virtio_blk_outhdr *header = driver_ptr(&f->driver, HEADER + 32 * i);

		*header = (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN, .sector = 8 * i };
	}
	while (done < 5000) {
		struct vring_used_elem elem;

		while (added < 5000 && added - done < 20) {
			unsigned i = added++ % 20;
			const struct driver_buffer buffers[] = {
				{ HEADER + 32 * i, 16, false },
				{ BUFFER + 4096 * i, 4096, true },
				{ STATUS + 512 + i, 1, true },
			};

			driver_add(&f->driver, 1, buffers, 3);
		}
		driver_kick(&f->driver, 1);
		assert_true(driver_wait(&f->driver, 1, &elem));
		assert_int_equal(elem.len, 4097);
		done++;
	}
	assert_int_equal(f->driver.queue[1].used->idx, 5000);
}

static struct trace_object *trace_of(struct fixture *f)
{
	return f->driver.vp->dev->queue[0].trace.object;
}

static void requests_are_counted_and_timed(void **state)
{
	struct fixture *f = *state;
	const struct trace_object *trace = trace_of(f);
	uint64_t begin = trace_tsc();

	assert_string_equal(trace->name, "_disk0 queue 0");
	driver_start(&f->driver, FLUSH, 1);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 1, 4096), VIRTIO_BLK_S_OK);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 1, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, SECTORS, 512), VIRTIO_BLK_S_IOERR);
	driver_reset(&f->driver);
	assert_int_equal(trace->counter[TRACE_QUEUE_REQUESTS], 3);
	/* Headers and status bytes, too; of what failed no status. */
	assert_int_equal(trace->counter[TRACE_QUEUE_BYTES], 3 * 16 + 4096 + 2 * 512 + 2 + 1);
	assert_int_equal(trace->counter[TRACE_QUEUE_ERRORS], 1);
	assert_within(trace->counter[TRACE_QUEUE_KICKS], 0, 3);
	assert_int_equal(trace->counter[TRACE_QUEUE_INTERRUPTS], 3);
	assert_int_equal(trace->histogram[TRACE_QUEUE_LATENCY].count, 3);
	assert_within(trace->histogram[TRACE_QUEUE_LATENCY].sum, 1, trace_tsc() - begin);
	assert_int_equal(trace->histogram[TRACE_QUEUE_DEVICE].count, 2);
	assert_within(trace->histogram[TRACE_QUEUE_DEVICE].sum, 1,
		      trace->histogram[TRACE_QUEUE_LATENCY].sum);
	assert_int_equal(trace->histogram[TRACE_QUEUE_BATCH].count, 3);
	assert_int_equal(trace->histogram[TRACE_QUEUE_BATCH].max, 1);
}

static const struct trace_event *next_event(struct fixture *f, const struct trace_event *last,
					    enum trace_type type, uint32_t id)
{
	const struct trace_event *event =
		trace_find_event(trace_of(f), last ? last->tsc : 0, type, id);

	assert_non_null(event);
	return event;
}

static void events_of_a_request_add_up_to_its_latency(void **state)
{
	struct fixture *f = *state;
	const struct trace_event *used, *publish;

	trace_hold_lease();
	driver_start(&f->driver, FLUSH, 1);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 3, 4096), VIRTIO_BLK_S_OK);
	driver_reset(&f->driver);
	used = next_event(f, NULL, TRACE_EVENT_USED, UINT32_MAX);
	publish = next_event(f, used, TRACE_EVENT_PUBLISH, 1);
	assert_int_equal(TRACE_USED_ERROR(used->id), 0);
	assert_int_equal(used->arg[0], 16 + 4097);
	assert_int_equal(publish->arg[0], 1);
	assert_int_equal(publish->tsc - used->tsc, trace_of(f)->histogram[TRACE_QUEUE_LATENCY].sum);
	assert_int_equal(used->arg[1] - used->tsc, trace_of(f)->histogram[TRACE_QUEUE_DEVICE].sum);
}

static void features_are_negotiated(void **state)
{
	struct fixture *f = *state;
	const unsigned begin = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	/* Without VERSION_1, and with what is not offered, FEATURES_OK does not stick. */
	for (unsigned i = 0; i < 2; i++) {
		driver_reset(&f->driver);
		driver_write(&f->driver, COMMON(device_status), 1, begin);
		driver_write(&f->driver, COMMON(guest_feature), 4, i ? 1U << 31 : FLUSH);
		driver_write(&f->driver, COMMON(guest_feature_select), 4, 1);
		driver_write(&f->driver, COMMON(guest_feature), 4, i);
		driver_write(&f->driver, COMMON(device_status), 1,
			     begin | VIRTIO_CONFIG_S_FEATURES_OK);
		assert_int_equal(status(f), begin);
		/* Nor does DRIVER_OK without it. */
		driver_write(&f->driver, COMMON(device_status), 1,
			     begin | VIRTIO_CONFIG_S_DRIVER_OK);
		assert_int_equal(status(f), begin);
	}
}

static void registers_are_frozen_in_use(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, FLUSH, 2);
	driver_write(&f->driver, COMMON(queue_select), 2, 0);
	driver_write(&f->driver, COMMON(queue_desc_lo), 4, 0x100000);
	driver_write(&f->driver, COMMON(queue_size), 2, 2);
	driver_write(&f->driver, COMMON(queue_enable), 2, 0);
	driver_write(&f->driver, COMMON(guest_feature_select), 4, 0);
	driver_write(&f->driver, COMMON(guest_feature), 4, 0);
	assert_int_equal(driver_read(&f->driver, COMMON(queue_desc_lo), 4), 0x10000);
	assert_int_equal(driver_read(&f->driver, COMMON(queue_size), 2), DRIVER_QUEUE_SIZE);
	assert_int_equal(driver_read(&f->driver, COMMON(queue_enable), 2), 1);
	assert_int_equal(driver_read(&f->driver, COMMON(guest_feature), 4), FLUSH);
	/* A queue that is not there has no size and takes nothing. */
	driver_write(&f->driver, COMMON(queue_select), 2, 2);
	assert_int_equal(driver_read(&f->driver, COMMON(queue_size), 2), 0);
	driver_write(&f->driver, COMMON(queue_enable), 2, 1);
	assert_int_equal(driver_read(&f->driver, COMMON(queue_enable), 2), 0);
	/* After the reset all is as at first. */
	driver_reset(&f->driver);
	driver_write(&f->driver, COMMON(queue_select), 2, 0);
	assert_int_equal(driver_read(&f->driver, COMMON(queue_enable), 2), 0);
	assert_int_equal(driver_read(&f->driver, COMMON(queue_desc_lo), 4), 0);
	assert_int_equal(driver_read(&f->driver, COMMON(num_queues), 2), 2);
}

static void delivered(void *opaque, uint64_t address, uint32_t data)
{
	unsigned *count = opaque;

	if (address == 0xfee00000 && data < 3)
		count[data]++;
}

static void queues_have_interrupts_of_their_own(void **state)
{
	struct fixture *f = *state;
	unsigned count[3] = { 0 };

	driver_enable_msix(&f->driver);
	driver_start(&f->driver, FLUSH, 2);
	for (unsigned i = 1; i <= 20; i++) {
		assert_int_equal(request(f, VIRTIO_BLK_T_IN, i, 512), VIRTIO_BLK_S_OK);
		for (unsigned n = 0; n < 500000 && count[1] < i; n++) {
			fake_kvm_deliver(delivered, count);
			usleep(100);
		}
		assert_int_equal(count[1], i);
	}
	assert_int_equal(count[0], 0);
	assert_int_equal(count[2], 0);
}

static bool intx_is(bool high)
{
	for (unsigned n = 0; n < 500000 && READ_ONCE(fake_kvm.level[DRIVER_INTX]) != high; n++)
		usleep(100);
	return READ_ONCE(fake_kvm.level[DRIVER_INTX]) == high;
}

static void without_msix_there_is_a_line(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, FLUSH, 2);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(request(f, VIRTIO_BLK_T_IN, i, 512), VIRTIO_BLK_S_OK);
		assert_true(intx_is(true));
		/* Another device's output on the same line. */
		irq_share_line(&f->driver.vm.irq, DRIVER_INTX, true);
		assert_int_equal(driver_read(&f->driver, DRIVER_ISR, 1), 1);
		assert_true(fake_kvm.level[DRIVER_INTX]);
		irq_share_line(&f->driver.vm.irq, DRIVER_INTX, false);
		assert_false(fake_kvm.level[DRIVER_INTX]);
		assert_int_equal(driver_read(&f->driver, DRIVER_ISR, 1), 0);
	}
	driver_config_write(&f->driver, PCI_COMMAND, 2,
			    PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	usleep(10000);
	assert_false(fake_kvm.level[DRIVER_INTX]);
	driver_config_write(&f->driver, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(intx_is(true));
	driver_reset(&f->driver);
	assert_false(fake_kvm.level[DRIVER_INTX]);
}

/* 4.1.4.9, for firmware that cannot map the BAR. */
static void registers_are_reached_through_configuration_space(void **state)
{
	struct fixture *f = *state;
	unsigned cap = f->driver.vp->cfg_cap;

	driver_start(&f->driver, FLUSH, 2);
	driver_config_write(&f->driver, cap + offsetof(struct virtio_pci_cap, bar), 1, 0);
	driver_config_write(&f->driver, cap + offsetof(struct virtio_pci_cap, offset), 4,
			    COMMON(num_queues));
	driver_config_write(&f->driver, cap + offsetof(struct virtio_pci_cap, length), 4, 2);
	assert_int_equal(driver_config_read(&f->driver, cap + 16, 2), 2);
	driver_config_write(&f->driver, cap + offsetof(struct virtio_pci_cap, offset), 4,
			    COMMON(queue_select));
	driver_config_write(&f->driver, cap + 16, 2, 1);
	assert_int_equal(driver_read(&f->driver, COMMON(queue_select), 2), 1);
	/* What is not in the BAR reads as 0, and takes nothing. */
	driver_config_write(&f->driver, cap + offsetof(struct virtio_pci_cap, offset), 4,
			    0xfffffffe);
	assert_int_equal(driver_config_read(&f->driver, cap + 16, 2), 0);
	driver_config_write(&f->driver, cap + 16, 2, 0xffff);
	driver_config_write(&f->driver, cap + offsetof(struct virtio_pci_cap, bar), 1, 1);
	assert_int_equal(driver_config_read(&f->driver, cap + 16, 2), 0);
	assert_int_equal(status(f), 15);
}

static void image_in_use_is_refused(void **state)
{
	struct fixture *f = *state;
	struct virtio_pci *second;
	struct error err = { 0 };

	assert_int_equal(create(f, false, false, &second, &err), -EBUSY);
	assert_non_null(strstr(err.reason, "in use"));
	assert_int_equal(create(f, true, false, &second, &err), -EBUSY);
}

static void read_only_images_are_shared(void **state)
{
	struct fixture *f = *state;
	struct virtio_pci *second;

	assert_int_equal(create(f, true, false, &second, NULL), 0);
	virtio_pci_free(second);
	assert_int_equal(create(f, false, false, &second, NULL), -EBUSY);
}

static void what_is_no_disk_is_refused(void **state)
{
	static const struct {
		const char *path;
		int code;
		const char *reason;
	} bad[] = {
		{ "/nonexistent/disk", -ENOENT, "No such file" },
		{ "/dev/null", -EINVAL, "neither a regular file nor" },
		{ "/tmp", -EISDIR, "directory" },
	};
	struct fixture *f = *state;
	struct virtio_pci *none;
	char path[sizeof(f->path)];

	memcpy(path, f->path, sizeof(path));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = { 0 };

		snprintf(f->path, sizeof(f->path), "%s", bad[i].path);
		assert_int_equal(create(f, false, false, &none, &err), bad[i].code);
		assert_non_null(strstr(err.reason, bad[i].reason));
	}
	memcpy(f->path, path, sizeof(path));
}

static void images_of_other_formats_are_not_written_to(void **state)
{
	static const struct {
		const char *format, *mark;
		off_t at; /* from the end, if negative */
	} marks[] = {
		{ "qcow2", "QFI\xfb", 0 },
		{ "VHDX", "vhdxfile", 0 },
		{ "VMDK", "KDMV", 0 },
		{ "VDI", "<<< ", 0 },
		{ "VHD", "conectix", -512 },
		{ "QED", "QED", 0 },
		{ "VMDK", "# Disk DescriptorFile\nversion=1\n", 0 },
		{ "VMDK", "COWD", 0 },
		{ "Parallels", "WithoutFreeSpace", 0 },
	};
	struct fixture *f = *state;
	struct virtio_blk_options raw = options(false, false);
	struct virtio_pci *disk;
	char path[sizeof(f->path)];
	int fd;

	/* Another image: the fixture's is locked. */
	memcpy(path, f->path, sizeof(path));
	snprintf(f->path, sizeof(f->path), "%s/torc-blk.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	fd = mkstemp(f->path);
	raw.file.is_raw = true;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(marks); i++) {
		bool direct = i % 2;
		size_t n = strlen(marks[i / 2].mark);
		struct error err = { 0 };
		int r;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(ftruncate(fd, SECTORS * 512 + 512), 0);
		assert_int_equal(
			pwrite(fd, marks[i / 2].mark, n,
			       marks[i / 2].at + (marks[i / 2].at ? SECTORS * 512 + 512 : 0)),
			n);
		r = create(f, false, direct, &disk, &err);
		assert_int_equal(r, -EINVAL);
		assert_non_null(strstr(err.reason, marks[i / 2].format));
		assert_non_null(strstr(err.remedy, "image_type=raw"));
		assert_int_equal(create(f, true, direct, &disk, NULL), 0);
		virtio_pci_free(disk);
	}
	assert_int_equal(blk_fixture_create(f, raw, &disk, NULL), 0);
	virtio_pci_free(disk);
	unlink(f->path);
	close(fd);
	memcpy(f->path, path, sizeof(path));
}

#define TEST(name)	   cmocka_unit_test_setup_teardown(name, setup, blk_fixture_destroy)
#define TEST_AS(how, name) cmocka_unit_test_setup_teardown(name, setup_##how, blk_fixture_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_give_what_the_file_has),
		TEST_AS(memory, files_in_memory_are_read_without_a_worker),
		TEST(writes_reach_the_file),
		TEST(buffers_may_be_cut_anywhere),
		TEST(bad_requests_are_refused),
		TEST_AS(readonly, readonly_disk_takes_no_write),
		TEST(serial_number_is_told),
		TEST(discarded_sectors_read_zero),
		TEST_AS(full, what_is_not_sparse_keeps_its_storage),
		TEST(file_cut_short_is_an_io_error),
		TEST(refused_write_is_an_io_error),
		TEST_AS(direct, direct_io_takes_any_buffer),
		TEST_AS(direct, reads_give_what_the_file_has),
		TEST(malformed_request_asks_for_a_reset),
		TEST(queue_outside_ram_asks_for_a_reset),
		TEST(resets_under_load_lose_nothing),
		TEST(many_requests_each_finish_once),
		TEST(requests_are_counted_and_timed),
		TEST(events_of_a_request_add_up_to_its_latency),
		TEST(features_are_negotiated),
		TEST(registers_are_frozen_in_use),
		TEST(queues_have_interrupts_of_their_own),
		TEST(without_msix_there_is_a_line),
		TEST(registers_are_reached_through_configuration_space),
		TEST(image_in_use_is_refused),
		TEST(images_of_other_formats_are_not_written_to),
		TEST_AS(readonly, read_only_images_are_shared),
		TEST(what_is_no_disk_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
