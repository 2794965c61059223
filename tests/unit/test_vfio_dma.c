/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfio/dma/ioas.c, and of vfio/dma/dma.c BARs that devices reach by DMA, before, while and after guest memory is mapped; an IOMMU
 * made up.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vfio/dma/dma.h"

static struct {
	int result; /* of the next map */
	int unmap_result;
	unsigned nr_mapped;
	uint64_t last; /* address mapped or unmapped */
} fake;

static int fake_open(struct vfio_ioas *ioas, struct error *err)
{
	return fake.result ? error_set(err, fake.result, "fake") : 0;
}

static int fake_map(struct vfio_ioas *ioas, void *va, uint64_t size, iova_t iova)
{
	fake.nr_mapped += !fake.result;
	fake.last = iova.v;
	return fake.result;
}

static int fake_unmap(struct vfio_ioas *ioas, iova_t iova, uint64_t size)
{
	fake.nr_mapped -= !fake.unmap_result;
	fake.last = iova.v;
	return fake.unmap_result;
}

static uint64_t fake_last_iova(struct vfio_ioas *unused)
{
	return (1ULL << 39) - 1;
}

static const struct vfio_ioas_ops fake_ops = {
	.open = fake_open,
	.map = fake_map,
	.unmap = fake_unmap,
	.last_iova = fake_last_iova,
};

static struct vfio_ioas ioas;
static struct vfio_dma dma;
static struct helper helper;
static struct guest_mem mem; /* nothing to populate */

static void finished(void *opaque)
{
}

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	vfio_dma_init(&dma);
	if (helper_start(&helper, "helper"))
		return -1;
	return vfio_ioas_init(&ioas, &fake_ops, NULL, NULL);
}

static int teardown(void **state)
{
	vfio_dma_destroy(&dma);
	helper_stop(&helper);
	vfio_ioas_destroy(&ioas);
	assert_int_equal(fake.nr_mapped, 0);
	return 0;
}

static void map_memory(void)
{
	vfio_dma_start(&dma, &helper, &mem, &ioas, finished, NULL);
	assert_int_equal(vfio_dma_wait(&dma), 0);
}

static int add(uint64_t iova)
{
	return vfio_dma_add_peer(&dma, NULL, 4096, (iova_t){ iova });
}

static void mappings_go_with_the_address_space(void **state)
{
	for (unsigned i = 0; i < VFIO_IOAS_MAX_MAPS; i++)
		assert_int_equal(vfio_ioas_map(&ioas, NULL, MIB, (iova_t){ i * MIB }, NULL), 0);
	assert_int_equal(vfio_ioas_map(&ioas, NULL, MIB, (iova_t){ GIB }, NULL), -ENOSPC);
	assert_int_equal(ioas.nr_map_calls, VFIO_IOAS_MAX_MAPS);
	vfio_ioas_destroy(&ioas);
	assert_int_equal(fake.nr_mapped, 0);
	assert_int_equal(fake.last, 0);
}

static void failed_mapping_is_not_remembered(void **state)
{
	struct error err = { 0 };

	fake.result = -ENOMEM;
	assert_int_equal(vfio_ioas_map(&ioas, NULL, 3 * MIB, (iova_t){ MIB }, &err), -ENOMEM);
	assert_non_null(strstr(err.object, "3 MiB at 0x100000"));
	assert_non_null(strstr(err.remedy, "ulimit -l 3072"));
	fake.result = -EINVAL;
	assert_int_equal(vfio_ioas_map(&ioas, NULL, 3 * MIB, (iova_t){ MIB }, &err), -EINVAL);
	assert_non_null(strstr(err.remedy, "reserves"));
	assert_int_equal(vfio_ioas_map(&ioas, NULL, 3 * MIB, (iova_t){ 512 * GIB }, &err), -EINVAL);
	assert_non_null(strstr(err.reason, "addresses end at 0x7fffffffff"));
	assert_int_equal(ioas.nr_maps, 0);
}

