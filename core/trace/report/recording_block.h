/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Recording block: what a block of the file adds to the recording; nothing in it is trusted.
 */
#ifndef CORE_TRACE_REPORT_RECORDING_BLOCK_H
#define CORE_TRACE_REPORT_RECORDING_BLOCK_H

#include "core/trace/report/recording.h"

/**
 * trace_recording_block - add a block
 * @rec: its header is read; closed by the caller, also on failure
 * @type: enum trace_block_type, or anything
 * @data: of the block
 * @size: of @data, a multiple of 8
 *
 * Return: 0; -EPROTO damaged; -ENOMEM.
 */
int trace_recording_block(struct trace_recording *rec, uint32_t type, const char *data,
			  uint64_t size);

#endif
