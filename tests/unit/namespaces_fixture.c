/* SPDX-License-Identifier: BSD-3-Clause */
#include "namespaces_fixture.h"

#include <sys/wait.h>

#include "base/context.h"
#include "base/files.h"
#include "plugin/host.h"

const struct hyfw_plugin *hyfw_plugin_entry_v1(void);

char *fixture_base, *fixture_root;
const struct hyfw_isolation_ops *fixture_ops;
const struct hyfw_common_ops *fixture_common;
void *fixture_instance;
static struct hyfw_context context;

struct planned fixture_planned;

static int keep_step(struct hyfw_plan *plan, const struct hyfw_step *step, struct hyfw_error **err)
{
	size_t i = fixture_planned.count++;

	(void)plan;
	(void)err;
	assert_true(i < HYFW_COUNT(fixture_planned.verbs));
	snprintf(fixture_planned.verbs[i], sizeof(fixture_planned.verbs[i]), "%s", step->verb);
	snprintf(fixture_planned.summaries[i], sizeof(fixture_planned.summaries[i]), "%s", step->summary);
	snprintf(fixture_planned.commands[i], sizeof(fixture_planned.commands[i]), "%s",
		 step->commands ? step->commands : "");
	return 0;
}

static int keep_note(struct hyfw_call *call, const char *key, const char *value, struct hyfw_error **err)
{
	struct container *container = call->core;

	(void)err;
	hyfw_pairs_set(&container->notes, key, value);
	container->record = hyfw_pairs_map(&container->notes);
	return 0;
}

char *fixture_path(const char *below)
{
	return hyfw_format("%s/%s", fixture_base, below);
}

void fixture_write(const char *path, const char *text, mode_t mode)
{
	struct hyfw_error *err = NULL;

	assert_int_equal(hyfw_file_write(path, text, strlen(text), mode, false, &err), 0);
}

static void copy_busybox(void)
{
	char *data, *path = hyfw_format("%s/bin/busybox", fixture_root);
	struct hyfw_error *err = NULL;
	size_t size;

	assert_int_equal(hyfw_file_read(AT_FDCWD, "/bin/busybox", 16u << 20, &data, &size, &err), 0);
	assert_int_equal(hyfw_file_write(path, data, size, 0755, false, &err), 0);
	free(data);
	free(path);
}

static void make_root(void)
{
	static const char *const directories[] = { "", "bin", "etc", "tmp", "proc", "sys", "dev", "home", "data" };
	static const char *const programs[] = { "sh", "cat", "id", "ls", "true", "false", "touch", "mkdir", "sleep",
		"echo", "pwd", "hostname", "stat", "mount", "umount", "dd", "readlink", "grep", "ps", "kill",
		"tty", "head", "wc", "df", "rm", "mknod", "chown", "stty", "test", "env", "printf", "ln" };
	size_t i;

	for (i = 0; i < HYFW_COUNT(directories); i++) {
		char *path = hyfw_format("%s/%s", fixture_root, directories[i]);

		assert_int_equal(mkdir(path, 0755), 0);
		free(path);
	}
	copy_busybox();
	for (i = 0; i < HYFW_COUNT(programs); i++) {
		char *path = hyfw_format("%s/bin/%s", fixture_root, programs[i]);

		assert_int_equal(symlink("busybox", path), 0);
		free(path);
	}
	char *passwd = hyfw_format("%s/etc/passwd", fixture_root), *group = hyfw_format("%s/etc/group", fixture_root);

	fixture_write(passwd, "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1000:1001:Ann:/home/ann:/bin/sh\n", 0644);
	fixture_write(group, "root:x:0:\nann:x:1001:\naudio:x:29:bob,ann\nvideo:x:44:ann\nnobody:x:99:annabel\n", 0644);
	free(passwd);
	free(group);
}

int fixture_group_setup(void **state)
{
	const struct hyfw_host_hooks hooks = { keep_step, keep_note };
	struct hyfw_context_options options = { 0 };
	struct hyfw_map settings = { 0 };
	struct hyfw_error *err = NULL;
	char *data, *run;

	(void)state;
	if (geteuid() != 0)
		return 0; /* each test says so itself */
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	fixture_base = hyfw_dup("/tmp/hyfw-ns-XXXXXX");
	assert_non_null(mkdtemp(fixture_base));
	assert_int_equal(chmod(fixture_base, 0755), 0);
	fixture_root = fixture_path("root");
	make_root();
	data = fixture_path("data");
	run = fixture_path("run");
	options.data = data;
	options.runtime = run;
	assert_int_equal(hyfw_context_init(&context, &options, &err), 0);
	hyfw_host_set_hooks(&hooks);
	fixture_common = hyfw_plugin_entry_v1()->common;
	fixture_ops = hyfw_plugin_entry_v1()->ops;
	assert_int_equal(fixture_common->open(hyfw_host_table(), &settings, &fixture_instance, &err), 0);
	free(data);
	free(run);
	return 0;
}

int fixture_group_teardown(void **state)
{
	struct hyfw_error *err = NULL;

	(void)state;
	if (!fixture_base)
		return 0;
	fixture_common->close(fixture_instance);
	hyfw_remove_tree(AT_FDCWD, fixture_base, &err);
	hyfw_forget(&err);
	hyfw_context_finish(&context);
	free(fixture_root);
	free(fixture_base);
	return 0;
}

