/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making memory reachable by a passed-through device and taking that back: VFIO_IOMMU_MAP_DMA, which pins the pages and
 * fills the IOMMU's tables, and VFIO_IOMMU_UNMAP_DMA. The memory is there before, in transparent huge pages where the
 * argument, in bytes, has room for them, as a guest's is.
 *
 * It takes the first IOMMU group that is bound to vfio-pci, which nobody may use. dma.sh runs it in the lab, which has one.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/bench.h"
#include "core/base/bits.h"
#include "core/base/error.h"
#include "vfio/dma/ioas.h"

#define IOVA	  (4 * GIB) /* above what IOMMUs keep for interrupts */
#define HUGE_PAGE (2 * MIB)

/* Return: the number of the first one; -1: there is none. */
static int find_group(void)
{
	DIR *dir = opendir("/dev/vfio");
	struct dirent *entry;
	int id = -1;

	while (id < 0 && dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			id = atoi(entry->d_name);
	if (dir)
		closedir(dir);
	return id;
}

static bool open_ioas(struct bench_state *state, struct vfio_ioas *ioas, struct vfio_group **group)
{
	struct error err = { 0 };
	char why[sizeof(err.object) + sizeof(err.reason) + 2];
	int id = find_group();

	if (id < 0) {
		bench_skip(state,
			   "no device is bound to vfio-pci: /dev/vfio has no group; see dma.sh");
		return false;
	}
	if (!vfio_ioas_init(ioas, &vfio_type1_ops, NULL, &err) &&
	    !vfio_ioas_get_group(ioas, id, group, &err))
		return true;
	snprintf(why, sizeof(why), "%s: %s", err.object, err.reason);
	bench_skip(state, why);
	return false;
}

static void *make_memory(uint64_t size)
{
	char *va = aligned_alloc(HUGE_PAGE, size < HUGE_PAGE ? HUGE_PAGE : size);

	if (!va)
		abort();
	madvise(va, size, size < HUGE_PAGE ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	memset(va, 1, size);
	return va;
}

static void map(struct vfio_ioas *ioas, void *va, uint64_t size)
{
	struct error err = { 0 };

	if (!vfio_ioas_map(ioas, va, size, (iova_t){ IOVA }, &err))
		return;
	error_print(&err, stderr);
	exit(1);
}

/* What is not measured is done while the clock stands still. */
static void go(struct bench_state *state, struct vfio_ioas *ioas, uint64_t size, bool measures_map)
{
	void *va = make_memory(size);
	int64_t done = 0;

	while (bench_next(state)) {
		if (!measures_map)
			bench_pause(state);
		map(ioas, va, size);
		if (measures_map)
			bench_pause(state);
		else
			bench_resume(state);
		if (vfio_ioas_unmap(ioas, (iova_t){ IOVA }))
			abort();
		if (measures_map)
			bench_resume(state);
		done += (int64_t)size;
	}
	bench_bytes(state, done);
	free(va);
}

static void run(struct bench_state *state, int64_t size, bool measures_map)
{
	struct vfio_ioas ioas = { .fd = -1 };
	struct vfio_group *group = NULL;

	if (open_ioas(state, &ioas, &group))
		go(state, &ioas, (uint64_t)size, measures_map);
	if (group)
		vfio_ioas_put_group(&ioas, group);
	vfio_ioas_destroy(&ioas);
}

static void dma_map(struct bench_state *state, int64_t size)
{
	run(state, size, true);
}

static void dma_unmap(struct bench_state *state, int64_t size)
{
	run(state, size, false);
}

const bool bench_has_own_clock = false;

const struct bench bench_table[] = {
	{ "dma/map", dma_map, { 4 * KIB, 2 * MIB, GIB } },
	{ "dma/unmap", dma_unmap, { 4 * KIB, 2 * MIB, GIB } },
	{ 0 },
};
