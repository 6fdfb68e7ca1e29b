/* SPDX-License-Identifier: BSD-3-Clause
 * Further commands in a running container, and what is told before and about one. */
#include "namespaces_fixture.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>

#include "isolation/namespaces/ns.h"
#include "plugin/host.h"

static void said(char *output, const char *expected)
{
	assert_string_equal(output, expected);
	free(output);
}

static void exec_joins_the_container(void **state)
{
	AUTO_CONTAINER container = { 0 };
	char *output, *ours = hyfw_new(4096);

	(void)state;
	container_init(&container, "sleep 100");
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_start(&container), 0);
	assert_int_equal(container_exec(&container, "id -u; hostname; readlink /proc/1/exe; exit 3", &output), 3);
	said(output, "0\ninside\n/bin/busybox\n");
	for (size_t i = 0; i < 8; i++) {
		static const char *const kinds[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
		char *script = hyfw_format("test $(readlink /proc/1/ns/%s) = $(readlink /proc/self/ns/%s) && "
					   "readlink /proc/self/ns/%s", kinds[i], kinds[i], kinds[i]);
		char *path = hyfw_format("/proc/self/ns/%s", kinds[i]);

		assert_int_equal(container_exec(&container, script, &output), 0);
		memset(ours, 0, 4096);
		assert_true(readlink(path, ours, 4095) > 0);
		output[strcspn(output, "\n")] = '\0';
		assert_string_not_equal(output, ours);
		free(output);
		free(script);
		free(path);
	}
	free(ours);
	hyfw_forget(&container.err);
	fixture_ops->signal(fixture_instance, &container.record, SIGKILL, true, &container.err);
	container_wait(&container);
	assert_int_equal(container_exec(&container, "true", &output), -ESRCH);
}

/* The serial number of the session keyring, asked for in the place of a command. */
static void the_keyring_is_its_own(void **state)
{
	AUTO_CONTAINER container = { 0 };
	long ours = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	char *output = NULL, *mine, *line;

	(void)state;
	if (ours < 0)
		skip(); /* a kernel without keyrings */
	container_init(&container, "sleep 100");
	container_mount(&container, HYFW_ATTACHMENT_BIND, "/proc/keys", "/tmp/keys", 0);
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_start(&container), 0);
	/* what a process possesses is listed to it, whoever owns it */
	assert_int_equal(container_exec(&container, "cat /tmp/keys", &output), 0);
	mine = hyfw_format("%08lx ", ours);
	line = strstr(output, mine);
	free(mine);
	if (line)
		fail_msg("possesses a key of the caller: %s", line);
	assert_non_null(strstr(output, "_ses"));
	free(output);
	output = fixture_path("root/tmp/keys");
	unlink(output);
	free(output);
}

static void exec_gives_a_terminal(void **state)
{
	AUTO_CONTAINER container = { 0 };
	const char *argv[] = { "sh", "-c", "tty; cat /proc/self/stat | grep -c ' 34816 '", NULL };
	struct hyfw_running running = { sizeof(running), 0, -1, -1, -1, NULL };
	struct hyfw_exec exec = { .size = sizeof(exec), .argv = argv, .user = "ann", .terminal = true,
				  .stdio = { -1, -1, -1 }, .workdir = "/tmp" };
	struct hyfw_exit exit = { 0 };
	char text[256] = "";
	size_t size = 0;
	ssize_t got;

	(void)state;
	container_init(&container, "sleep 100");
	exec.confinement = container.workload.confinement;
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_start(&container), 0);
	assert_int_equal(fixture_ops->exec(fixture_instance, &container.record, &exec, container.arena, &running,
					   &container.err), 0);
	assert_true(running.console_fd >= 0);
	while ((got = read(running.console_fd, text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)got;
	assert_string_equal(text, "/dev/pts/0\r\n1\r\n");
	for (int i = 0; i < 100 && fixture_ops->wait(fixture_instance, &running, &exit, NULL) < 0; i++)
		usleep(10000);
	assert_int_equal(exit.status, 0);
	close(running.console_fd);
	close(running.wait_fd);
}

static void exec_reports_what_it_cannot_run(void **state)
{
	AUTO_CONTAINER container = { 0 };
	const char *argv[] = { "frobnicate", NULL };
	struct hyfw_running running = { sizeof(running), 0, -1, -1, -1, NULL };
	struct hyfw_exec exec = { .size = sizeof(exec), .argv = argv, .user = "", .stdio = { -1, -1, -1 } };

	(void)state;
	container_init(&container, "sleep 100");
	exec.confinement = container.workload.confinement;
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_start(&container), 0);
	assert_int_equal(fixture_ops->exec(fixture_instance, &container.record, &exec, container.arena, &running,
					   &container.err), -ENOENT);
	assert_string_equal(container.err->message, "frobnicate: executable file not found in $PATH");
	hyfw_forget(&container.err);
	exec.workdir = "/nowhere";
	assert_true(fixture_ops->exec(fixture_instance, &container.record, &exec, container.arena, &running,
				      &container.err) < 0);
	assert_string_equal(container.err->message, "change to the working directory /nowhere: No such file or directory");
}

