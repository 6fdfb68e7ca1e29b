/* SPDX-License-Identifier: BSD-3-Clause
 * Programs that the host table runs for drivers. */
#include "host_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static int run(struct hyfw_arena *arena, struct hyfw_program program, const char *const *argv, char **ret_output,
	       struct hyfw_error **err)
{
	program.size = sizeof(program);
	program.argv = argv;
	return host->run(arena, &program, ret_output, err);
}

static void run_gives_input_and_takes_output(void **state)
{
	static const char *const cat[] = { "cat", NULL };
	static const char *const env[] = { "env", NULL };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	char *output = NULL;

	(void)state;
	setenv("HYFW_TEST_LEAK", "1", 1);
	assert_int_equal(run(arena, (struct hyfw_program){ .input = "hello" }, cat, &output, &err), 0);
	assert_string_equal(output, "hello");
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, env, &output, &err), 0);
	assert_string_equal(output, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
}

static void run_tells_why_a_program_failed(void **state)
{
	static const char *const missing[] = { "hyfw-no-such-program", NULL };
	static const char *const not_executable[] = { "/etc/passwd", NULL };
	static const char *const complains[] = { "cat", "/no/such/file", NULL };
	static const char *const fails[] = { "false", NULL };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	char *output = (char *)1;

	(void)state;
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, missing, &output, &err), -ENOENT);
	hyfw_forget(&err);
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, not_executable, &output, &err), -EACCES);
	hyfw_forget(&err);
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, complains, &output, &err), -EIO);
	assert_string_equal(err->message, "cat: cat: /no/such/file: No such file or directory");
	hyfw_forget(&err);
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, fails, &output, &err), -EIO);
	assert_string_equal(err->message, "false: exit status 1");
	hyfw_forget(&err);
	assert_ptr_equal(output, (char *)1);
}

static void run_bounds_time_and_output(void **state)
{
	static const char *const sleeps[] = { "sleep", "20", NULL };
	static const char *const floods[] = { "yes", NULL };
	static const char *const exact[] = { "printf", "%s", "12345678", NULL };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	uint64_t start = host->clock();
	char *output = NULL;

	(void)state;
	assert_int_equal(run(arena, (struct hyfw_program){ .timeout_ms = 50 }, sleeps, NULL, &err), -ETIMEDOUT);
	hyfw_forget(&err);
	assert_true(host->clock() - start < 5000000000u);
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, floods, &output, &err), -EFBIG);
	hyfw_forget(&err);
	assert_int_equal(run(arena, (struct hyfw_program){ .output_limit = 8 }, exact, &output, &err), 0);
	assert_string_equal(output, "12345678");
	assert_int_equal(run(arena, (struct hyfw_program){ .output_limit = 7 }, exact, &output, &err), -EFBIG);
	hyfw_forget(&err);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* A daemon that keeps our pipe open does not keep us. */
static void run_does_not_wait_for_what_the_program_left(void **state)
{
	static const char *const leaves[] = { "/bin/sh", "-c", "sleep 3 & echo $!", NULL };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	uint64_t start = host->clock();
	struct hyfw_error *err = NULL;
	char *output = NULL;

	(void)state;
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, leaves, &output, &err), 0);
	assert_true(host->clock() - start < 2000000000u);
	assert_int_equal(kill((pid_t)atoi(output), SIGKILL), 0);
}

static unsigned lines_seen;
static char last_line[32];

static void see_line(void *given, const char *line)
{
	assert_ptr_equal(given, &lines_seen);
	lines_seen++;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static bool cancel_after_a_line(void *given)
{
	(void)given;
	return lines_seen > 0;
}

static void run_hands_on_lines_and_can_be_cancelled(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	static const char *const counts[] = { "sh", "-c", "printf '1\\r2\\n\\n3'", NULL };
	static const char *const many[] = { "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x", NULL };
	static const char *const waits[] = { "sh", "-c", "echo here; sleep 30", NULL };
	struct hyfw_program program = { .line = see_line, .context = &lines_seen };
	struct hyfw_error *err = NULL;

	(void)state;
	lines_seen = 0;
	assert_int_equal(run(arena, program, counts, NULL, &err), 0);
	assert_int_equal(lines_seen, 3);
	assert_string_equal(last_line, "3");
	lines_seen = 0;
	assert_int_equal(run(arena, program, many, NULL, &err), 0); /* more than may be kept */
	assert_in_range(lines_seen, 300, 800);
	lines_seen = 0;
	program.cancelled = cancel_after_a_line;
	assert_int_equal(run(arena, program, waits, NULL, &err), -ECANCELED);
	hyfw_forget(&err);
}

static void run_bounds_memory(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	static const char *const eats[] = { "sh", "-c", "sleep 0.1; head -c 400M /dev/zero | tail -c 300M | wc -c",
					    NULL };
	static const char *const limit[] = { "sh", "-c", "sleep 0.1; ulimit -v", NULL };
	struct hyfw_error *err = NULL;
	char *output = NULL;

	(void)state;
	assert_int_equal(run(arena, (struct hyfw_program){ .memory_limit = 64 << 20 }, limit, &output, &err), 0);
	assert_string_equal(output, "65536\n");
	assert_int_equal(run(arena, (struct hyfw_program){ .memory_limit = 64 << 20 }, eats, &output, &err), 0);
	assert_string_equal(output, "0\n");
}

/* A driver that was built with fewer members has no more behind them. */
static void run_takes_what_an_older_driver_gives(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	static const char *const argv[] = { "echo", "old", NULL };
	struct hyfw_program program = { .size = offsetof(struct hyfw_program, memory_limit), .argv = argv,
					.memory_limit = 1, .line = see_line };
	struct hyfw_error *err = NULL;
	char *output = NULL;

	(void)state;
	lines_seen = 0;
	assert_int_equal(hyfw_host_table()->run(arena, &program, &output, &err), 0);
	assert_string_equal(output, "old\n");
	assert_int_equal(lines_seen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_gives_input_and_takes_output),
		cmocka_unit_test(run_tells_why_a_program_failed),
		cmocka_unit_test(run_bounds_time_and_output),
		cmocka_unit_test(run_does_not_wait_for_what_the_program_left),
		cmocka_unit_test(run_hands_on_lines_and_can_be_cancelled),
		cmocka_unit_test(run_bounds_memory),
		cmocka_unit_test(run_takes_what_an_older_driver_gives),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
