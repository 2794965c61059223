/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio entropy device, with a real ring; only KVM is not there. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "core/base/bits.h"
#include "io/rng/rng.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fake/virtio_driver.h"
#include "tests/unit/within.h"

#define BUFFER	      (DRIVER_DATA + 0x10000)
#define COMMON(field) (DRIVER_COMMON + offsetof(struct virtio_pci_common_cfg, field))

struct fixture {
	struct driver driver;
};

static int create(struct fixture *f, const char *source, struct error *err)
{
	const struct virtio_rng_options options = {
		.id = "__rng",
		.source = source,
	};
	struct virtio_pci *rng;
	int r = virtio_rng_create(&options, &f->driver.site, &rng, err);

	if (!r)
		driver_attach(&f->driver, rng);
	return r;
}

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	*state = &f;
	fake_kvm_reset();
	return driver_init(&f.driver);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	driver_detach(&f->driver);
	driver_destroy(&f->driver);
	return 0;
}

static void buffers_are_filled(void **state)
{
	struct fixture *f = *state;
	const struct driver_buffer buffer = { BUFFER, 4096, true };
	uint8_t *bytes = driver_ptr(&f->driver, BUFFER), last[64] = { 0 };
	struct vring_used_elem elem;

	assert_int_equal(create(f, "/dev/urandom", NULL), 0);
	driver_start(&f->driver, 1ULL << VIRTIO_RING_F_EVENT_IDX, 1);
	for (unsigned i = 0; i < 100; i++) {
		driver_add(&f->driver, 0, &buffer, 1);
		driver_kick(&f->driver, 0);
		assert_true(driver_wait(&f->driver, 0, &elem));
		assert_within(elem.len, 1, 4096);
		assert_memory_not_equal(bytes, last, sizeof(last));
		memcpy(last, bytes, sizeof(last));
	}
}

/* A source that gives nothing keeps the driver waiting, not the reset. */
static void reset_ends_a_read_that_waits(void **state)
{
	struct fixture *f = *state;
	const struct driver_buffer buffer = { BUFFER, 4096, true };
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
	assert_int_equal(create(f, ptsname(master), NULL), 0);
	for (unsigned i = 0; i < 20; i++) {
		driver_start(&f->driver, 0, 1);
		driver_add(&f->driver, 0, &buffer, 1);
		driver_kick(&f->driver, 0);
		usleep(i * 100);
		driver_reset(&f->driver);
		assert_int_equal(f->driver.queue[0].used->idx, 0);
	}
	close(master);
}

static void request_that_cannot_be_written_asks_for_a_reset(void **state)
{
	struct fixture *f = *state;
	const struct driver_buffer buffer = { BUFFER, 64, false };

	assert_int_equal(create(f, "/dev/urandom", NULL), 0);
	driver_start(&f->driver, 0, 1);
	driver_add(&f->driver, 0, &buffer, 1);
	driver_kick(&f->driver, 0);
	for (unsigned n = 0; n < 500000; n++) {
		if (driver_read(&f->driver, COMMON(device_status), 1) & VIRTIO_CONFIG_S_NEEDS_RESET)
			return;
		usleep(100);
	}
	fail();
}

static void what_is_no_source_is_refused(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	assert_int_equal(create(f, "/nonexistent", &err), -ENOENT);
	assert_string_equal(err.object, "entropy source /nonexistent");
	err = (struct error){ 0 };
	assert_int_equal(create(f, "/tmp", &err), -EINVAL);
	assert_null(f->driver.vp);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(buffers_are_filled),
		TEST(reset_ends_a_read_that_waits),
		TEST(request_that_cannot_be_written_asks_for_a_reset),
		TEST(what_is_no_source_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
