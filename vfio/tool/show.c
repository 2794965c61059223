/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/tool/show.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json_put.h"
#include "vfio/bind/holder.h"
#include "vfio/tool/inspect.h"
#include "vfio/tool/show_json.h"

static const char *yes_no(bool v)
{
	return v ? "yes" : "no";
}

static const char *or_dash(const char *text)
{
	return text[0] ? text : "-";
}

/* A number that is not there is a dash. */
static const char *number(int v, char text[16])
{
	snprintf(text, 16, "%d", v);
	return v < 0 ? "-" : text;
}

static void verdict_line(const struct vfio_verdict *v, FILE *out)
{
	fprintf(out, "%s", v->is_ready ? "ready" : v->is_assignable ? "assignable" : "no");
	if (v->reason[0])
		fprintf(out, v->is_assignable ? " (%s)" : ": %s", v->reason);
	/* Several lines of remedy are for inspect. */
	if (v->remedy[0])
		fprintf(out, "; %.*s", (int)strcspn(v->remedy, "\n"), v->remedy);
	fputc('\n', out);
}

static void list_line(const struct vfio_inspect *d, const struct vfio_verdict *v, FILE *out)
{
	char group[16], node[16], id[16];

	snprintf(id, sizeof(id), "%04x:%04x", d->vendor, d->device);
	fprintf(out, "%-12s %-9s %5s %4s %-14s %-12s ", d->host.bdf, id,
		number(d->host.group, group), number(d->host.node, node), or_dash(d->host.driver),
		or_dash(d->reset));
	verdict_line(v, out);
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static json_t *device_json(const struct vfio_host_paths *paths, const struct vfio_inspect *d,
			   const struct vfio_verdict *v)
{
	struct vfio_use use;
	bool is_used = vfio_use_find(paths, &d->host, &use);

	return vfio_show_json_device(d, v, is_used ? &use : NULL);
}

static int show_one(const struct vfio_host_paths *paths, const char *bdf, json_t *array, FILE *out,
		    struct error *err)
{
	struct vfio_inspect d;
	struct vfio_verdict v;
	int r = vfio_inspect(paths, bdf, &d, err);

	/* It may have been unplugged since the folder was read. */
	if (r)
		return r == -ENOENT ? 0 : r;
	vfio_inspect_judge(paths, &d, &v);
	if (array)
		return json_array_append_new(array, device_json(paths, &d, &v))
			       ? error_set(err, -ENOMEM, "JSON")
			       : 0;
	list_line(&d, &v, out);
	return 0;
}

int vfio_show_list(const struct vfio_host_paths *paths, bool json, FILE *out, struct error *err)
{
	json_t *array = json ? json_array() : NULL;
	struct vfio_holders holders = { .is_read = false };
	struct vfio_host_paths once = *paths;
	struct dirent **entries;
	char path[PATH_MAX];
	int n, r = 0;

	once.holders = &holders;
	snprintf(path, sizeof(path), "%s/bus/pci/devices", paths->sysfs);
	n = scandir(path, &entries, not_hidden, alphasort);
	if (n < 0) {
		r = error_set(err, -errno, "%s", path);
		n = 0;
		entries = NULL;
	}
	if (!json && !r)
		fprintf(out, "%-12s %-9s %5s %4s %-14s %-12s %s\n", "DEVICE", "ID", "GROUP", "NODE",
			"DRIVER", "RESET", "VERDICT");
	for (int i = 0; i < n; i++) {
		if (!r)
			r = show_one(&once, entries[i]->d_name, array, out, err);
		free(entries[i]);
	}
	free(entries);
	vfio_holders_destroy(&holders);
	if (json && !r)
		r = json_put_out(array, out, err);
	json_decref(array);
	return r;
}

static void show_interrupts(const struct vfio_inspect *d, FILE *out)
{
	if (!d->has_config) {
		fprintf(out, "interrupts  unknown: reading the device's capabilities takes root\n");
		return;
	}
	if (d->msix_vectors)
		fprintf(out,
			"MSI-X       %u vectors, table in BAR %u at 0x%x, pending bits in BAR %u "
			"at 0x%x\n",
			d->msix_vectors, d->msix_table_bar, d->msix_table_offset, d->msix_pba_bar,
			d->msix_pba_offset);
	else
		fprintf(out, "MSI-X       no\n");
	if (d->msi_vectors)
		fprintf(out, "MSI         %u vector%s, %s-bit, %smaskable\n", d->msi_vectors,
			d->msi_vectors == 1 ? "" : "s", d->msi_is_64bit ? "64" : "32",
			d->msi_is_maskable ? "" : "not ");
	else
		fprintf(out, "MSI         no\n");
	if (d->pin)
		fprintf(out, "INTx        pin %c\n", d->pin);
	else
		fprintf(out, "INTx        no\n");
	fprintf(out, "FLR         %s\n", yes_no(d->has_flr));
}

static void show_bars(const struct vfio_inspect *d, FILE *out)
{
	for (unsigned i = 0; i < VFIO_INSPECT_BARS; i++) {
		const struct vfio_inspect_bar *bar = &d->bar[i];
		char name[16] = "ROM";

		if (!bar->size)
			continue;
		if (i < VFIO_INSPECT_BARS - 1)
			snprintf(name, sizeof(name), "BAR %u", i);
		fprintf(out, "%-11s 0x%llx, %llu bytes, %s%s\n", name,
			(unsigned long long)bar->start, (unsigned long long)bar->size,
			bar->is_io	? "I/O ports"
			: bar->is_64bit ? "64-bit memory"
					: "32-bit memory",
			bar->is_prefetchable ? ", prefetchable" : "");
	}
}

static int show_group(const struct vfio_inspect *d, FILE *out, struct error *err)
{
	struct vfio_host_device *members;
	unsigned nr;
	int r;

	if (d->host.group < 0) {
		fprintf(out, "group       none\n");
		return 0;
	}
	r = vfio_host_members(&d->host, &members, &nr, err);
	if (r)
		return r;
	fprintf(out, "group       %d", d->host.group);
	for (unsigned i = 0, others = 0; i < nr; i++) {
		if (strcmp(members[i].bdf, d->host.bdf) != 0)
			fprintf(out, "%s%s (%s)", others++ ? ", " : ", with ", members[i].bdf,
				vfio_host_is_bridge(&members[i]) ? "bridge"
								 : or_dash(members[i].driver));
	}
	fputc('\n', out);
	free(members);
	return 0;
}

static int show_text(const struct vfio_inspect *d, const struct vfio_verdict *v, FILE *out,
		     struct error *err)
{
	char node[16];
	int r;

	fprintf(out, "device      %s, %04x:%04x, class %06x\n", d->host.bdf, d->vendor, d->device,
		d->class);
	fprintf(out, "driver      %s\n", or_dash(d->host.driver));
	fprintf(out, "NUMA node   %s\n", number(d->host.node, node));
	r = show_group(d, out, err);
	if (r)
		return r;
	show_interrupts(d, out);
	fprintf(out, "reset       %s\n", d->reset[0] ? d->reset : "none");
	if (d->totalvfs)
		fprintf(out, "SR-IOV      %d of %d virtual functions\n", d->numvfs, d->totalvfs);
	else if (d->physfn[0])
		fprintf(out, "SR-IOV      a virtual function of %s\n", d->physfn);
	else
		fprintf(out, "SR-IOV      no\n");
	show_bars(d, out);
	fprintf(out, "verdict     ");
	verdict_line(v, out);
	return 0;
}

int vfio_show_device(const struct vfio_host_paths *paths, const char *bdf, bool json, FILE *out,
		     struct error *err)
{
	struct vfio_inspect d;
	struct vfio_verdict v;
	json_t *object;
	int r = vfio_inspect(paths, bdf, &d, err);

	if (r)
		return r;
	vfio_inspect_judge(paths, &d, &v);
	if (!json)
		return show_text(&d, &v, out, err);
	object = device_json(paths, &d, &v);
	r = json_put_out(object, out, err);
	json_decref(object);
	return r;
}
