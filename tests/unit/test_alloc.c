/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"

static void arena_gives_zeroed_aligned_memory(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	size_t size, i;

	(void)state;
	for (size = 0; size < 9000; size = size * 2 + 1) {
		unsigned char *memory = hyfw_arena_alloc(arena, size);

		assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
		for (i = 0; i < size; i++)
			assert_int_equal(memory[i], 0);
		memset(memory, 0xee, size);
	}
	assert_string_equal(hyfw_arena_format(arena, "%s-%d", "a", 7), "a-7");
}

static void pairs_replace_and_keep_order(void **state)
{
	struct hyfw_pairs pairs = { 0 };
	struct hyfw_map map;
	size_t cursor = 0;

	(void)state;
	hyfw_pairs_add(&pairs, "a", "1");
	hyfw_pairs_add(&pairs, "b", "2");
	hyfw_pairs_add(&pairs, "a", "3");
	map = hyfw_pairs_map(&pairs);
	assert_string_equal(hyfw_map_next(&map, "a", &cursor), "1");
	assert_string_equal(hyfw_map_next(&map, "a", &cursor), "3");
	assert_null(hyfw_map_next(&map, "a", &cursor));
	hyfw_pairs_set(&pairs, "a", "4");
	map = hyfw_pairs_map(&pairs);
	assert_int_equal(map.count, 2);
	assert_string_equal(hyfw_map_get(&map, "a"), "4");
	assert_string_equal(hyfw_map_get(&map, "b"), "2");
	hyfw_pairs_finish(&pairs);
}

static void errors_chain_their_context(void **state)
{
	struct hyfw_error *err = NULL;

	(void)state;
	assert_int_equal(hyfw_fail_errno(&err, 16, "set address"), -16);
	assert_int_equal(hyfw_wrap(&err, "bridge %s", "hyfw0"), -16);
	assert_string_equal(err->message, "bridge hyfw0: set address: Device or resource busy");
	assert_int_equal(err->status, 125);
	hyfw_forget(&err);
	assert_null(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_gives_zeroed_aligned_memory),
		cmocka_unit_test(pairs_replace_and_keep_order),
		cmocka_unit_test(errors_chain_their_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
