/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Points: when something was where on its way, in the order of the places; TSC, 0 where it is not known.
 *
 * A stage lasts from the last point that is known to the next one, and has the next one's name. So the stages always
 * add up to the whole.
 */
#ifndef CORE_TRACE_REPORT_POINTS_H
#define CORE_TRACE_REPORT_POINTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/histogram.h"

/**
 * trace_points_set - say when it was at a point
 * @at: the points before are set
 * @point: which
 * @tsc: raised to the last point before it: stamps of two threads need not be in order
 */
void trace_points_set(uint64_t *at, unsigned point, uint64_t tsc);

/**
 * trace_points_first - when it began
 * @at: points
 * @nr: how many
 *
 * Return: the first that is known; 0: none is.
 */
uint64_t trace_points_first(const uint64_t *at, unsigned nr);

/**
 * trace_points_last - when it ended
 * @at: points
 * @nr: how many
 *
 * Return: the last that is known; 0: none is.
 */
uint64_t trace_points_last(const uint64_t *at, unsigned nr);

/**
 * trace_points_stage - how long a stage took
 * @at: points
 * @point: the one that ends it
 *
 * Return: cycles since the point before; 0 for the first one, and for one that is not known.
 */
uint64_t trace_points_stage(const uint64_t *at, unsigned point);

/**
 * trace_points_measure - add a stage to a distribution
 * @at: points
 * @nr: how many
 * @point: that ends the stage, which is not added if it is not known; @nr: the whole
 * @h: of cycles
 */
void trace_points_measure(const uint64_t *at, unsigned nr, unsigned point, struct histogram *h);

/**
 * trace_points_slowest - those of many that took longest
 * @first: points, at the beginning of the first one
 * @stride: bytes from one to the next
 * @nr: how many there are
 * @nr_points: of each
 * @out: receives their indices, the slowest first
 * @max: room in @out
 *
 * Return: how many.
 */
size_t trace_points_slowest(const void *first, size_t stride, size_t nr, unsigned nr_points,
			    size_t *out, size_t max);

#endif
