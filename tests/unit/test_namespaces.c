/* SPDX-License-Identifier: BSD-3-Clause */
#include "namespaces_fixture.h"

static void its_exit_status_is_taken(void **state)
{
	AUTO_CONTAINER good = { 0 }, bad = { 0 }, killed = { 0 };

	(void)state;
	container_init(&good, "echo $COLOUR; hostname; pwd; echo $$; exit 0");
	assert_int_equal(container_run(&good), 0);
	assert_string_equal(good.output, "green\ninside\n/\n1\n");
	container_init(&bad, "exit 7");
	assert_int_equal(container_run(&bad), 7);
	container_init(&killed, "sleep 100");
	assert_int_equal(container_create(&killed), 0);
	assert_int_equal(container_start(&killed), 0);
	assert_int_equal(fixture_ops->signal(fixture_instance, &killed.record, SIGKILL, false, &killed.err), 0);
	container_wait(&killed);
	assert_int_equal(killed.exit.status, 128 + SIGKILL);
	assert_int_equal(killed.exit.signal, SIGKILL);
	assert_int_equal(fixture_ops->signal(fixture_instance, &killed.record, SIGTERM, false, &killed.err), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_exit_status_is_taken),
	};

	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
