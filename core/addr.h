/* SPDX-License-Identifier: BSD-2-Clause
 *
 * addr.h - struct rtun_addr to and from text and sockaddr.
 */
#ifndef ADDR_H
#define ADDR_H

#include <stdbool.h>
#include <sys/socket.h>

#include <restunnel/schema.h>

#define ADDR_TEXT 56 /* bytes of "[...]:65535" with its NUL */

/* inet_pton's spelling only: no 127.1, no zone. */
bool addr_parse_ip(const char *text, struct rtun_addr *ret);
/* "1.2.3.4:80", "[::1]:80" */
bool addr_parse(const char *text, struct rtun_addr *ret);
/* With port; addr_ip_text without. Family 0: "". */
const char *addr_text(const struct rtun_addr *a, char buf[ADDR_TEXT]);
const char *addr_ip_text(const struct rtun_addr *a, char buf[ADDR_TEXT]);
bool addr_is_loopback(const struct rtun_addr *a);
bool addr_equal(const struct rtun_addr *a, const struct rtun_addr *b); /* port too */
socklen_t addr_to_sockaddr(const struct rtun_addr *a, struct sockaddr_storage *ret);
/* Family 0 for what is not IP. A mapped ::ffff:a.b.c.d becomes IPv4. */
struct rtun_addr addr_of_sockaddr(const struct sockaddr_storage *ss);

#endif
