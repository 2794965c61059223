/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Device: what may come to a machine and go, whatever its kind.
 *
 * A kind is a struct device_class, which stands in its own folder; a device is a member of the machine's one list. What it
 * is configured to be is its kind's struct, and `self` is its kind's state. device.c alone takes it through its life:
 *
 *	NEW > OPEN > PLUGGED > RUNNING > LEAVING > GONE
 *
 * A class gets what it may use in a struct device_site and never calls up but through that. The list belongs to the
 * machine's thread, and so does each device; open() alone is called by the helper, so that nothing waits for the host.
 */
#ifndef CORE_DEVICE_DEVICE_H
#define CORE_DEVICE_DEVICE_H

#include <sched.h>
#include <stdbool.h>

#include "core/base/error.h"
#include "core/base/host.h"
#include "core/kvm/guest_mem.h"
#include "core/kvm/vm.h"
#include "core/pci/pci.h"
#include "io/ring/irq_batch.h"
#include "io/ring/ring.h"

#define DEVICE_MAX_ID 63 /* characters: names of the trace and of metrics have room for it */

enum device_state {
	DEVICE_NEW,	/* configured; the host was looked at, nothing of it is taken */
	DEVICE_OPEN,	/* it has what it needs of the host */
	DEVICE_PLUGGED, /* on its bus */
	DEVICE_RUNNING, /* what it does by itself has begun */
	DEVICE_LEAVING, /* the guest is to let go of it, or has, or is not asked */
	DEVICE_GONE,	/* everything of it is given back */
};

/** What devices may use of their machine; outlives them. */
struct device_site {
	const struct host *host; /* the one way to what they need of it */
	struct vm *vm;
	struct guest_mem *mem;
	struct irq_batch *batch;
	struct ring *ring;	/* the machine's thread's */
	struct vfio_ioas *ioas; /* of those that do DMA themselves */
	struct vfio_dma *dma;	/* likewise */
	bool p2p;		/* they reach each other's BARs */
	/* The ring that serves queues, or vectors, of number @i. */
	struct ring *(*ring_of)(void *opaque, unsigned i);
	/* Have that ring run on these CPUs only. Return: 0; -EINVAL another device wants it elsewhere; -errno. */
	int (*pin_ring)(void *opaque, unsigned i, const cpu_set_t *cpus, struct error *err);
	/* Have the helper make a call that may block for long; returns when it has been made, the ring is turned meanwhile. */
	void (*block)(void *opaque, void (*call)(void *arg), void *arg);
	/* The user is to know of a pseudo terminal. */
	void (*announce)(void *opaque, const char *name, const char *path);
	/* A device has another state. NULL: nobody wants to know. */
	void (*changed)(void *opaque);
	/* He typed Ctrl-A x. Any thread. */
	void (*quit)(void *opaque);
	void *opaque;
};

struct device;

/** What a kind of device does. What may be NULL is not called then. */
struct device_class {
	const char *noun; /* for messages: "disk" */
	/* NEW: look at the host, by the site's way to it, change nothing; what comes before is whatever end() undoes. May be NULL. */
	int (*check)(struct device *device, struct error *err);
	/* Take what it needs of the host, by the site's way to it; sets @device->pci. The helper's thread. */
	int (*open)(struct device *device, struct error *err);
	/* It is on its bus: begin what it does by itself. May be NULL. */
	int (*start)(struct device *device, struct error *err);
	/*
	 * As after power-on, no vCPU runs; or have nothing in flight any more, for good. Each waits for @timeout_ms at most,
	 * not at all for 0, until @hurry_fd is readable, if that is one; it can be called again. stop() may be NULL.
	 * Return: 0; -ETIMEDOUT; -EINTR it is readable; -EIO nobody is left who could finish what is in flight.
	 */
	int (*reset)(struct device *device, int hurry_fd, int timeout_ms);
	int (*stop)(struct device *device, int hurry_fd, int timeout_ms);
	/* stop() will not succeed: give back what is not in use. May be NULL. */
	void (*abandon)(struct device *device);
	/* Off its bus and stopped, no vCPU is within an access to it: give everything back. */
	void (*close)(struct device *device);
	/* Undo check(). May be NULL. */
	void (*end)(struct device *device);
	/* The user's terminal has another size. May be NULL. */
	void (*resized)(struct device *device);
	/* The machine ends: what it counted, for the log. May be NULL. */
	void (*report)(struct device *device);
};

