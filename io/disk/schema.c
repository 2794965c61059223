/* SPDX-License-Identifier: Apache-2.0 */
#include "io/disk/class.h"

#include "core/schema/foreign.h"
#include "io/disk/blk.h"

#define RAW_ONLY                              \
	.reason = "torc has raw images only", \
	.remedy = "convert it: qemu-img convert -O raw IMAGE disk.raw"

/* In the order of is_raw. */
static const struct schema_word image_types[] = {
	{ .text = "unknown", .json = "Unknown", .is_silent = true },
	{ .text = "raw", .json = "Raw" },
	{ .text = "qcow2", .json = "Qcow2", RAW_ONLY },
	{ .text = "vhd", RAW_ONLY },
	{ .text = "fixedvhd", .json = "FixedVhd", RAW_ONLY },
	{ .text = "vhdx", .json = "Vhdx", RAW_ONLY },
	{ .text = "vmdk", .json = "FlatVmdk", RAW_ONLY },
	{ .text = NULL },
};

static int check(const struct schema_values *values, void *out, const void *context,
		 struct error *err)
{
	struct virtio_blk_options *disk = out;

	/* Cloud Hypervisor's default, which its clients rely on; who types gets one for each vCPU. */
	if (values->is_json && !disk->nr_queues)
		disk->nr_queues = 1;
	return 0;
}

/* clang-format off */
const struct schema disk_schema = {
	.check = check,
	.key = (const struct schema_key[]){
		{ "path", SCHEMA_STRING, .value = "FILE", SCHEMA_MEMBER(struct virtio_blk_options, file.path), .flags = SCHEMA_REQUIRED,
		  .remedy = "name the image or block device: path=disk.raw",
		  .help = "The image, or the block device." },
		{ "readonly", SCHEMA_BOOL, SCHEMA_MEMBER(struct virtio_blk_options, file.readonly), .preset = "off",
		  .help = "Take no writes; several guests may share the file then. The default is off." },
		{ "direct", SCHEMA_BOOL, SCHEMA_MEMBER(struct virtio_blk_options, file.direct), .preset = "off",
		  .help = "Bypass the host's page cache (O_DIRECT). The default is off. What the guest wants that is no whole block of "
		    "what the host's storage takes directly, such as 512 bytes of an image on storage of 4,096, goes through the "
		    "page cache; on a device of such blocks that is given smaller ones by `logical_block_size`, everything does. "
		    "Either way a write is durable once the guest has flushed. Where guest memory is pinned for a `--device`, it "
		    "is registered with io_uring for such disks." },
		{ "image_type", SCHEMA_WORD, SCHEMA_MEMBER(struct virtio_blk_options, file.is_raw), .words = image_types,
		  .remedy = "use image_type=raw",
		  .help = "The guest gets the bytes of the file as they are, also where they look like those of a qcow2, QED, VHD, "
		    "VHDX, VMDK, VDI or Parallels image. Without it such a file is refused, as the guest's first write would destroy it; with "
		    "`readonly=on` there is a warning." },
		{ "num_queues", SCHEMA_UINT, SCHEMA_MEMBER(struct virtio_blk_options, nr_queues), .min = 1, .max = VIRTIO_BLK_MAX_QUEUES,
		  .flags = SCHEMA_OR_ZERO,
		  .help = "Queues, 1 to 256; the default is one for each vCPU. Queue *i* is served by the ring of vCPU *i*." },
		{ "queue_size", SCHEMA_UINT, SCHEMA_MEMBER(struct virtio_blk_options, entries), .min = VIRTIO_BLK_MIN_SIZE,
		  .max = VIRTIO_BLK_MAX_SIZE, .preset = SCHEMA_TEXT(VIRTIO_BLK_DEFAULT_SIZE), .flags = SCHEMA_POW2,
		  .help = "Entries of each, a power of two from 4 to 1024; the default is 128." },
		{ "serial", SCHEMA_STRING, SCHEMA_MEMBER(struct virtio_blk_options, serial), .max = VIRTIO_BLK_SERIAL_SIZE,
		  .help = "Serial number, at most 20 bytes; the default is the id." },
		{ "queue_affinity", SCHEMA_AFFINITY, .noun = "queue_index", SCHEMA_MEMBER(struct virtio_blk_options, affinity), .max = VIRTIO_BLK_MAX_QUEUES - 1,
		  .help = "Let the rings of queues run on these CPUs only: `[0@[1,3-5],1@[2]]` is queue 0 on CPUs 1, 3, 4 and 5, queue "
		    "1 on CPU 2. A ring serves queues of several disks; those have to agree." },
		{ "logical_block_size", SCHEMA_UINT, SCHEMA_MEMBER(struct virtio_blk_options, file.block_size), .min = BLK_FILE_MIN_BLOCK,
		  .max = BLK_FILE_MAX_BLOCK, .flags = SCHEMA_POW2 | SCHEMA_OR_ZERO,
		  .help = "The guest sees blocks of 512, 1024, 2048 or 4096 bytes. The default is what a block device has, and 512 for "
		    "a file, whatever is below it: a partition table made for one size is not found by the other (torc warns of "
		    "one). This key is not Cloud Hypervisor's." },
		{ "id", SCHEMA_STRING, .value = "NAME", SCHEMA_MEMBER(struct virtio_blk_options, id), .max = DEVICE_MAX_ID,
		  .help = "What messages call it; unique; the default is `_disk` and a number, of one count for all devices." },
		{ "sparse", SCHEMA_BOOL, SCHEMA_MEMBER(struct virtio_blk_options, file.sparse), .preset = "on",
		  .help = "With `off`, the guest is not offered to discard blocks, so that an image that has all of its storage keeps "
		    "it. The default is on: what the guest discards becomes a hole in the image, or is discarded on the device." },
		SCHEMA_KEYS_OF_PCI,
		SCHEMA_KEYS_OF_VHOST_USER,
		SCHEMA_KEYS_OF_RATES,
		SCHEMA_FOREIGN("rate_limit_group", SCHEMA_NEEDS_RATES, NULL),
		SCHEMA_FOREIGN("backing_files", "images with backing files", "off"),
		SCHEMA_FOREIGN("lock_granularity", "locks of a part of an image", "full", .usual = "ByteRange"),
		{ .name = NULL },
	},
};
/* clang-format on */
