/* SPDX-License-Identifier: Apache-2.0 */
/* The input, cut at its NUL bytes, is a command line (without the program's name). */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/vmm/config.h"

#define MAX_WORDS 256

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_good(const struct config *c)
{
	const struct config_topology *t = &c->cpus.topology;

	CHECK(c->cmdline);
	if (c->action != CONFIG_RUN)
		return;
	CHECK(c->kernel && *c->kernel);
	CHECK(c->cpus.boot >= 1 && c->cpus.boot <= CONFIG_MAX_CPUS);
	if (t->packages)
		CHECK((uint64_t)t->threads_per_core * t->cores_per_die * t->dies_per_package *
			      t->packages ==
		      c->cpus.boot);
	CHECK(c->memory.size >= 64 * MIB && c->memory.size % (2 * MIB) == 0);
	CHECK(c->serial.mode <= LINE_SOCKET);
	CHECK((c->serial.mode == LINE_FILE || c->serial.mode == LINE_SOCKET) ==
	      (c->serial.path != NULL));
	CHECK(c->console.mode <= LINE_SOCKET);
	CHECK((c->console.mode == LINE_FILE || c->console.mode == LINE_SOCKET) ==
	      (c->console.path != NULL));
	CHECK(c->console.mode != LINE_TTY || c->serial.mode != LINE_TTY);
	CHECK(c->nr_devices <= CONFIG_MAX_DEVICES);
	for (unsigned i = 0; i < c->nr_devices; i++) {
		CHECK(*c->device[i].path && *c->device[i].id);
		for (unsigned j = 0; j < i; j++)
			CHECK(strcmp(c->device[i].id, c->device[j].id) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[MAX_WORDS + 1] = { strdup("torc") };
	struct error err = { 0 };
	struct config config;
	int argc = 1;

	/* Each word in a block of its own, so that a sanitizer sees a read past its end. */
	while (size && argc < MAX_WORDS) {
		size_t len = strnlen((const char *)data, size);

		argv[argc++] = strndup((const char *)data, len);
		data += len;
		size -= len;
		if (size) {
			data++;
			size--;
		}
	}
	if (!config_parse(&config, argc, argv, &err)) {
		check_good(&config);
		config_destroy(&config);
	} else {
		CHECK(err.code == -EINVAL && err.usage);
		CHECK(*err.object && *err.reason && *err.remedy);
	}
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return 0;
}
