/* SPDX-License-Identifier: BSD-3-Clause
 * The flags: their table, their help, and taking them one by one. */
#include "cli/run_parts.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "config/load.h"
#include "config/normalize.h"

enum {
	KEYED = 256, /* KEYED + N is keyed_flags[N] */
	RM = 512,
	HELP,
	NAME,
	ROOTFS,
	SECURITY_OPT,
	SET,
};

/* Flags with a value that only set a key. */
static const struct hyfw_run_keyed keyed_flags[] = {
	{ "entrypoint", "entrypoint", 0, "COMMAND", "run this instead of the image's entry point" },
	{ "env", "env", 'e', "KEY=VALUE", "set a variable; KEY alone takes it from here" },
	{ "volume", "volume", 'v', "SOURCE:PATH[:ro,z,Z]", "a named volume or a path of the host" },
	{ "disk", "disk", 0, "NAME|PATH[:OPTION,...]", "a disk of a machine; ro, device=, bus=, format=, boot= ..." },
	{ "cdrom", "cdrom", 0, "PATH", "a CD image in a machine's drive" },
	{ "disk-size", "disk_size", 0, "SIZE", "size to which a machine's copy of its image grows" },
	{ "kernel", "kernel", 0, "PATH", "a machine's kernel, booted without a boot loader" },
	{ "initrd", "initrd", 0, "PATH", "its initial RAM disk" },
	{ "cmdline", "cmdline", 0, "TEXT", "its command line" },
	{ "template", "template", 0, "NAME", "template that a machine starts from instead of booting" },
	{ "boot", "boot", 0, "hd|cdrom|network|fd", "what a machine boots from; several times for an order" },
	{ "vcpus", "vcpus", 0, "NUMBER", "a machine's virtual CPUs" },
	{ "display", "display", 0, "none|vnc|spice", "a machine's screen" },
	{ "publish", "publish", 'p', "[ADDRESS:]PORT:PORT[/udp]", "make a port reachable on the host" },
	{ "network", "network", 0, "NAME", "join this network, or none" },
	{ "hostname", "hostname", 0, "NAME", "host name inside" },
	{ "user", "user", 'u', "USER[:GROUP]", "user inside" },
	{ "workdir", "workdir", 'w', "PATH", "working directory inside" },
	{ "memory", "memory", 'm', "SIZE", "limit of memory" },
	{ "memory-swap", "memory_swap", 0, "SIZE", "limit of memory and swap together" },
	{ "cpus", "cpus", 0, "NUMBER", "limit of CPU time, 0.5 is half a CPU" },
	{ "cpuset-cpus", "cpuset", 0, "LIST", "CPUs it may run on, 0-3,6" },
	{ "cpu-shares", "cpu_shares", 0, "NUMBER", "share of CPU time among others" },
	{ "pids-limit", "pids", 0, "NUMBER", "limit of processes" },
	{ "io-max", "io_max", 0, "DEVICE:LIMIT,...", "limits of a disk: rbps=SIZE wbps=SIZE riops=N wiops=N" },
	{ "device-read-bps", "io_max", 0, "DEVICE:SIZE", "bytes read from a disk in a second" },
	{ "device-write-bps", "io_max", 0, "DEVICE:SIZE", "bytes written to it" },
	{ "device-read-iops", "io_max", 0, "DEVICE:NUMBER", "reads in a second" },
	{ "device-write-iops", "io_max", 0, "DEVICE:NUMBER", "writes in a second" },
	{ "cap-add", "cap_add", 0, "CAPABILITY", "grant a capability" },
	{ "cap-drop", "cap_drop", 0, "CAPABILITY", "take a capability away, ALL for all" },
	{ "tmpfs", "tmpfs", 0, "PATH[:size=SIZE]", "an empty file system in memory" },
	{ "restart", "restart", 0, "POLICY", "no, on-failure[:N], always, unless-stopped" },
	{ "autostart", "autostart", 0, "yes|no", "start it with the host" },
	{ "isolation", "isolation", 0, "DRIVER", "isolation driver" },
	{ "userns", "userns", 0, "auto|host", "user namespace of its own, or the host's" },
	{ "label", "label", 'l', "KEY=VALUE", "a label of yours" },
	{ "link", "links", 0, "WORKLOAD", "may open connections to this workload" },
	{ "stop-timeout", "stop_timeout", 0, "TIME", "time between the stop signal and SIGKILL" },
	{ "systemd", "systemd", 0, "auto|always|off", "what systemd needs, for a command that is systemd, or any" },
	{ "stop-signal", "stop_signal", 0, "SIGNAL", "signal that asks it to stop" },
};

static void print_help(const struct hyfw_command *command)
{
	size_t i;

	printf("Usage: hyfw %s\n\n%s\n\n", command->usage, command->summary);
	puts("      --name NAME              name of the workload\n"
	     "      --rootfs DIR             run from this directory instead of an image\n"
	     "      --rm                     remove the workload when it ends\n"
	     "  -d, --detach                 do not wait for it\n"
	     "  -i, --interactive            pass standard input on\n"
	     "  -t, --tty                    give it a terminal\n"
	     "      --read-only              root file system read-only\n"
	     "      --security-opt seccomp=FILE  system call filter: a profile, default or unconfined\n"
	     "      --security-opt label=WORD    SELinux: disable, type:NAME, level:LEVEL, user:, role:, filetype:\n"
	     "      --set KEY=VALUE          any other key of [workload], a driver's too");
	for (i = 0; i < HYFW_COUNT(keyed_flags); i++) {
		HYFW_AUTO_FREE char *text =
			hyfw_format("--%s %s", keyed_flags[i].flag, keyed_flags[i].value);

		if (keyed_flags[i].letter)
			printf("  -%c, %-24s %s\n", keyed_flags[i].letter, text, keyed_flags[i].help);
		else
			printf("      %-24s %s\n", text, keyed_flags[i].help);
	}
}

