/* SPDX-License-Identifier: Apache-2.0 */
#include "io/serial/serial.h"

#include <string.h>

#include <linux/serial_reg.h>

/* Bits that read back; the others of these registers are always 0 in a PC16550D. */
#define IER_MASK 0x0f
#define MCR_MASK 0x1f

/* The other end is always there. */
#define MSR_CONNECTED (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)

/* 9600 baud, what firmware would leave. */
#define DEFAULT_DIVISOR 12

#define IIR_TIMEOUT 0x0c
#define IIR_FIFO    0xc0

static bool line_has_room(const struct serial *s)
{
	return line_room(&s->line) >= SERIAL_FIFO;
}

static bool fifo_enabled(const struct serial *s)
{
	return s->fcr & UART_FCR_ENABLE_FIFO;
}

static unsigned rx_capacity(const struct serial *s)
{
	return fifo_enabled(s) ? SERIAL_FIFO : 1;
}

static unsigned rx_trigger(const struct serial *s)
{
	static const uint8_t level[] = { 1, 4, 8, 14 };

	return fifo_enabled(s) ? level[s->fcr >> 6] : 1;
}

static void rx_put(struct serial *s, uint8_t byte)
{
	if (s->rx_count == rx_capacity(s)) {
		s->overrun = true;
		return;
	}
	s->rx[(s->rx_head + s->rx_count++) % SERIAL_FIFO] = byte;
}

static void rx_clear(struct serial *s)
{
	s->rx_head = 0;
	s->rx_count = 0;
}

/* In loopback the receiver is cut off from the line, so its input waits. */
static void rx_fill(struct serial *s)
{
	uint8_t byte;

	while (!(s->mcr & UART_MCR_LOOP) && s->rx_count < rx_capacity(s) &&
	       line_receive(&s->line, &byte, 1))
		rx_put(s, byte);
}

static bool thr_empty(const struct serial *s)
{
	return (s->mcr & UART_MCR_LOOP) || line_has_room(s);
}

/* Modem status without the deltas; in loopback the inputs are the outputs of MCR. */
static uint8_t msr_state(const struct serial *s)
{
	uint8_t v = 0;

	if (!(s->mcr & UART_MCR_LOOP))
		return MSR_CONNECTED;
	if (s->mcr & UART_MCR_DTR)
		v |= UART_MSR_DSR;
	if (s->mcr & UART_MCR_RTS)
		v |= UART_MSR_CTS;
	if (s->mcr & UART_MCR_OUT1)
		v |= UART_MSR_RI;
	if (s->mcr & UART_MCR_OUT2)
		v |= UART_MSR_DCD;
	return v;
}

/* The interrupt of the highest priority, as IIR shows it: PC16550D, 8.5, table IV. */
static uint8_t iir_id(const struct serial *s)
{
	if ((s->ier & UART_IER_RLSI) && s->overrun)
		return UART_IIR_RLSI;
	if ((s->ier & UART_IER_RDI) && s->rx_count >= rx_trigger(s))
		return UART_IIR_RDI;
	/* Fewer bytes than the trigger level wait four character times; here no time at all. */
	if ((s->ier & UART_IER_RDI) && s->rx_count)
		return IIR_TIMEOUT;
	if ((s->ier & UART_IER_THRI) && s->thr_pending)
		return UART_IIR_THRI;
	if ((s->ier & UART_IER_MSI) && s->msr_delta)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

/* On a PC, OUT2 gates the interrupt line; loopback forces the OUT2 pin inactive. */
static void update_irq(struct serial *s)
{
	bool gate = (s->mcr & (UART_MCR_OUT2 | UART_MCR_LOOP)) == UART_MCR_OUT2;
	bool level = gate && iir_id(s) != UART_IIR_NO_INT;

	if (level == s->irq_level)
		return;
	s->irq_level = level;
	s->set_irq(s->opaque, level);
}

static void changed(void *opaque)
{
	struct serial *s = opaque;

	rx_fill(s);
	if (s->thr_full && line_has_room(s)) {
		s->thr_full = false;
		s->thr_pending = true;
	}
	update_irq(s);
}

static uint8_t read_rbr(struct serial *s)
{
	uint8_t v = s->rx[s->rx_head];

	if (!s->rx_count)
		return 0;
	s->rx_head = (s->rx_head + 1) % SERIAL_FIFO;
	s->rx_count--;
	rx_fill(s);
	return v;
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t id = iir_id(s);

	if (id == UART_IIR_THRI) /* reading it as the source acknowledges it */
		s->thr_pending = false;
	return id | (fifo_enabled(s) ? IIR_FIFO : 0);
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t v = 0;

	if (s->rx_count)
		v |= UART_LSR_DR;
	if (s->overrun)
		v |= UART_LSR_OE;
	if (thr_empty(s))
		v |= UART_LSR_THRE | UART_LSR_TEMT;
	s->overrun = false;
	return v;
}

static uint8_t read_msr(struct serial *s)
{
	uint8_t v = msr_state(s) | s->msr_delta;

	s->msr_delta = 0;
	return v;
}

static uint8_t read_register(struct serial *s, uint64_t offset)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_RX:
		return dlab ? s->dll : read_rbr(s);
	case UART_IER:
		return dlab ? s->dlm : s->ier;
	case UART_IIR:
		return read_iir(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return read_lsr(s);
	case UART_MSR:
		return read_msr(s);
	case UART_SCR:
		return s->scr;
	default:
		return 0xff;
	}
}

