/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Show JSON: a device as a JSON object; of torc-vfio only. Main thread.
 */
#ifndef VFIO_TOOL_SHOW_JSON_H
#define VFIO_TOOL_SHOW_JSON_H

#include <jansson.h>

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
json_t *vfio_show_json_device(const struct vfio_inspect *device, const struct vfio_verdict *verdict,
			      const struct vfio_use *use);

#endif
