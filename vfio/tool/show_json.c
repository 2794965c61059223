/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/tool/show_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json_put.h"

static void add_number(json_t *object, const char *key, int value)
{
	if (value >= 0)
		json_put_integer(object, key, value);
	else
		json_put_null(object, key);
}

/* In hexadecimal, as everywhere else: a JSON number would be decimal, and may lose the low bits of an address. */
static void add_hex(json_t *object, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	json_put_text(object, key, text);
}

static void add_interrupts(json_t *object, const struct vfio_inspect *d)
{
	char pin[2] = { d->pin, '\0' };
	json_t *part;

	if (d->msix_vectors) {
		part = json_put_object(object, "msix");
		json_put_integer(part, "vectors", d->msix_vectors);
		json_put_integer(part, "table_bar", d->msix_table_bar);
		add_hex(part, "table_offset", d->msix_table_offset);
		json_put_integer(part, "pba_bar", d->msix_pba_bar);
		add_hex(part, "pba_offset", d->msix_pba_offset);
	} else {
		json_put_null(object, "msix");
	}
	if (d->msi_vectors) {
		part = json_put_object(object, "msi");
		json_put_integer(part, "vectors", d->msi_vectors);
		json_put_bool(part, "maskable", d->msi_is_maskable);
		json_put_bool(part, "64bit", d->msi_is_64bit);
	} else {
		json_put_null(object, "msi");
	}
	json_put_some(object, "intx_pin", pin);
	json_put_bool(object, "flr", d->has_flr);
	json_put_bool(object, "express", d->is_express);
}

static void add_bars(json_t *object, const struct vfio_inspect *d)
{
	json_t *array = json_put_array(object, "bars");

	for (unsigned i = 0; i < VFIO_INSPECT_BARS; i++) {
		const struct vfio_inspect_bar *bar = &d->bar[i];
		json_t *item;

		if (!bar->size)
			continue;
		item = json_put_item(array);
		if (i == VFIO_INSPECT_BARS - 1)
			json_put_text(item, "bar", "rom");
		else
			json_put_integer(item, "bar", i);
		add_hex(item, "start", bar->start);
		add_hex(item, "size", bar->size);
		json_put_text(item, "type", bar->is_io ? "io" : "memory");
		json_put_bool(item, "64bit", bar->is_64bit);
		json_put_bool(item, "prefetchable", bar->is_prefetchable);
	}
}

static void add_group(json_t *object, const struct vfio_inspect *d)
{
	json_t *array = json_put_array(object, "group_devices");
	struct vfio_host_device *members = NULL;
	unsigned nr = 0;

	add_number(object, "group", d->host.group);
	if (d->host.group >= 0)
		vfio_host_members(&d->host, &members, &nr, NULL);
	for (unsigned i = 0; i < nr; i++)
		json_array_append_new(array, json_put_string(members[i].bdf));
	free(members);
}

static void add_sriov(json_t *object, const struct vfio_inspect *d)
{
	json_t *part;

	json_put_some(object, "physfn", d->physfn);
	if (!d->totalvfs) {
		json_put_null(object, "sriov");
		return;
	}
	part = json_put_object(object, "sriov");
	json_put_integer(part, "total", d->totalvfs);
	json_put_integer(part, "vfs", d->numvfs);
}

static void add_use(json_t *object, const struct vfio_use *use)
{
	json_t *part;

	if (!use) {
		json_put_null(object, "use");
		return;
	}
	part = json_put_object(object, "use");
	json_put_text(part, "what", use->what);
	json_put_text(part, "remedy", use->remedy);
}

json_t *vfio_show_json_device(const struct vfio_inspect *d, const struct vfio_verdict *verdict,
			      const struct vfio_use *use)
{
	json_t *object = json_object();
	char id[16];

	json_put_text(object, "bdf", d->host.bdf);
	snprintf(id, sizeof(id), "%04x", d->vendor);
	json_put_text(object, "vendor", id);
	snprintf(id, sizeof(id), "%04x", d->device);
	json_put_text(object, "device", id);
	snprintf(id, sizeof(id), "%06x", d->class);
	json_put_text(object, "class", id);
	add_group(object, d);
	add_number(object, "numa_node", d->host.node);
	json_put_some(object, "driver", d->host.driver);
	json_put_some(object, "reset", d->reset);
	add_sriov(object, d);
	add_bars(object, d);
	/* Keys that are not there are not known, for want of rights. */
	if (d->has_config)
		add_interrupts(object, d);
	add_use(object, use);
	json_put_bool(object, "assignable", verdict->is_assignable);
	json_put_bool(object, "ready", verdict->is_ready);
	json_put_some(object, "reason", verdict->reason);
	json_put_some(object, "remedy", verdict->remedy);
	return object;
}
