/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/virtio_driver.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "core/base/bits.h"
#include "core/base/trace.h"
#include "tests/fake/memory.h"

#define SLOT	    1
#define BAR_ADDR    0xc0000000ULL
#define QUEUE_AT(i) (0x10000ULL * ((i) + 1))
#define AVAIL_AT    0x4000
#define USED_AT	    0x8000

#define COMMON(field) (DRIVER_COMMON + offsetof(struct virtio_pci_common_cfg, field))

#define STATUS_START (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)

int driver_init(struct driver *d)
{
	const struct guest_mem_config mem = ONE_ZONE(DRIVER_MEMORY);
	const struct ring_thread_config ring = { .poll_us = RING_POLL_AUTO };
	const struct pci_bus_config bus = { .io = { 0xc000, 0x1000 }, .mem32 = { BAR_ADDR, MIB } };

	memset(d, 0, sizeof(*d));
	d->vm.fd = 1;
	if (trace_init(NULL) || guest_mem_init(&d->mem, &mem, NULL) ||
	    iobus_init(&d->vm.mmio, "mmio") || irq_table_init(&d->vm.irq, d->vm.fd, NULL) ||
	    ring_init(&d->ring, 8, NULL) || ring_thread_start(&d->ring_thread, &ring, NULL) ||
	    ring_thread_wait(&d->ring_thread, NULL))
		return -1;
	irq_batch_init(&d->batch, &d->ring, &d->vm.irq);
	d->site = (struct device_site){
		.vm = &d->vm, .mem = &d->mem, .batch = &d->batch, .ring = &d->ring
	};
	iobus_register_reader(&d->vm.mmio, &d->reader);
	return pci_bus_init(&d->bus, &bus);
}

void driver_destroy(struct driver *d)
{
	pci_bus_destroy(&d->bus);
	ring_thread_stop(&d->ring_thread);
	ring_destroy(&d->ring);
	irq_batch_destroy(&d->batch);
	irq_table_destroy(&d->vm.irq);
	iobus_destroy(&d->vm.mmio);
	guest_mem_destroy(&d->mem);
	trace_destroy();
}

void driver_attach(struct driver *d, struct virtio_pci *vp)
{
	d->vp = vp;
	for (unsigned i = 0; i < vp->dev->nr_queues; i++)
		virtio_pci_set_ring(vp, i, &d->ring_thread.ring);
	if (pci_bus_add(&d->bus, &vp->pci, SLOT, NULL))
		abort();
	driver_adopt(d, &vp->pci);
}