struct device {
	const struct device_class *class;
	const char *id;	    /* the configuration's */
	const void *config; /* of the class's type */
	struct device_list *list;
	struct device *next;
	enum device_state state;
	const char *host_name; /* of what it is to be near, on a node of the host; NULL: nothing */
	int host_node;	       /* that node; -1: not known */
	int guest_node;	       /* whose bus it is to be on: its index; -1: none is right */
	unsigned bus;	       /* the root bus that is planned for it */
	char label[96];	       /* for messages: "disk _disk0"; classes may add to it */
	void *self;
	struct pci_device *pci; /* from OPEN on */
	bool is_busy;		/* it waits in reset(), within which the ring is turned */
	bool is_asked;		/* LEAVING, as soon as the guest lets go of it */
	bool is_due;		/* LEAVING, and the guest has it no longer */
	bool forced;		/* the guest did not let go of it in time */
	bool gave_up; /* what it has in flight has not ended: it stays until the process ends */
	struct ring_op timer; /* LEAVING: until when the guest has it, then when to look again */
};

struct device_list {
	const struct device_site *site;
	struct unplug *unplug; /* lets go of them while the machine runs; NULL: nobody does */
	struct device *first;
};

/**
 * device_state_name - a state in a word
 * @state: any
 *
 * Any thread. Return: "running" and the like.
 */
const char *device_state_name(enum device_state state);

/**
 * device_set_state - for unplug.c: LEAVING
 * @device: any
 * @state: what it is from now on; the site is told
 */
void device_set_state(struct device *device, enum device_state state);

/**
 * device_add - a device of the list, NEW
 * @list: zeroed or in use; its site need not be filled before device_open()
 * @class: its kind
 * @id: borrowed; no other device has it
 * @config: of the class's type; borrowed
 * @err: filled on failure
 *
 * Its host is looked at; the last one of the list is the last added. Return: 0; -ENOMEM; what check() returns, and it is
 * not added.
 */
int device_add(struct device_list *list, const struct device_class *class, const char *id,
	       const void *config, struct error *err);

/**
 * device_open - take what it needs of the host: NEW > OPEN
 * @device: NEW
 * @err: filled on failure
 *
 * Return: 0; what the class's open() returns, still NEW.
 */
int device_open(struct device *device, struct error *err);

/**
 * device_plug - let a guest that has not started find it: OPEN > PLUGGED
 * @device: OPEN
 * @bus: for it
 * @err: filled on failure
 *
 * Return: 0; what pci_bus_add() returns, still OPEN.
 */
int device_plug(struct device *device, struct pci_bus *bus, struct error *err);

/**
 * device_start - have it begin: PLUGGED > RUNNING
 * @device: PLUGGED
 * @err: filled on failure
 *
 * Return: 0; what the class's start() returns, still PLUGGED.
 */
int device_start(struct device *device, struct error *err);

/**
 * device_reset - as after power-on
 * @device: any; nothing happens before it is PLUGGED
 * @hurry_fd: as the class's reset()
 * @timeout_ms: likewise
 *
 * Return: as the class's reset().
 */
int device_reset(struct device *device, int hurry_fd, int timeout_ms);

/**
 * device_stop - have it come to rest for good: > LEAVING
 * @device: any; nothing happens before it is OPEN
 * @hurry_fd: as the class's stop()
 * @timeout_ms: likewise
 *
 * Return: as the class's stop().
 */
int device_stop(struct device *device, int hurry_fd, int timeout_ms);

/**
 * device_give_up - what it has in flight does not end: it is not closed any more
 * @device: device_stop() failed
 */
void device_give_up(struct device *device);

/**
 * device_close - give back what it has of the host: > GONE
 * @device: off its bus, stopped; or NEW. Nothing happens when it is GONE or was given up.
 */
void device_close(struct device *device);

/**
 * device_list_destroy - close and free all
 * @list: as device_close() wants each of them
 */
void device_list_destroy(struct device_list *list);

/**
 * device_find - a device by its id
 * @list: in use
 * @id: of a device
 *
 * Return: the device, which is not GONE; NULL.
 */
struct device *device_find(const struct device_list *list, const char *id);

/** Each of them, those that are GONE too. */
#define DEVICE_FOR_EACH(each, list) \
	for (struct device * (each) = (list)->first; (each); (each) = (each)->next)

#endif
