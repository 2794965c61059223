/* SPDX-License-Identifier: Apache-2.0 */
/**
 * DMA: populates guest memory and maps it for the devices, while the guest already boots.
 *
 * Pinning memory takes longer than everything else before the first guest instruction, and nothing needs it
 * before a driver lets its device master the bus. So the helper does it, and the write that sets Bus Master
 * Enable waits for it: until then the device cannot reach memory, mapped or not. It starts after everything else
 * is set up, since populating holds the address space's lock for long and mmap(2) would wait for that.
 *
 * BARs can be mapped too, so that devices reach each other without memory in between (peer to peer); what comes while
 * the helper is at work waits for it, and nobody waits for that.
 */
#ifndef VFIO_DMA_DMA_H
#define VFIO_DMA_DMA_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/bits.h"
#include "core/base/error.h"
#include "core/base/helper.h"
#include "core/kvm/guest_mem.h"
#include "vfio/dma/ioas.h"

#define VFIO_DMA_MAX_PEERS 224 /* with guest memory no more than VFIO_IOAS_MAX_MAPS */

/** A piece of a BAR. */
struct vfio_dma_peer {
	void *va;
	uint64_t size;
	iova_t iova;
	bool mapped;
};

struct vfio_dma {
	struct guest_mem *mem;
	struct vfio_ioas *ioas;
	void (*finished)(void *opaque);
	void *opaque;
	struct helper *helper;
	struct helper_job job;
	bool initialised;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool cancelled; /* written under the lock, read by the populating threads without it */
	bool done;
	int result;
	struct error error; /* stable once done */
	uint64_t populate_ns, map_ns;
	unsigned nr_map_calls; /* for guest memory */
	bool peer_failed;      /* one was reported; under the lock */
	unsigned nr_peers;
	struct vfio_dma_peer peer[VFIO_DMA_MAX_PEERS]; /* under the lock */
};

/**
 * vfio_dma_init - nothing is mapped yet, so that vfio_dma_wait() waits
 * @dma: embedded
 */
void vfio_dma_init(struct vfio_dma *dma);

/**
 * vfio_dma_start - begin to populate and map guest memory
 * @dma: initialised
 * @helper: does it
 * @mem: stays mapped until vfio_dma_stop()
 * @ioas: its groups are attached; nobody else maps meanwhile
 * @finished: called once by the helper when all is mapped, or cannot be; @dma->result says
 * @opaque: for @finished
 *
 * Main thread.
 */
void vfio_dma_start(struct vfio_dma *dma, struct helper *helper, struct guest_mem *mem,
		    struct vfio_ioas *ioas, void (*finished)(void *opaque), void *opaque);

/**
 * vfio_dma_wait - wait until guest memory is mapped
 * @dma: initialised
 *
 * Any thread. Return: 0; why it could not be; -ECANCELED.
 */
MUST_CHECK int vfio_dma_wait(struct vfio_dma *dma);

/**
 * vfio_dma_add_peer - let the devices reach a piece of a BAR
 * @dma: initialised
 * @va: where it is mapped; page-aligned
 * @size: bytes, a multiple of the page size
 * @iova: where the guest has it
 *
 * At once, or when guest memory is mapped. Any thread.
 * Return: 0; -ENOSPC too many; what vfio_ioas_map() returns: it cannot be reached then.
 */
MUST_CHECK int vfio_dma_add_peer(struct vfio_dma *dma, void *va, uint64_t size, iova_t iova);

/**
 * vfio_dma_remove_peer - they reach it no more
 * @dma: initialised
 * @iova: as added; nothing happens when it is not
 *
 * Any thread.
 */
void vfio_dma_remove_peer(struct vfio_dma *dma, iova_t iova);

/**
 * vfio_dma_cancel - give up soon, because the VM ends
 * @dma: initialised or zeroed
 *
 * Lets a vCPU that waits go on; its device stays without memory. Any thread.
 */
void vfio_dma_cancel(struct vfio_dma *dma);

/**
 * vfio_dma_stop - end it, and wait until the helper is done with it
 * @dma: initialised or zeroed; nobody waits any more
 *
 * Main thread.
 */
void vfio_dma_stop(struct vfio_dma *dma);

/**
 * vfio_dma_destroy - likewise, and no peer is added or removed any more
 * @dma: initialised or zeroed
 *
 * Main thread.
 */
void vfio_dma_destroy(struct vfio_dma *dma);

#endif
