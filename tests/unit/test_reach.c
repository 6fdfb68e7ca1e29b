/* SPDX-License-Identifier: BSD-3-Clause
 * Workloads that only their monitor holds (fake-held) are reached through its
 * control socket, others directly; operations beside it, cancelled, refused. */
#include "engine_drivers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "engine/ask.h"
#include "engine/control.h"
#include "engine/launch.h"
#include "engine/reach.h"
#include "engine/stats.h"
#include "engine/store.h"

static struct hyfw_definition *start(const char *name, const char *isolation, const char *command)
{
	struct hyfw_definition *definition = drivers_definition(name, NULL);
	const struct hyfw_launch launch = { .step_timeout_ms = 10000 };
	struct hyfw_launched launched = { .socket = -1 };

	definition->transient = true;
	hyfw_pairs_set(&definition->settings, "isolation", isolation);
	hyfw_pairs_remove(&definition->settings, "command");
	hyfw_pairs_add(&definition->settings, "command", "/bin/sh");
	hyfw_pairs_add(&definition->settings, "command", "-c");
	hyfw_pairs_add(&definition->settings, "command", command);
	must(hyfw_launch(definition, &launch, &launched, err));
	hyfw_launched_close(&launched);
	return definition;
}

static void stop(struct hyfw_definition *definition)
{
	must(hyfw_workload_stop(definition->name, 0, err));
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	hyfw_definition_free(definition);
}

static void load(const char *name, struct hyfw_state *state)
{
	must(hyfw_state_load(name, state, err));
	assert_true(hyfw_status_is_up(state->status));
}

static const char *const kinds[] = { "fake-isolation", "fake-held" };

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

static enum hyfw_status status_of(const char *name)
{
	enum hyfw_status status;
	struct hyfw_state state;