static const char *const environment[] = { "PATH=/usr/bin:/bin", "COLOUR=green", NULL };

void container_init(struct container *container, const char *script)
{
	const char **argv;
	int ends[2];

	if (geteuid() != 0)
		skip(); /* needs root: mounts with mapped ids */
	memset(container, 0, sizeof(*container));
	container->arena = hyfw_arena_new();
	argv = hyfw_arena_alloc(container->arena, 4 * sizeof(*argv));
	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = script;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	container->output_fd = ends[0];
	container->running = (struct hyfw_running){ sizeof(struct hyfw_running), 0, -1, -1, -1, NULL };
	container->workload = (struct hyfw_workload){
		.size = sizeof(container->workload), .name = "test", .hostname = "inside", .argv = argv,
		.envp = environment, .workdir = "/", .user = "", .stdio = { -1, ends[1], ends[1] },
		.idmap = { HOST_ID, HOST_ID, 65536 },
		.root = { .size = sizeof(struct hyfw_attachment), .kind = HYFW_ATTACHMENT_BIND, .target = "/",
			  .source = fixture_root, .source_fd = -1, .flags = HYFW_ATTACH_IDMAP },
		.mounts = container->mounts,
		.confinement = { .size = sizeof(struct hyfw_confinement), .landlock_fd = -1 },
	};
}

static struct hyfw_call call_of(struct container *container)
{
	static const struct hyfw_step step = { .size = sizeof(step), .verb = HYFW_VERB_CREATE,
					       .object = "container test" };

	return (struct hyfw_call){ .size = sizeof(struct hyfw_call), .step = &step, .record = container->record,
				   .arena = container->arena, .workload = "test", .netns_fd = -1,
				   .core = container };
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void container_finish(struct container *container)
{
	struct hyfw_call call = call_of(container);
	struct hyfw_error *err = NULL;

	if (!container->arena)
		return;
	assert_int_equal(fixture_common->undo(fixture_instance, &call, &err), 0);
	close_fd(&container->running.wait_fd);
	close_fd(&container->running.netns_fd);
	close_fd(&container->running.console_fd);
	close_fd(&container->workload.stdio[1]);
	close_fd(&container->output_fd);
	hyfw_forget(&container->err);
	hyfw_pairs_finish(&container->notes);
	hyfw_arena_free(container->arena);
	free(container->output);
	container->arena = NULL;
}

int container_create(struct container *container)
{
	struct hyfw_call call = call_of(container);

	return fixture_ops->create(fixture_instance, &call, &container->workload, &container->running,
				   &container->err);
}

int container_start(struct container *container)
{
	struct hyfw_call call = call_of(container);
	int r = fixture_ops->start(fixture_instance, &call, &container->running, &container->err);

	close_fd(&container->workload.stdio[1]);
	return r;
}

static char *read_all(int fd)
{
	char *text = hyfw_new(OUTPUT_LIMIT + 1);
	size_t size = 0;
	ssize_t got;

	while (size < OUTPUT_LIMIT && (got = read(fd, text + size, OUTPUT_LIMIT - size)) > 0)
		size += (size_t)got;
	return text;
}

static void await(struct hyfw_running *running, struct hyfw_exit *ret_exit)
{
	struct pollfd wait = { .fd = running->wait_fd, .events = POLLIN };
	struct hyfw_error *err = NULL;

	assert_int_equal(poll(&wait, 1, 20000), 1);
	assert_int_equal(fixture_ops->wait(fixture_instance, running, ret_exit, &err), 0);
}

void container_wait(struct container *container)
{
	free(container->output);
	container->output = read_all(container->running.console_fd >= 0 ? container->running.console_fd
									 : container->output_fd);
	await(&container->running, &container->exit);
}

int container_run(struct container *container)
{
	int r = container_create(container);

	if (r == 0)
		r = container_start(container);
	if (r < 0)
		fail_msg("%s", container->err->message);
	container_wait(container);
	return container->exit.status;
}

char *container_say(const char *script)
{
	struct container container;
	char *output;

	container_init(&container, script);
	container_run(&container);
	output = container.output;
	container.output = NULL;
	container_finish(&container);
	return output;
}

struct hyfw_attachment *container_mount(struct container *container, enum hyfw_attachment_kind kind,
					const char *source, const char *target, uint32_t flags)
{
	struct hyfw_attachment *mount = &container->mounts[container->workload.mount_count++];

	*mount = (struct hyfw_attachment){ .size = sizeof(*mount), .kind = kind, .source = source,
					   .source_fd = -1, .target = target, .flags = flags };
	return mount;
}

int container_exec(struct container *container, const char *script, char **ret_output)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct hyfw_running running = { sizeof(running), 0, -1, -1, -1, NULL };
	struct hyfw_exit exit = { 0 };
	struct hyfw_exec exec = { .size = sizeof(exec), .argv = argv, .envp = environment, .user = "",
				  .confinement = container->workload.confinement };
	int ends[2], r;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	exec.stdio[0] = -1;
	exec.stdio[1] = exec.stdio[2] = ends[1];
	r = fixture_ops->exec(fixture_instance, &container->record, &exec, container->arena, &running,
			      &container->err);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return r;
	}
	*ret_output = read_all(ends[0]);
	close(ends[0]);
	await(&running, &exit);
	close(running.wait_fd);
	return exit.status;
}
