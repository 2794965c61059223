/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the running kernel can do. It is looked up once, when a ring is created: every flag that ring_init() sets and
 * every operation not named here is in Linux 6.1, the oldest that torc runs on. Where something is missing the next best
 * is done instead.
 */
#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "io/ring/internal.h"

/* Every opcode torc submits; the kernel refuses all others on its rings. Those it does not know it cannot allow. */
static const uint8_t opcodes[] = {
	IORING_OP_POLL_ADD,	IORING_OP_READ,	      IORING_OP_WRITE,	     IORING_OP_READV,
	IORING_OP_WRITEV,	IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED, RING_OP_READV_FIXED,
	RING_OP_WRITEV_FIXED,	IORING_OP_FSYNC,      IORING_OP_FALLOCATE,   IORING_OP_TIMEOUT,
	IORING_OP_ASYNC_CANCEL, IORING_OP_NOP,	      IORING_OP_ACCEPT,	     IORING_OP_MSG_RING,
};

/* Registrations are allowed one by one; without any even enabling the ring would be refused. */
static const uint8_t registrations[] = {
	IORING_REGISTER_ENABLE_RINGS, IORING_REGISTER_FILES_UPDATE, IORING_UNREGISTER_BUFFERS,
	RING_REGISTER_CLONE_BUFFERS, /* last, as it may be left out */
};

#define MAX_RESTRICTIONS (ARRAY_SIZE(opcodes) + ARRAY_SIZE(registrations) + 1)

static int restrict_to(struct ring *ring, const struct io_uring_probe *probe,
		       unsigned nr_registrations)
{
	struct io_uring_restriction res[MAX_RESTRICTIONS] = { 0 };
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++) {
		if (!io_uring_opcode_supported(probe, opcodes[i]))
			continue;
		res[n].opcode = IORING_RESTRICTION_SQE_OP;
		res[n++].sqe_op = opcodes[i];
	}
	for (unsigned i = 0; i < nr_registrations; i++) {
		res[n].opcode = IORING_RESTRICTION_REGISTER_OP;
		res[n++].register_op = registrations[i];
	}
	res[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	res[n++].sqe_flags = IOSQE_CQE_SKIP_SUCCESS | IOSQE_FIXED_FILE;
	/* liburing 2.3 does not export its wrapper. */
	return io_uring_register((unsigned)ring->uring.ring_fd, IORING_REGISTER_RESTRICTIONS, res,
				 n);
}

int ring_restrict(struct ring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(&ring->uring);
	int r;

	if (!probe)
		return -ENOMEM;
	ring->has_fixed_vectors = io_uring_opcode_supported(probe, RING_OP_READV_FIXED) &&
				  io_uring_opcode_supported(probe, RING_OP_WRITEV_FIXED);
	r = restrict_to(ring, probe, ARRAY_SIZE(registrations));
	ring->can_take_memory = r >= 0;
	if (r == -EINVAL)
		r = restrict_to(ring, probe, ARRAY_SIZE(registrations) - 1);
	io_uring_free_probe(probe);
	return r < 0 ? r : 0;
}

void ring_describe(const struct ring *ring)
{
	const struct {
		bool has;
		const char *instead;
	} features[] = {
		{ ring->file, "registered files (descriptors are looked up instead)" },
		{ ring->can_take_memory,
		  "registered buffers that rings share (pages are looked up instead)" },
		{ ring->has_fixed_vectors,
		  "vectors in registered buffers (only requests of one buffer use them)" },
	};
	unsigned nr_missing = 0;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (features[i].has)
			continue;
		nr_missing++;
		log_info("io_uring: this kernel lacks %s", features[i].instead);
	}
	if (!nr_missing)
		log_info("io_uring: this kernel has all that torc can use");
}
