/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Config, print as JSON: what --config takes, for editors that check it and programs that write it. Main thread.
 *
 * Private to core/config.
 */
#ifndef CORE_CONFIG_PRINT_JSON_H
#define CORE_CONFIG_PRINT_JSON_H

#include <stdio.h>

/**
 * config_print_json - a JSON Schema of a VM
 * @out: where to
 */
void config_print_json(FILE *out);

/**
 * config_print_openapi - the same among an OpenAPI 3 description's components
 * @out: where to
 */
void config_print_openapi(FILE *out);

#endif
