/* SPDX-License-Identifier: BSD-3-Clause
 * Workloads that only their monitor holds (fake-held) are reached through its
 * control socket, others directly. */
#include "reach_fixture.h"

#include <errno.h>
#include <signal.h>

#include "engine/stats.h"

static void figures_and_facts_are_the_same_either_way(void **unused)
{
	size_t i;

	(void)unused;
	drivers_need_root();
	for (i = 0; i < HYFW_COUNT(kinds); i++) {
		struct hyfw_definition *definition = start("web", kinds[i], "exec sleep 60");
		HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
		struct hyfw_stats stats = { .size = sizeof(stats) };
		struct hyfw_map facts = { 0 };
		struct hyfw_state state;

		load("web", &state);
		must(hyfw_stats_collect(&state, &stats, err));
		assert_int_equal(stats.vcpus, 2);
		assert_true(stats.balloon_bytes == 5000000000);
		assert_int_equal(stats.net_rx_bytes, 7);
		assert_true(stats.cpu_ns == HYFW_STAT_NONE);
		/* What is known already is left alone. */
		stats.net_rx_bytes = 11;
		must(hyfw_reach_stats(&state, &stats, err));
		assert_int_equal(stats.net_rx_bytes, 11);
		must(hyfw_reach_describe(&state, arena, &facts, err));
		assert_string_equal(hyfw_map_get(&facts, "isolated"), "no");
		assert_int_equal(hyfw_map_int(&facts, "pid", 0), state.pid);
		hyfw_state_finish(&state);
		stop(definition);
	}
}

static void signals_arrive_either_way(void **unused)
{
	size_t i;

	(void)unused;
	drivers_need_root();
	for (i = 0; i < HYFW_COUNT(kinds); i++) {
		struct hyfw_definition *definition = start("web", kinds[i], "exec sleep 60");
		struct hyfw_state state;

		load("web", &state);
		must(hyfw_workload_signal("web", SIGUSR1, err));
		while (waitpid(-1, NULL, 0) > 0) /* its monitor, which ends when it has */
			continue;
		assert_int_equal(kill(state.pid, 0), -1);
		hyfw_state_finish(&state);
		hyfw_definition_free(definition);
	}
	must_fail(hyfw_workload_signal("web", SIGUSR1, err), ENOENT, "there is no workload web");
}

static void others_have_no_hold_of_a_held_one(void **unused)
{
	struct hyfw_definition *definition;
	struct hyfw_driver *driver;
	const struct hyfw_map none = { 0 };

	(void)unused;
	drivers_need_root();
	definition = start("web", "fake-held", "exec sleep 60");
	must(hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, "fake-held", &driver, err));
	must_fail(hyfw_isolation_signal(driver, &none, SIGTERM, false, err), EPERM, "does not hold it");
	stop(definition);
}

/* The letter of /proc/PID/stat. */
static char process_state(int pid)
{
	HYFW_AUTO_FREE char *path = hyfw_format("/proc/%d/stat", pid), *text = NULL;

	must(hyfw_file_read(AT_FDCWD, path, 4096, &text, NULL, err));
	return strrchr(text, ')')[2];
}

/* A stop signal takes effect when the process next returns to user mode: a shell in
 * vfork(2) is 'D' until then. */
static void await_stopped(int pid)
{
	int looks;

	for (looks = 0; looks < 500 && process_state(pid) != 'T'; looks++)
		usleep(10000);
	assert_int_equal(process_state(pid), 'T');
}

static void a_pause_is_seen_and_ends_with_a_stop(void **unused)
{
	struct hyfw_definition *definition;
	struct hyfw_state state;

	(void)unused;
	drivers_need_root();
	definition = start("web", "fake-held", "trap 'exit 3' TERM; while :; do sleep 0.05; done");
	load("web", &state);
	must(hyfw_workload_pause("web", true, err));
	must(hyfw_workload_pause("web", true, err));
	assert_int_equal(status_of("web"), HYFW_STATUS_PAUSED);
	await_stopped(state.pid);
	must(hyfw_workload_pause("web", false, err));
	assert_int_equal(status_of("web"), HYFW_STATUS_RUNNING);
	assert_int_not_equal(process_state(state.pid), 'T');
	must(hyfw_workload_pause("web", true, err));
	hyfw_state_finish(&state);
	must(hyfw_workload_stop("web", 5000, err));
	stop(definition);
}

static void a_security_module_pauses_where_the_driver_cannot(void **unused)
{
	struct hyfw_definition *definition;

	(void)unused;
	drivers_need_root();
	definition = start("web", "fake-isolation", "exec sleep 60");
	must(hyfw_workload_pause("web", true, err));
	assert_true(drivers_trace_of("fake-security", "frozen"));
	assert_int_equal(status_of("web"), HYFW_STATUS_PAUSED);
	must(hyfw_workload_pause("web", false, err));
	assert_false(drivers_trace_of("fake-security", "frozen"));
	stop(definition);
	assert_false(access(drivers_file("workloads/web"), F_OK) == 0);
}

static void a_failed_pause_changes_nothing(void **unused)
{
	struct hyfw_definition *definition = drivers_definition("web", NULL);
	struct hyfw_launched launched = { .socket = -1 };
	const struct hyfw_launch launch = { 0 };

	(void)unused;
	drivers_need_root();
	definition->transient = true;
	hyfw_pairs_set(&definition->settings, "isolation", "fake-held");
	hyfw_pairs_set(&definition->settings, "command", "/bin/cat");
	hyfw_pairs_add(&definition->settings, "interactive", "true");
	drivers_set(definition, "fake-held", "fail_in", "pause");
	must(hyfw_launch(definition, &launch, &launched, err));
	hyfw_launched_close(&launched);
	must_fail(hyfw_workload_pause("web", true, err), EIO,
		  "workload web: isolation fake-held: pause failed as asked");
	assert_int_equal(status_of("web"), HYFW_STATUS_RUNNING);
	stop(definition);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REACH_TEST(figures_and_facts_are_the_same_either_way),
		REACH_TEST(signals_arrive_either_way),
		REACH_TEST(others_have_no_hold_of_a_held_one),
		REACH_TEST(a_pause_is_seen_and_ends_with_a_stop),
		REACH_TEST(a_security_module_pauses_where_the_driver_cannot),
		REACH_TEST(a_failed_pause_changes_nothing),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
