/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How a payload that is entered by PVH learns what it was told.
 */
#ifndef TESTS_LAB_PAYLOAD_START_H
#define TESTS_LAB_PAYLOAD_START_H

#include <stdint.h>

/* Source: xen/include/public/arch-x86/hvm/start_info.h; its address is in EBX. */
struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline;
};

/**
 * start_option - a number on the command line
 * @info: what the entry point was given
 * @key: what stands in front of the number
 * @none: what it is where the key is not there
 *
 * Return: the number.
 */
static inline uint32_t start_option(const struct start_info *info, const char *key, uint32_t none)
{
	for (const char *at = (const char *)(uintptr_t)info->cmdline; *at; at++) {
		const char *p = at, *k = key;
		uint32_t n = 0;

		while (*k && *p == *k) {
			p++;
			k++;
		}
		if (*k)
			continue;
		for (; *p >= '0' && *p <= '9'; p++)
			n = n * 10 + (uint32_t)(*p - '0');
		return n;
	}
	return none;
}

#endif
