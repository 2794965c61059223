/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/serial_fixture.h"

/* Registers */

static void reset_state_is_that_of_the_data_sheet(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rd(f, UART_IER), 0);
	assert_int_equal(rd(f, UART_IIR), UART_IIR_NO_INT);
	assert_int_equal(rd(f, UART_LCR), 0);
	assert_int_equal(rd(f, UART_MCR), 0);
	assert_int_equal(rd(f, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(rd(f, UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	assert_int_equal(rd(f, UART_RX), 0);
}

static void reset_drops_what_the_guest_has_set(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(f, UART_MCR, UART_MCR_OUT2);
	wr(f, UART_IER, UART_IER_THRI);
	assert_true(f->irq);
	serial_reset(&f->s);
	assert_false(f->irq);
	reset_state_is_that_of_the_data_sheet(state);
}

static void scratch_and_divisor_read_back(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_SCR, 0x5a);
	wr(f, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	wr(f, UART_DLL, 0x34);
	wr(f, UART_DLM, 0x12);
	assert_int_equal(rd(f, UART_DLL), 0x34);
	assert_int_equal(rd(f, UART_DLM), 0x12);
	wr(f, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(rd(f, UART_IER), 0);
	assert_int_equal(rd(f, UART_RX), 0);
	assert_int_equal(rd(f, UART_SCR), 0x5a);
	assert_int_equal(rd(f, UART_LCR), UART_LCR_WLEN8);
}

static void unimplemented_bits_read_as_zero(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_IER, 0xff);
	wr(f, UART_MCR, 0xff);
	assert_int_equal(rd(f, UART_IER), 0x0f);
	assert_int_equal(rd(f, UART_MCR), 0x1f);
}

static void read_only_registers_stay(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_LSR, 0xff);
	wr(f, UART_MSR, 0);
	reset_state_is_that_of_the_data_sheet(state);
}

static void wide_reads_fill_with_ones(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_SCR, 0x12);
	assert_int_equal(serial_read(&f->s, UART_SCR, 2), 0xff12);
	assert_int_equal(serial_read(&f->s, UART_SCR, 4), 0xffffff12);
	serial_write(&f->s, UART_SCR, 4, 0xdeadbeef);
	assert_int_equal(rd(f, UART_SCR), 0xef);
}

/* What Linux' 8250 driver looks at, in its order (autoconfig(), serial8250_do_startup()). */
static void linux_detects_a_16550a(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_IER, 0);
	assert_int_equal(rd(f, UART_IER) & 0x0f, 0);
	wr(f, UART_IER, 0x0f);
	assert_int_equal(rd(f, UART_IER) & 0x0f, 0x0f);
	wr(f, UART_IER, 0);
	wr(f, UART_MCR, UART_MCR_LOOP | 0x0a);
	assert_int_equal(rd(f, UART_MSR) & 0xf0, 0x90);
	wr(f, UART_MCR, 0);
	wr(f, UART_LCR, 0xbf);
	wr(f, UART_FCR, 0);
	wr(f, UART_LCR, 0);
	wr(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(rd(f, UART_IIR) >> 6, 3);
	/* No EFR of a 16650 or later, no 64-byte FIFO of a 16750, no UUE bit of an XScale. */
	wr(f, UART_LCR, UART_LCR_DLAB);
	assert_int_not_equal(rd(f, UART_FCR), 0);
	wr(f, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(rd(f, UART_IIR) >> 5, 6);
	wr(f, UART_LCR, 0);
	wr(f, UART_IER, 0x40);
	assert_int_equal(rd(f, UART_IER), 0);
}

static void linux_finds_no_transmitter_bugs(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		wr(f, UART_IER, UART_IER_THRI);
		assert_int_equal(rd(f, UART_IIR), UART_IIR_THRI);
		wr(f, UART_IER, 0);
	}
	wr(f, UART_IER, UART_IER_THRI);
	assert_true(rd(f, UART_LSR) & UART_LSR_TEMT);
	assert_int_equal(rd(f, UART_IIR), UART_IIR_THRI);
}

/* Interrupts */

static void thre_interrupt_comes_when_enabled_and_goes_when_read(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_MCR, UART_MCR_OUT2);
	assert_false(f->irq);
	wr(f, UART_IER, UART_IER_THRI);
	assert_true(f->irq);
	assert_int_equal(rd(f, UART_IIR), UART_IIR_THRI);
	assert_false(f->irq);
	assert_int_equal(rd(f, UART_IIR), UART_IIR_NO_INT);
	wr(f, UART_IER, UART_IER_THRI); /* set already: no edge */
	assert_false(f->irq);
	wr(f, UART_IER, 0);
	wr(f, UART_IER, UART_IER_THRI);
	assert_true(f->irq);
}

