/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci`, also as `hyfw-oci`: an OCI runtime for Podman, containerd and others. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "build_config.h"
#include "cli/cli.h"
#include "cli/oci.h"
#include "engine/apply.h"
#include "engine/signals.h"
#include "plugin/registry.h"

static const struct oci_verb *const verbs[] = {
	&oci_verb_create, &oci_verb_start,  &oci_verb_run,    &oci_verb_state,  &oci_verb_kill,     &oci_verb_delete,
	&oci_verb_exec,   &oci_verb_list,   &oci_verb_ps,     &oci_verb_pause,  &oci_verb_resume,   &oci_verb_update,
	&oci_verb_events, &oci_verb_features, &oci_verb_spec,
};

/* ---- helpers of the verbs ---- */

int oci_usage(const struct oci_cli *cli, const struct oci_verb *verb, const char *why)
{
	HYFW_AUTO_FREE char *text = hyfw_format("%s: %s (usage: hyfw oci %s)", verb->name, why, verb->usage);

	oci_log_text(cli, "error", text);
	return 1;
}

int oci_flag(const struct oci_cli *cli, const struct oci_verb *verb, int argc, char **argv, const char *letters,
	     const struct option *flags, int least, int most, int *ret_status)
{
	const int flag = getopt_long(argc, argv, letters, flags, NULL);

	if (flag == 'h') {
		printf("Usage: hyfw oci %s\n\n%s\n", verb->usage, verb->summary);
		*ret_status = 0;
		return -2;
	}
	*ret_status = 1;
	if (flag == '?' || flag == ':') {
		oci_usage(cli, verb, "unknown flag, or one without its argument");
		return -2;
	}
	if (flag != -1)
		return flag;
	if (argc - optind < least || (most >= 0 && argc - optind > most)) {
		oci_usage(cli, verb, argc - optind < least ? "an argument is missing" : "too many arguments");
		return -2;
	}
	return -1;
}

char *oci_absolute(const char *path)
{
	HYFW_AUTO_FREE char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);

	return here ? hyfw_format("%s/%s", here, path) : hyfw_dup(path);
}

int oci_write_pid(const char *path, pid_t pid, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *text = hyfw_format("%d", (int)pid);

	return hyfw_file_write(path, text, strlen(text), 0644, false, err);
}

uint32_t oci_listen_fds(void)
{
	const char *listen = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");

	if (!listen || (pid && atoi(pid) != (int)getpid()) || atoi(listen) <= 0 || atoi(listen) > 1024)
		return 0;
	return (uint32_t)atoi(listen);
}

uint32_t oci_preserve(uint32_t wanted)
{
	uint32_t fd;

	if (wanted > 1024)
		wanted = 1024;
	for (fd = STDERR_FILENO + 1; fd < STDERR_FILENO + 1 + wanted; fd++)
		if (fcntl((int)fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			break;
	return wanted;
}

int oci_signal(const char *text)
{
	char *end;
	const long number = strtol(text, &end, 10);

	if (*text && !*end)
		return number > 0 && number < 65 ? (int)number : -1;
	return hyfw_signal_number(text);
}

/* ---- the command ---- */

static void print_help(FILE *to)
{
	size_t i;

	fputs("Usage: hyfw oci [--root DIR] [--log FILE] [--log-format text|json] [--debug] [--systemd-cgroup]\n"
	      "                [--cgroup-manager cgroupfs|systemd|disabled] [--rootless WORD] VERB [ARGUMENTS]\n\n"
	      "An OCI runtime, for Podman, containerd, CRI-O and others; also called hyfw-oci.\n\nVerbs:\n", to);
	for (i = 0; i < HYFW_COUNT(verbs); i++)
		fprintf(to, "  %-9s %s\n", verbs[i]->name, verbs[i]->summary);
}

/* The first line is the program's, the second is read by Podman. */
static void print_version(void)
{
	puts("hyfw-oci version " HYFW_VERSION "\nspec: 1.2.0\n+SECCOMP +CAP +EBPF +USERNS");
}

static int take_flags(struct oci_cli *cli, int argc, char **argv, int *ret_status)
{
	enum { ROOT = 256, LOG, LOG_FORMAT, LOG_LEVEL, DEBUG, SYSTEMD, MANAGER, ROOTLESS, CRIU };
	static const struct option flags[] = {
		{ "root", required_argument, NULL, ROOT }, { "log", required_argument, NULL, LOG },
		{ "log-format", required_argument, NULL, LOG_FORMAT }, { "log-level", required_argument, NULL, LOG_LEVEL },
		{ "debug", no_argument, NULL, DEBUG }, { "systemd-cgroup", no_argument, NULL, SYSTEMD },
		{ "cgroup-manager", required_argument, NULL, MANAGER },
		{ "rootless", required_argument, NULL, ROOTLESS }, { "criu", required_argument, NULL, CRIU },
		{ "version", no_argument, NULL, 'v' }, OCI_FLAG_HELP, { 0 },
	};
	int flag;

	*ret_status = 1;
	optind = 0;
	while ((flag = getopt_long(argc, argv, "+hv", flags, NULL)) != -1) {
		switch (flag) {
		case ROOT: free(cli->root); cli->root = oci_absolute(optarg); break;
		case LOG: cli->log = strncmp(optarg, "file:", 5) == 0 ? optarg + 5 : optarg; break;
		case LOG_FORMAT: cli->log_json = strcmp(optarg, "json") == 0; break;
		case DEBUG: cli->debug = true; break;
		case SYSTEMD: cli->systemd_cgroup = true; break;
		case MANAGER:
			cli->systemd_cgroup = strcmp(optarg, "systemd") == 0;
			cli->no_cgroups = strcmp(optarg, "disabled") == 0;
			break;
		case LOG_LEVEL: case ROOTLESS: case CRIU: break;
		case 'v': print_version(); *ret_status = 0; return -1;
		case 'h': print_help(stdout); *ret_status = 0; return -1;
		default: *ret_status = HYFW_EXIT_FAILED; return -1; /* as every command of hyfw */
		}
	}
	return 0;
}

static const struct oci_verb *find_verb(const char *name)
{
	size_t i;

	for (i = 0; i < HYFW_COUNT(verbs); i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

static int run_verb(struct oci_cli *cli, int argc, char **argv)
{
	const struct oci_verb *verb;
	int status;

	if (argc == 0) {
		print_help(stderr);
		return 1;
	}
	if (strcmp(argv[0], "help") == 0) {
		print_help(stdout);
		return 0;
	}
	verb = find_verb(argv[0]);
	if (!verb) {
		HYFW_AUTO_FREE char *text = hyfw_format("there is no verb '%s'; `hyfw oci --help` lists them", argv[0]);

		oci_log_text(cli, "error", text);
		return 1;
	}
	hyfw_engine_init();
	optind = 0;
	status = verb->main(cli, argc, argv);
	hyfw_registry_close();
	return status;
}

static int cmd_oci(struct hyfw_cli *hyfw, int argc, char **argv)
{
	struct oci_cli cli = { .root = hyfw_format("%s/oci", hyfw->context.runtime) };
	int status;

	if (take_flags(&cli, argc, argv, &status) == 0)
		status = run_verb(&cli, argc - optind, argv + optind);
	free(cli.root);
	return status;
}

const struct hyfw_command hyfw_command_oci = {
	"oci", "oci [FLAGS] VERB [ARGUMENTS]", "Be an OCI runtime for Podman, containerd and others", cmd_oci
};
