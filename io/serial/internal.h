/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Between the UART (uart.c: registers, interrupts) and its line (line.c: queues, ring, terminal).
 * Everything here is called with the lock held.
 */
#ifndef IO_SERIAL_INTERNAL_H
#define IO_SERIAL_INTERNAL_H

#include "io/serial/serial.h"

/**
 * line_has_room - whether the queue takes a whole transmit FIFO
 * @s: locked
 *
 * Return: true when THRE is to be set.
 */
bool line_has_room(const struct serial *s);

/**
 * line_send - queue a byte that the guest has sent
 * @s: locked
 * @byte: lost when the queue is full, as it would be in a full FIFO
 */
void line_send(struct serial *s, uint8_t byte);

/**
 * line_receive - take a byte that has come in
 * @s: locked
 * @byte: receives it; untouched when there is none
 *
 * Return: true when there was one.
 */
bool line_receive(struct serial *s, uint8_t *byte);

/**
 * uart_line_changed - look at the line again: more input, or room for output
 * @s: locked
 * @had_room: line_has_room() before the change
 */
void uart_line_changed(struct serial *s, bool had_room);

#endif
