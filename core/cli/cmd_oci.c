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
	&oci_verb_events, &oci_verb_features, &oci_verb_spec, &oci_verb_checkpoint, &oci_verb_restore,
};

/* ---- helpers of the verbs ---- */

int oci_usage(const struct oci_cli *cli, const struct oci_verb *verb, const char *why)
{
	HYFW_AUTO_FREE char *text = hyfw_format("%s: %s (usage: %s [OPTION...] %s)", verb->name, why, oci_program(),
						verb->usage);

	oci_log_text(cli, "error", text);
	return 1;
}

int oci_flag(const struct oci_cli *cli, const struct oci_verb *verb, int argc, char **argv, const char *letters,
	     const struct option *flags, int least, int most, int *ret_status)
{
	const int flag = getopt_long(argc, argv, letters, flags, NULL);

	if (flag == 'h') {
		oci_print_help(verb, flags);
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

int oci_preserve_asked(const char *text, uint32_t *ret_wanted, struct hyfw_error **err)
{
	char *end;
	const unsigned long wanted = strtoul(text, &end, 10);
	unsigned long i = 0;

	if (end == text || *end || wanted > 1024)
		return hyfw_fail(err, EINVAL, "--preserve-fds %s: not a number up to 1024", text);
	/* Some clients ask for more than there are; one who gives none at all is mistaken. */
	while (i < wanted && fcntl(STDERR_FILENO + 1 + (int)i, F_GETFD) < 0)
		i++;
	if (wanted > 0 && i == wanted)
		return hyfw_fail(err, EBADF, "unable to stat preserved-fd 0 (of %lu): descriptor %d is not open", wanted,
				 STDERR_FILENO + 1);
	*ret_wanted = (uint32_t)wanted;
	return 0;
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
		return number >= 0 && number < 65 ? (int)number : -1;
	return hyfw_signal_number(text);
}

/* ---- the command ---- */

static void print_help(FILE *to)
{
	size_t i;

	fprintf(to, "NAME:\n   %s - Open Container Initiative runtime of hyfw\n\n"
		"Usage: %s [--root DIR] [--log [file:]FILE|syslog:NAME] [--log-format text|json] [--debug] [--systemd-cgroup]\n"
		"       [--cgroup-manager cgroupfs|systemd|disabled] [--rootless true|false|auto] VERB [ARGUMENTS]\n\n"
		"For Podman, containerd, CRI-O and others; also called hyfw-oci.\n\nVerbs:\n", oci_program(), oci_program());
	for (i = 0; i < HYFW_COUNT(verbs); i++)
		fprintf(to, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
}

/* The lines of runc and crun. */
static void print_version(void)
{
	const bool plain = strcmp(oci_program(), "hyfw oci") == 0;

	printf("%s version " HYFW_VERSION "\ncommit: hyfw-" HYFW_VERSION "\nspec: 1.2.0\n%s+SECCOMP +CAP +EBPF +USERNS\n",
	       plain ? "hyfw-oci" : oci_program(), HYFW_HAVE_SYSTEMD ? "+SYSTEMD " : "");
}

static int bad_flag(const struct oci_cli *cli, const char *flag, const char *value, const char *why)
{
	HYFW_AUTO_FREE char *text = hyfw_format("--%s %s: %s", flag, value, why);

	oci_log_text(cli, "error", text);
	return -1;
}

/* "FILE", and crun's "file:FILE" and "syslog:NAME". */
static int take_log(struct oci_cli *cli, const char *where)
{
	const size_t scheme = strspn(where, "abcdefghijklmnopqrstuvwxyz");

	if (where[scheme] != ':')
		cli->log = where;
	else if (strncmp(where, "file:", 5) == 0)
		cli->log = where + 5;
	else if (strncmp(where, "syslog:", 7) == 0)
		cli->syslog = where + 7;
	else
		return bad_flag(cli, "log", where, "unknown log type");
	return 0;
}

static int take_log_format(struct oci_cli *cli, const char *format)
{
	cli->log_json = strcmp(format, "json") == 0;
	return cli->log_json || strcmp(format, "text") == 0 ? 0 :
	       bad_flag(cli, "log-format", format, "unknown log format, there are text and json");
}

static int take_rootless(const struct oci_cli *cli, const char *word)
{
	static const char *const words[] = { "auto", "true", "false", "1", "0", "yes", "no" };
	size_t i;

	for (i = 0; i < HYFW_COUNT(words); i++)
		if (strcmp(words[i], word) == 0)
			return 0;
	return bad_flag(cli, "rootless", word, "not true, false or auto");
}

static int take_manager(struct oci_cli *cli, const char *manager)
{
	cli->systemd_cgroup = strcmp(manager, "systemd") == 0;
	cli->no_cgroups = strcmp(manager, "disabled") == 0;
	return cli->systemd_cgroup || cli->no_cgroups || strcmp(manager, "cgroupfs") == 0 ? 0 :
	       bad_flag(cli, "cgroup-manager", manager, "not cgroupfs, systemd or disabled");
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
	int flag, result = 0;

	*ret_status = 1;
	optind = 0;
	while (result == 0 && (flag = getopt_long(argc, argv, "+hv", flags, NULL)) != -1) {
		switch (flag) {
		case ROOT: free(cli->root); cli->root = oci_absolute(optarg); break;
		case LOG: result = take_log(cli, optarg); break;
		case LOG_FORMAT: result = take_log_format(cli, optarg); break;
		case DEBUG: cli->debug = true; break;
		case SYSTEMD: cli->systemd_cgroup = true; break;
		case MANAGER: result = take_manager(cli, optarg); break;
		case ROOTLESS: result = take_rootless(cli, optarg); break;
		case LOG_LEVEL: cli->debug = cli->debug || strcmp(optarg, "debug") == 0; break;
		case CRIU: break;
		case 'v': print_version(); *ret_status = 0; return -1;
		case 'h': print_help(stdout); *ret_status = 0; return -1;
		default: *ret_status = HYFW_EXIT_FAILED; return -1; /* as every command of hyfw */
		}
	}
	return result;
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
		HYFW_AUTO_FREE char *text = hyfw_format("No help topic for '%s': there is no such verb; `%s --help` "
							"lists them", argv[0], oci_program());

		oci_log_text(cli, "error", text);
		return 1;
	}
	hyfw_engine_init();
	optind = 0;
	oci_log_debug(cli, "%s %s of hyfw " HYFW_VERSION " begins, root %s", oci_program(), verb->name, cli->root);
	status = verb->main(cli, argc, argv);
	oci_log_debug(cli, "%s %s ends with exit status %d", oci_program(), verb->name, status);
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
