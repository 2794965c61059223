/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a disk, see requests.h; a byte before them chooses what was negotiated, and one of three disks. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/virtio_blk.h>

#include "io/disk/blk.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fuzz/requests.h"

#define NR_DISKS  3
#define FILE_SIZE (1 << 20)
#define NR_QUEUES 2
#define EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define FEATURES  (EVENT_IDX | 1ULL << VIRTIO_BLK_F_DISCARD | 1ULL << VIRTIO_BLK_F_WRITE_ZEROES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of one kind each: written, read only, past the page cache. */
static void make_disk(struct driver *d, unsigned kind)
{
	static unsigned nr_made;
	char path[] = "/var/tmp/torc-fuzz.XXXXXX";
	int fd = mkstemp(path);
	const struct virtio_blk_options options = {
		.id = "disk",
		.file = { .path = path,
			  .readonly = kind == 1,
			  .direct = kind == 2,
			  .sparse = true },
		.nr_queues = NR_QUEUES,
		.entries = DRIVER_QUEUE_SIZE,
	};
	struct error err = { 0 };
	struct virtio_pci *disk;

	if (!nr_made++)
		fake_kvm_reset();
	if (fd < 0 || ftruncate(fd, FILE_SIZE) || driver_init(d) ||
	    virtio_blk_create(&options, &d->site, &disk, &err)) {
		error_print(&err, stderr);
		abort();
	}
	unlink(path);
	close(fd);
	driver_attach(d, disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct driver driver[NR_DISKS];
	struct driver *d;

	if (size < 2)
		return 0;
	d = &driver[data[0] / 2 % NR_DISKS];
	if (!d->vp)
		make_disk(d, data[0] / 2 % NR_DISKS);
	requests_run(d,
		     d->vp->dev->features &
			     (FEATURES | (uint64_t)(data[0] & 1) << VIRTIO_BLK_F_FLUSH),
		     NR_QUEUES, data + 1, size - 1);
	return 0;
}
