/* SPDX-License-Identifier: BSD-2-Clause
 *
 * name.c - which names may be looked up. Only a plain host name with a dot in it: what a resolver or a C library could
 * take for an address, for a name of the local network or for another protocol is refused before anyone is asked.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <restunnel/svc/filter.h>

#include "ipfilter.h"

#define NAME_MAX_LEN 253U
#define LABEL_MAX 63U

/* Top-level domains that are reserved, or that local networks use for themselves. None of them is delegated for hosts. */
static const char *const local_domains[] = {
	"alt",      "arpa",  "corp",      "domain",    "example", "home",  "homenet", "internal", "intranet", "invalid",   "lan",
	"local",    "localdomain",        "localhost", "mail",    "onion", "private", "test",     "workgroup",
};

static bool is_host_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* As the URL standard: "ends in a number", decimal or hexadecimal. Real top-level domains have a letter first. */
static bool is_number(const char *label, uint64_t len)
{
	bool hex = len >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');

	for (uint64_t i = hex ? 2 : 0; i < len; i++)
		if (!(hex ? isxdigit((unsigned char)label[i]) : (label[i] >= '0' && label[i] <= '9')))
			return false;
	return true;
}

static bool has_letter(const char *label, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		if (isalpha((unsigned char)label[i]))
			return true;
	return false;
}

static bool labels_fit(const char *host, uint64_t len)
{
	uint64_t label = 0;

	for (uint64_t i = 0; i <= len; i++) {
		if (i < len && host[i] != '.') {
			label++;
			continue;
		}
		if (label == 0 || label > LABEL_MAX)
			return false;
		label = 0;
	}
	return true;
}

static bool is_local_domain(const char *label, uint64_t len)
{
	for (size_t i = 0; i < sizeof(local_domains) / sizeof(local_domains[0]); i++)
		if (strlen(local_domains[i]) == len && strncasecmp(local_domains[i], label, len) == 0)
			return true;
	return false;
}

bool ipfilter_name_is_domain(const char *text)
{
	uint64_t len = strlen(text);

	for (uint64_t i = 0; i < len; i++)
		if (!is_host_byte((unsigned char)text[i]))
			return false;
	return len > 0 && len <= NAME_MAX_LEN && labels_fit(text, len);
}

const char *ipfilter_name_objection(const char *host, uint64_t len)
{
	const char *top;
	uint64_t top_len;

	for (uint64_t i = 0; i < len; i++)
		if (!is_host_byte((unsigned char)host[i]))
			return RTUN_FILTER_NAME ": only letters, digits, '-', '_' and '.' may be in it";
	if (len > 0 && host[len - 1] == '.')
		len--; /* rooted already */
	if (len == 0 || len > NAME_MAX_LEN || !labels_fit(host, len))
		return RTUN_FILTER_NAME ": not one of a host";
	top = memrchr(host, '.', len);
	top = top ? top + 1 : host;
	top_len = len - (uint64_t)(top - host);
	if (is_number(top, top_len) || !has_letter(top, top_len))
		return RTUN_FILTER_NAME ": an IP address has to be given in its usual spelling, as an address";
	if (top == host)
		return RTUN_FILTER_NAME ": not a public one, there is no dot in it";
	if (is_local_domain(top, top_len))
		return RTUN_FILTER_NAME ": not a public one";
	return NULL;
}
