/* SPDX-License-Identifier: BSD-3-Clause
 * The hyfw command: global flags, then the command's own main. */
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/cleanup.h"
#include "build_config.h"
#include "cli/cli.h"

/* In the order of `hyfw help`. */
static const struct hyfw_command *const commands[] = {
	&hyfw_command_run,
	&hyfw_command_create,
	&hyfw_command_start,
	&hyfw_command_stop,
	&hyfw_command_restart,
	&hyfw_command_reboot,
	&hyfw_command_pause,
	&hyfw_command_unpause,
	&hyfw_command_kill,
	&hyfw_command_rm,
	&hyfw_command_update,
	&hyfw_command_rename,
	&hyfw_command_exec,
	&hyfw_command_attach,
	&hyfw_command_console,
	&hyfw_command_vnc,
	&hyfw_command_port,
	&hyfw_command_logs,
	&hyfw_command_ps,
	&hyfw_command_inspect,
	&hyfw_command_stats,
	&hyfw_command_top,
	&hyfw_command_wait,
	&hyfw_command_events,
	&hyfw_command_snapshot,
	&hyfw_command_template,
	&hyfw_command_save,
	&hyfw_command_restore,
	&hyfw_command_migrate,
	&hyfw_command_adopt,
	&hyfw_command_failover,
	&hyfw_command_up,
	&hyfw_command_down,
	&hyfw_command_plan,
	&hyfw_command_check,
	&hyfw_command_recover,
	&hyfw_command_image,
	&hyfw_command_volume,
	&hyfw_command_disk,
	&hyfw_command_plugin,
	&hyfw_command_driver,
	&hyfw_command_doctor,
	&hyfw_command_selinux,
	&hyfw_command_why,
	&hyfw_command_config,
	&hyfw_command_completion,
	&hyfw_command_oci,
	NULL,
};

/* Variables that make the dynamic loader or libltdl load what we did not ask
 * for; see ld.so(8).  LD_LIBRARY_PATH cannot be undone once the process runs, so
 * with privilege the process starts again without them. */
static const char *const loader_variables[] = { "LD_LIBRARY_PATH", "LD_PRELOAD",  "LD_AUDIT",
						"LD_ORIGIN_PATH",  "LD_BIND_NOT", "LTDL_LIBRARY_PATH" };

static void start_clean(char **argv)
{
	bool found = false;
	size_t i;

	if (geteuid() != 0 && !getauxval(AT_SECURE))
		return;
	for (i = 0; i < sizeof(loader_variables) / sizeof(loader_variables[0]); i++) {
		if (getenv(loader_variables[i])) {
			found = true;
			unsetenv(loader_variables[i]);
		}
	}
	if (!found)
		return;
	execv("/proc/self/exe", argv);
	perror("hyfw: cannot start again without the loader's variables");
	_exit(HYFW_EXIT_FAILED);
}

/* The number of a standard file that was closed when we started would go to the
 * next file that is opened, a journal perhaps, and that be written to.  Reading
 * finds the end then, writing still fails. */
static void hold_standard_files(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
			_exit(HYFW_EXIT_FAILED);
}