static void thre_interrupt_comes_again_after_each_burst(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_MCR, UART_MCR_OUT2);
	wr(f, UART_IER, UART_IER_THRI);
	for (unsigned burst = 0; burst < 3; burst++) {
		unsigned before = f->raised;

		assert_int_equal(rd(f, UART_IIR), UART_IIR_THRI);
		for (unsigned i = 0; i < SERIAL_FIFO; i++)
			wr(f, UART_TX, 'a');
		assert_int_equal(f->raised, before + 1);
	}
}

static void interrupt_line_needs_out2(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_IER, UART_IER_THRI);
	assert_int_equal(f->raised, 0);
	wr(f, UART_MCR, UART_MCR_OUT2);
	assert_true(f->irq);
	wr(f, UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP);
	assert_false(f->irq);
	wr(f, UART_MCR, 0);
	assert_false(f->irq);
	assert_int_equal(rd(f, UART_IIR), UART_IIR_THRI); /* pending all the same */
}

static void priorities_are_line_status_receiver_transmitter_modem(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(f, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS); /* makes DSR, DCD go */
	for (unsigned i = 0; i <= SERIAL_FIFO; i++)    /* one too many */
		wr(f, UART_TX, i);
	wr(f, UART_IER, 0x0f);
	assert_int_equal(rd(f, UART_IIR), 0xc0 | UART_IIR_RLSI);
	assert_true(rd(f, UART_LSR) & UART_LSR_OE);
	assert_false(rd(f, UART_LSR) & UART_LSR_OE);
	assert_int_equal(rd(f, UART_IIR), 0xc0 | UART_IIR_RDI);
	for (unsigned i = 0; i < SERIAL_FIFO; i++)
		assert_int_equal(rd(f, UART_RX), i);
	assert_int_equal(rd(f, UART_IIR), 0xc0 | UART_IIR_THRI);
	assert_int_equal(rd(f, UART_IIR), 0xc0 | UART_IIR_MSI);
	rd(f, UART_MSR);
	assert_int_equal(rd(f, UART_IIR), 0xc0 | UART_IIR_NO_INT);
}

static void reading_iir_acknowledges_only_what_it_shows(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_IER, UART_IER_THRI | UART_IER_RDI);
	type(f, "k", 1);
	assert_int_equal(rd(f, UART_IIR), UART_IIR_RDI);
	assert_int_equal(rd(f, UART_IIR), UART_IIR_RDI);
	assert_int_equal(rd(f, UART_RX), 'k');
	assert_int_equal(rd(f, UART_IIR), UART_IIR_THRI);
}

static void trigger_level_tells_data_from_timeout(void **state)
{
	static const struct {
		uint8_t fcr;
		unsigned level;
	} cases[] = { { 0x00, 1 }, { 0x40, 4 }, { 0x80, 8 }, { 0xc0, 14 } };
	struct fixture *f = *state;

	wr(f, UART_IER, UART_IER_RDI);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		wr(f, UART_FCR, cases[i].fcr | UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
		for (unsigned n = 1; n <= SERIAL_FIFO; n++) {
			type(f, "x", 1);
			assert_int_equal(rd(f, UART_IIR) & 0x0f,
					 n < cases[i].level ? UART_IIR_RX_TIMEOUT : UART_IIR_RDI);
		}
	}
}

static void receive_interrupt_lasts_until_the_fifo_is_empty(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_14);
	wr(f, UART_MCR, UART_MCR_OUT2);
	wr(f, UART_IER, UART_IER_RDI);
	type(f, "ab", 2);
	assert_true(f->irq);
	rd(f, UART_RX);
	assert_true(f->irq);
	rd(f, UART_RX);
	assert_false(f->irq);
	assert_int_equal(f->raised, 1);
}

/* Loopback and modem status */