/* The first process of a container that was not started is a copy of this program. */
static void cannot_be_reached(bool mapped)
{
	AUTO_CONTAINER container = { 0 };
	struct hyfw_confinement *confinement = &container.workload.confinement;
	char *output;

	container_init(&container, "true");
	if (!mapped) { /* the usual capabilities: without CAP_SYS_PTRACE */
		container.workload.idmap = (struct hyfw_idmap){ 0 };
		confinement->have_capabilities = true;
		confinement->bounding = confinement->permitted = confinement->effective = 0xa80425fb;
	}
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_exec(&container, "cat /proc/1/exe >/dev/null 2>&1 || echo A; "
		"echo x 2>/dev/null >>/proc/1/exe || echo B; readlink /proc/1/fd/1 2>/dev/null || echo C; "
		"cat /proc/1/environ 2>/dev/null || echo D; ls /proc/1/root/ 2>/dev/null || echo E; "
		"ls /proc/1/cwd/ 2>/dev/null || echo F; cat /proc/1/maps 2>/dev/null || echo G", &output), 0);
	said(output, "A\nB\nC\nD\nE\nF\nG\n");
}

static void hyfw_cannot_be_reached_from_inside(void **state)
{
	(void)state;
	cannot_be_reached(true);
	cannot_be_reached(false);
}

/* As the kernel writes them; as many as there may be, and what is no map at all. */
static void numbers_are_found_in_an_id_map(void **state)
{
	char text[340 * 33 + 1];
	size_t size = 0;
	unsigned i;

	(void)state;
	for (i = 0; i < 340; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size, "%10u %10u %10u\n", 2 * i, 100000 + i, 1u);
	assert_int_equal(ns_idmap_find(text, 0), 100000);
	assert_int_equal(ns_idmap_find(text, 678), 100339);
	assert_int_equal(ns_idmap_find(text, 677), UINT32_MAX);
	text[33 + 5] = '\0'; /* in the spaces of the second line */
	assert_int_equal(ns_idmap_find(text, 2), UINT32_MAX);
	assert_int_equal(ns_idmap_find("", 0), UINT32_MAX);
	assert_int_equal(ns_idmap_find("0 100000", 0), UINT32_MAX);
	assert_int_equal(ns_idmap_find("         0          0 4294967295\n", 7), 7);
}

static void the_plan_has_two_steps(void **state)
{
	struct hyfw_pair settings[] = { { "rootfs", "/srv/my root" }, { "command", "echo" }, { "command", "it's" },
					{ "volume", "data:/data" }, { "read_only", "true" } };
	struct hyfw_subject subject = { .size = sizeof(subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = "web",
					.settings = { HYFW_COUNT(settings), settings },
					.idmap = { 100000, 200000, 65536 } };
	struct hyfw_error *err = NULL;
	AUTO_CONTAINER container = { 0 };

	(void)state;
	container_init(&container, "");
	assert_int_equal(fixture_common->plan(fixture_instance, &subject, NULL, container.arena, &err), 0);
	assert_int_equal(fixture_planned.count, 2);
	assert_string_equal(fixture_planned.verbs[0], HYFW_VERB_CREATE);
	assert_string_equal(fixture_planned.verbs[1], HYFW_VERB_START);
	assert_string_equal(fixture_planned.summaries[0], "create container web in 8 new namespaces (user cgroup ipc "
			    "mount net pid time uts), uids 0-65535 inside are 100000-165535 here, read-only root, "
			    "volume data:/data");
	assert_string_equal(fixture_planned.commands[0], "unshare --mount --pid --fork --kill-child --ipc --uts --net "
			    "--cgroup --time --user --map-users=100000,0,65536 --map-groups=200000,0,65536 --setuid 0 "
			    "--setgid 0 --mount-proc --root='/srv/my root' echo 'it'\\''s'");
	subject.settings = (struct hyfw_map){ 1, (struct hyfw_pair[]){ { "workdir", "relative" } } };
	assert_int_equal(fixture_common->check(fixture_instance, &subject, &err), -EINVAL);
	hyfw_forget(&err);
	subject.settings.count = 0;
	subject.idmap.host_uid = UINT32_MAX - 3;
	assert_int_equal(fixture_common->check(fixture_instance, &subject, &err), -ERANGE);
	hyfw_forget(&err);
}

static void the_probe_finds_this_machine_fit(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_probe probe = { sizeof(probe), HYFW_PROBE_NO, NULL };
	struct hyfw_error *err = NULL;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(fixture_common->probe(hyfw_host_table(), arena, &probe, &err), 0);
	if (probe.result != HYFW_PROBE_OK)
		fail_msg("%s", probe.reason);
}

int namespaces_exec_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exec_joins_the_container),
		cmocka_unit_test(the_keyring_is_its_own),
		cmocka_unit_test(exec_gives_a_terminal),
		cmocka_unit_test(exec_reports_what_it_cannot_run),
		cmocka_unit_test(hyfw_cannot_be_reached_from_inside),
		cmocka_unit_test(numbers_are_found_in_an_id_map),
		cmocka_unit_test(the_plan_has_two_steps),
		cmocka_unit_test(the_probe_finds_this_machine_fit),
	};

	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
