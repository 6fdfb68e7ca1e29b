/* SPDX-License-Identifier: BSD-3-Clause
 * Operations on workloads, through the monitor and directly: one at a time, beside all
 * else, cancelled. */
#include "reach_fixture.h"

#include <errno.h>
#include <signal.h>

#include "engine/stats.h"

static unsigned told;
static uint64_t last_done, last_total;
static bool cancel;

static void on_progress(const struct hyfw_operation *operation, uint64_t done, uint64_t total)
{
	(void)operation;
	told++;
	last_done = done;
	last_total = total;
}

static bool is_cancelled(const struct hyfw_operation *operation)
{
	(void)operation;
	return cancel;
}

static int operate(const char *name, const char *verb, const char *steps, const char *ms,
		   struct hyfw_arena *arena, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	const struct hyfw_pair args[] = { { "steps", steps }, { "ms", ms } };
	struct hyfw_operation operation = { .verb = verb, .args = { 2, args }, .input_fd = -1, .output_fd = -1,
					    .arena = arena, .progress = on_progress, .cancelled = is_cancelled };

	told = 0;
	return hyfw_reach_operate(name, &operation, ret_result, err);
}

/* A workload of that driver that was created. */
static struct hyfw_definition *create(const char *name, const char *isolation)
{
	struct hyfw_definition *definition = drivers_definition(name, NULL);

	hyfw_pairs_set(&definition->settings, "isolation", isolation);
	hyfw_pairs_remove(&definition->settings, "command");
	hyfw_pairs_add(&definition->settings, "command", "/bin/sleep");
	hyfw_pairs_add(&definition->settings, "command", "60");
	must(hyfw_workload_create(definition, 0, err));
	return definition;
}

static void operations_tell_how_far_they_are(void **unused)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	size_t i;

	(void)unused;
	drivers_need_root();
	cancel = false;
	for (i = 0; i < HYFW_COUNT(kinds); i++) {
		struct hyfw_definition *definition = start("web", kinds[i], "exec sleep 60");
		struct hyfw_map result = { 0 };

		must(operate("web", "count", "5", "150", arena, &result, err));
		assert_string_equal(hyfw_map_get(&result, "steps"), "5");
		assert_in_range(told, 2, 12);
		assert_int_equal(last_total, 5);
		must(operate("web", "display", "0", "0", arena, &result, err));
		assert_string_equal(hyfw_map_get(&result, "held"), "true");
		must_fail(operate("web", "break", "0", "0", arena, &result, err), EIO, "workload web: isolation fake-");
		must_fail(operate("web", "fly", "0", "0", arena, &result, err), ENOTSUP, "there is no operation fly");
		stop(definition);
	}
	must_fail(operate("web", "count", "1", "0", arena, NULL, err), ENOENT, "no workload web");
}

static void one_that_does_not_run_is_operated_on_and_kept_from_starting(void **unused)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_definition *definition;
	struct hyfw_map result = { 0 };
	pid_t other;
	int status;

	(void)unused;
	drivers_need_root();
	cancel = false;
	definition = create("web", "fake-held");
	must(operate("web", "display", "0", "0", arena, &result, err));
	assert_string_equal(hyfw_map_get(&result, "held"), "false");
	other = fork();
	if (other == 0)
		_exit(operate("web", "count", "5", "200", arena, &result, NULL) == 0 ? 0 : 1);
	while (status_of("web") != HYFW_STATUS_STARTING)
		usleep(10000);
	{
		const struct hyfw_launch launch = { .step_timeout_ms = 10000 };
		struct hyfw_launched launched = { .socket = -1 };

		must_fail(hyfw_launch(definition, &launch, &launched, err), EBUSY, "already running");
	}
	must_fail(operate("web", "display", "0", "0", arena, &result, err), EBUSY, "it is starting");
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(status, 0);
	assert_int_equal(status_of("web"), HYFW_STATUS_CREATED);
	assert_false(access(drivers_file("workloads/web"), F_OK) == 0);
	must(hyfw_workload_remove("web", false, err));
	hyfw_definition_free(definition);
}

