/* SPDX-License-Identifier: BSD-3-Clause
 * The life of a container: start, exit status, user, signals, terminal, groups, end. */
#include "namespaces_fixture.h"

#include <sys/wait.h>

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

static void nothing_runs_before_start(void **state)
{
	AUTO_CONTAINER container = { 0 };
	struct pollfd output;

	(void)state;
	container_init(&container, "echo now");
	assert_int_equal(container_create(&container), 0);
	output = (struct pollfd){ .fd = container.output_fd, .events = POLLIN };
	assert_int_equal(poll(&output, 1, 100), 0);
	assert_true(container.running.netns_fd >= 0);
	assert_int_equal(container.running.console_fd, -1);
	assert_int_equal(container_start(&container), 0);
	container_wait(&container);
	assert_string_equal(container.output, "now\n");
}

static void refused(const char *command, int errnum, const char *part)
{
	AUTO_CONTAINER container = { 0 };
	const char *argv[] = { command, NULL };

	container_init(&container, "");
	container.workload.argv = argv;
	assert_int_equal(container_create(&container), -errnum);
	if (!strstr(container.err->message, part))
		fail_msg("%s: %s", command, container.err->message);
}

static void a_command_that_cannot_run_fails_in_create(void **state)
{
	(void)state;
	refused("frobnicate", ENOENT, "frobnicate: executable file not found");
	refused("/bin/frobnicate", ENOENT, "/bin/frobnicate: executable file not found");
	refused("/etc/passwd", EACCES, "/etc/passwd: cannot be executed");
	refused("/bin", EACCES, "/bin: cannot be executed");
	refused("/proc/self/exe", EACCES, "/proc/self/exe: cannot be executed");
	refused("/etc/passwd/x", ENOENT, "executable file not found");
}

static void a_broken_interpreter_fails_in_start(void **state)
{
	AUTO_CONTAINER container = { 0 };
	const char *argv[] = { "/tmp/script", NULL };
	char *path = fixture_path("root/tmp/script");

	(void)state;
	container_init(&container, "");
	fixture_write(path, "#!/no/such/interpreter\n", 0755);
	container.workload.argv = argv;
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_start(&container), -ENOENT);
	assert_string_equal(container.err->message, "exec /tmp/script: no such file or directory: the interpreter in its first line, or its loader, is not in the root file system");
	unlink(path);
	free(path);
}

/* Reads its output up to 'end', which is in it exactly once. */
static char *read_until(struct container *container, const char *end)
{
	char *text = hyfw_arena_alloc(container->arena, 1024);
	size_t size = 0;

	while (!strstr(text, end)) {
		struct pollfd output = { .fd = container->output_fd, .events = POLLIN };

		assert_int_equal(poll(&output, 1, 20000), 1);
		assert_true(size < 1023);
		assert_int_equal(read(container->output_fd, text + size, 1), 1);
		size++;
	}
	return text;
}

static void root_inside_is_not_root_outside(void **state)
{
	AUTO_CONTAINER container = { 0 };
	char *path = fixture_path("root/tmp/mine");
	struct stat status;

	(void)state;
	container_init(&container, "id -u; stat -c %u:%g /bin/busybox; touch /tmp/mine; stat -c %u /tmp/mine; "
		       "echo; sleep 100");
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_start(&container), 0);
	assert_string_equal(read_until(&container, "\n\n"), "0\n0:0\n0\n\n");
	char *proc = hyfw_format("/proc/%d", container.running.pid);

	/* on disk it is root's, the process is not */
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, 0);
	assert_int_equal(stat(proc, &status), 0);
	assert_int_equal(status.st_uid, HOST_ID);
	free(proc);
	fixture_ops->signal(fixture_instance, &container.record, SIGKILL, true, &container.err);
	container_wait(&container);
	unlink(path);
	free(path);
}

static char *as_user(const char *user, const char *script)
{
	struct container container;
	char *output;

	container_init(&container, script);
	container.workload.user = user;
	container_run(&container);
	output = container.output;
	container.output = NULL;
	container_finish(&container);
	return output;
}

