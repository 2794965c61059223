/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Config options: those that take a value, and how each value goes into a struct config.
 *
 * Private to config*.c; main thread.
 */
#ifndef CORE_VMM_CONFIG_OPTION_H
#define CORE_VMM_CONFIG_OPTION_H

#include <stdbool.h>

#include "core/base/error.h"
#include "core/vmm/config.h"

struct config_option {
	const char *name;    /* without the dashes */
	const char *example; /* a value that would do */
	bool many;	     /* may occur several times, with several values each */
	bool empty;	     /* "" is a value */
	/* One value into @config, which keeps what is allocated. 0; -EINVAL; -ENOMEM. */
	int (*set)(struct config *config, const char *value, struct error *err);
};

#define CONFIG_NR_OPTIONS 10

extern const struct config_option config_options[CONFIG_NR_OPTIONS];

#endif
