/* SPDX-License-Identifier: BSD-2-Clause
 *
 * sandbox_needs.c - what modules say that they need.
 */
#include <string.h>

#include "instance.h"
#include "list_rows.h"
#include "sandbox.h"

static const struct {
	const char *word, *doc;
	uint32_t need;
} needs_known[] = {
	{RTUN_NEED_CONNECT, "make TCP connections", SANDBOX_CONNECT},
	{RTUN_NEED_UDP, "make UDP sockets", SANDBOX_UDP},
	{RTUN_NEED_RESOLVE, "look up names; read /etc", SANDBOX_RESOLVE},
	{RTUN_NEED_NETLINK, "ask the kernel for interfaces and routes", SANDBOX_NETLINK},
	{RTUN_NEED_LISTEN, "begin to listen", SANDBOX_LISTEN},
	{RTUN_NEED_UNIX, "make unix sockets", SANDBOX_UNIX},
	{RTUN_NEED_MACHINE, "read of power supplies and network interfaces in /sys", SANDBOX_MACHINE},
	{RTUN_NEED_NO_PORT, "be sure that nobody here listens on a port", SANDBOX_NO_PORT},
};
#define NEEDS_KNOWN (sizeof(needs_known) / sizeof(needs_known[0]))

uint32_t sandbox_need(const char *word)
{
	for (size_t i = 0; i < NEEDS_KNOWN; i++)
		if (!strcmp(needs_known[i].word, word)) return needs_known[i].need;
	return 0;
}

const char *sandbox_need_doc(const char *word)
{
	for (size_t i = 0; i < NEEDS_KNOWN; i++)
		if (!strcmp(needs_known[i].word, word)) return needs_known[i].doc;
	return NULL;
}

const char *sandbox_need_unknown(const struct rtun_list *needs)
{
	struct rtun_need row;
	for (uint32_t i = 0; list_row(needs, i, &row, sizeof(row)); i++)
		if (!row.need || !sandbox_need(row.need)) return row.need ? row.need : "";
	return NULL;
}

uint32_t sandbox_needs(struct instance *const *instances, uint32_t count)
{
	struct rtun_need row;
	uint32_t all = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct rtun_module *m = &instances[i]->module->m;
		for (uint32_t j = 0; list_row(&m->needs, j, &row, sizeof(row)); j++)
			if (schema_when(m->schema, instances[i]->cfg->cfg, row.when)) all |= sandbox_need(row.need);
	}
	return all;
}

json_t *sandbox_needs_json(uint32_t needs)
{
	json_t *a = json_array();
	for (size_t i = 0; i < NEEDS_KNOWN; i++)
		if (needs & needs_known[i].need & ~(uint32_t)SANDBOX_NO_PORT) json_array_append_new(a, json_string(needs_known[i].word));
	return a;
}