static void loopback_turns_modem_outputs_into_inputs(void **state)
{
	static const uint8_t map[][2] = { { UART_MCR_DTR, UART_MSR_DSR },
					  { UART_MCR_RTS, UART_MSR_CTS },
					  { UART_MCR_OUT1, UART_MSR_RI },
					  { UART_MCR_OUT2, UART_MSR_DCD } };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(map); i++) {
		wr(f, UART_MCR, UART_MCR_LOOP | map[i][0]);
		assert_int_equal(rd(f, UART_MSR) & 0xf0, map[i][1]);
	}
	wr(f, UART_MCR, 0);
	assert_int_equal(rd(f, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
}

static void modem_deltas_are_set_by_changes_and_cleared_by_reading(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_MCR, UART_MCR_LOOP);
	rd(f, UART_MSR);
	wr(f, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_OUT1);
	assert_int_equal(rd(f, UART_MSR) & 0x0f, UART_MSR_DCTS); /* RI: not on its rise */
	assert_int_equal(rd(f, UART_MSR) & 0x0f, 0);
	wr(f, UART_MCR, UART_MCR_LOOP | UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	assert_int_equal(rd(f, UART_MSR) & 0x0f, UART_MSR_DDSR | UART_MSR_TERI | UART_MSR_DDCD);
}

static void loopback_data_stays_inside(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[8];

	wr(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(f, UART_MCR, UART_MCR_LOOP);
	wr(f, UART_TX, 0xae);
	type(f, "k", 1); /* waits outside */
	assert_int_equal(rd(f, UART_RX), 0xae);
	assert_false(rd(f, UART_LSR) & UART_LSR_DR);
	assert_int_equal(take(f, buf, sizeof(buf)), 0);
	wr(f, UART_MCR, 0);
	expect_received(f, "k");
}

/* Receiver */

static void input_is_held_back_and_never_overruns(void **state)
{
	struct fixture *f = *state;
	char text[1001];

	for (unsigned i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('A' + i % 53);
	text[sizeof(text) - 1] = 0;
	wr(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	type(f, text, sizeof(text) - 1);
	assert_false(rd(f, UART_LSR) & UART_LSR_OE);
	expect_received(f, text);
}

static void without_fifo_one_byte_is_there_at_a_time(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_IER, UART_IER_RDI);
	type(f, "abc", 3);
	assert_int_equal(rd(f, UART_IIR), UART_IIR_RDI);
	expect_received(f, "abc");
}

static void fifo_reset_and_mode_change_clear_the_receiver(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	type(f, "abc", 3);
	wr(f, UART_FCR, UART_FCR_CLEAR_RCVR | UART_FCR_ENABLE_FIFO);
	assert_false(rd(f, UART_LSR) & UART_LSR_DR);
	type(f, "def", 3);
	wr(f, UART_FCR, 0);
	assert_false(rd(f, UART_LSR) & UART_LSR_DR);
	assert_int_equal(rd(f, UART_IIR), UART_IIR_NO_INT);
}

static void end_of_input_stops_reading(void **state)
{
	struct fixture *f = *state;

	type(f, "z", 1);
	fd_close(&f->type_fd);
	fake_ring_settle(&f->ring);
	expect_received(f, "z");
	fake_ring_settle(&f->ring);
	assert_int_equal(f->ring.nr_active, 0);
	wr(f, UART_TX, 'o'); /* output goes on */
	fake_ring_settle(&f->ring);
	assert_int_equal(take(f, (uint8_t[1]){ 0 }, 1), 1);
}

static void non_blocking_input_is_polled(void **state)
{
	struct fixture *f = *state;

	plug_pipes(f);
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	start(f, LINE_TTY, NULL);
	wr(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	type(f, "one", 3);
	expect_received(f, "one");
	type(f, "two", 3);
	expect_received(f, "two");
}

static void input_that_is_no_terminal_has_no_escape(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	type(f, "\001x\001\001", 4);
	assert_int_equal(f->quits, 0);
	expect_received(f, "\001x\001\001");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PIPES(reset_state_is_that_of_the_data_sheet),
		PIPES(reset_drops_what_the_guest_has_set),
		PIPES(scratch_and_divisor_read_back),
		PIPES(unimplemented_bits_read_as_zero),
		PIPES(read_only_registers_stay),
		PIPES(wide_reads_fill_with_ones),
		PIPES(linux_detects_a_16550a),
		PIPES(linux_finds_no_transmitter_bugs),
		PIPES(thre_interrupt_comes_when_enabled_and_goes_when_read),
		PIPES(thre_interrupt_comes_again_after_each_burst),
		PIPES(interrupt_line_needs_out2),
		PIPES(priorities_are_line_status_receiver_transmitter_modem),
		PIPES(reading_iir_acknowledges_only_what_it_shows),
		PIPES(trigger_level_tells_data_from_timeout),
		PIPES(receive_interrupt_lasts_until_the_fifo_is_empty),
		PIPES(loopback_turns_modem_outputs_into_inputs),
		PIPES(modem_deltas_are_set_by_changes_and_cleared_by_reading),
		PIPES(loopback_data_stays_inside),
		PIPES(input_is_held_back_and_never_overruns),
		PIPES(without_fifo_one_byte_is_there_at_a_time),
		PIPES(fifo_reset_and_mode_change_clear_the_receiver),
		PIPES(end_of_input_stops_reading),
		UNPLUGGED(non_blocking_input_is_polled),
		PIPES(input_that_is_no_terminal_has_no_escape),
	};

	signal(SIGPIPE, SIG_IGN); /* as torc does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