static const struct hyfw_command *find_command(const char *name)
{
	size_t i;

	for (i = 0; commands[i]; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static void print_help(FILE *to)
{
	size_t i;

	fputs("Usage: hyfw [--config FILE] [--root DIR] [--state DIR] [--plugin-path DIR] [-q]\n"
	      "            [--format table|json] COMMAND [ARGUMENTS]\n\nCommands:\n",
	      to);
	for (i = 0; commands[i]; i++)
		fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n`hyfw COMMAND --help` tells about one of them; hyfw(1) about all.\n", to);
}

/* The status, or a failure when what was printed did not arrive. */
static int printed(int status)
{
	if (fflush(stdout) == 0)
		return status;
	perror("hyfw: standard output");
	return status ? status : HYFW_EXIT_FAILED;
}

/* getopt(3) begins what it says with argv[0]. */
static int run_command(const struct hyfw_command *command, struct hyfw_cli *cli, int argc, char **argv)
{
	HYFW_AUTO_FREE char *name = hyfw_format("hyfw %s", command->name);
	char *typed = argv[0];
	int status;

	argv[0] = name;
	optind = 0; /* start over for the command's own flags */
	status = command->main(cli, argc, argv);
	argv[0] = typed;
	return status;
}

static int unknown_command(const char *name)
{
	fprintf(stderr, "hyfw: there is no command '%s'; `hyfw help` lists them\n", name);
	return HYFW_EXIT_FAILED;
}

/* The flags in front of the command.  False when that was all, with the exit status. */
static bool take_flags(int argc, char **argv, struct hyfw_cli *cli, struct hyfw_context_options *options,
		       int *ret_status)
{
	enum { CONFIG = 256, ROOT, STATE, PLUGIN_PATH, FORMAT, VERSION };
	static const struct option flags[] = {
		{ "config", required_argument, NULL, CONFIG },
		{ "root", required_argument, NULL, ROOT },
		{ "state", required_argument, NULL, STATE },
		{ "plugin-path", required_argument, NULL, PLUGIN_PATH },
		{ "format", required_argument, NULL, FORMAT },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, VERSION },
		{ 0 },
	};
	int flag;

	*ret_status = HYFW_EXIT_FAILED;
	while ((flag = getopt_long(argc, argv, "+qh", flags, NULL)) != -1) {
		switch (flag) {
		case CONFIG: options->config_file = optarg; break;
		case ROOT: options->data = optarg; break;
		case STATE: options->runtime = optarg; break;
		case PLUGIN_PATH: options->plugin_path = optarg; break;
		case FORMAT:
			if (hyfw_cli_format(cli, optarg) < 0)
				return false;
			break;
		case 'q': cli->quiet = true; break;
		case 'h': print_help(stdout); *ret_status = printed(0); return false;
		case VERSION: puts("hyfw " HYFW_VERSION); *ret_status = printed(0); return false;
		default: return false;
		}
	}
	cli->config_given = options->config_file != NULL;
	return true;
}

/* The name that clients know an OCI runtime by, or those of the runtimes that it can stand
 * in for by a link. */
static bool is_runtime(const char *typed)
{
	static const char *const names[] = { "hyfw-oci", "runc", "crun" };
	const char *slash = strrchr(typed, '/'), *name = slash ? slash + 1 : typed;
	size_t i;

	for (i = 0; i < HYFW_COUNT(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int be_runtime(struct hyfw_cli *cli, int argc, char **argv)
{
	const struct hyfw_context_options options = { 0 };
	struct hyfw_error *err = NULL;
	int status;

	if (hyfw_context_init(&cli->context, &options, &err) < 0)
		return hyfw_cli_error(err);
	status = run_command(&hyfw_command_oci, cli, argc, argv);
	hyfw_context_finish(&cli->context);
	return printed(status);
}

int main(int argc, char **argv)
{
	struct hyfw_context_options options = { 0 };
	const struct hyfw_command *command;
	struct hyfw_error *err = NULL;
	struct hyfw_cli cli = { 0 };
	int status;

	hold_standard_files();
	start_clean(argv);
	if (is_runtime(argv[0]))
		return be_runtime(&cli, argc, argv);
	if (!take_flags(argc, argv, &cli, &options, &status))
		return status;
	/* What we leave behind must not hold the caller's files open; a runtime gives some on. */
	if (optind == argc || strcmp(argv[optind], "oci") != 0)
		close_range(STDERR_FILENO + 1, ~0u, 0);
	hyfw_caller_note_files();
	if (optind == argc) {
		print_help(stderr);
		return HYFW_EXIT_FAILED;
	}
	if (strcmp(argv[optind], "help") == 0) {
		print_help(stdout);
		return printed(0);
	}
	command = find_command(argv[optind]);
	if (!command)
		return unknown_command(argv[optind]);
	if (hyfw_context_init(&cli.context, &options, &err) < 0)
		return hyfw_cli_error(err);
	status = run_command(command, &cli, argc - optind, argv + optind);
	hyfw_context_finish(&cli.context);
	return printed(status);
}
