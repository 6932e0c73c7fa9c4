/* SPDX-License-Identifier: BSD-2-Clause
 *
 * nearest.h - which known word was probably meant by an unknown one.
 */
#ifndef NEAREST_H
#define NEAREST_H

struct nearest {
	const char *word;
	const char *best; /* the nearest candidate so far, or NULL when none is near */
	unsigned cost;
};

void nearest_init(struct nearest *n, const char *word);
void nearest_try(struct nearest *n, const char *candidate);

#endif
