/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_scrub.h - takes out of a text what is nobody's business: given words, addresses, what looks like a key.
 */
#ifndef CLI_SCRUB_H
#define CLI_SCRUB_H

#define CLI_SCRUB_REMOVED "<removed>"

struct cli_scrub;

struct cli_scrub *cli_scrub_create(void);
void cli_scrub_destroy(struct cli_scrub **s);
/* A word to take out from now on, where it is not a part of a longer one. Under three letters: too much would go with it. */
void cli_scrub_add(struct cli_scrub *s, const char *word);
/* A copy without. Addresses that are neither loopback nor unspecified become <address>. Caller frees. */
char *cli_scrub_text(const struct cli_scrub *s, const char *text);

#endif
