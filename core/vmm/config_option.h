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

#define CONFIG_NR_OPTIONS 14

extern const struct config_option config_options[CONFIG_NR_OPTIONS];

/**
 * config_copy_string - keep a value
 * @to: the copy's place; what it held is freed
 * @value: as typed
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int config_copy_string(char **to, const char *value, struct error *err);

/**
 * config_id_owner - who has an id
 * @config: as read so far
 * @id: may be NULL, which nobody has
 *
 * Return: the path of the device or disk that was given it; NULL.
 */
const char *config_id_owner(const struct config *config, const char *id);

/**
 * config_check_slots - whether one more device fits onto the guest's bus
 * @config: as read so far
 * @kind: "device" and the like, for the error
 * @path: of the one more
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int config_check_slots(const struct config *config, const char *kind, const char *path,
		       struct error *err);

/**
 * config_set_disk - a value of --disk
 * @config: gets one disk more
 * @value: as typed
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int config_set_disk(struct config *config, const char *value, struct error *err);

/**
 * config_set_net - a value of --net
 * @config: gets one network device more
 * @value: as typed
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int config_set_net(struct config *config, const char *value, struct error *err);

/**
 * config_set_serial - the value of --serial
 * @config: gets what the serial port is connected to
 * @value: as typed
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int config_set_serial(struct config *config, const char *value, struct error *err);

/**
 * config_set_console - the value of --console
 * @config: gets what the virtio console is connected to
 * @value: as typed
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int config_set_console(struct config *config, const char *value, struct error *err);

/**
 * config_finish_lines - who gets standard input and output
 * @config: every option is read; the serial port yields to the console where it has only the default
 * @serial_given: whether --serial was
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL when both are to have the same.
 */
int config_finish_lines(struct config *config, bool serial_given, struct error *err);

#endif
