/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/bits.h"
#include "core/vmm/config_option.h"
#include "core/vmm/config_value.h"
#include "io/disk/blk.h"

enum {
	DISK_PATH,
	DISK_READONLY,
	DISK_DIRECT,
	DISK_IMAGE_TYPE,
	DISK_NUM_QUEUES,
	DISK_QUEUE_SIZE,
	DISK_SERIAL,
	DISK_AFFINITY,
	DISK_BLOCK_SIZE,
	DISK_ID
};

static const struct config_key_set disk_keys = {
	.key = {
		[DISK_PATH] = CONFIG_KEY("path"),
		[DISK_READONLY] = CONFIG_KEY("readonly"),
		[DISK_DIRECT] = CONFIG_KEY("direct"),
		[DISK_IMAGE_TYPE] = CONFIG_KEY("image_type"),
		[DISK_NUM_QUEUES] = CONFIG_KEY("num_queues"),
		[DISK_QUEUE_SIZE] = CONFIG_KEY("queue_size"),
		[DISK_SERIAL] = CONFIG_KEY("serial"),
		[DISK_AFFINITY] = CONFIG_KEY("queue_affinity"),
		[DISK_BLOCK_SIZE] = CONFIG_KEY("logical_block_size"),
		[DISK_ID] = CONFIG_KEY("id"),
		CONFIG_KEYS_OF_PCI,
		CONFIG_KEYS_OF_VHOST_USER,
		CONFIG_KEYS_OF_RATES,
		CONFIG_FOREIGN("rate_limit_group", CONFIG_NEEDS_RATES, NULL),
		CONFIG_FOREIGN("backing_files", "images with backing files", "off"),
		CONFIG_FOREIGN("sparse", "disks that keep their holes", "on"),
		CONFIG_FOREIGN("lock_granularity", "locks of a part of an image", "full"),
	},
};

static int check_disk(const struct config *config, const struct config_pairs *pairs,
		      struct error *err)
{
	const char *path = pairs->value[DISK_PATH], *id = pairs->value[DISK_ID];
	const char *serial = pairs->value[DISK_SERIAL];

	if (!path) {
		error_set(err, -EINVAL, "key path");
		error_reason(err, "missing");
		return error_remedy(err, "name the image or block device: path=disk.raw");
	}
	if (config_id_owner(config, id)) {
		config_pairs_refuse(pairs, DISK_ID, err, "%s is taken by %s", id,
				    config_id_owner(config, id));
		return error_remedy(err, "give each disk an id of its own, or none");
	}
	if (serial && strlen(serial) > VIRTIO_BLK_SERIAL_SIZE) {
		config_pairs_refuse(pairs, DISK_SERIAL, err, "%s has more than %u characters",
				    serial, VIRTIO_BLK_SERIAL_SIZE);
		return error_remedy(err, "shorten it");
	}
	return config_check_slots(config, "disk", path, err);
}

static int read_image_type(const struct config_pairs *pairs, struct config_disk *disk,
			   struct error *err)
{
	static const char *const others[] = { "qcow2", "vhd", "fixedvhd", "vhdx" };
	const char *type = pairs->value[DISK_IMAGE_TYPE];

	disk->file.is_raw = type && !strcmp(type, "raw");
	if (!type || disk->file.is_raw)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (strcasecmp(type, others[i]))
			continue;
		config_pairs_refuse(pairs, DISK_IMAGE_TYPE, err, "torc has raw images only");
		return error_remedy(err, "convert it: qemu-img convert -O raw IMAGE disk.raw");
	}
	config_pairs_refuse(pairs, DISK_IMAGE_TYPE, err, "%s is no image type", type);
	return error_remedy(err, "use image_type=raw");
}

static int read_block_size(const struct config_pairs *pairs, unsigned *size, struct error *err)
{
	int r = config_pairs_unsigned(pairs, DISK_BLOCK_SIZE, BLK_FILE_MIN_BLOCK,
				      BLK_FILE_MAX_BLOCK, size, err);

	if (r || !*size || is_pow2(*size))
		return r;
	config_pairs_refuse(pairs, DISK_BLOCK_SIZE, err, "%u is no power of two", *size);
	return error_remedy(err, "use %d, 1024, 2048 or %d", BLK_FILE_MIN_BLOCK,
			    BLK_FILE_MAX_BLOCK);
}

static int read_numbers(const struct config_pairs *pairs, struct config_disk *disk,
			struct error *err)
{
	int r = config_pairs_toggle(pairs, DISK_READONLY, &disk->file.readonly, err);

	if (!r)
		r = config_pairs_toggle(pairs, DISK_DIRECT, &disk->file.direct, err);
	if (!r)
		r = config_pairs_unsigned(pairs, DISK_NUM_QUEUES, 1, VIRTIO_BLK_MAX_QUEUES,
					  &disk->nr_queues, err);
	if (!r)
		r = config_pairs_unsigned(pairs, DISK_QUEUE_SIZE, 1, VIRTIO_BLK_MAX_SIZE,
					  &disk->queue_size, err);
	if (!r)
		r = read_block_size(pairs, &disk->file.block_size, err);
	if (r || (is_pow2(disk->queue_size) && disk->queue_size >= VIRTIO_BLK_MIN_SIZE))
		return r;
	config_pairs_refuse(pairs, DISK_QUEUE_SIZE, err, "%u is no power of two, or less than %u",
			    disk->queue_size, VIRTIO_BLK_MIN_SIZE);
	return error_remedy(err, "use %u, 8, 16 and so on up to %u", VIRTIO_BLK_MIN_SIZE,
			    VIRTIO_BLK_MAX_SIZE);
}

static int add_disk(struct config *config, const struct config_pairs *pairs, struct error *err)
{
	struct config_disk disk = { .queue_size = VIRTIO_BLK_DEFAULT_SIZE };
	char *path = NULL;
	int r = check_disk(config, pairs, err);

	if (!r)
		r = read_image_type(pairs, &disk, err);
	if (!r)
		r = read_numbers(pairs, &disk, err);
	if (!r)
		r = config_copy_string(&path, pairs->value[DISK_PATH], err);
	if (!r && pairs->value[DISK_ID])
		r = config_copy_string(&disk.id, pairs->value[DISK_ID], err);
	if (!r && pairs->value[DISK_SERIAL])
		r = config_copy_string(&disk.serial, pairs->value[DISK_SERIAL], err);
	if (!r)
		r = config_pairs_affinity(pairs, DISK_AFFINITY, VIRTIO_BLK_MAX_QUEUES - 1,
					  &disk.affinity, &disk.nr_affinities, err);
	if (r) {
		free(path);
		free(disk.id);
		free(disk.serial);
		return r;
	}
	disk.file.path = path;
	config->disk[config->nr_disks++] = disk;
	return 0;
}

int config_set_disk(struct config *config, const char *value, struct error *err)
{
	struct config_pairs pairs;
	int r;

	if (!strchr(value, '=')) {
		error_set(err, -EINVAL, "value %s", value);
		error_reason(err, "not a key=value pair");
		/* As the shell takes it. */
		return error_remedy(
			err, strchr(value, ',') ? "write 'path=\"%s\"'" : "write path=%s", value);
	}
	r = config_pairs_parse(&pairs, value, &disk_keys, err);
	if (r)
		return r;
	r = add_disk(config, &pairs, err);
	config_pairs_destroy(&pairs);
	return r;
}
