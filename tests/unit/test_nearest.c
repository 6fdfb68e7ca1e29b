/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/nearest.h"

static void the_nearest_word_is_found(void **state)
{
	static const char *const known[] = { "memory", "memory_swap", "cpus", "cpuset", "pids", "no", NULL };
	char endless[300];

	(void)state;
	assert_string_equal(hyfw_nearest("memroy", known), "memory");
	assert_string_equal(hyfw_nearest("memoryswap", known), "memory_swap");
	assert_string_equal(hyfw_nearest("cpu", known), "cpus");
	assert_string_equal(hyfw_nearest("cpust", known), "cpus"); /* the first of equals */
	assert_string_equal(hyfw_nearest("pid", known), "pids");
	assert_null(hyfw_nearest("colour", known));
	assert_null(hyfw_nearest("xy", known));
	assert_null(hyfw_nearest("memory", NULL));
	memset(endless, 'm', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	assert_null(hyfw_nearest(endless, known));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_word_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
