/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/vhost.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#include "core/base/fd.h"

static const char *const names[] = {
	[FAKE_VHOST_OPEN] = "open",
	[FAKE_VHOST_OWNER] = "owner",
	[FAKE_VHOST_GET_FEATURES] = "get-features",
	[FAKE_VHOST_SET_FEATURES] = "set-features",
	[FAKE_VHOST_MEMORY] = "memory",
	[FAKE_VHOST_NUM] = "num",
	[FAKE_VHOST_BASE] = "base",
	[FAKE_VHOST_ADDR] = "addr",
	[FAKE_VHOST_KICK] = "kick",
	[FAKE_VHOST_CALL] = "call",
	[FAKE_VHOST_ERR] = "err",
	[FAKE_VHOST_BACKEND] = "backend",
	[FAKE_VHOST_STOP] = "stop",
};

static struct {
	pthread_mutex_t lock;
	uint64_t offered;
	unsigned nr_devices, nr_breaches;
	struct fake_vhost_device device[FAKE_VHOST_DEVICES];
	enum fake_vhost_request fail;
	unsigned skip;
	int code;
	char log[FAKE_VHOST_LOG];
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

void fake_vhost_reset(uint64_t features)
{
	pthread_mutex_lock(&fake.lock);
	fake.offered = features;
	fake.nr_devices = fake.nr_breaches = 0;
	memset(fake.device, 0, sizeof(fake.device));
	fake.fail = FAKE_VHOST_NONE;
	*fake.log = 0;
	pthread_mutex_unlock(&fake.lock);
}

void fake_vhost_fail(enum fake_vhost_request request, unsigned skip, int code)
{
	pthread_mutex_lock(&fake.lock);
	fake.fail = request;
	fake.skip = skip;
	fake.code = code;
	pthread_mutex_unlock(&fake.lock);
}

void fake_vhost_device(unsigned i, struct fake_vhost_device *out)
{
	pthread_mutex_lock(&fake.lock);
	*out = fake.device[i];
	pthread_mutex_unlock(&fake.lock);
}

void fake_vhost_log(char out[FAKE_VHOST_LOG])
{
	pthread_mutex_lock(&fake.lock);
	memcpy(out, fake.log, sizeof(fake.log));
	*fake.log = 0;
	pthread_mutex_unlock(&fake.lock);
}

unsigned fake_vhost_breaches(void)
{
	unsigned n;

	pthread_mutex_lock(&fake.lock);
	n = fake.nr_breaches;
	pthread_mutex_unlock(&fake.lock);
	return n;
}

/* Locked. @vring: -1 for a request that is not of one. */
static int begin(unsigned device, enum fake_vhost_request request, int vring)
{
	size_t len = strlen(fake.log);

	snprintf(fake.log + len, sizeof(fake.log) - len, vring < 0 ? "%s%u:%s" : "%s%u:%s%d",
		 len ? " " : "", device, names[request], vring);
	if (fake.fail != request || fake.skip--)
		return 0;
	fake.fail = FAKE_VHOST_NONE;
	return fake.code;
}

/* Locked. */
static int breach(int r)
{
	fake.nr_breaches++;
	return r;
}

/* Locked until end(). */
static struct fake_vhost_device *find(int fd)
{
	pthread_mutex_lock(&fake.lock);
	for (unsigned i = 0; i < fake.nr_devices; i++) {
		if (fd >= 0 && fake.device[i].fd == fd)
			return &fake.device[i];
	}
	return NULL;
}

static int end(int r)
{
	pthread_mutex_unlock(&fake.lock);
	return r;
}

static unsigned number(const struct fake_vhost_device *device)
{
	return (unsigned)(device - fake.device);
}

int vhost_net_open(const struct host *host, struct error *err)
{
	struct fake_vhost_device *device;
	int r;

	pthread_mutex_lock(&fake.lock);
	device = &fake.device[fake.nr_devices];
	r = begin(number(device), FAKE_VHOST_OPEN, -1);
	if (r || fake.nr_devices == FAKE_VHOST_DEVICES)
		return end(error_set(err, r ? r : -EMFILE, "/dev/vhost-net"));
	fake.nr_devices++;
	device->fd = fd_eventfd();
	for (unsigned i = 0; i < 2; i++)
		device->vring[i] = (struct fake_vring){
			.base = ~0U, .kick = -1, .call = -1, .err = -1, .backend = -1
		};
	return end(device->fd);
}

int vhost_set_owner(int fd)
{
	struct fake_vhost_device *device = find(fd);
	int r = device ? begin(number(device), FAKE_VHOST_OWNER, -1) : -EBADF;

	if (!r && device->is_owned)
		r = breach(-EBUSY);
	if (!r)
		device->is_owned = true;
	return end(r);
}

int vhost_get_features(int fd, uint64_t *features)
{
	struct fake_vhost_device *device = find(fd);
	int r = device ? begin(number(device), FAKE_VHOST_GET_FEATURES, -1) : -EBADF;

	if (!r)
		*features = fake.offered;
	return end(r);
}

int vhost_set_features(int fd, uint64_t features)
{
	struct fake_vhost_device *device = find(fd);
	int r = device ? begin(number(device), FAKE_VHOST_SET_FEATURES, -1) : -EBADF;

	if (!r && features & ~fake.offered)
		r = breach(-EOPNOTSUPP);
	if (!r)
		device->features = features;
	return end(r);
}

int vhost_set_mem_table(int fd, const struct vhost_memory *memory)
{
	struct fake_vhost_device *device = find(fd);
	int r = device ? begin(number(device), FAKE_VHOST_MEMORY, -1) : -EBADF;

	if (!r && (!device->is_owned || memory->padding || memory->nregions > FAKE_VHOST_REGIONS))
		r = breach(-EINVAL);
	if (!r) {
		device->nr_regions = memory->nregions;
		memcpy(device->region, memory->regions,
		       memory->nregions * sizeof(*memory->regions));
	}
	return end(r);
}

/* Locked until end(). Return: the vring, when the request is to be carried out. */
static struct fake_vring *find_vring(int fd, enum fake_vhost_request request, unsigned index,
				     int *r)
{
	struct fake_vhost_device *device = find(fd);

	*r = device ? begin(number(device), request, (int)index) : -EBADF;
	if (!*r && (!device->is_owned || index > 1 || !device->nr_regions))
		*r = breach(-EPERM);
	return *r ? NULL : &device->vring[index];
}

int vhost_set_vring_num(int fd, const struct vhost_vring_state *state)
{
	int r;
	struct fake_vring *vring = find_vring(fd, FAKE_VHOST_NUM, state->index, &r);

	if (!r && vring->backend >= 0)
		r = breach(-EBUSY);
	if (!r)
		vring->num = state->num;
	return end(r);
}

int vhost_set_vring_base(int fd, const struct vhost_vring_state *state)
{
	int r;
	struct fake_vring *vring = find_vring(fd, FAKE_VHOST_BASE, state->index, &r);

	if (!r && vring->backend >= 0)
		r = breach(-EBUSY);
	if (!r)
		vring->base = state->num;
	return end(r);
}

int vhost_set_vring_addr(int fd, const struct vhost_vring_addr *addr)
{
	int r;
	struct fake_vring *vring = find_vring(fd, FAKE_VHOST_ADDR, addr->index, &r);

	if (!r && (!vring->num || addr->flags || addr->used_user_addr % 4 ||
		   addr->avail_user_addr % 2 || addr->desc_user_addr % 16))
		r = breach(-EINVAL);
	if (!r)
		vring->addr = *addr;
	return end(r);
}

static int set_file(int fd, enum fake_vhost_request request, const struct vhost_vring_file *file)
{
	int r;
	struct fake_vring *vring = find_vring(fd, request, file->index, &r);

	if (!r)
		*(request == FAKE_VHOST_KICK   ? &vring->kick
		  : request == FAKE_VHOST_CALL ? &vring->call
					       : &vring->err) = file->fd;
	return end(r);
}

int vhost_set_vring_kick(int fd, const struct vhost_vring_file *file)
{
	return set_file(fd, FAKE_VHOST_KICK, file);
}

int vhost_set_vring_call(int fd, const struct vhost_vring_file *file)
{
	return set_file(fd, FAKE_VHOST_CALL, file);
}

int vhost_set_vring_err(int fd, const struct vhost_vring_file *file)
{
	return set_file(fd, FAKE_VHOST_ERR, file);
}

/* The kernel would take one that is not. */
static bool is_attached(int tap)
{
	struct ifreq ifr = { 0 };

	return !ioctl(tap, TUNGETIFF, &ifr) && !(ifr.ifr_flags & IFF_DETACH_QUEUE);
}

int vhost_net_set_backend(int fd, const struct vhost_vring_file *file)
{
	int r;
	struct fake_vring *vring = find_vring(
		fd, file->fd < 0 ? FAKE_VHOST_STOP : FAKE_VHOST_BACKEND, file->index, &r);

	if (!r && (!vring->addr.used_user_addr || vring->kick < 0 || vring->base == ~0U))
		r = breach(-EFAULT);
	if (!r && file->fd >= 0 && (vring->backend >= 0 || !is_attached(file->fd)))
		r = breach(-EINVAL);
	if (!r)
		vring->backend = file->fd;
	return end(r);
}
