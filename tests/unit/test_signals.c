/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine_fixture.h"

#include <signal.h>

#include "engine/signals.h"

static void names_and_numbers_are_understood(void **state)
{
	(void)state;
	assert_int_equal(hyfw_signal_number("TERM"), SIGTERM);
	assert_int_equal(hyfw_signal_number("SIGTERM"), SIGTERM);
	assert_int_equal(hyfw_signal_number("sigterm"), SIGTERM);
	assert_int_equal(hyfw_signal_number("kill"), SIGKILL);
	assert_int_equal(hyfw_signal_number("9"), SIGKILL);
	assert_int_equal(hyfw_signal_number("WINCH"), SIGWINCH);
	assert_int_equal(hyfw_signal_number("64"), SIGRTMAX);
}

/* systemd as the first process wants SIGRTMIN+3 (systemd(1)). */
static void real_time_signals_have_names(void **state)
{
	(void)state;
	assert_int_equal(hyfw_signal_number("SIGRTMIN+3"), SIGRTMIN + 3);
	assert_int_equal(hyfw_signal_number("rtmin"), SIGRTMIN);
	assert_int_equal(hyfw_signal_number("RTMIN-1"), -1);
	assert_int_equal(hyfw_signal_number("RTMIN+99"), -1);
	assert_int_equal(hyfw_signal_number("RTMIN+"), -1);
	assert_int_equal(hyfw_signal_number("RTMIN+-1"), -1);
	assert_int_equal(hyfw_signal_number("RTMIN3"), -1);
}

static void anything_else_is_none(void **state)
{
	static const char *const bad[] = { "", "0", "-9", "65", "9x", " 9", "+9", "4294967305",
					   "99999999999999999999", "SIG", "SIGSIGTERM", "TERMINATE", "TER", "EXIT" };
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(bad); i++)
		if (hyfw_signal_number(bad[i]) != -1)
			fail_msg("'%s' is taken for %d", bad[i], hyfw_signal_number(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers_are_understood),
		cmocka_unit_test(real_time_signals_have_names),
		cmocka_unit_test(anything_else_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
