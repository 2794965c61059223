/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/memory.h"

#include <errno.h>
#include <numaif.h>
#include <sys/mman.h>

#include "core/base/bits.h"

#define MAX_NODE_BITS 1024 /* as many as Linux has at most */
#define NODE_WORDS    (MAX_NODE_BITS / 64)

int memory_reserve(uint64_t size, uint64_t align, void **out, struct error *err)
{
	uint64_t room = size + align, start, end;
	char *raw = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (raw == MAP_FAILED)
		return error_set(err, -errno, "address space for %llu MiB of guest memory",
				 (unsigned long long)(size / MIB));
	/* Cut off what lies before and behind the aligned part. */
	start = align_up((uint64_t)(uintptr_t)raw, align) - (uint64_t)(uintptr_t)raw;
	end = start + size;
	if (start)
		munmap(raw, start);
	if (end < room)
		munmap(raw + end, room - end);
	*out = raw + start;
	return 0;
}

void memory_unmap(void *va, uint64_t size)
{
	if (va)
		munmap(va, size);
}

static int map_error(const struct memory_source *source, uint64_t size, int code, struct error *err)
{
	error_set(err, code, "zone %s: map %llu MiB", source->name,
		  (unsigned long long)(size / MIB));
	if (code != -ENOMEM || source->page_size == 4 * KIB)
		return code;
	error_reason(err, "the host has fewer than %llu free huge pages of %llu MiB",
		     (unsigned long long)(size / source->page_size),
		     (unsigned long long)(source->page_size / MIB));
	return error_remedy(err,
			    "free or reserve some: "
			    "/sys/kernel/mm/hugepages/hugepages-%llukB/nr_hugepages",
			    (unsigned long long)(source->page_size / KIB));
}

static int advise(const struct memory_source *source, void *va, uint64_t size, struct error *err)
{
	/* Only a hint: a kernel without THP refuses it. Huge pages from the pool know no such thing. */
	if (source->page_size == 4 * KIB)
		madvise(va, size, source->thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	/* Guest memory in a core file or in a forked child is never wanted. */
	madvise(va, size, MADV_DONTDUMP);
	madvise(va, size, MADV_DONTFORK);
	if (!source->mergeable || !madvise(va, size, MADV_MERGEABLE))
		return 0;
	error_set(err, -ENOTSUP, "zone %s: mergeable=on", source->name);
	error_reason(err, "this kernel has no KSM");
	return error_remedy(err, "leave it out");
}

int memory_map(const struct memory_source *source, uint64_t offset, void *va, uint64_t size,
	       struct error *err)
{
	int flags = MAP_FIXED | (source->shared ? MAP_SHARED : MAP_PRIVATE);

	if (source->fd < 0)
		flags |= MAP_ANONYMOUS;
	/* Ordinary memory may be overcommitted; a huge page that is missing later would be a SIGBUS. */
	if (source->page_size == 4 * KIB)
		flags |= MAP_NORESERVE;
	if (mmap(va, size, PROT_READ | PROT_WRITE, flags, source->fd, (off_t)offset) == MAP_FAILED)
		return map_error(source, size, -errno, err);
	return advise(source, va, size, err);
}

int memory_bind(void *va, uint64_t size, int node, bool strict, struct error *err)
{
	unsigned long mask[NODE_WORDS] = { 0 };

	mask[(unsigned)node / 64] = 1UL << (unsigned)node % 64;
	/* The kernel takes one bit less than it is told. */
	if (!mbind(va, size, strict ? MPOL_BIND : MPOL_PREFERRED, mask, MAX_NODE_BITS + 1, 0))
		return 0;
	/* No NUMA: nothing can be anywhere else. */
	if (errno == ENOSYS)
		return 0;
	error_set(err, -errno, "memory on node %d", node);
	if (errno == EPERM)
		return error_remedy(
			err, "let torc call mbind(2): a container needs CAP_SYS_NICE for that");
	return error_remedy(err, "see mems in the cpuset that torc was started in");
}
