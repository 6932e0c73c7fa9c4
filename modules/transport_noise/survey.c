/* SPDX-License-Identifier: BSD-2-Clause
 *
 * survey.c - see survey.h.
 */
#include "survey.h"

#include "tlv.h"

/* Not right after the handshake: other knocks of the attempt may still be under way. */
#define AFTER (20 * RTUN_S)
#define EVERY (24 * 3600 * RTUN_S)

enum { PORT, BESIDE, FIELDS };
#define AT(i) ((uint32_t)((i) * sizeof(struct tlv_value)))
static const struct tlv_row rows[FIELDS] = {
	{TLV_PORT_LOOKS, true, 1, 1, AT(PORT)},
	{TLV_PORTS_BESIDE, true, 1, 1, AT(BESIDE)},
};

static void on_probe(void *arg, enum look port, enum look beside)
{
	struct survey *s = arg;
	struct tlv_writer w;
	uint8_t buf[16];
	s->probe = NULL;
	s->last = rtun_now(s->ctx);
	if (port != LOOK_UNKNOWN && beside != LOOK_UNKNOWN) {
		tlv_write_begin(&w, buf, sizeof(buf));
		tlv_put_number(&w, TLV_PORT_LOOKS, port, 1);
		tlv_put_number(&w, TLV_PORTS_BESIDE, beside, 1);
		mux_send(s->mux, FRAME_INFO, buf, (uint32_t)tlv_write_end(&w, 0));
	}
	rtun_timer_start(s->timer, EVERY);
}

static void on_timer(void *arg)
{
	struct survey *s = arg;
	if (!s->probe && probe_start(s->ctx, &s->to, on_probe, s, &s->probe) < 0)
		rtun_timer_start(s->timer, EVERY);
}

int survey_init(struct survey *s, struct rtun_ctx *ctx)
{
	*s = (struct survey){.ctx = ctx};
	return rtun_timer_create(ctx, on_timer, s, &s->timer);
}

void survey_fini(struct survey *s)
{
	survey_connected(s, NULL, NULL);
	rtun_timer_destroy(&s->timer);
}

void survey_connected(struct survey *s, struct mux *mux, const struct rtun_addr *to)
{
	uint64_t age = s->ctx ? rtun_now(s->ctx) - s->last : 0;
	s->mux = mux;
	probe_cancel(&s->probe);
	if (!mux) {
		if (s->timer)
			rtun_timer_stop(s->timer);
		return;
	}
	s->to = *to;
	rtun_timer_start(s->timer, s->last && age + AFTER < EVERY ? EVERY - age : AFTER);
}

void survey_read(const uint8_t *payload, uint32_t len, enum look *ret_port, enum look *ret_beside)
{
	struct tlv_value v[FIELDS];
	*ret_port = *ret_beside = LOOK_UNKNOWN;
	if (tlv_read(rows, FIELDS, payload, len, v) < 0 || tlv_number(&v[PORT]) >= LOOKS || tlv_number(&v[BESIDE]) >= LOOKS)
		return;
	*ret_port = (enum look)tlv_number(&v[PORT]);
	*ret_beside = (enum look)tlv_number(&v[BESIDE]);
}