static void says(char *output, const char *expected)
{
	assert_string_equal(output, expected);
	free(output);
}

static void the_user_is_looked_up_inside(void **state)
{
	AUTO_CONTAINER stranger = { 0 };
	const char *script = "exec 2>/dev/null; id -u; id -g; id -G; echo $HOME";

	(void)state;
	says(as_user("", script), "0\n0\n0\n/root\n");
	says(as_user("ann", script), "1000\n1001\n1001 29 44\n/home/ann\n");
	says(as_user("1000", script), "1000\n1001\n1001 29 44\n/home/ann\n");
	says(as_user("ann:audio", script), "1000\n29\n29\n/home/ann\n");
	says(as_user("4711:4712", script), "4711\n4712\n4712\n/\n");
	says(as_user("4711", script), "4711\n0\n0\n/\n");
	container_init(&stranger, "true");
	stranger.workload.user = "bob";
	assert_int_equal(container_create(&stranger), -EINVAL);
	assert_non_null(strstr(stranger.err->message, "user bob: no such user"));
	hyfw_forget(&stranger.err);
	stranger.workload.user = "70000";
	assert_int_equal(container_create(&stranger), -EINVAL);
	assert_non_null(strstr(stranger.err->message, "id range"));
}

static void a_terminal_is_given(void **state)
{
	AUTO_CONTAINER container = { 0 };

	(void)state;
	container_init(&container, "tty; test -c /dev/console && echo console; test -t 0 && echo three; "
		       "echo hello >/dev/tty; stat -c %u /dev/pts/0");
	container.workload.terminal = true;
	container.workload.user = "ann";
	assert_int_equal(container_run(&container), 0);
	assert_string_equal(container.output, "/dev/pts/0\r\nconsole\r\nthree\r\nhello\r\n1000\r\n");
}

static void signals_reach_one_or_all(void **state)
{
	AUTO_CONTAINER container = { 0 };

	(void)state;
	container_init(&container, "trap 'echo one' USR1; "
		       "(trap 'echo two; exit' USR1; echo ready; while true; do sleep 0.1; done) & wait; wait");
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_start(&container), 0);
	read_until(&container, "ready");
	assert_int_equal(fixture_ops->signal(fixture_instance, &container.record, SIGUSR1, true, &container.err), 0);
	container_wait(&container);
	assert_non_null(strstr(container.output, "one"));
	assert_non_null(strstr(container.output, "two"));
}

static void a_stranger_with_its_number_is_not_hit(void **state)
{
	AUTO_CONTAINER container = { 0 };
	struct hyfw_pair items[] = { { HYFW_NOTE_PID, NULL }, { HYFW_NOTE_PID_START, "12" } };
	struct hyfw_map record = { 2, items };
	struct hyfw_call call = { .size = sizeof(call), .record = record };
	pid_t stranger = fork();
	int status;

	(void)state;
	if (stranger == 0) {
		pause();
		_exit(0);
	}
	container_init(&container, "true");
	items[0].value = hyfw_arena_format(container.arena, "%d", (int)stranger);
	assert_int_equal(fixture_ops->signal(fixture_instance, &record, SIGKILL, false, &container.err), -ESRCH);
	hyfw_forget(&container.err);
	assert_int_equal(fixture_common->undo(fixture_instance, &call, &container.err), 0);
	usleep(20000);
	assert_int_equal(waitpid(stranger, &status, WNOHANG), 0);
	kill(stranger, SIGKILL);
	waitpid(stranger, &status, 0);
}

static void undo_ends_it_twice(void **state)
{
	AUTO_CONTAINER container = { 0 };
	struct hyfw_call call = { .size = sizeof(call) };

	(void)state;
	container_init(&container, "trap '' TERM; sleep 100");
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_start(&container), 0);
	call.record = container.record;
	assert_int_equal(fixture_common->undo(fixture_instance, &call, &container.err), 0);
	assert_int_equal(kill(container.running.pid, 0), -1);
	assert_int_equal(fixture_common->undo(fixture_instance, &call, &container.err), 0);
}

