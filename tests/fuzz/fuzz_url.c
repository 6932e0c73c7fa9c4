/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pairing URLs: any text is refused with a reason, or understood in one way: what it is written as again is understood
 * the same.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "../../modules/transport_noise/url.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	char *text = malloc(len + 1), again[URL_MAX], error[URL_ERROR_MAX] = "";
	struct url a, b;
	memcpy(text, p, len);
	text[len] = 0;
	if (url_parse(text, &a, error) < 0) {
		if (!error[0] || !memchr(error, 0, sizeof(error)))
			abort();
	} else {
		if (!a.port || !a.host[0] || !memchr(a.host, 0, sizeof(a.host)))
			abort();
		url_format(&a, again);
		if (url_parse(again, &b, error) < 0 || memcmp(a.hub_key, b.hub_key, 32) != 0 || memcmp(a.token, b.token, 32) != 0 ||
		    strcmp(a.host, b.host) != 0 || a.port != b.port)
			abort();
	}
	free(text);
	return 0;
}
