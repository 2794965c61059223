/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "core/base/listener.h"
#include "core/config/option.h"

#define FILE_SUFFIX   ".prom"
#define MAX_INTERVAL  3600
#define USUAL_SECONDS 15

/* What node_exporter's textfile collector reads; it passes over all other names. */
static bool is_file(const char *path)
{
	size_t len = strlen(path), suffix = strlen(FILE_SUFFIX);

	return len > suffix && !strcmp(path + len - suffix, FILE_SUFFIX);
}

static int check(const struct schema_values *values, void *out, const void *context,
		 struct error *err)
{
	struct config_metrics *metrics = out;

	if (is_file(metrics->path)) {
		if (!schema_given(values, "interval"))
			metrics->interval_s = USUAL_SECONDS;
		/* Who collects a file is seldom who runs torc. */
		if (!schema_given(values, "mode"))
			metrics->mode = 0644;
		return 0;
	}
	if (!schema_given(values, "mode"))
		metrics->mode = LISTENER_MODE;
	if (!schema_given(values, "interval"))
		return 0;
	schema_refuse("interval", err, "%s is a socket's: no name that ends in %s", metrics->path,
		      FILE_SUFFIX);
	return error_remedy(err, "for a file write path=%s%s; for a socket leave interval= out",
			    metrics->path, FILE_SUFFIX);
}

/* clang-format off */
const struct schema config_metrics_schema = {
	.check = check,
	.key = (const struct schema_key[]){
		{ "path", SCHEMA_STRING, .value = "PATH", SCHEMA_MEMBER(struct config_metrics, path), .flags = SCHEMA_REQUIRED,
		  .remedy = "name the socket, path=/run/torc-metrics, or a file, path=torc" FILE_SUFFIX,
		  .help = "A unix socket, or, where it ends in `.prom`, a file." },
		{ "interval", SCHEMA_UINT, .value = "SECONDS", SCHEMA_MEMBER(struct config_metrics, interval_s), .min = 1,
		  .max = MAX_INTERVAL, .flags = SCHEMA_OR_ZERO,
		  .help = "After how many seconds the file is written again, 1 to 3600; the default is 15." },
		{ "mode", SCHEMA_MODE, SCHEMA_MEMBER(struct config_metrics, mode),
		  .help = "Who else may use the socket or the file, in octal digits as for chmod(1), whatever the umask. The default is "
		    "0600 for the socket and 0644 for the file." },
		{ .name = NULL },
	},
};
/* clang-format on */
