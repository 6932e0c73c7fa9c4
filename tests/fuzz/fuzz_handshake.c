/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the two handshake messages carry, and the messages themselves: bytes that a stranger sends never make an
 * authentic message; payloads of those who may come are understood or refused, and written again they mean the same.
 * The first byte chooses.
 */
#include <stdlib.h>
#include <string.h>

#include "../../modules/transport_noise/tlv.c"
#include "../../modules/transport_noise/noise_cipher.c"
#include "../../modules/transport_noise/noise.c"
#define rows hello_rows
#include "../../modules/transport_noise/hello.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static int dh(void *arg, const uint8_t peer[32], uint8_t ret[32])
{
	return crypto_scalarmult(ret, arg, peer);
}

static void payload(const uint8_t *p, size_t len, bool first)
{
	struct hello a, b;
	uint8_t again[512], *exact = malloc(len ? len : 1);
	memcpy(exact, p, len);
	if (hello_read(&a, first, exact, len) == 0) {
		if (a.window > WIRE_CREDIT_MAX || !memchr(a.version, 0, sizeof(a.version)) || (first && a.index >= a.count))
			abort();
		if (hello_write(&a, again, sizeof(again)) < 0)
			abort();
		/* a session of zeros is written as none */
		if (hello_read(&b, false, again, sizeof(again)) < 0 || memcmp(a.session, b.session, HELLO_SESSION) != 0 ||
		    a.window != b.window || strcmp(a.version, b.version) != 0 || a.observed.family != b.observed.family ||
		    memcmp(a.observed.ip, b.observed.ip, 16) != 0)
			abort();
	}
	free(exact);
}

static void message(const uint8_t *p, size_t len, uint8_t how)
{
	static uint8_t secret[32] = {1}, public[32];
	static const uint8_t psk[32];
	uint8_t prologue[HELLO_PROLOGUE], plain[65536];
	struct noise_handshake h;
	size_t n;
	struct noise_party party = {.pattern = how % 3, .prologue = prologue, .prologue_len = sizeof(prologue), .public_key = public,
				    .dh = dh, .dh_arg = secret, .psk = psk};
	crypto_scalarmult_base(public, secret);
	hello_prologue(NULL, prologue);
	noise_handshake_init(&h, &party);
	if (how & 4)
		(void)!noise_read_sender(&h, p, len);
	if (noise_read_message(&h, p, len, plain, &n) == 0 && n > len)
		abort();
	noise_handshake_fini(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len < 1 || len > 4096 || sodium_init() < 0)
		return 0;
	if (p[0] & 0x80)
		message(p + 1, len - 1, p[0]);
	else
		payload(p + 1, len - 1, p[0] & 1);
	return 0;
}
