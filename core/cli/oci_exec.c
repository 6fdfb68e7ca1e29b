/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci exec`: a further command, as a process of config.json's form says or as the
 * flags change the container's own. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "cli/oci.h"
#include "oci/node.h"

#define EXEC_FAILED 255 /* as runc: the command's own may be any other */

struct further {
	const char *process_file, *pid_file, *console_socket, *cwd, *user, *label, *profile;
	struct hyfw_strings env, caps;
	bool terminal, detach, no_new_privileges;
	uint32_t preserve_fds;
	char **argv;
	struct hyfw_oci_container *container;
	struct hyfw_oci_command command;
};

enum { PID_FILE = 256, CONSOLE_SOCKET, PRESERVE_FDS, CWD, NO_NEW_PRIVS, PROCESS_LABEL, APPARMOR, IGNORED };

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
	case PRESERVE_FDS: further->preserve_fds = (uint32_t)strtoul(optarg, NULL, 10); break;
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
	int result = hyfw_file_read(AT_FDCWD, further->process_file, OCI_DOCUMENT_LIMIT, &text, &size, err);

	if (result == 0)
		result = hyfw_oci_command_read(text, size, further->container->arena, &further->command, err);
	return result < 0 ? hyfw_wrap(err, "%s", further->process_file) : 0;
}

/* "1000" or "1000:100". */
static int set_user(struct further *further, struct hyfw_error **err)
{
	struct hyfw_oci_process *process = &further->command.process;
	char *end = NULL;

	if (!further->user)
		return 0;
	process->uid = (uint32_t)strtoul(further->user, &end, 10);
	process->gid = 0;
	if (end != further->user && *end == ':')
		process->gid = (uint32_t)strtoul(end + 1, &end, 10);
	if (end == further->user || *end)
		return hyfw_fail(err, EINVAL, "--user %s: not UID or UID:GID", further->user);
	process->groups = NULL;
	process->group_count = 0;
	return 0;
}

static int add_capabilities(struct further *further, struct hyfw_error **err)
{
	struct hyfw_confinement *confinement = &further->command.confinement;
	uint64_t bit;
	size_t i;

	for (i = 0; i < further->caps.count; i++) {
		if (!hyfw_oci_capability(further->caps.items[i], &bit))
			return hyfw_fail(err, EINVAL, "unknown capability `%s`", further->caps.items[i]);
		confinement->bounding |= bit;
		confinement->permitted |= bit;
		confinement->effective |= bit;
		if (confinement->inheritable) /* without it nothing is ambient */
			confinement->ambient |= confinement->inheritable & bit;
	}
	return 0;
}

static void add_environment(struct further *further)
{
	const char *const *before = further->command.envp;
	size_t count = 0, i;
	const char **all;

	if (!further->env.count)
		return;
	while (before[count])
		count++;
	all = hyfw_arena_alloc(further->container->arena, (count + further->env.count + 1) * sizeof(*all));
	memcpy(all, before, count * sizeof(*all));
	for (i = 0; i < further->env.count; i++)
		all[count + i] = further->env.items[i];
	further->command.envp = all;
}

static int from_flags(struct further *further, struct hyfw_error **err)
{
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
	add_environment(further);
	result = set_user(further, err);
	return result < 0 ? result : add_capabilities(further, err);
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
	if (result == 0 && further->pid_file)
		result = oci_write_pid(further->pid_file, running->pid, err);
	return result;
}

static int run(struct further *further, int *ret_status, struct hyfw_error **err)
{
	struct hyfw_running running = OCI_NOTHING_RUNS;
	struct hyfw_exec exec = { .size = sizeof(exec), .stdio = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO } };
	int result = further->process_file ? read_process(further, err) : from_flags(further, err);

	if (result < 0)
		return result;
	if (further->terminal)
		further->command.terminal = true;
	exec.argv = further->command.argv;
	exec.envp = further->command.envp;
	exec.workdir = further->command.cwd;
	exec.terminal = further->command.terminal;
	exec.detached = further->detach;
	exec.preserve_fds = oci_preserve(further->preserve_fds);
	result = hyfw_oci_exec(further->container, &further->command, &exec, &running, err);
	if (result == 0)
		result = hand_over(further, &running, err);
	if (result == 0 && !further->detach)
		result = oci_serve(&running, ret_status, err);
	oci_running_close(&running);
	return result;
}

static int exec_main(struct oci_cli *cli, int argc, char **argv)
{
	struct further further = { 0 };
	struct hyfw_error *err = NULL;
	int flag, status = 0;

	while ((flag = oci_flag(cli, &oci_verb_exec, argc, argv, "+p:tde:u:c:h", exec_flags, 1, -1, &status)) >= 0)
		take_flag(flag, &further);
	if (flag == -2)
		return status ? EXEC_FAILED : 0;
	further.argv = argv + optind + 1;
	if (!further.process_file && !*further.argv) {
		oci_usage(cli, &oci_verb_exec, "a command or --process is needed");
		return EXEC_FAILED;
	}
	status = 0;
	if (hyfw_oci_open(cli->root, argv[optind], false, &further.container, &err) < 0 ||
	    run(&further, &status, &err) < 0) {
		oci_log_error(cli, err);
		status = EXEC_FAILED;
	}
	hyfw_oci_close(further.container);
	hyfw_strings_finish(&further.env);
	hyfw_strings_finish(&further.caps);
	return status;
}

const struct oci_verb oci_verb_exec = {
	"exec", "exec [--process FILE] [--tty] [--detach] [--cwd DIR] [--env KEY=VALUE] [--user UID[:GID]] [--cap CAP] "
	"[--pid-file FILE] [--console-socket PATH] [--preserve-fds N] ID [COMMAND...]",
	"Run a further command in a container", exec_main
};
