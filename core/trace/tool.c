/* SPDX-License-Identifier: Apache-2.0 */
/* torc-trace: where a running torc's time goes, live, recorded, and as a report. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/command.h"
#include "core/trace/record/kernel.h"
#include "core/trace/record/live.h"
#include "core/trace/record/record.h"
#include "core/trace/record/source.h"
#include "core/trace/report/recording.h"
#include "core/trace/report/report.h"

#define TOOL "torc-trace"

static const char usage[] =
	"Usage: torc-trace live [--interval S] [--count N] PID\n"
	"       torc-trace record [--seconds S] -o FILE PID\n"
	"       torc-trace report [--json|--csv|--hgrm|--perfetto] FILE\n"
	"Say where the time of a running torc goes.\n"
	"\n"
	"  live           rates, latencies, exits, polls and batches of every vCPU, ring, queue\n"
	"                 and vector, again and again\n"
	"  record         every event, until the VM ends or on Ctrl-C, and KVM's where permitted\n"
	"  report         a recording on standard output, as an HTML page\n"
	"\n"
	"  --interval S   seconds between two screens; 1\n"
	"  --count N      end after this many screens\n"
	"  --seconds S    end after this time\n"
	"  -o FILE        where to record\n"
	"  --json         counters, distributions, requests and vectors as JSON\n"
	"  --csv          the stages of every request and interrupt as CSV\n"
	"  --hgrm         distributions as HdrHistogram's text\n"
	"  --perfetto     every event as Chrome trace JSON, for ui.perfetto.dev\n"
	"  -h, --help     print this and exit\n"
	"  -V, --version  print the version and exit\n"
	"\n"
	"PID is torc's, such as $(pgrep -x torc). See torc-trace(1).\n";

/* Options, by bit. */
enum {
	INTERVAL = 1,
	COUNT = 2,
	SECONDS = 4,
	OUTPUT = 8,
	FORMAT = 16,
};

static const char *const option_names[] = { "--interval", "--count",	  "--seconds",
					    "-o",	  "for a format", NULL };

struct options {
	struct trace_live_options live;
	double seconds;
	const char *output;
	enum trace_report_format format;
	unsigned given;
};

static int refuse(struct error *err, const char *what, const char *word, const char *reason)
{
	return command_refuse(TOOL, what, word, reason, err);
}

static int open_source(struct trace_source *source, const char *word, bool write, struct error *err)
{
	char *end;
	long pid = strtol(word, &end, 10);

	if (*end || pid < 1 || pid > INT32_MAX)
		return refuse(err, "process ", word, "not a process's number");
	return trace_source_open(source, (int)pid, write, err);
}

static int run_live(const void *opaque, char **arg, int nr, struct error *err)
{
	const struct options *options = opaque;
	struct trace_source source;
	int r = open_source(&source, arg[0], false, err);

	if (r)
		return r;
	r = trace_live(&source, &options->live, stdout, err);
	trace_source_close(&source);
	return r;
}

static int run_record(const void *opaque, char **arg, int nr, struct error *err)
{
	const struct options *options = opaque;
	struct trace_source source;
	int r;

	if (!options->output)
		return refuse(err, "option -o", "", "missing: where to record");
	r = open_source(&source, arg[0], true, err);
	if (r)
		return r;
	r = trace_record_file(&source, options->output, options->seconds, err);
	trace_source_close(&source);
	return r;
}

static int run_report(const void *opaque, char **arg, int nr, struct error *err)
{
	const struct options *options = opaque;
	struct trace_recording recording;
	int r = trace_recording_open(&recording, arg[0], err);

	if (r)
		return r;
	r = trace_report(&recording, options->format, stdout, err);
	trace_recording_close(&recording);
	return r;
}

static const struct command commands[] = {
	{ "live", 1, 1, INTERVAL | COUNT, run_live },
	{ "record", 1, 1, SECONDS | OUTPUT, run_record },
	{ "report", 1, 1, FORMAT, run_report },
};

static int seconds(const char *word, double *out, struct error *err)
{
	char *end;
	double v = strtod(word, &end);

	if (*end || end == word || !(v >= 0.01 && v <= 1e6))
		return refuse(err, "time ", word, "not from 0.01 to 1000000 seconds");
	*out = v;
	return 0;
}

static int number(const char *word, unsigned *out, struct error *err)
{
	char *end;
	unsigned long v = strtoul(word, &end, 10);

	if (*end || strspn(word, "0123456789") != strlen(word) || v < 1 || v > 1000000)
		return refuse(err, "number ", word, "not from 1 to 1000000");
	*out = (unsigned)v;
	return 0;
}

/* What getopt_long() gives for a long option: a bit, or a format. */
#define FORMAT_OF(f) (0x100 + (f))

static const struct option long_options[] = {
	{ "interval", required_argument, NULL, INTERVAL },
	{ "count", required_argument, NULL, COUNT },
	{ "seconds", required_argument, NULL, SECONDS },
	{ "json", no_argument, NULL, FORMAT_OF(TRACE_REPORT_JSON) },
	{ "csv", no_argument, NULL, FORMAT_OF(TRACE_REPORT_CSV) },
	{ "hgrm", no_argument, NULL, FORMAT_OF(TRACE_REPORT_HGRM) },
	{ "perfetto", no_argument, NULL, FORMAT_OF(TRACE_REPORT_PERFETTO) },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, no_argument, NULL, 0 },
};

static const struct command_set command_set = {
	TOOL, commands, ARRAY_SIZE(commands), option_names, ":o:hV", long_options,
};

static int set(struct options *options, int c, struct error *err)
{
	if (c == 'o') {
		options->output = optarg;
		options->given |= OUTPUT;
		return 0;
	}
	if (c >= FORMAT_OF(0)) {
		if (options->given & FORMAT)
			return refuse(err, "format", "", "given twice");
		options->format = (enum trace_report_format)(c - FORMAT_OF(0));
		options->given |= FORMAT;
		return 0;
	}
	options->given |= (unsigned)c;
	if (c == COUNT)
		return number(optarg, &options->live.count, err);
	return seconds(optarg, c == SECONDS ? &options->seconds : &options->live.interval_s, err);
}

/* What is mapped is another process's, whose memory may not be there when it is looked at. */
static void on_sigbus(int sig)
{
	static const char message[] = TOOL ": trace: its memory cannot be read any more\n"
					   "  remedy: the process may have no memory left; see "
					   "its log\n";

	ssize_t written = write(STDERR_FILENO, message, sizeof(message) - 1);

	(void)written; /* there is nowhere to report a failure to */
	trace_kernel_put_back();
	_exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	const struct sigaction sigbus = { .sa_handler = on_sigbus };
	struct options options = { .live.interval_s = 1 };
	struct error err = { 0 };
	int c, r = 0;

	sigaction(SIGBUS, &sigbus, NULL);
	while (!r && (c = command_option(&command_set, argc, argv, &err)) != -1) {
		if (c == COMMAND_WRONG_OPTION)
			return command_end(-EINVAL, &err);
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (c == 'V') {
			printf(TOOL " %s\n", TORC_VERSION);
			return 0;
		}
		r = set(&options, c, &err);
	}
	if (!r)
		r = command_run(&command_set, options.given, &options, argv + optind, argc - optind,
				&err);
	return command_end(r, &err);
}
