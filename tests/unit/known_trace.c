/* SPDX-License-Identifier: Apache-2.0 */
/* known_trace FILE: the recording of trace_fixture.h, with KVM's events. */
#include <stdio.h>
#include <string.h>

#include "core/base/trace.h"
#include "tests/unit/trace_fixture.h"

int main(int argc, char **argv)
{
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: known_trace FILE\n");
		return 2;
	}
	r = trace_fixture_record(argv[1]);
	if (!r)
		r = trace_fixture_add_kernel(argv[1]);
	trace_destroy();
	if (r)
		fprintf(stderr, "known_trace: %s\n", strerror(-r));
	return r ? 1 : 0;
}
