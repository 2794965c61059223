/* SPDX-License-Identifier: Apache-2.0 */
/* replay DIRECTORY...: a fuzzer's saved inputs as a test, without libFuzzer. */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX_BYTES (1U << 20)

static int replay(const char *path)
{
	static uint8_t whole[INPUT_MAX_BYTES];
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	size_t size;

	/* The last line of a failed test names the input. */
	printf("%s\n", path);
	fflush(stdout);
	if (!file) {
		perror(path);
		return -1;
	}
	size = fread(whole, 1, sizeof(whole), file);
	fclose(file);
	/* Of exactly its size, so that a sanitizer sees a read beyond it. */
	data = malloc(size ? size : 1);
	if (!data)
		return -1;
	memcpy(data, whole, size);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static int replay_all(const char *dir)
{
	struct dirent **entry;
	int nr = scandir(dir, &entry, NULL, alphasort), done = 0;

	for (int i = 0; i < nr; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
		if (entry[i]->d_name[0] != '.' && done >= 0)
			done = replay(path) ? -1 : done + 1;
		free(entry[i]);
	}
	if (nr >= 0)
		free(entry);
	if (!done)
		fprintf(stderr, "%s: no inputs\n", dir);
	return done > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay_all(argv[i]))
			return 1;
	return 0;
}