static void streams_go_along(void **unused)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	size_t i;

	(void)unused;
	drivers_need_root();
	for (i = 0; i < HYFW_COUNT(kinds); i++) {
		struct hyfw_definition *definition = start("web", kinds[i], "exec sleep 60");
		struct hyfw_operation operation = { .verb = "copy", .arena = arena };
		struct hyfw_map result = { 0 };
		char text[16] = "";
		int in[2], out[2];

		assert_int_equal(pipe2(in, O_CLOEXEC), 0);
		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
		assert_int_equal(write(in[1], "hello", 5), 5);
		close(in[1]);
		operation.input_fd = in[0];
		operation.output_fd = out[1];
		must(hyfw_reach_operate("web", &operation, &result, err));
		close(out[1]);
		assert_int_equal(read(out[0], text, sizeof(text)), 5);
		assert_string_equal(text, "hello");
		close(in[0]);
		close(out[0]);
		stop(definition);
	}
}

static void a_cancelled_operation_ends(void **unused)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	size_t i;

	(void)unused;
	drivers_need_root();
	cancel = true;
	for (i = 0; i < HYFW_COUNT(kinds); i++) {
		struct hyfw_definition *definition = start("web", kinds[i], "exec sleep 60");
		struct hyfw_map result = { 0 };

		must_fail(operate("web", "count", "1000", "20", arena, &result, err), ECANCELED, "count: cancelled");
		assert_true(drivers_trace_of(kinds[i], "cancelled"));
		assert_int_equal(status_of("web"), HYFW_STATUS_RUNNING);
		stop(definition);
	}
	cancel = false;
}

static void await_trace(const char *driver, const char *name)
{
	int i;

	for (i = 0; i < 500 && !drivers_trace_of(driver, name); i++)
		usleep(10000);
	assert_true(drivers_trace_of(driver, name));
}

static void one_at_a_time_and_its_end_with_who_asked(void **unused)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_definition *definition;
	struct hyfw_stats stats = { .size = sizeof(stats) };
	struct hyfw_map result = { 0 };
	struct hyfw_state state;
	struct hyfw_error *why = NULL;
	pid_t other;

	(void)unused;
	drivers_need_root();
	cancel = false;
	definition = start("web", "fake-held", "exec sleep 60");
	other = fork();
	if (other == 0) {
		operate("web", "count", "100000", "20", arena, &result, NULL);
		_exit(1);
	}
	await_trace("fake-held", "counting");
	assert_int_equal(operate("web", "display", "0", "0", arena, &result, &why), -EBUSY);
	assert_string_equal(why->message, "workload web: it is busy with count");
	hyfw_forget(&why);
	/* It is served meanwhile. */
	load("web", &state);
	must(hyfw_stats_collect(&state, &stats, err));
	assert_int_equal(stats.vcpus, 2);
	hyfw_state_finish(&state);
	kill(other, SIGKILL);
	assert_int_equal(waitpid(other, NULL, 0), other);
	await_trace("fake-held", "cancelled");
	stop(definition);
}

static void a_stop_cancels_and_an_end_waits(void **unused)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_definition *definition;
	struct hyfw_map result = { 0 };
	pid_t other;
	int status = 0;

	(void)unused;
	drivers_need_root();
	cancel = false;
	definition = start("web", "fake-held", "exec sleep 60");
	other = fork();
	if (other == 0)
		_exit(-operate("web", "count", "100000", "20", arena, &result, NULL));
	await_trace("fake-held", "counting");
	must(hyfw_workload_stop("web", 5000, err));
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(WEXITSTATUS(status), ECANCELED);
	stop(definition);

	/* The operation itself ends the workload, as a migration does: that is its success. */
	definition = start("web", "fake-held", "exec sleep 60");
	must(operate("web", "finish", "0", "300", arena, &result, err));
	stop(definition);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REACH_TEST(operations_tell_how_far_they_are),
		REACH_TEST(one_that_does_not_run_is_operated_on_and_kept_from_starting),
		REACH_TEST(streams_go_along),
		REACH_TEST(a_cancelled_operation_ends),
		REACH_TEST(one_at_a_time_and_its_end_with_who_asked),
		REACH_TEST(a_stop_cancels_and_an_end_waits),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