void driver_adopt(struct driver *d, struct pci_device *pci)
{
	if (pci->slot != SLOT || pci_bus_assign(&d->bus, NULL))
		abort();
	driver_config_write(d, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void driver_detach(struct driver *d)
{
	if (!d->vp)
		return;
	pci_bus_remove(&d->vp->pci);
	virtio_pci_reset(d->vp, -1, -1);
	virtio_pci_free(d->vp);
	d->vp = NULL;
}

uint64_t driver_read(struct driver *d, uint64_t offset, unsigned size)
{
	return iobus_read(&d->vm.mmio, &d->reader, BAR_ADDR + offset, size);
}

void driver_write(struct driver *d, uint64_t offset, unsigned size, uint64_t value)
{
	iobus_write(&d->vm.mmio, &d->reader, BAR_ADDR + offset, size, value);
}

uint32_t driver_config_read(struct driver *d, unsigned offset, unsigned size)
{
	return pci_config_read(&d->bus, SLOT << 3, offset, size);
}

void driver_config_write(struct driver *d, unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(&d->bus, SLOT << 3, offset, size, value);
}

void driver_reset(struct driver *d)
{
	driver_write(d, COMMON(device_status), 1, 0);
	while (driver_read(d, COMMON(device_status), 1))
		usleep(100);
}

static void start_queue(struct driver *d, unsigned i)
{
	struct driver_queue *q = &d->queue[i];
	uint64_t at = QUEUE_AT(i);

	*q = (struct driver_queue){
		.desc = driver_ptr(d, at),
		.avail = driver_ptr(d, at + AVAIL_AT),
		.used = driver_ptr(d, at + USED_AT),
	};
	memset(q->desc, 0, 0x10000);
	driver_write(d, COMMON(queue_select), 2, i);
	q->size = (uint16_t)driver_read(d, COMMON(queue_size), 2);
	if (q->size > DRIVER_QUEUE_SIZE)
		q->size = DRIVER_QUEUE_SIZE;
	driver_write(d, COMMON(queue_size), 2, q->size);
	driver_write(d, COMMON(queue_desc_lo), 4, at);
	driver_write(d, COMMON(queue_avail_lo), 8, at + AVAIL_AT);
	driver_write(d, COMMON(queue_used_lo), 8, at + USED_AT);
	driver_write(d, COMMON(queue_msix_vector), 2, i + 1);
	driver_write(d, COMMON(queue_enable), 2, 1);
}

void driver_prepare(struct driver *d, uint64_t features, unsigned nr_queues)
{
	features |= 1ULL << VIRTIO_F_VERSION_1;
	driver_reset(d);
	driver_write(d, COMMON(device_status), 1, STATUS_START);
	for (unsigned i = 0; i < 2; i++) {
		driver_write(d, COMMON(guest_feature_select), 4, i);
		driver_write(d, COMMON(guest_feature), 4, features >> 32 * i & 0xffffffff);
	}
	driver_write(d, COMMON(device_status), 1, STATUS_START | VIRTIO_CONFIG_S_FEATURES_OK);
	driver_write(d, COMMON(msix_config), 2, 0);
	for (unsigned i = 0; i < nr_queues; i++)
		start_queue(d, i);
}

void driver_go(struct driver *d)
{
	driver_write(d, COMMON(device_status), 1,
		     STATUS_START | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}

void driver_start(struct driver *d, uint64_t features, unsigned nr_queues)
{
	driver_prepare(d, features, nr_queues);
	driver_go(d);
}

uint16_t driver_add(struct driver *d, unsigned queue, const struct driver_buffer *buffers,
		    unsigned nr)
{
	struct driver_queue *q = &d->queue[queue];
	uint16_t head = q->next_desc, idx = q->avail->idx;

	for (unsigned i = 0; i < nr; i++) {
		struct vring_desc *desc = &q->desc[(head + i) % q->size];
		unsigned flags = (buffers[i].writable ? VRING_DESC_F_WRITE : 0U) |
				 (i + 1 < nr ? VRING_DESC_F_NEXT : 0U);

		*desc = (struct vring_desc){ buffers[i].addr, buffers[i].len, (uint16_t)flags,
					     (uint16_t)((head + i + 1) % q->size) };
	}
	q->next_desc = (uint16_t)((head + nr) % q->size);
	q->avail->ring[idx % q->size] = head;
	/* Pairs with virtqueue_pop(). */
	store_release(&q->avail->idx, (uint16_t)(idx + 1));
	return head;
}

void driver_kick(struct driver *d, unsigned queue)
{
	driver_write(d, DRIVER_NOTIFY + 4 * queue, 2, queue);
}

bool driver_wait(struct driver *d, unsigned queue, struct vring_used_elem *elem)
{
	struct driver_queue *q = &d->queue[queue];

	for (unsigned i = 0; i < 500000; i++) {
		/* Pairs with virtqueue_publish(). */
		if (load_acquire(&q->used->idx) != q->next_used) {
			*elem = q->used->ring[q->next_used++ % q->size];
			return true;
		}
		usleep(100);
	}
	return false;
}

void driver_enable_msix(struct driver *d)
{
	unsigned cap = d->vp->msix_cap;

	for (unsigned i = 0; i < d->vp->vectors.guest.nr_vectors; i++) {
		uint64_t entry = DRIVER_MSIX + PCI_MSIX_ENTRY_SIZE * i;

		driver_write(d, entry, 8, 0xfee00000);
		driver_write(d, entry + PCI_MSIX_ENTRY_DATA, 4, i);
		driver_write(d, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0);
	}
	driver_config_write(d, cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	/* The routes are committed by the main ring. */
	ring_drain_posted(&d->ring);
}

void *driver_ptr(const struct driver *d, uint64_t addr)
{
	return guest_mem_ptr(&d->mem, (gpa_t){ addr }, 1);
}

unsigned driver_count_workers(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned n = 0;

	if (!tasks)
		abort();
	for (struct dirent *task; (task = readdir(tasks));) {
		char path[300], name[16] = "";
		FILE *comm;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task->d_name);
		comm = fopen(path, "re");
		if (!comm)
			continue;
		n += fgets(name, sizeof(name), comm) && strncmp(name, "iou-wrk", 7) == 0;
		fclose(comm);
	}
	closedir(tasks);
	return n;
}