	must(hyfw_state_load(name, &state, err));
	status = state.status;
	hyfw_state_finish(&state);
	return status;
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

/* ---- operations ---- */

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

/* ---- the socket ---- */

static void attached_clients_see_and_type(void **unused)
{
	struct hyfw_definition *definition = drivers_definition("web", NULL);
	struct hyfw_launched launched = { .socket = -1 };
	const struct hyfw_launch launch = { 0 };
	struct json_object *args = json_object_new_object();
	struct hyfw_heard heard;
	int out[2], in[2], fds[3], socket;
	char text[64] = "";
	ssize_t got;

	(void)unused;
	drivers_need_root();
	definition->transient = true;
	hyfw_pairs_set(&definition->settings, "command", "/bin/cat");
	hyfw_pairs_add(&definition->settings, "interactive", "true");
	must(hyfw_launch(definition, &launch, &launched, err));
	hyfw_launched_close(&launched);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	fds[0] = fds[1] = out[1];
	fds[2] = in[0];
	json_object_object_add(args, "input", json_object_new_boolean(true));
	must(socket = hyfw_wire_connect("web", err));
	must(hyfw_ask_send(socket, "attach", args, fds, 3, err));
	must(hyfw_ask_hear(socket, 5000, &heard, err));
	assert_int_equal(heard.kind, HYFW_ANSWER_RESULT);
	assert_string_equal(json_object_to_json_string_ext(heard.result, JSON_C_TO_STRING_PLAIN),
			    "{\"terminal\":false,\"input\":true}");
	json_object_put(heard.result);
	assert_int_equal(write(in[1], "hello\n", 6), 6);
	got = read(out[0], text, sizeof(text));
	assert_int_equal(got, 6);
	assert_string_equal(text, "hello\n");
	must(hyfw_workload_signal("web", SIGUSR2, err));
	must(hyfw_ask_hear(socket, 5000, &heard, err));
	assert_int_equal(heard.kind, HYFW_ANSWER_EXIT);
	assert_int_equal(heard.status, 128 + SIGUSR2);
	close(socket);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
	stop(definition);
}

static void nonsense_is_refused(void **unused)
{
	static const char *const packets[] = { "", "nonsense", "[]", "{}", "{\"request\":7}",
					       "{\"request\":\"stats\"", "[[[[[[[[[[[[1]]]]]]]]]]]]" };
	struct hyfw_definition *definition;
	HYFW_AUTO_FREE char *long_one = hyfw_new(HYFW_WIRE_LIMIT + 10);
	struct hyfw_error *why = NULL;
	size_t i;

	(void)unused;
	drivers_need_root();
	definition = start("web", "fake-held", "exec sleep 60");
	for (i = 0; i <= HYFW_COUNT(packets); i++) {
		const bool is_long = i == HYFW_COUNT(packets);
		const char *packet = is_long ? memset(long_one, ' ', HYFW_WIRE_LIMIT + 8) : packets[i];
		HYFW_AUTO_CLOSE int socket = -1;
		char byte;

		must(socket = hyfw_wire_connect("web", err));
		assert_true(send(socket, packet, strlen(packet), 0) >= 0);
		if (*packet) /* an empty packet looks like the end, which it is then */
			assert_true(recv(socket, &byte, 1, 0) <= 0);
	}
	assert_int_equal(hyfw_ask("web", "fly", NULL, NULL, &why), -ENOTSUP);
	hyfw_forget(&why);
	assert_int_equal(hyfw_ask("web", "operate", NULL, NULL, &why), -EINVAL);
	hyfw_forget(&why);
	assert_int_equal(hyfw_ask("web", "attach", NULL, NULL, &why), -EINVAL);
	hyfw_forget(&why);
	must(hyfw_ask("web", "stats", NULL, NULL, err));
	stop(definition);
	must_fail(hyfw_wire_connect("web", err), ESRCH, "web is not running");
}

static void the_socket_is_for_its_owner_alone(void **unused)
{
	struct hyfw_definition *definition;
	struct stat status;

	(void)unused;
	drivers_need_root();
	definition = start("a-name-that-makes-the-path-longer-than-an-address", "fake-held", "exec sleep 60");
	assert_int_equal(stat(drivers_file("workloads/a-name-that-makes-the-path-longer-than-an-address/control"),
			      &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_true(S_ISSOCK(status.st_mode));
	stop(definition);
}

static void many_clients_take_turns(void **unused)
{
	struct hyfw_definition *definition;
	int sockets[12];
	size_t i;

	(void)unused;
	drivers_need_root();
	definition = start("web", "fake-held", "exec sleep 60");
	for (i = 0; i < HYFW_COUNT(sockets); i++)
		must(sockets[i] = hyfw_wire_connect("web", err));
	for (i = 0; i < HYFW_COUNT(sockets); i++) {
		struct hyfw_heard heard;

		must(hyfw_ask_send(sockets[i], "describe", NULL, NULL, 0, err));
		must(hyfw_ask_hear(sockets[i], 5000, &heard, err));
		json_object_put(heard.result);
		close(sockets[i]);
	}
	stop(definition);
}

int main(void)
{
#define DRIVERS_TEST(name) cmocka_unit_test_setup(name, drivers_clear)
	const struct CMUnitTest tests[] = {
		DRIVERS_TEST(figures_and_facts_are_the_same_either_way),
		DRIVERS_TEST(signals_arrive_either_way),
		DRIVERS_TEST(others_have_no_hold_of_a_held_one),
		DRIVERS_TEST(a_pause_is_seen_and_ends_with_a_stop),
		DRIVERS_TEST(a_security_module_pauses_where_the_driver_cannot),
		DRIVERS_TEST(a_failed_pause_changes_nothing),
		DRIVERS_TEST(operations_tell_how_far_they_are),
		DRIVERS_TEST(one_that_does_not_run_is_operated_on_and_kept_from_starting),
		DRIVERS_TEST(streams_go_along),
		DRIVERS_TEST(a_cancelled_operation_ends),
		DRIVERS_TEST(one_at_a_time_and_its_end_with_who_asked),
		DRIVERS_TEST(a_stop_cancels_and_an_end_waits),
		DRIVERS_TEST(attached_clients_see_and_type),
		DRIVERS_TEST(nonsense_is_refused),
		DRIVERS_TEST(the_socket_is_for_its_owner_alone),
		DRIVERS_TEST(many_clients_take_turns),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