/* ---- getopt's tables ---- */

#define PLAIN_FLAGS 10

static void long_flags(struct option *options)
{
	static const struct option plain[PLAIN_FLAGS] = {
		{ "rm", no_argument, NULL, RM },
		{ "detach", no_argument, NULL, 'd' },
		{ "interactive", no_argument, NULL, 'i' },
		{ "tty", no_argument, NULL, 't' },
		{ "read-only", no_argument, NULL, 'R' },
		{ "help", no_argument, NULL, HELP },
		{ "name", required_argument, NULL, NAME },
		{ "rootfs", required_argument, NULL, ROOTFS },
		{ "security-opt", required_argument, NULL, SECURITY_OPT },
		{ "set", required_argument, NULL, SET },
	};
	size_t i;

	memcpy(options, plain, sizeof(plain));
	for (i = 0; i < HYFW_COUNT(keyed_flags); i++) {
		options[PLAIN_FLAGS + i].name = keyed_flags[i].flag;
		options[PLAIN_FLAGS + i].has_arg = required_argument;
		options[PLAIN_FLAGS + i].val = KEYED + (int)i;
	}
}

static int keyed_index(int flag)
{
	size_t i;

	if (flag >= KEYED && flag < RM)
		return flag - KEYED;
	for (i = 0; i < HYFW_COUNT(keyed_flags); i++)
		if (keyed_flags[i].letter && keyed_flags[i].letter == flag)
			return (int)i;
	return -1;
}

/* ---- one flag ---- */

static int take_flag(struct hyfw_run_parsing *parse, int flag, struct hyfw_error **err)
{
	const int keyed = keyed_index(flag);

	if (keyed >= 0)
		return hyfw_run_take_keyed(parse, &keyed_flags[keyed], optarg, err);
	switch (flag) {
	case RM: parse->request->remove = true; return 0;
	case 'd': parse->request->detach = true; return 0;
	case 'i':
		parse->request->interactive = true;
		return hyfw_run_set(parse, "interactive", "yes", "--interactive", err);
	case 't':
		parse->request->terminal = true;
		return hyfw_run_set(parse, "terminal", "yes", "--tty", err);
	case 'R': return hyfw_run_set(parse, "read_only", "yes", "--read-only", err);
	case ROOTFS:
		parse->rootfs = true;
		return hyfw_run_set(parse, "rootfs", optarg, "--rootfs", err);
	case SECURITY_OPT: return hyfw_run_security_opt(parse, optarg, err);
	case SET: return hyfw_run_set_any(parse, optarg, err);
	default: return 0;
	}
}

/* The name is the section's, so it must be known before any other flag is taken. */
static char *find_name(int argc, char **argv, const char *letters, const struct option *options)
{
	char *name = NULL;
	int flag;

	optind = 0;
	opterr = 0;
	while ((flag = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (flag == NAME) {
			free(name);
			name = hyfw_dup(optarg);
		}
	}
	optind = 0;
	opterr = 1;
	return name;
}

static char *random_name(void)
{
	unsigned char bytes[4] = { 0 };

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return hyfw_dup("w");
	return hyfw_format("w%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3]);
}

int hyfw_run_parse(const struct hyfw_command *command, struct hyfw_cli *cli, int argc, char **argv,
		   struct hyfw_run_request *ret_request, bool *ret_done)
{
	static const char letters[] = "+dite:v:p:u:w:m:l:";
	struct option options[PLAIN_FLAGS + HYFW_COUNT(keyed_flags) + 1] = { 0 };
	struct hyfw_run_parsing parse = { .request = ret_request };
	struct hyfw_error *err = NULL;
	int flag, result = 0;

	memset(ret_request, 0, sizeof(*ret_request));
	long_flags(options);
	parse.name = find_name(argc, argv, letters, options);
	if (!parse.name)
		parse.name = random_name();
	result = hyfw_check_name(parse.name, &err);
	if (result < 0)
		hyfw_wrap(&err, "--name %s", parse.name);
	if (result == 0)
		result = hyfw_config_load(&cli->context, cli->config_given, NULL, &parse.config, &err);
	while (result == 0 && (flag = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (flag == HELP) {
			print_help(command);
			*ret_done = true;
			break;
		}
		if (flag == '?')
			result = hyfw_fail(&err, EINVAL, "`hyfw %s --help` tells what it takes", command->name);
		else
			result = take_flag(&parse, flag, &err);
	}
	if (result == 0 && !*ret_done)
		result = hyfw_run_take_arguments(&parse, command, argc, argv, &err);
	if (result == 0 && !*ret_done)
		result = hyfw_run_make_definition(&parse, &err);
	hyfw_config_free(parse.config);
	free(parse.name);
	return result < 0 ? hyfw_cli_error(err) : 0;
}
