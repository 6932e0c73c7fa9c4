/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pac.c - /proxy.pac: browsers can't send a username to a SOCKS proxy, so they are told of an entry that has an exit of its own.
 * It never says DIRECT: what can't go through that exit does not go.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "dashboard.h"

static const char *entry_of(const struct dash *d, uint32_t i)
{
	const struct rtun_list *l = &d->o.proxy_pac;
	return i < l->count ? *(const char *const *)((const char *)l->items + (size_t)i * l->item_size) : NULL;
}

/* NAME=ADDRESS:PORT, of characters that mean nothing in a script. */
bool dash_pac_good(const char *text)
{
	size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
	const char *at = text + name + 1, *port = strrchr(text, ':');
	if (!name || name > 32 || text[name] != '=' || !port || port <= at)
		return false;
	for (const char *p = at; p < port; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-:[]", *p))
			return false;
	size_t digits = strspn(port + 1, "0123456789");
	return digits >= 1 && digits <= 5 && !port[1 + digits];
}

struct wish {
	const char *exit;
};

static void take_wish(void *arg, const char *key, const char *value)
{
	if (strcmp(key, "exit") == 0)
		((struct wish *)arg)->exit = value;
}

/* ?exit=NAME, else the first one. */
void dash_pac(struct dash *d, struct dash_exchange *x, const struct dash_request *r)
{
	static const struct dash_refusal none = {404, "no-entry", "proxy-pac names no entry for this exit", "add NAME=ADDRESS:PORT of a SOCKS5 entry with `exit: NAME`"};
	struct wish w = {NULL};
	const char *e;
	char script[256];
	(void)r;
	dash_exchange_query(x, take_wish, &w);
	for (uint32_t i = 0; (e = entry_of(d, i)); i++)
		if (!w.exit || (strcspn(e, "=") == strlen(w.exit) && strncmp(e, w.exit, strlen(w.exit)) == 0))
			break;
	if (!e) {
		dash_api_refuse(x, &none);
		return;
	}
	int n = snprintf(script, sizeof(script), "function FindProxyForURL(url, host) { return \"SOCKS5 %s\"; }\n", strchr(e, '=') + 1);
	struct dash_answer a = {.status = 200, .type = "application/x-ns-proxy-autoconfig", .body = script, .len = (uint64_t)n};
	dash_exchange_answer(x, &a);
}
