/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A recording whose figures are known: what torc-trace makes of a trace that threads of this process write meanwhile, as
 * torc's would. At 1 GHz, request i of 1 to 1,000 takes i microseconds, and begins 2 ms after the one before.
 *
 * test_report.py and test_page.py know these figures, too.
 */
#ifndef TESTS_UNIT_TRACE_FIXTURE_H
#define TESTS_UNIT_TRACE_FIXTURE_H

#define TRACE_FIXTURE_REQUESTS 1000U

/**
 * trace_fixture_record - make it
 * @path: of the file
 *
 * Makes the process's trace, too, which trace_destroy() ends. Return: 0; -errno.
 */
int trace_fixture_record(const char *path);

/**
 * trace_fixture_add_kernel - add the events that the kernel would have had to a recording
 * @path: of the file
 *
 * Of a request the doorbell 100 ns before it is taken, and after its end MSI, APIC and EOI within 300 ns. Of interrupt i
 * of the vector: the host's handler 1.2 ms after request i is taken, the ring 1 us later, EOI 2 us and i * 0.1 us after
 * the handler. Return: 0; -errno.
 */
int trace_fixture_add_kernel(const char *path);

#endif
