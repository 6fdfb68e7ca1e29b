/* SPDX-License-Identifier: BSD-3-Clause
 * Containers from OCI bundles: namespaces, mounts, process, start by another process.
 * The configuration is filled by hand, as the core would from config.json. */
#include "namespaces_fixture.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/files.h"

static const struct hyfw_oci_namespace all_new[] = {
	{ CLONE_NEWPID, NULL }, { CLONE_NEWNS, NULL }, { CLONE_NEWUTS, NULL }, { CLONE_NEWIPC, NULL },
	{ CLONE_NEWNET, NULL }, { CLONE_NEWCGROUP, NULL }, { CLONE_NEWUSER, NULL },
};
#define WITHOUT_USER 6

static const char *const dev_options[] = { "mode=755", "size=65536k", NULL };
static const char *const pts_options[] = { "newinstance", "ptmxmode=0666", "mode=0620", "gid=5", NULL };

static const struct hyfw_oci_mount usual[] = {
	{ .target = "/proc", .type = "proc", .source = "proc", .set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV },
	{ .target = "/dev", .type = "tmpfs", .source = "tmpfs", .set = MOUNT_ATTR_NOSUID, .data = dev_options },
	{ .target = "/dev/pts", .type = "devpts", .source = "devpts", .set = MOUNT_ATTR_NOSUID,
	  .data = pts_options },
	{ .target = "/sys", .type = "sysfs", .source = "sysfs", .set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC },
};
#define USUAL HYFW_COUNT(usual)

struct bundle {
	struct container container;
	struct hyfw_oci_config config;
	struct hyfw_oci_mount mounts[USUAL + 4];
};

static char *say_state(const struct hyfw_oci_config *config, int32_t pid, const char *status)
{
	return hyfw_format("{\"id\":\"%s\",\"pid\":%d,\"status\":\"%s\"}", config->id, pid, status);
}

static void bundle_init(struct bundle *bundle, const char *script)
{
	struct container *container = &bundle->container;

	memset(bundle, 0, sizeof(*bundle));
	container_init(container, script);
	memcpy(bundle->mounts, usual, sizeof(usual));
	bundle->config = (struct hyfw_oci_config){
		.size = sizeof(bundle->config), .id = "test", .bundle = fixture_base, .root = fixture_root,
		.hostname = "bundle", .namespaces = all_new, .namespace_count = WITHOUT_USER,
		.mounts = bundle->mounts, .mount_count = USUAL, .state = say_state,
	};
	container->workload.oci = &bundle->config;
	container->workload.runtime_directory = fixture_base;
	memset(&container->workload.idmap, 0, sizeof(container->workload.idmap));
	memset(&container->workload.root, 0, sizeof(container->workload.root));
}

static void bundle_cleanup(struct bundle *bundle)
{
	container_finish(&bundle->container);
}
#define AUTO_BUNDLE __attribute__((cleanup(bundle_cleanup))) struct bundle

/* Runs it to its end; what it said. */
static const char *run(struct bundle *bundle)
{
	if (container_run(&bundle->container) != 0)
		fail_msg("exit status %d: %s", bundle->container.exit.status, bundle->container.output);
	return bundle->container.output;
}

static void refused(struct bundle *bundle, int errnum, const char *part)
{
	assert_int_equal(container_create(&bundle->container), -errnum);
	if (!strstr(bundle->container.err->message, part))
		fail_msg("%s", bundle->container.err->message);
}

static const struct hyfw_oci_ids ranges[] = { { 0, HOST_ID, 1000 }, { 1000, HOST_ID + 5000, 64536 } };
static const struct hyfw_oci_idmap mapped = { ranges, ranges, 2, 2 };

static void map_ids(struct bundle *bundle)
{
	bundle->config.idmap = mapped;
	bundle->config.namespace_count = HYFW_COUNT(all_new);
}