/* 'started': killed after start(), else between create() and start(). */
static void creator_is_killed(bool started)
{
	int ends[2], status;
	pid_t creator, pid = 0;
	char *path;

	assert_int_equal(pipe(ends), 0);
	creator = fork();
	if (creator == 0) {
		struct container container;

		container_init(&container, "sleep 100");
		if (container_create(&container) < 0 || (started && container_start(&container) < 0))
			_exit(1);
		if (write(ends[1], &container.running.pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
	close(ends[0]);
	assert_int_equal(kill(pid, 0), 0);
	kill(creator, SIGKILL);
	waitpid(creator, &status, 0);
	path = hyfw_format("/proc/%d/status", (int)pid);
	for (int i = 0; i < 200 && access(path, F_OK) == 0; i++) {
		FILE *file = fopen(path, "r");
		char line[256];
		bool zombie = false;

		while (file && fgets(line, sizeof(line), file))
			zombie |= strstr(line, "State:\tZ") != NULL;
		if (file)
			fclose(file);
		if (zombie) /* of an init that is slow to reap */
			break;
		usleep(10000);
		assert_int_not_equal(i, 199);
	}
	free(path);
}

static void it_dies_with_its_creator(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	creator_is_killed(true);
	creator_is_killed(false);
}

static void it_can_be_described(void **state)
{
	AUTO_CONTAINER container = { 0 };
	struct hyfw_map facts = { 0 };

	(void)state;
	container_init(&container, "sleep 100");
	container.workload.confinement.no_new_privileges = true;
	container.workload.confinement.have_capabilities = true;
	container.workload.confinement.bounding = container.workload.confinement.permitted =
		container.workload.confinement.effective = 0x401;
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_start(&container), 0);
	assert_int_equal(fixture_ops->describe(fixture_instance, &container.record, container.arena, &facts,
					       &container.err), 0);
	assert_string_equal(hyfw_map_get(&facts, "namespaces"), "cgroup ipc mount net pid time user uts");
	assert_string_equal(hyfw_map_get(&facts, "uid_map"), "0 300000 65536");
	assert_string_equal(hyfw_map_get(&facts, "no_new_privileges"), "1");
	assert_string_equal(hyfw_map_get(&facts, "seccomp"), "disabled");
	assert_string_equal(hyfw_map_get(&facts, "capabilities_effective"), "0000000000000401");
	assert_string_equal(hyfw_map_get(&facts, "capabilities_bounding"), "0000000000000401");
}

static void a_missing_root_is_not_a_missing_command(void **state)
{
	AUTO_CONTAINER container = { 0 };

	(void)state;
	container_init(&container, "true");
	container.workload.root.source = "/no/such/root";
	assert_int_equal(container_create(&container), -ENXIO);
	assert_string_equal(container.err->message, "root file system: open /no/such/root: No such file or directory");
	assert_null(container.running.handle);
	assert_int_equal(container.running.wait_fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_exit_status_is_taken),
		cmocka_unit_test(nothing_runs_before_start),
		cmocka_unit_test(a_command_that_cannot_run_fails_in_create),
		cmocka_unit_test(a_broken_interpreter_fails_in_start),
		cmocka_unit_test(root_inside_is_not_root_outside),
		cmocka_unit_test(the_user_is_looked_up_inside),
		cmocka_unit_test(a_missing_root_is_not_a_missing_command),
		cmocka_unit_test(a_terminal_is_given),
		cmocka_unit_test(signals_reach_one_or_all),
		cmocka_unit_test(a_stranger_with_its_number_is_not_hit),
		cmocka_unit_test(undo_ends_it_twice),
		cmocka_unit_test(it_dies_with_its_creator),
		cmocka_unit_test(it_can_be_described),
	};

	int failed = cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);

	failed += namespaces_groups_tests();
	failed += namespaces_exec_tests();
	failed += namespaces_view_tests();
	return failed + namespaces_overlay_tests();
}
