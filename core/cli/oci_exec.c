/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci exec`: a further command, as a process of config.json's form says or as the
 * flags change the container's own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/oci.h"

#define EXEC_FAILED 255 /* as runc: the command's own may be any other */

struct further {
	const char *process_file, *pid_file, *console_socket, *pidfd_socket, *cwd, *user, *label, *profile, *preserve;
	struct hyfw_strings env, caps, groups, cgroups;
	bool terminal, detach, no_new_privileges, ignore_paused;
	uint32_t preserve_fds;
	char **argv;
	struct hyfw_oci_container *container;
	struct hyfw_oci_command command;
};

enum { PID_FILE = 256, CONSOLE_SOCKET, PRESERVE_FDS, CWD, NO_NEW_PRIVS, PROCESS_LABEL, APPARMOR, PIDFD_SOCKET,
       IGNORE_PAUSED, CGROUP, IGNORED };

static const struct option exec_flags[] = {
	{ "process", required_argument, NULL, 'p' },
	{ "pid-file", required_argument, NULL, PID_FILE },
	{ "console-socket", required_argument, NULL, CONSOLE_SOCKET },
	{ "preserve-fds", required_argument, NULL, PRESERVE_FDS },
	{ "tty", no_argument, NULL, 't' },
	{ "detach", no_argument, NULL, 'd' },
	{ "cwd", required_argument, NULL, CWD },
	{ "env", required_argument, NULL, 'e' },
	{ "user", required_argument, NULL, 'u' },
	{ "cap", required_argument, NULL, 'c' },
	{ "no-new-privs", no_argument, NULL, NO_NEW_PRIVS },
	{ "process-label", required_argument, NULL, PROCESS_LABEL },
	{ "apparmor", required_argument, NULL, APPARMOR },
	{ "additional-gids", required_argument, NULL, 'g' },
	{ "pidfd-socket", required_argument, NULL, PIDFD_SOCKET },
	{ "ignore-paused", no_argument, NULL, IGNORE_PAUSED },
	{ "cgroup", required_argument, NULL, CGROUP },
	{ "no-subreaper", no_argument, NULL, IGNORED },
	OCI_FLAG_HELP,
	{ 0 },
};

static void take_flag(int flag, struct further *further)
{
	switch (flag) {
	case 'p': further->process_file = optarg; break;
	case 't': further->terminal = true; break;
	case 'd': further->detach = true; break;
	case 'e': hyfw_strings_add(&further->env, optarg); break;
	case 'u': further->user = optarg; break;
	case 'c': hyfw_strings_add(&further->caps, optarg); break;
	case PID_FILE: further->pid_file = optarg; break;
	case CONSOLE_SOCKET: further->console_socket = optarg; break;
	case 'g': hyfw_strings_add(&further->groups, optarg); break;
	case PRESERVE_FDS: further->preserve = optarg; break;
	case PIDFD_SOCKET: further->pidfd_socket = optarg; break;
	case IGNORE_PAUSED: further->ignore_paused = true; break;
	case CGROUP: hyfw_strings_add(&further->cgroups, optarg); break;
	case CWD: further->cwd = optarg; break;
	case NO_NEW_PRIVS: further->no_new_privileges = true; break;
	case PROCESS_LABEL: further->label = optarg; break;
	case APPARMOR: further->profile = optarg; break;
	default: break;
	}
}

/* ---- the command ---- */

static int read_process(struct further *further, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *text = NULL;
	size_t size;
	int result = oci_read_document(further->process_file, &text, &size, err);

	if (result < 0)
		return result;
	result = hyfw_oci_command_read(text, size, further->container->arena, &further->command, err);
	if (result < 0)
		return hyfw_wrap(err, "%s", further->process_file);
	result = hyfw_oci_load_config(further->container, err);
	if (result == 0)
		hyfw_oci_command_complete(&further->command, &further->container->spec.command);
	return result;
}

/* "1000", in the group of the container's command, or "1000:100". */
static int set_user(struct further *further, struct hyfw_error **err)
{
	struct hyfw_oci_process *process = &further->command.process;
	char *end = NULL;

	if (!further->user)
		return 0;
	process->uid = (uint32_t)strtoul(further->user, &end, 10);
	if (end != further->user && *end == ':')
		process->gid = (uint32_t)strtoul(end + 1, &end, 10);
	if (end == further->user || *end)
		return hyfw_fail(err, EINVAL, "--user %s: not UID or UID:GID", further->user);
	process->groups = NULL;
	process->group_count = 0;
	return 0;
}

static int add_groups(struct further *further, struct hyfw_error **err)
{
	struct hyfw_oci_process *process = &further->command.process;
	uint32_t *groups;
	size_t i;

	if (!further->groups.count)
		return 0;
	groups = hyfw_arena_alloc(further->container->arena,
				  (process->group_count + further->groups.count) * sizeof(*groups));
	if (process->group_count)
		memcpy(groups, process->groups, process->group_count * sizeof(*groups));
	for (i = 0; i < further->groups.count; i++) {
		const char *text = further->groups.items[i];
		char *end;
		const unsigned long gid = strtoul(text, &end, 10);

		if (end == text || *end || gid >= UINT32_MAX)
			return hyfw_fail(err, EINVAL, "--additional-gids %s: not a group id", text);
		groups[process->group_count++] = (uint32_t)gid;
	}
	process->groups = groups;
	return 0;
}

/* One that there is not here is left out, as in config.json. */
static void add_capabilities(const struct oci_cli *cli, struct further *further)
{
	struct hyfw_confinement *confinement = &further->command.confinement;
	uint64_t bit;
	size_t i;

	for (i = 0; i < further->caps.count; i++) {
		if (!hyfw_oci_capability(further->caps.items[i], &bit)) {
			HYFW_AUTO_FREE char *text = hyfw_format("left out the unknown capability `%s`",
								further->caps.items[i]);

			oci_log_text(cli, "warning", text);
			continue;
		}
		confinement->bounding |= bit;
		confinement->permitted |= bit;
		confinement->effective |= bit;
		if (confinement->inheritable) /* without it nothing is ambient */
			confinement->ambient |= confinement->inheritable & bit;
	}
}

/* In the form that lists of texts have elsewhere; NULL for none. */
static const char *const *list_of(struct hyfw_arena *arena, const struct hyfw_strings *strings)
{
	const char **list = hyfw_arena_alloc(arena, (strings->count + 1) * sizeof(*list));

	if (strings->count)
		memcpy(list, strings->items, strings->count * sizeof(*list));
	return strings->count ? list : NULL;
}

static int from_flags(const struct oci_cli *cli, struct further *further, struct hyfw_error **err)
{
	struct hyfw_arena *arena = further->container->arena;
	int result = hyfw_oci_load_config(further->container, err);

	if (result < 0)
		return result;
	further->command = further->container->spec.command;
	further->command.argv = (const char *const *)(uintptr_t)further->argv;
	further->command.terminal = further->terminal;
	if (further->cwd)
		further->command.cwd = further->cwd;
	if (further->profile)
		further->command.process.apparmor_profile = further->profile;
	if (further->label)
		further->command.confinement.process_label = further->label;
	if (further->no_new_privileges)
		further->command.confinement.no_new_privileges = true;
	further->command.envp = hyfw_oci_environment(arena, further->command.envp, list_of(arena, &further->env));
	add_capabilities(cli, further);
	result = set_user(further, err);
	return result < 0 ? result : add_groups(further, err);
}

/* ---- running it ---- */

static int hand_over(const struct further *further, struct hyfw_running *running, struct hyfw_error **err)
{
	int result = 0;

	if (further->console_socket && running->console_fd >= 0) {
		result = hyfw_oci_send_fd(further->console_socket, running->console_fd, "/dev/ptmx", err);
		hyfw_cleanup_close(&running->console_fd);
		running->console_fd = -1;
	}
	if (result == 0 && further->pidfd_socket)
		result = hyfw_oci_send_pidfd(further->pidfd_socket, running->pid, err);
	if (result == 0 && further->pid_file)
		result = oci_write_pid(further->pid_file, running->pid, err);
	return result;
}

static int run(const struct oci_cli *cli, struct further *further, int *ret_status, struct hyfw_error **err)
{
	const struct hyfw_oci_exec_options options = { .ignore_paused = further->ignore_paused,
						       .cgroups = list_of(further->container->arena,
									  &further->cgroups) };
	struct hyfw_running running = OCI_NOTHING_RUNS;
	struct hyfw_exec exec = { .size = sizeof(exec), .stdio = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO } };
	int result = further->process_file ? read_process(further, err) : from_flags(cli, further, err);

	if (result < 0)
		return result;
	if (further->terminal)
		further->command.terminal = true;
	exec.argv = further->command.argv;
	exec.envp = further->command.envp;
	exec.workdir = further->command.cwd;
	exec.terminal = further->command.terminal;
	if (further->detach && exec.terminal && !further->console_socket)
		return hyfw_fail(err, EINVAL, "cannot allocate tty if runc will detach without setting console socket: "
				 "--console-socket is missing");
	exec.detached = further->detach;
	exec.preserve_fds = further->preserve_fds;
	exec.plain_lines = oci_copies_to_file(further->detach, further->console_socket);
	result = hyfw_oci_exec(further->container, &further->command, &options, &exec, &running, err);
	if (result == 0)
		result = hand_over(further, &running, err);
	if (result == 0 && !further->detach)
		result = oci_serve(&running, NULL, ret_status, err);
	oci_running_close(&running);
	return result;
}

/* The descriptors that are the command's come before anything of ours is opened. */
static int open_container(const struct oci_cli *cli, const char *id, struct further *further, struct hyfw_error **err)
{
	int result = further->preserve ? oci_preserve_asked(further->preserve, &further->preserve_fds, err) : 0;

	if (result < 0)
		return result;
	oci_preserve(further->preserve_fds);
	return hyfw_oci_open(cli->root, id, false, &further->container, err);
}

static int exec_main(struct oci_cli *cli, int argc, char **argv)
{
	struct further further = { 0 };
	struct hyfw_error *err = NULL;
	int flag, status = 0;

	while ((flag = oci_flag(cli, &oci_verb_exec, argc, argv, "+p:tde:u:c:g:h", exec_flags, 1, -1, &status)) >= 0)
		take_flag(flag, &further);
	if (flag == -2)
		return status ? EXEC_FAILED : 0;
	further.argv = argv + optind + 1;
	if (!further.process_file && !*further.argv) {
		oci_usage(cli, &oci_verb_exec, "a command or --process is needed");
		return EXEC_FAILED;
	}
	status = 0;
	if (open_container(cli, argv[optind], &further, &err) < 0 || run(cli, &further, &status, &err) < 0) {
		oci_log_error(cli, err);
		status = EXEC_FAILED;
	}
	hyfw_oci_close(further.container);
	hyfw_strings_finish(&further.env);
	hyfw_strings_finish(&further.caps);
	hyfw_strings_finish(&further.groups);
	hyfw_strings_finish(&further.cgroups);
	return status;
}

const struct oci_verb oci_verb_exec = {
	"exec", "exec [OPTION]... CONTAINER [COMMAND...]", "Run a further command in a container", exec_main
};
