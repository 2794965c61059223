/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Config, print for man: the options' part of torc(1), from the rows of options and keys, in mdoc(7). Main thread.
 *
 * Private to core/config.
 */
#ifndef CORE_CONFIG_PRINT_MAN_H
#define CORE_CONFIG_PRINT_MAN_H

#include <stdio.h>

/**
 * config_print_man - the items of a list that the page opens and closes
 * @out: where to
 */
void config_print_man(FILE *out);

#endif
