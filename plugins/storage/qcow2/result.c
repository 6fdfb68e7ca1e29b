/* SPDX-License-Identifier: BSD-3-Clause */
#include "qcow2.h"

#include <inttypes.h>

void qcow2_result_text(struct qcow2 *qcow2, struct hyfw_arena *arena, struct qcow2_result *result, const char *key,
		       const char *value)
{
	if (result->count == result->room) {
		size_t room = result->room * 2 + 16;
		struct hyfw_pair *items = qcow2->host->alloc(arena, room * sizeof(*items));

		if (result->count > 0)
			memcpy(items, result->items, result->count * sizeof(*items));
		result->items = items;
		result->room = room;
	}
	result->items[result->count].key = key;
	result->items[result->count++].value = qcow2->host->format(arena, "%s", value);
}

void qcow2_result_number(struct qcow2 *qcow2, struct hyfw_arena *arena, struct qcow2_result *result,
			 const char *key, uint64_t value)
{
	qcow2_result_text(qcow2, arena, result, key, qcow2->host->format(arena, "%" PRIu64, value));
}

void qcow2_result_flag(struct qcow2 *qcow2, struct hyfw_arena *arena, struct qcow2_result *result, const char *key,
		       bool value)
{
	qcow2_result_text(qcow2, arena, result, key, value ? "true" : "false");
}
