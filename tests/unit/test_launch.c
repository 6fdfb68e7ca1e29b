/* SPDX-License-Identifier: BSD-3-Clause
 * Guarded functions: whatever becomes of the process that does the work, its caller
 * goes on and is told. */
#include "engine_fixture.h"

#include <errno.h>
#include <signal.h>

#include "engine/launch.h"

static int succeeds(void *data, struct hyfw_error **err)
{
	(void)err;
	*(int *)data = 5; /* in the child: nobody sees it */
	return 0;
}

static int fails(void *data, struct hyfw_error **err)
{
	(void)data;
	hyfw_fail(err, ENOENT, "image %s: not there", "box");
	return hyfw_error_set_status(err, 127);
}

static int fails_without_a_word(void *data, struct hyfw_error **err)
{
	(void)data;
	(void)err;
	return -ENOSPC;
}

static int says_too_much(void *data, struct hyfw_error **err)
{
	char text[10000];

	(void)data;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	return hyfw_fail(err, EIO, "%s", text);
}

static int crashes(void *data, struct hyfw_error **err)
{
	(void)err;
	raise(*(int *)data);
	return 0;
}

static int ends_early(void *data, struct hyfw_error **err)
{
	(void)data;
	(void)err;
	_exit(0);
}

static int hangs(void *data, struct hyfw_error **err)
{
	(void)data;
	(void)err;
	while (pause())
		continue;
	return 0;
}

static void nobody_is_left(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void success_is_success(void **state)
{
	int data = 0;

	(void)state;
	must(hyfw_guarded(succeeds, &data, 0, err));
	assert_int_equal(data, 0);
	nobody_is_left();
}

static void an_error_is_carried_over(void **state)
{
	struct hyfw_error *why = NULL;

	(void)state;
	assert_int_equal(hyfw_guarded(fails, NULL, 0, &why), -ENOENT);
	assert_int_equal(why->errnum, ENOENT);
	assert_int_equal(why->status, 127);
	assert_string_equal(why->message, "image box: not there");
	hyfw_forget(&why);
	must_fail(hyfw_guarded(fails_without_a_word, NULL, 0, err), ENOSPC, "without saying why: No space");
	assert_int_equal(hyfw_guarded(says_too_much, NULL, 0, &why), -EIO);
	assert_in_range(strlen(why->message), 3000, 4000);
	hyfw_forget(&why);
	assert_int_equal(hyfw_guarded(fails, NULL, 0, NULL), -ENOENT);
	nobody_is_left();
}

static void a_crash_is_told(void **state)
{
	int number = SIGKILL;

	(void)state;
	must_fail(hyfw_guarded(crashes, &number, 0, err), ECHILD, "ended by signal 9 (Killed)");
	number = SIGTERM;
	must_fail(hyfw_guarded(crashes, &number, 0, err), ECHILD, "ended by signal 15 (Terminated)");
	must_fail(hyfw_guarded(ends_early, NULL, 0, err), ECHILD, "ended without an answer");
	nobody_is_left();
}

static void a_hang_is_ended(void **state)
{
	(void)state;
	must_fail(hyfw_guarded(hangs, NULL, 50, err), ETIMEDOUT, "took longer than 0.05 s");
	nobody_is_left();
}

static void on_alarm(int number)
{
	(void)number;
}

static void an_interrupt_ends_it(void **state)
{
	const struct sigaction action = { .sa_handler = on_alarm };

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	must_fail(hyfw_guarded(hangs, NULL, 20000, err), EINTR, "interrupted");
	nobody_is_left();
}

static void several_work_side_by_side(void **state)
{
	struct hyfw_guard guards[3];
	int number = SIGKILL, data = 0;

	(void)state;
	must(hyfw_guard_begin(&guards[0], hangs, NULL, err));
	must(hyfw_guard_begin(&guards[1], crashes, &number, err));
	must(hyfw_guard_begin(&guards[2], succeeds, &data, err));
	must(hyfw_guard_finish(&guards[2], 5000, err));
	must_fail(hyfw_guard_finish(&guards[1], 5000, err), ECHILD, "signal 9");
	must_fail(hyfw_guard_finish(&guards[0], 50, err), ETIMEDOUT, "took longer");
	nobody_is_left();
}

static void no_descriptor_stays_open(void **state)
{
	const size_t before = count_names("/proc/self/fd");
	int number = SIGKILL, data = 0;

	(void)state;
	hyfw_guarded(succeeds, &data, 0, NULL);
	hyfw_guarded(crashes, &number, 0, NULL);
	hyfw_guarded(hangs, NULL, 10, NULL);
	assert_int_equal(count_names("/proc/self/fd"), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(success_is_success),
		cmocka_unit_test(an_error_is_carried_over),
		cmocka_unit_test(a_crash_is_told),
		cmocka_unit_test(a_hang_is_ended),
		cmocka_unit_test(an_interrupt_ends_it),
		cmocka_unit_test(several_work_side_by_side),
		cmocka_unit_test(no_descriptor_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
