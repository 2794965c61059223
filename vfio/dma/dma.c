/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/dma/dma.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/clock.h"
#include "core/base/log.h"

static int map(struct vfio_dma *dma)
{
	int r = 0;

	for (unsigned i = 0; i < dma->mem->nr_regions && !r; i++) {
		const struct guest_region *region = &dma->mem->region[i];
		iova_t iova = { region->gpa.v };

		r = vfio_ioas_map(dma->ioas, region->va, region->size, iova, &dma->error);
	}
	return r;
}

static int map_peer(struct vfio_dma *dma, struct vfio_dma_peer *peer)
{
	struct error err = { 0 };
	int r = vfio_ioas_map(dma->ioas, peer->va, peer->size, peer->iova, &err);

	peer->mapped = !r;
	return r;
}

/* Once: others go the same way, and a guest can move its BARs as often as it likes. Under the lock. */
static void report_peer(struct vfio_dma *dma, iova_t iova, uint64_t size, int r)
{
	/* It was tried by an address space that is known. */
	uint64_t last = r == -EINVAL ? vfio_ioas_last_iova(dma->ioas) : UINT64_MAX;
	char end[80] = "";

	if (iova.v > last || size - 1 > last - iova.v)
		snprintf(end, sizeof(end), ": the IOMMU's addresses end at 0x%llx",
			 (unsigned long long)last);
	if (!dma->peer_failed)
		log_warning("BAR at 0x%llx: other devices cannot reach it by DMA: %s%s",
			    (unsigned long long)iova.v, strerror(-r), end);
	dma->peer_failed = true;
}

/* What was added while guest memory was being mapped. */
static void map_peers(struct vfio_dma *dma)
{
	for (unsigned i = 0; i < dma->nr_peers && !dma->result; i++) {
		int r = map_peer(dma, &dma->peer[i]);

		if (r)
			report_peer(dma, dma->peer[i].iova, dma->peer[i].size, r);
	}
}

static void populate_and_map(struct helper_job *job)
{
	struct vfio_dma *dma = container_of(job, struct vfio_dma, job);
	uint64_t start = clock_ns(CLOCK_MONOTONIC), populated, mapped;
	const struct memory_populate_options options = { .cancel = &dma->cancelled };
	/* Pinning would populate too, but with one thread. */
	int r = guest_mem_populate(dma->mem, &options, &dma->error);

	populated = clock_ns(CLOCK_MONOTONIC);
	if (!r)
		r = map(dma);
	mapped = clock_ns(CLOCK_MONOTONIC);
	/* Pinning moves what must not be pinned where it is, say in memory that can be unplugged. */
	if (!r)
		r = guest_mem_check(dma->mem, &dma->error);
	pthread_mutex_lock(&dma->lock);
	dma->populate_ns = populated - start;
	dma->map_ns = mapped - populated;
	dma->nr_map_calls = dma->ioas->nr_map_calls;
	dma->result = r;
	dma->done = true;
	map_peers(dma);
	pthread_cond_broadcast(&dma->changed);
	pthread_mutex_unlock(&dma->lock);
	if (r != -ECANCELED)
		dma->finished(dma->opaque);
}

void vfio_dma_init(struct vfio_dma *dma)
{
	memset(dma, 0, sizeof(*dma));
	pthread_mutex_init(&dma->lock, NULL);
	pthread_cond_init(&dma->changed, NULL);
	dma->initialised = true;
}

void vfio_dma_start(struct vfio_dma *dma, struct helper *helper, struct guest_mem *mem,
		    struct vfio_ioas *ioas, void (*finished)(void *opaque), void *opaque)
{
	dma->mem = mem;
	dma->ioas = ioas;
	dma->finished = finished;
	dma->opaque = opaque;
	dma->helper = helper;
	dma->job.run = populate_and_map;
	helper_submit(helper, &dma->job);
}

int vfio_dma_wait(struct vfio_dma *dma)
{
	int r;

	pthread_mutex_lock(&dma->lock);
	while (!dma->done && !dma->cancelled)
		pthread_cond_wait(&dma->changed, &dma->lock);
	r = dma->done ? dma->result : -ECANCELED;
	pthread_mutex_unlock(&dma->lock);
	return r;
}

int vfio_dma_add_peer(struct vfio_dma *dma, void *va, uint64_t size, iova_t iova)
{
	struct vfio_dma_peer *peer;
	int r = 0;

	pthread_mutex_lock(&dma->lock);
	if (dma->nr_peers == VFIO_DMA_MAX_PEERS) {
		r = -ENOSPC;
	} else {
		peer = &dma->peer[dma->nr_peers];
		*peer = (struct vfio_dma_peer){ .va = va, .size = size, .iova = iova };
		if (dma->done && !dma->result)
			r = map_peer(dma, peer);
		dma->nr_peers += !r;
	}
	if (r)
		report_peer(dma, iova, size, r);
	pthread_mutex_unlock(&dma->lock);
	return r;
}

void vfio_dma_remove_peer(struct vfio_dma *dma, iova_t iova)
{
	int r;

	pthread_mutex_lock(&dma->lock);
	for (unsigned i = 0; i < dma->nr_peers; i++) {
		if (dma->peer[i].iova.v != iova.v)
			continue;
		r = dma->peer[i].mapped ? vfio_ioas_unmap(dma->ioas, iova) : 0;
		if (r)
			log_guest_error("BAR at 0x%llx: other devices reach it still: %s",
					(unsigned long long)iova.v, strerror(-r));
		dma->peer[i] = dma->peer[--dma->nr_peers];
		break;
	}
	pthread_mutex_unlock(&dma->lock);
}

void vfio_dma_cancel(struct vfio_dma *dma)
{
	if (!dma->initialised)
		return;
	pthread_mutex_lock(&dma->lock);
	__atomic_store_n(&dma->cancelled, true, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&dma->changed);
	pthread_mutex_unlock(&dma->lock);
}

void vfio_dma_stop(struct vfio_dma *dma)
{
	if (!dma->initialised)
		return;
	vfio_dma_cancel(dma);
	if (dma->helper)
		helper_wait(dma->helper, &dma->job);
}

void vfio_dma_destroy(struct vfio_dma *dma)
{
	if (!dma->initialised)
		return;
	vfio_dma_stop(dma);
	pthread_cond_destroy(&dma->changed);
	pthread_mutex_destroy(&dma->lock);
	dma->initialised = false;
}
