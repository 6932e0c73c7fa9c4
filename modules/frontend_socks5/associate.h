/* SPDX-License-Identifier: BSD-2-Clause
 *
 * associate.h - UDP ASSOCIATE (RFC 1928, sections 6 and 7).
 */
#ifndef SOCKS5_ASSOCIATE_H
#define SOCKS5_ASSOCIATE_H

#include "../frontend/frontend.h"

/* Of struct frontend_protocol. */
int socks5_associate(struct frontend_conn *c, const struct frontend_message *m);
void socks5_associate_release(struct frontend_conn *c);

#endif
