/* SPDX-License-Identifier: BSD-2-Clause
 *
 * list_rows.h - rows of a struct rtun_list whose size may be another program's.
 */
#ifndef LIST_ROWS_H
#define LIST_ROWS_H

#include <stdbool.h>
#include <string.h>

#include <restunnel/abi.h>

/* Copy row i, zero beyond what the list's rows have. false: no such row. */
static inline bool list_row(const struct rtun_list *list, uint32_t i, void *ret, uint32_t size)
{
	memset(ret, 0, size);
	if (i >= list->count || !list->items || !list->item_size) return false;
	memcpy(ret, (const char *)list->items + (size_t)i * list->item_size, list->item_size < size ? list->item_size : size);
	return true;
}

/* Where row i is. */
static inline const void *list_at(const struct rtun_list *list, uint32_t i)
{
	return i < list->count ? (const char *)list->items + (size_t)i * list->item_size : NULL;
}

#endif
