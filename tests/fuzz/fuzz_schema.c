/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be configured, as text of an option or as JSON of a whole VM; the first byte says which. What is taken is written as
 * JSON, read again and written again, and that is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "core/config/option.h"
#include "tests/fuzz/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct config *config)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool written = !config_print(config, out, NULL);

	fclose(out);
	if (written)
		return text;
	free(text);
	return NULL;
}

static bool read_json(struct config *config, const char *text, size_t size)
{
	char *argv[] = { (char *)"torc", (char *)"--kernel", (char *)"/k", NULL };
	json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	struct error err = { 0 };
	bool taken = false;

	/* Over the defaults of an empty command line. */
	if (json_is_object(object) && !config_parse(config, 3, argv, NULL)) {
		taken = !config_read_vm(config, object, &err) &&
			!config_finish_memory(config, &err) && !config_finish_numa(config, &err);
		CHECK(taken || *err.reason);
		if (!taken)
			config_destroy(config);
	}
	json_decref(object);
	return taken;
}

static bool read_text(struct config *config, unsigned option, const char *text)
{
	char name[32], *value = strdup(text);
	char *argv[] = { (char *)"torc", (char *)"--kernel", (char *)"/k", name, value, NULL };
	struct error err = { 0 };
	bool taken;

	snprintf(name, sizeof(name), "--%s", config_options[option].name);
	taken = !config_parse(config, 5, argv, &err);
	CHECK(taken || *err.reason);
	free(value);
	return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config, again;
	char *text, *first, *second;
	bool is_json;

	if (!size)
		return 0;
	is_json = data[0] == '{' || data[0] % 2;
	text = strndup((const char *)data + 1, size - 1);
	if (is_json ? read_json(&config, text, strlen(text))
		    : read_text(&config, data[0] / 2 % CONFIG_NR_OPTIONS, text)) {
		first = config.file || config.action != CONFIG_RUN ? NULL : print(&config);
		if (first) {
			CHECK(read_json(&again, first, strlen(first)));
			second = print(&again);
			CHECK(second && !strcmp(first, second));
			free(second);
			config_destroy(&again);
		}
		free(first);
		config_destroy(&config);
	}
	free(text);
	return 0;
}
