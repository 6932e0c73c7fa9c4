/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_service.h - rtun.test/1: what test modules provide each other.
 */
#ifndef TEST_SERVICE_H
#define TEST_SERVICE_H

#include <restunnel/abi.h>

#define TEST_SERVICE "rtun.test/1"
struct test_service_ops {
	uint32_t size;
	uint32_t reserved;
	const char *(*greeting)(void *obj);
};

#define TEST_LINK "rtun.testlink/1"
struct test_link_ops {
	uint32_t size;
	uint32_t reserved;
	uint32_t (*depth)(void *obj);
};

#endif