static void what_is_listed_is_made_and_nothing_else(void **state)
{
	AUTO_BUNDLE bundle = { 0 };

	(void)state;
	bundle_init(&bundle, "hostname; echo $$; ls /dev | grep -v core; ls /data; grep -c ' /' /proc/self/mounts; readlink /dev/fd; "
		    "stat -c %t:%T:%a /dev/null; cat /sys/class/net/lo/operstate; ls /sys/class/net");
	assert_string_equal(run(&bundle), "bundle\n1\nfd\nfull\nnull\nptmx\npts\nrandom\nstderr\nstdin\nstdout\n"
			    "tty\nurandom\nzero\n5\n/proc/self/fd\n1:3:666\nunknown\nlo\n");
}

static void ids_are_mapped_in_ranges(void **state)
{
	AUTO_BUNDLE bundle = { 0 };
	struct stat before, after;

	(void)state;
	assert_int_equal(stat("/dev/null", &before), 0);
	bundle_init(&bundle, "cat /proc/self/uid_map | while read a b c; do echo $a $b $c; done; id -u; "
		    "echo x > /dev/null && stat -c %t:%T /dev/null; stat -c %u /sys/class/net/lo/mtu; hostname");
	map_ids(&bundle);
	assert_string_equal(run(&bundle), "0 300000 1000\n1000 305000 64536\n0\n1:3\n0\nbundle\n");
	assert_int_equal(stat("/dev/null", &after), 0);
	assert_int_equal(before.st_uid, after.st_uid);
	assert_int_equal(before.st_mode, after.st_mode);
}

