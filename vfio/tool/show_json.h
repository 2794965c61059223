/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Show JSON: a device as a JSON object; of torc-vfio only.
 *
 * cJSON's functions take the NULL of one that ran out of memory, so that only the whole has to be looked at.
 * Main thread.
 */
#ifndef VFIO_TOOL_SHOW_JSON_H
#define VFIO_TOOL_SHOW_JSON_H

#include <cjson/cJSON.h>
#include <stdio.h>

#include "core/base/error.h"
#include "vfio/bind/use.h"
#include "vfio/tool/inspect.h"

/**
 * vfio_show_json_device - a device and what is to be said of it
 * @device: inspected
 * @verdict: of it
 * @use: what the host needs it for; NULL for nothing
 *
 * What a device does not have is null. Return: an object, to be deleted; NULL out of memory.
 */
cJSON *vfio_show_json_device(const struct vfio_inspect *device, const struct vfio_verdict *verdict,
			     const struct vfio_use *use);

/**
 * vfio_show_json_print - print a value and a newline
 * @value: may be NULL, which is an error
 * @out: where to
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int vfio_show_json_print(const cJSON *value, FILE *out, struct error *err);

#endif
