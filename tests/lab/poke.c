/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poke ADDRESS VALUE TIMES: for guests: stores a byte at a physical address, so many times. busybox's devmem does it once,
 * and in the lab's guests a program takes 60 ms to start.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const off_t page = 4096;
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	volatile uint8_t *at;
	off_t address;

	if (argc != 4 || fd < 0) {
		perror("poke ADDRESS VALUE TIMES: /dev/mem");
		return 2;
	}
	address = (off_t)strtoull(argv[1], NULL, 0);
	at = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, address & -page);
	if (at == MAP_FAILED) {
		perror(argv[1]);
		return 1;
	}
	for (long n = atol(argv[3]); n > 0; n--)
		at[address & (page - 1)] = (uint8_t)strtoul(argv[2], NULL, 0);
	return 0;
}
