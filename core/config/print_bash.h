/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Config, print for bash: the completion, from the rows of options and keys. Main thread.
 *
 * Private to core/config.
 */
#ifndef CORE_CONFIG_PRINT_BASH_H
#define CORE_CONFIG_PRINT_BASH_H

#include <stdio.h>

/**
 * config_print_bash - torc's completion for bash, which a shell sources
 * @out: where to
 */
void config_print_bash(FILE *out);

#endif