static void absent_group_is_an_error(void **state)
{
	struct vfio_group *group = NULL;
	struct error err = { 0 };

	assert_int_equal(vfio_ioas_get_group(&ioas, 123456789, &group, &err), -ENOENT);
	assert_null(group);
	assert_non_null(strstr(err.object, "/dev/vfio/123456789"));
	assert_non_null(strstr(err.remedy, "vfio-pci"));
	vfio_ioas_destroy(&ioas);
	fake.result = -ENOTSUP;
	assert_int_equal(vfio_ioas_init(&ioas, &fake_ops, NULL, &err), -ENOTSUP);
}

static void bars_wait_for_memory_to_be_mapped(void **state)
{
	assert_int_equal(add(0x1000), 0);
	assert_int_equal(add(0x2000), 0);
	assert_int_equal(fake.nr_mapped, 0);
	vfio_dma_remove_peer(&dma, (iova_t){ 0x1000 });
	map_memory();
	assert_int_equal(fake.nr_mapped, 1);
	assert_int_equal(fake.last, 0x2000);
}

static void bars_are_mapped_at_once_afterwards(void **state)
{
	map_memory();
	assert_int_equal(add(0x1000), 0);
	assert_int_equal(add(0x2000), 0);
	assert_int_equal(fake.nr_mapped, 2);
	vfio_dma_remove_peer(&dma, (iova_t){ 0x1000 });
	assert_int_equal(fake.nr_mapped, 1);
	assert_int_equal(fake.last, 0x1000);
	/* One that is not there. */
	vfio_dma_remove_peer(&dma, (iova_t){ 0x1000 });
	assert_int_equal(fake.nr_mapped, 1);
	/* The same place again, as for a BAR that is switched off and on. */
	assert_int_equal(add(0x1000), 0);
	assert_int_equal(fake.nr_mapped, 2);
}

static void bar_that_cannot_be_mapped_is_forgotten(void **state)
{
	map_memory();
	fake.result = -EFAULT;
	assert_int_equal(add(0x1000), -EFAULT);
	assert_int_equal(dma.nr_peers, 0);
	fake.result = 0;
	assert_int_equal(add(0x1000), 0);
}

static void bar_that_could_not_be_mapped_late_is_not_unmapped(void **state)
{
	assert_int_equal(add(0x1000), 0);
	fake.result = -EFAULT;
	map_memory();
	fake.last = 0;
	vfio_dma_remove_peer(&dma, (iova_t){ 0x1000 });
	assert_int_equal(fake.last, 0);
}

/* Devices reach it still: it is known, and goes with the address space. */
static void mapping_that_stays_is_known(void **state)
{
	map_memory();
	assert_int_equal(add(0x1000), 0);
	fake.unmap_result = -EIO;
	assert_int_equal(vfio_ioas_unmap(&ioas, (iova_t){ 0x1000 }), -EIO);
	assert_int_equal(ioas.nr_maps, 1);
	vfio_dma_remove_peer(&dma, (iova_t){ 0x1000 });
	assert_int_equal(ioas.nr_maps, 1);
	fake.unmap_result = 0;
	assert_int_equal(vfio_ioas_unmap(&ioas, (iova_t){ 0x1000 }), 0);
	assert_int_equal(vfio_ioas_unmap(&ioas, (iova_t){ 0x1000 }), -ENOENT);
}

static void too_many_bars_are_refused(void **state)
{
	for (unsigned i = 0; i < VFIO_DMA_MAX_PEERS; i++)
		assert_int_equal(add(i * 4096), 0);
	assert_int_equal(add(UINT32_MAX), -ENOSPC);
	map_memory();
	assert_int_equal(fake.nr_mapped, VFIO_DMA_MAX_PEERS);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(mappings_go_with_the_address_space),
		CASE(failed_mapping_is_not_remembered),
		CASE(absent_group_is_an_error),
		CASE(bars_wait_for_memory_to_be_mapped),
		CASE(bars_are_mapped_at_once_afterwards),
		CASE(bar_that_cannot_be_mapped_is_forgotten),
		CASE(bar_that_could_not_be_mapped_late_is_not_unmapped),
		CASE(mapping_that_stays_is_known),
		CASE(too_many_bars_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
