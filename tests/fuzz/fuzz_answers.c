/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Answers of name servers, as c-ares hands them on: they give some addresses of the family that was asked for, or a reason.
 */
#include "../../modules/exit_dialer/lookup.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void defer_start(struct rtun_defer *d)
{
	(void)d;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const struct rtun_host host = {.size = sizeof(host), .defer_start = defer_start};
	static struct rtun_object object = {.host = &host};
	static const uint8_t families[2] = {6, 4};
	struct exit_dialer_lookup *l = calloc(1, sizeof(*l));
	uint8_t *packet = malloc(len ? len : 1);
	union {
		struct rtun_object *object;
		struct rtun_defer *defer;
	} u = {&object};
	memcpy(packet, p, len);
	l->tell = u.defer;
	l->port = 443;
	for (int i = 0; i < 2; i++) {
		struct family_answer *f = &l->answers[i];
		f->lookup = l;
		f->family = families[i];
		answered(f, ARES_SUCCESS, 0, packet, (int)len);
		if (!f->come || f->n >= LOOKUP_MAX || !f->why != (f->n > 0))
			abort();
		for (uint32_t k = 0; k < f->n; k++)
			if (f->a[k].family != families[i] || f->a[k].port != 443)
				abort();
	}
	free(packet);
	free(l);
	return 0;
}