static void another_process_starts_a_detached_one(void **state)
{
	AUTO_BUNDLE bundle = { 0 };
	struct container *container = &bundle.container;
	struct hyfw_running none = { sizeof(none), 0, -1, -1, -1, NULL };
	struct hyfw_call call;
	int status;
	pid_t pid;

	(void)state;
	bundle_init(&bundle, "echo ran");
	bundle.config.detached = true;
	assert_int_equal(container_create(container), 0);
	pid = fork();
	if (pid == 0) {
		call = (struct hyfw_call){ .size = sizeof(call), .record = container->record,
					   .arena = container->arena, .core = container };
		_exit(fixture_ops->start(fixture_instance, &call, &none, &container->err) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(container_start(container), -EALREADY); /* only once */
	container_wait(container);
	assert_string_equal(container->output, "ran\n");
}

static void a_failed_start_says_why(void **state)
{
	AUTO_BUNDLE bundle = { 0 };
	const char *argv[] = { "/tmp/script", NULL };
	char *path = fixture_path("root/tmp/script");

	(void)state;
	bundle_init(&bundle, "");
	fixture_write(path, "#!/no/such/interpreter\n", 0755);
	bundle.config.detached = true;
	bundle.container.workload.argv = argv;
	assert_int_equal(container_create(&bundle.container), 0);
	assert_int_equal(container_start(&bundle.container), -ENOENT);
	assert_non_null(strstr(bundle.container.err->message, "exec /tmp/script: no such file"));
	unlink(path);
	free(path);
}

static void a_detached_one_outlives_its_creator(void **state)
{
	AUTO_BUNDLE bundle = { 0 };
	struct container *container = &bundle.container;
	int32_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *proc;
	pid_t pid;

	(void)state;
	bundle_init(&bundle, "echo ran");
	bundle.config.detached = true;
	pid = fork();
	if (pid == 0) {
		int r = container_create(container);

		*shared = r == 0 ? container->running.pid : r;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	assert_true(*shared > 0);
	proc = hyfw_format("/proc/%d/root", *shared);
	assert_int_equal(access(proc, F_OK), 0);
	kill(*shared, SIGKILL);
	free(proc);
	munmap(shared, 4096);
}

static void namespaces_are_joined(void **state)
{
	AUTO_BUNDLE first = { 0 }, second = { 0 };
	struct hyfw_oci_namespace joined[HYFW_COUNT(all_new)];
	static const char *const names[] = { "pid", "mnt", "uts", "ipc", "net", "cgroup", "user" };
	char *paths[HYFW_COUNT(all_new)], *expected;
	struct stat status[2];
	size_t i;

	(void)state;
	bundle_init(&first, "sleep 100");
	map_ids(&first);
	assert_int_equal(container_create(&first.container), 0);
	assert_int_equal(container_start(&first.container), 0);
	bundle_init(&second, "hostname; readlink /proc/self/ns/user; readlink /proc/self/ns/net; echo $(($$ > 1))");
	for (i = 0; i < HYFW_COUNT(all_new); i++) {
		paths[i] = hyfw_format("/proc/%d/ns/%s", first.container.running.pid, names[i]);
		joined[i] = (struct hyfw_oci_namespace){ all_new[i].type, all_new[i].type == CLONE_NEWNS ? NULL : paths[i] };
	}
	assert_int_equal(stat(paths[6], &status[0]), 0);
	assert_int_equal(stat(paths[4], &status[1]), 0);
	second.config.namespaces = joined;
	second.config.namespace_count = HYFW_COUNT(joined);
	second.config.hostname = NULL;
	expected = hyfw_format("bundle\nuser:[%lu]\nnet:[%lu]\n1\n", (unsigned long)status[0].st_ino,
			       (unsigned long)status[1].st_ino);
	assert_string_equal(run(&second), expected);
	free(expected);
	for (i = 0; i < HYFW_COUNT(all_new); i++)
		free(paths[i]);
	fixture_ops->signal(fixture_instance, &first.container.record, SIGKILL, false, &first.container.err);
	container_wait(&first.container);
}

static void clocks_are_set_off(void **state)
{
	static const struct hyfw_oci_time_offset offsets[] = { { CLOCK_BOOTTIME, 1000000000, 5 } };
	struct hyfw_oci_namespace namespaces[WITHOUT_USER + 1];
	AUTO_BUNDLE bundle = { 0 };

	(void)state;
	memcpy(namespaces, all_new, sizeof(all_new[0]) * WITHOUT_USER);
	namespaces[WITHOUT_USER] = (struct hyfw_oci_namespace){ CLONE_NEWTIME, NULL };
	bundle_init(&bundle, "read a b < /proc/uptime; echo $((${a%.*} > 1000000000)) $$");
	bundle.config.namespaces = namespaces;
	bundle.config.namespace_count = HYFW_COUNT(namespaces);
	bundle.config.time_offsets = offsets;
	bundle.config.time_offset_count = 1;
	assert_string_equal(run(&bundle), "1 1\n");
}

static void binds_have_their_flags_and_ids(void **state)
{
	AUTO_BUNDLE bundle = { 0 };
	char *data = fixture_path("shared"), *file = fixture_path("shared/file");

	(void)state;
	mkdir(data, 0755);
	fixture_write(file, "text\n", 0640);
	assert_int_equal(chown(file, 1000, 1000), 0);
	bundle_init(&bundle, "cat /data/file; stat -c %u /data/file; touch /data/x; "
		    "grep -c 'data .*ro,nosuid' /proc/self/mounts");
	map_ids(&bundle);
	bundle.mounts[USUAL] = (struct hyfw_oci_mount){
		.target = "/data", .source = "shared", .bind = true, .recursive = true,
		.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, .map = HYFW_OCI_MAPPED,
	};
	bundle.config.mount_count = USUAL + 1;
	assert_string_equal(run(&bundle), "text\n1000\ntouch: /data/x: Read-only file system\n1\n");
	unlink(file);
	rmdir(data);
	free(data);
	free(file);
}

static void mounts_are_listed_in_their_order(void **state)
{
	static const uint64_t propagation[] = { MS_SLAVE, MS_SHARED, MS_PRIVATE, MS_UNBINDABLE, 0 };
	struct hyfw_oci_mount mounts[USUAL + 2 * HYFW_COUNT(propagation)];
	char *data = fixture_path("shared"), *expected = hyfw_dup(""), *longer;
	AUTO_BUNDLE bundle = { 0 };
	size_t i;

	(void)state;
	mkdir(data, 0755);
	bundle_init(&bundle, "while read a b c d e f; do echo $e; done </proc/self/mountinfo | grep ^/m");
	memcpy(mounts, usual, sizeof(usual));
	for (i = 0; i < HYFW_COUNT(propagation); i++) {
		mounts[USUAL + 2 * i] = (struct hyfw_oci_mount){
			.target = hyfw_arena_format(bundle.container.arena, "/m%zu", i), .type = "tmpfs", .source = "tmpfs",
		};
		mounts[USUAL + 2 * i + 1] = (struct hyfw_oci_mount){
			.target = hyfw_arena_format(bundle.container.arena, "/m%zu/data", i), .source = "shared",
			.bind = true, .propagation = propagation[i],
		};
		longer = hyfw_format("%s/m%zu\n/m%zu/data\n", expected, i, i);
		free(expected);
		expected = longer;
	}
	bundle.config.mounts = mounts;
	bundle.config.mount_count = HYFW_COUNT(mounts);
	assert_string_equal(run(&bundle), expected);
	rmdir(data);
	free(data);
	free(expected);
}

static void a_target_that_leads_nowhere_is_made_below_the_root(void **state)
{
	AUTO_BUNDLE bundle = { 0 };
	char *link = fixture_path("root/etc/link"), *made = fixture_path("root/run/deep/file");
	char *file = fixture_path("file");

	(void)state;
	fixture_write(file, "text\n", 0644);
	assert_int_equal(symlink("../../../run/deep/file", link), 0);
	bundle_init(&bundle, "cat /etc/link /run/deep/file; readlink /etc/link");
	bundle.mounts[USUAL] = (struct hyfw_oci_mount){ .target = "/etc/link", .source = file, .bind = true };
	bundle.config.mount_count = USUAL + 1;
	assert_string_equal(run(&bundle), "text\ntext\n../../../run/deep/file\n");
	assert_int_equal(access(made, F_OK), 0);
	unlink(link);
	unlink(file);
	free(made);
	free(link);
	free(file);
}

static void paths_are_masked(void **state)
{
	static const char *const masked_paths[] = { "/proc/kcore", "/proc/timer_list", "/sys/firmware", "/no/such", NULL };
	static const char *const read_only[] = { "/proc/sys", "/proc/sysrq-trigger", "/no/such", NULL };
	AUTO_BUNDLE bundle = { 0 };

	(void)state;
	bundle_init(&bundle, "wc -c < /proc/timer_list; ls /sys/firmware | wc -l; "
		    "echo 0 > /proc/sys/kernel/shmmni && echo bad; touch /x && echo bad; exit 0");
	bundle.config.masked_paths = masked_paths;
	bundle.config.read_only_paths = read_only;
	bundle.config.root_read_only = true;
	assert_string_equal(run(&bundle), "0\n0\nsh: can't create /proc/sys/kernel/shmmni: Read-only file system\n"
			    "touch: /x: Read-only file system\n");
}

static void a_tmpfs_begins_with_what_it_covers(void **state)
{
	static const char *const size[] = { "size=1m", NULL };
	AUTO_BUNDLE bundle = { 0 };

	(void)state;
	bundle_init(&bundle, "ls /etc; stat -c %a /etc/passwd; grep -c tmpfs.*/etc /proc/self/mounts; echo > /etc/x");
	bundle.mounts[USUAL] = (struct hyfw_oci_mount){
		.target = "/etc", .type = "tmpfs", .source = "tmpfs", .copy_up = true, .data = size,
		.set = MOUNT_ATTR_RDONLY,
	};
	bundle.config.mount_count = USUAL + 1;
	assert_int_not_equal(container_run(&bundle.container), 0);
	assert_string_equal(bundle.container.output, "group\npasswd\n644\n1\n"
			    "sh: can't create /etc/x: Read-only file system\n");
}

static void the_process_is_as_it_is_described(void **state)
{
	static const uint32_t groups[] = { 7, 8 };
	static const struct hyfw_oci_rlimit limits[] = { { RLIMIT_NOFILE, 64, 128 }, { RLIMIT_CORE, 0, 0 } };
	AUTO_BUNDLE bundle = { 0 };

	(void)state;
	bundle_init(&bundle, "id 2>/dev/null; umask; ulimit -n; ulimit -H -n; cat /proc/self/oom_score_adj; echo $HOME; pwd; "
		    "cat /proc/self/personality");
	bundle.config.process = (struct hyfw_oci_process){
		.uid = 1000, .gid = 1001, .groups = groups, .group_count = 2, .umask = { true, 027 },
		.rlimits = limits, .rlimit_count = 2, .oom_score_adj = { true, 500 },
	};
	bundle.config.personality = (struct hyfw_oci_number){ true, 8 };
	bundle.container.workload.workdir = "/home/new";
	assert_string_equal(run(&bundle), "uid=1000(ann) gid=1001(ann) groups=7,8\n0027\n64\n128\n500\n/home/ann\n"
			    "/home/new\n00000008\n");
}

static void settings_of_the_host_are_refused(void **state)
{
	static struct hyfw_pair pairs[] = { { "net.ipv4.ip_forward", "1" }, { "kernel.shmmni", "99" } };
	AUTO_BUNDLE good = { 0 }, bad = { 0 };

	(void)state;
	bundle_init(&good, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni");
	good.config.sysctl = (struct hyfw_map){ 2, pairs };
	assert_string_equal(run(&good), "1\n99\n");
	bundle_init(&bad, "");
	static struct hyfw_pair hosts[] = { { "vm.swappiness", "1" } };
	bad.config.sysctl = (struct hyfw_map){ 1, hosts };
	refused(&bad, EINVAL, "vm.swappiness");
}

static void hooks_are_given_the_state(void **state)
{
	static const char *const create_argv[] = { "sh", "-c", "cat > $OUT; test -e bin/busybox && mountpoint -q . || echo bad >> $OUT", NULL };
	static const char *const start_argv[] = { "sh", "-c", "cat >> /tmp/state; test -e /tmp -a ! -e /usr >> /tmp/state", NULL };
	static const char *const bad_argv[] = { "sh", "-c", "exit 3", NULL };
	static const char *const slow_argv[] = { "sleep", "100", NULL };
	static const struct hyfw_oci_hook bad = { "/bin/sh", bad_argv, NULL, 0 }, slow = { "/bin/sleep", slow_argv, NULL, 1 };
	static const struct hyfw_oci_hook absent = { "/no/such", NULL, NULL, 0 };
	AUTO_BUNDLE bundle = { 0 }, failing = { 0 }, late = { 0 }, missing = { 0 };
	char *out = fixture_path("hook"), *expected;
	char *variable = hyfw_format("OUT=%s", out), *text;
	const char *const envp[] = { variable, "PATH=/bin", NULL };
	const struct hyfw_oci_hook create = { "/bin/sh", create_argv, envp, 5 }, start = { "/bin/sh", start_argv, envp, 5 };
	struct hyfw_error *err = NULL;
	size_t size;

	(void)state;
	bundle_init(&bundle, "cat /tmp/state");
	bundle.config.hooks[HYFW_OCI_CREATE_CONTAINER] = (struct hyfw_oci_hooks){ &create, 1 };
	bundle.config.hooks[HYFW_OCI_START_CONTAINER] = (struct hyfw_oci_hooks){ &start, 1 };
	assert_int_equal(chdir(fixture_base), 0);
	run(&bundle);
	expected = hyfw_format("{\"id\":\"test\",\"pid\":%d,\"status\":\"created\"}", bundle.container.running.pid);
	assert_string_equal(bundle.container.output, expected);
	free(expected);
	expected = hyfw_format("{\"id\":\"test\",\"pid\":%d,\"status\":\"creating\"}", bundle.container.running.pid);
	assert_int_equal(hyfw_file_read(AT_FDCWD, out, 4096, &text, &size, &err), 0);
	assert_string_equal(text, expected);
	bundle_init(&failing, "");
	failing.config.hooks[HYFW_OCI_CREATE_CONTAINER] = (struct hyfw_oci_hooks){ &bad, 1 };
	refused(&failing, ECANCELED, "error running hook: error running createContainer hook #0: /bin/sh: exit status 3");
	bundle_init(&late, "");
	late.config.hooks[HYFW_OCI_CREATE_CONTAINER] = (struct hyfw_oci_hooks){ &slow, 1 };
	refused(&late, ETIMEDOUT, "hook #0: /bin/sleep did not end within 1 s");
	bundle_init(&missing, "");
	missing.config.hooks[HYFW_OCI_CREATE_CONTAINER] = (struct hyfw_oci_hooks){ &absent, 1 };
	refused(&missing, ENXIO, "hook #0: /no/such: No such file or directory");
	assert_int_equal(chdir("/"), 0);
	free(text);
	free(expected);
	free(variable);
	free(out);
}

static void errors_are_those_that_clients_know(void **state)
{
	AUTO_BUNDLE bundle = { 0 }, path = { 0 }, forbidden = { 0 };
	const char *missing[] = { "frobnicate", NULL }, *absent[] = { "/bin/frobnicate", NULL };
	const char *data[] = { "/etc/passwd", NULL };

	(void)state;
	bundle_init(&bundle, "");
	bundle.container.workload.argv = missing;
	refused(&bundle, ENOENT, "frobnicate: executable file not found in $PATH");
	bundle_init(&path, "");
	path.container.workload.argv = absent;
	refused(&path, ENOENT, "no such file or directory");
	bundle_init(&forbidden, "");
	forbidden.container.workload.argv = data;
	refused(&forbidden, EACCES, "Permission denied");
}

static void control_groups_are_shown(void **state)
{
	AUTO_BUNDLE bundle = { 0 };

	(void)state;
	bundle_init(&bundle, "test -e /sys/fs/cgroup/memory/tasks -o -e /sys/fs/cgroup/cgroup.procs && echo yes; "
		    "mkdir /sys/fs/cgroup/x || echo no");
	bundle.mounts[USUAL] = (struct hyfw_oci_mount){
		.target = "/sys/fs/cgroup", .type = "cgroup", .source = "cgroup", .set = MOUNT_ATTR_RDONLY,
	};
	bundle.config.mount_count = USUAL + 1;
	assert_string_equal(run(&bundle), "yes\nmkdir: can't create directory '/sys/fs/cgroup/x': Read-only file system\nno\n");
}

static void a_terminal_has_its_size(void **state)
{
	AUTO_BUNDLE bundle = { 0 };

	(void)state;
	bundle_init(&bundle, "stty size; tty; test -c /dev/console && echo console");
	bundle.container.workload.terminal = true;
	bundle.config.process.console_rows = (struct hyfw_oci_number){ true, 33 };
	bundle.config.process.console_columns = (struct hyfw_oci_number){ true, 99 };
	assert_string_equal(run(&bundle), "33 99\r\n/dev/pts/0\r\nconsole\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_listed_is_made_and_nothing_else),
		cmocka_unit_test(ids_are_mapped_in_ranges),
		cmocka_unit_test(another_process_starts_a_detached_one),
		cmocka_unit_test(a_failed_start_says_why),
		cmocka_unit_test(a_detached_one_outlives_its_creator),
		cmocka_unit_test(namespaces_are_joined),
		cmocka_unit_test(clocks_are_set_off),
		cmocka_unit_test(binds_have_their_flags_and_ids),
		cmocka_unit_test(mounts_are_listed_in_their_order),
		cmocka_unit_test(a_target_that_leads_nowhere_is_made_below_the_root),
		cmocka_unit_test(paths_are_masked),
		cmocka_unit_test(a_tmpfs_begins_with_what_it_covers),
		cmocka_unit_test(the_process_is_as_it_is_described),
		cmocka_unit_test(settings_of_the_host_are_refused),
		cmocka_unit_test(hooks_are_given_the_state),
		cmocka_unit_test(errors_are_those_that_clients_know),
		cmocka_unit_test(control_groups_are_shown),
		cmocka_unit_test(a_terminal_has_its_size),
	};

	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
