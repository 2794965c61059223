/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/tool/show_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void add_string(cJSON *object, const char *key, const char *value)
{
	if (value[0])
		cJSON_AddStringToObject(object, key, value);
	else
		cJSON_AddNullToObject(object, key);
}

static void add_number(cJSON *object, const char *key, int value)
{
	if (value >= 0)
		cJSON_AddNumberToObject(object, key, value);
	else
		cJSON_AddNullToObject(object, key);
}

/* In hexadecimal, as everywhere else: a JSON number would be decimal, and may lose the low bits of an address. */
static void add_hex(cJSON *object, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	cJSON_AddStringToObject(object, key, text);
}

static void add_interrupts(cJSON *object, const struct vfio_inspect *d)
{
	char pin[2] = { d->pin, '\0' };
	cJSON *part;

	if (d->msix_vectors) {
		part = cJSON_AddObjectToObject(object, "msix");
		cJSON_AddNumberToObject(part, "vectors", d->msix_vectors);
		cJSON_AddNumberToObject(part, "table_bar", d->msix_table_bar);
		add_hex(part, "table_offset", d->msix_table_offset);
		cJSON_AddNumberToObject(part, "pba_bar", d->msix_pba_bar);
		add_hex(part, "pba_offset", d->msix_pba_offset);
	} else {
		cJSON_AddNullToObject(object, "msix");
	}
	if (d->msi_vectors) {
		part = cJSON_AddObjectToObject(object, "msi");
		cJSON_AddNumberToObject(part, "vectors", d->msi_vectors);
		cJSON_AddBoolToObject(part, "maskable", d->msi_is_maskable);
		cJSON_AddBoolToObject(part, "64bit", d->msi_is_64bit);
	} else {
		cJSON_AddNullToObject(object, "msi");
	}
	add_string(object, "intx_pin", pin);
	cJSON_AddBoolToObject(object, "flr", d->has_flr);
	cJSON_AddBoolToObject(object, "express", d->is_express);
}

static void add_bars(cJSON *object, const struct vfio_inspect *d)
{
	cJSON *array = cJSON_AddArrayToObject(object, "bars");

	for (unsigned i = 0; i < VFIO_INSPECT_BARS; i++) {
		const struct vfio_inspect_bar *bar = &d->bar[i];
		cJSON *item;

		if (!bar->size)
			continue;
		item = cJSON_CreateObject();
		if (i == VFIO_INSPECT_BARS - 1)
			cJSON_AddStringToObject(item, "bar", "rom");
		else
			cJSON_AddNumberToObject(item, "bar", i);
		add_hex(item, "start", bar->start);
		add_hex(item, "size", bar->size);
		cJSON_AddStringToObject(item, "type", bar->is_io ? "io" : "memory");
		cJSON_AddBoolToObject(item, "64bit", bar->is_64bit);
		cJSON_AddBoolToObject(item, "prefetchable", bar->is_prefetchable);
		cJSON_AddItemToArray(array, item);
	}
}

static void add_group(cJSON *object, const struct vfio_inspect *d)
{
	cJSON *array = cJSON_AddArrayToObject(object, "group_devices");
	struct vfio_host_device *members = NULL;
	unsigned nr = 0;

	add_number(object, "group", d->host.group);
	if (d->host.group >= 0)
		vfio_host_members(&d->host, &members, &nr, NULL);
	for (unsigned i = 0; i < nr; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(members[i].bdf));
	free(members);
}

static void add_sriov(cJSON *object, const struct vfio_inspect *d)
{
	cJSON *part;

	add_string(object, "physfn", d->physfn);
	if (!d->totalvfs) {
		cJSON_AddNullToObject(object, "sriov");
		return;
	}
	part = cJSON_AddObjectToObject(object, "sriov");
	cJSON_AddNumberToObject(part, "total", d->totalvfs);
	cJSON_AddNumberToObject(part, "vfs", d->numvfs);
}

static void add_use(cJSON *object, const struct vfio_use *use)
{
	cJSON *part;

	if (!use) {
		cJSON_AddNullToObject(object, "use");
		return;
	}
	part = cJSON_AddObjectToObject(object, "use");
	cJSON_AddStringToObject(part, "what", use->what);
	cJSON_AddStringToObject(part, "remedy", use->remedy);
}

cJSON *vfio_show_json_device(const struct vfio_inspect *d, const struct vfio_verdict *verdict,
			     const struct vfio_use *use)
{
	cJSON *object = cJSON_CreateObject();
	char id[16];

	cJSON_AddStringToObject(object, "bdf", d->host.bdf);
	snprintf(id, sizeof(id), "%04x", d->vendor);
	cJSON_AddStringToObject(object, "vendor", id);
	snprintf(id, sizeof(id), "%04x", d->device);
	cJSON_AddStringToObject(object, "device", id);
	snprintf(id, sizeof(id), "%06x", d->class);
	cJSON_AddStringToObject(object, "class", id);
	add_group(object, d);
	add_number(object, "numa_node", d->host.node);
	add_string(object, "driver", d->host.driver);
	add_string(object, "reset", d->reset);
	add_sriov(object, d);
	add_bars(object, d);
	/* Keys that are not there are not known, for want of rights. */
	if (d->has_config)
		add_interrupts(object, d);
	add_use(object, use);
	cJSON_AddBoolToObject(object, "assignable", verdict->is_assignable);
	cJSON_AddBoolToObject(object, "ready", verdict->is_ready);
	add_string(object, "reason", verdict->reason);
	add_string(object, "remedy", verdict->remedy);
	return object;
}

int vfio_show_json_print(const cJSON *value, FILE *out, struct error *err)
{
	char *text = value ? cJSON_Print(value) : NULL;

	if (!text)
		return error_set(err, -ENOMEM, "JSON");
	fprintf(out, "%s\n", text);
	cJSON_free(text);
	return 0;
}
