/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/blk_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fake/kvm_ioctl.h"

int blk_fixture_init(void **state, bool in_memory)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	*state = &f;
	fake_kvm_reset();
	if (driver_init(&f.driver))
		return -1;
	if (in_memory) {
		f.fd = memfd_create("image", MFD_CLOEXEC);
		snprintf(f.path, sizeof(f.path), "/proc/self/fd/%d", f.fd);
	} else {
		snprintf(f.path, sizeof(f.path), "%s/torc-blk.XXXXXX", getenv("TMPDIR") ?: "/tmp");
		f.fd = mkstemp(f.path);
	}
	return f.fd < 0 ? -1 : 0;
}

int blk_fixture_create(struct fixture *f, struct virtio_blk_options options,
		       struct virtio_pci **out, struct error *err)
{
	options.file.path = f->path;
	return virtio_blk_create(&options, &f->driver.site, out, err);
}

int blk_fixture_attach(struct fixture *f, struct virtio_blk_options options)
{
	struct virtio_pci *disk;

	if (blk_fixture_create(f, options, &disk, NULL))
		return -1;
	driver_attach(&f->driver, disk);
	return 0;
}

int blk_fixture_destroy(void **state)
{
	struct fixture *f = *state;

	driver_detach(&f->driver);
	driver_destroy(&f->driver);
	close(f->fd);
	unlink(f->path);
	return 0;
}
