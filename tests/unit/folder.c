/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/folder.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

unsigned folder_count(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

int folder_remove(const char *path)
{
	if (!rmdir(path))
		return 0;
	print_error("%s: %s\n", path, strerror(errno));
	return -1;
}
