/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "core/base/listener.h"
#include "core/vmm/config_option.h"
#include "core/vmm/config_value.h"

#define FILE_SUFFIX   ".prom"
#define MAX_INTERVAL  3600
#define USUAL_SECONDS 15

enum {
	METRICS_PATH,
	METRICS_INTERVAL,
	METRICS_MODE
};

static const struct config_key_set metrics_keys = {
	.key = {
		[METRICS_PATH] = CONFIG_KEY("path"),
		[METRICS_INTERVAL] = CONFIG_KEY("interval"),
		[METRICS_MODE] = CONFIG_KEY("mode"),
	},
};

/* What node_exporter's textfile collector reads; it passes over all other names. */
static bool is_file(const char *path)
{
	size_t len = strlen(path), suffix = strlen(FILE_SUFFIX);

	return len > suffix && !strcmp(path + len - suffix, FILE_SUFFIX);
}

static int read_interval(const struct config_pairs *pairs, unsigned *seconds, struct error *err)
{
	const char *path = pairs->value[METRICS_PATH];

	if (is_file(path)) {
		*seconds = USUAL_SECONDS;
		return config_pairs_unsigned(pairs, METRICS_INTERVAL, 1, MAX_INTERVAL, seconds,
					     err);
	}
	if (!pairs->value[METRICS_INTERVAL])
		return 0;
	config_pairs_refuse(pairs, METRICS_INTERVAL, err,
			    "%s is a socket's: no name that ends in %s", path, FILE_SUFFIX);
	return error_remedy(err, "for a file write path=%s%s; for a socket leave interval= out",
			    path, FILE_SUFFIX);
}

int config_set_metrics(struct config *config, const char *value, struct error *err)
{
	struct config_pairs pairs;
	mode_t mode = LISTENER_MODE;
	int r = config_pairs_parse(&pairs, value, &metrics_keys, err);

	if (r)
		return r;
	if (!pairs.value[METRICS_PATH]) {
		r = error_set(err, -EINVAL, "key path");
		error_reason(err, "missing");
		error_remedy(err, "name the socket, path=/run/torc-metrics, or a file, path=torc%s",
			     FILE_SUFFIX);
	}
	if (!r)
		r = read_interval(&pairs, &config->metrics.interval_s, err);
	if (!r) {
		/* Who collects a file is seldom who runs torc. */
		if (is_file(pairs.value[METRICS_PATH]))
			mode = 0644;
		r = config_pairs_mode(&pairs, METRICS_MODE, &mode, err);
	}
	if (!r)
		r = config_copy_string(&config->metrics.path, pairs.value[METRICS_PATH], err);
	if (!r)
		config->metrics.mode = mode;
	config_pairs_destroy(&pairs);
	return r;
}