static void write_thr(struct serial *s, uint8_t v)
{
	if (s->mcr & UART_MCR_LOOP) {
		rx_put(s, v);
	} else {
		/* Lost when the line is full, as it would be in a full FIFO. */
		line_send(&s->line, &v, 1);
		s->thr_full = !line_has_room(s);
	}
	/* It is sent at once, so the register is empty again unless the line is full. */
	s->thr_pending = thr_empty(s);
}

static void write_ier(struct serial *s, uint8_t v)
{
	/* Enabling raises it anew while THR is empty: drivers rely on it to start sending. */
	if ((v & ~s->ier & UART_IER_THRI) && thr_empty(s))
		s->thr_pending = true;
	s->ier = v & IER_MASK;
}

/* The transmit FIFO is never reset: what it held is on the line already. */
static void write_fcr(struct serial *s, uint8_t v)
{
	bool enable = v & UART_FCR_ENABLE_FIFO;

	if (enable != fifo_enabled(s) || (enable && (v & UART_FCR_CLEAR_RCVR)))
		rx_clear(s);
	/* The other bits are not programmed while bit 0 is 0: PC16550D, 8.4. */
	s->fcr = enable ? v & (UART_FCR_TRIGGER_MASK | UART_FCR_ENABLE_FIFO) : 0;
	rx_fill(s);
}

static void write_mcr(struct serial *s, uint8_t v)
{
	uint8_t before = msr_state(s), now, changed;

	s->mcr = v & MCR_MASK;
	now = msr_state(s);
	changed = before ^ now;
	if (changed & UART_MSR_CTS)
		s->msr_delta |= UART_MSR_DCTS;
	if (changed & UART_MSR_DSR)
		s->msr_delta |= UART_MSR_DDSR;
	if (changed & before & UART_MSR_RI) /* the trailing edge only */
		s->msr_delta |= UART_MSR_TERI;
	if (changed & UART_MSR_DCD)
		s->msr_delta |= UART_MSR_DDCD;
	rx_fill(s);
}

static void write_register(struct serial *s, uint64_t offset, uint8_t v)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_TX:
		if (dlab)
			s->dll = v;
		else
			write_thr(s, v);
		break;
	case UART_IER:
		if (dlab)
			s->dlm = v;
		else
			write_ier(s, v);
		break;
	case UART_FCR:
		write_fcr(s, v);
		break;
	case UART_LCR:
		s->lcr = v;
		break;
	case UART_MCR:
		write_mcr(s, v);
		break;
	case UART_SCR:
		s->scr = v;
		break;
	default: /* LSR and MSR are read-only */
		break;
	}
}

uint64_t serial_read(void *opaque, uint64_t offset, unsigned size)
{
	struct serial *s = opaque;
	uint64_t v;

	pthread_mutex_lock(&s->lock);
	v = read_register(s, offset);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	if (size > 1)
		v |= (size < 8 ? (1ULL << (8 * size)) - 1 : ~0ULL) & ~0xffULL;
	return v;
}

void serial_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct serial *s = opaque;

	pthread_mutex_lock(&s->lock);
	write_register(s, offset, (uint8_t)value);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
}

void serial_reset(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	s->ier = s->fcr = s->lcr = s->mcr = s->scr = s->dlm = 0;
	s->dll = DEFAULT_DIVISOR;
	s->msr_delta = 0;
	s->overrun = false;
	s->thr_pending = false;
	rx_clear(s);
	rx_fill(s);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
}

static void quit(void *opaque)
{
	struct serial *s = opaque;

	if (s->quit)
		s->quit(s->opaque);
}

static void closed(void *opaque)
{
	struct serial *s = opaque;

	ring_stop(s->line.ring);
}

int serial_init(struct serial *s, const struct serial_config *config, struct ring *ring,
		void (*set_irq)(void *opaque, bool level), void *opaque, struct error *err)
{
	const struct line_user user = {
		.changed = changed,
		.quit = quit,
		.closed = closed,
		.opaque = s,
		.lock = &s->lock,
	};
	struct line line;
	int r = line_open(&line, "serial", &config->line, NULL, err);

	if (r)
		return r;
	*s = (struct serial){
		.line = line,
		.set_irq = set_irq,
		.quit = config->quit,
		.opaque = opaque,
	};
	pthread_mutex_init(&s->lock, NULL);
	serial_reset(s);
	line_start(&s->line, ring, &user);
	return 0;
}

void serial_destroy(struct serial *s)
{
	struct ring *ring = s->line.ring;

	if (!ring)
		return;
	if (!line_close(&s->line)) {
		while (!s->line.closed && !ring_run(ring))
			;
	}
	line_destroy(&s->line);
	pthread_mutex_destroy(&s->lock);
}
