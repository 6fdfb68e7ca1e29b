/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/schema.h"

#include <string.h>

#include "config/normalize.h"

#define LIST HYFW_OPTION_LIST
#define ENV HYFW_OPTION_ENV
#define WORDS HYFW_KEY_WORDS
#define OWN HYFW_KEY_OWN
#define CORE HYFW_KEY_CORE

static const char *const log_levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const userns_choices[] = { "auto", "host", NULL };

static const struct hyfw_key hyfw_keys[] = {
	{ { "name", 0, HYFW_OPTION_NAME,
	    .help = "Name of the stack; without it the file's name without .ini." },
	  HYFW_KEY_STACK | CORE },
	{ { "include", 0, HYFW_OPTION_STRING, LIST,
	    .help = "Another file to read first; relative to this one." },
	  CORE, NULL, "PATH" },
	{ { "log_level", 0, HYFW_OPTION_CHOICE, 0, "warning", .choices = log_levels,
	    .help = "How much is told on standard error." },
	  HYFW_KEY_MAIN | CORE },
	{ { "step_timeout", 0, HYFW_OPTION_DURATION, 0, "60s", 100, 3600000,
	    .help = "How long one step of a plan may take before it is undone." },
	  HYFW_KEY_MAIN | CORE },
	{ { NULL } },
};

static const struct hyfw_key workload_keys[] = {
	/* what runs */
	{ { "image", 0, HYFW_OPTION_STRING, ENV, .help = "Image to start from; either this or rootfs, and of a machine neither need be." },
	  OWN | CORE, hyfw_normalize_image, "NAME" },
	{ { "rootfs", 0, HYFW_OPTION_PATH, 0,
	    .help = "Directory that is the root file system; implies storage = dir." },
	  OWN | CORE },
	{ { "command", 0, HYFW_OPTION_STRING, LIST,
	    .help = "What to run: one line is split into words as a shell does, several lines are one argument each." },
	  OWN | CORE | HYFW_KEY_LITERAL | HYFW_KEY_ARGUMENTS, NULL, "COMMAND LINE" },
	{ { "entrypoint", 0, HYFW_OPTION_STRING, LIST, .help = "Put before the command; written like it." },
	  OWN | CORE | HYFW_KEY_LITERAL | HYFW_KEY_ARGUMENTS, NULL, "COMMAND LINE" },
	{ { "env", 0, HYFW_OPTION_STRING, LIST | ENV,
	    .help = "Environment variable; without a value that of the calling process." },
	  CORE, hyfw_normalize_env, "KEY=VALUE | KEY" },
	{ { "workdir", 0, HYFW_OPTION_PATH, .help = "Directory inside in which the command starts." } },
	{ { "user", 0, HYFW_OPTION_STRING, .help = "Who runs the command, names as in the image." },
	  HYFW_KEY_EMPTY, hyfw_normalize_user, "USER[:GROUP] | UID[:GID]" },
	{ { "hostname", 0, HYFW_OPTION_STRING, .help = "Host name inside; without it the workload's name." },
	  OWN, hyfw_normalize_hostname, "NAME" },
	{ { "terminal", 0, HYFW_OPTION_BOOL, 0, "no", .help = "Give the command a terminal." } },
	{ { "interactive", 0, HYFW_OPTION_BOOL, 0, "no", .help = "Keep its standard input open." }, CORE },
	/* network */
	{ { "network", 0, HYFW_OPTION_NAME, LIST, "default", .help = "Networks to join, or none." },
	  WORDS | CORE, NULL, "NAME ... | none" },
	{ { "publish", 0, HYFW_OPTION_STRING, LIST, .help = "Port to publish on the host, or a range of them." },
	  OWN | WORDS, hyfw_normalize_publish, "[[ADDRESS:]HOSTPORT[-LAST]:]PORT[-LAST][/tcp|/udp]" },
	{ { "links", 0, HYFW_OPTION_NAME, LIST,
	    .help = "Workloads of the same network to which it may connect." },
	  OWN | WORDS, NULL, "WORKLOAD ..." },
	/* storage */
	{ { "volume", 0, HYFW_OPTION_STRING, LIST | ENV,
	    .help = "A named volume or a directory of the host, and where it is seen inside." },
	  OWN | CORE, hyfw_normalize_volume, "NAME:PATH[:OPTION,...] | PATH:PATH[:OPTION,...]; ro, rw, z, Z" },
	{ { "tmpfs", 0, HYFW_OPTION_STRING, LIST,
	    .help = "An empty file system in memory (64M, mode 1777 unless told)." },
	  0, hyfw_normalize_tmpfs, "PATH[:size=SIZE,mode=MODE]" },
	{ { "disk", 0, HYFW_OPTION_STRING, LIST | ENV,
	    .help = "A disk of a machine: a named volume, or a file or device of the host." },
	  OWN | CORE, hyfw_normalize_disk,
	  "NAME|PATH[:ro,device=disk|cdrom|floppy,bus=BUS,format=FORMAT,cache=MODE,serial=TEXT,boot=N]" },
	{ { "cdrom", 0, HYFW_OPTION_STRING, ENV,
	    .help = "A CD image in a machine's drive; the same as disk = PATH:device=cdrom,ro." },
	  OWN | CORE, hyfw_normalize_cdrom, "PATH" },
	{ { "disk_size", 0, HYFW_OPTION_SIZE, .min = 1 << 20, .max = INT64_MAX,
	    .help = "Size to which a machine's copy of its image grows; without it that of the image." },
	  OWN },
	{ { "read_only", 0, HYFW_OPTION_BOOL, 0, "no", .help = "Make the root file system read-only." } },
	/* limits */
	{ { "memory", 0, HYFW_OPTION_SIZE, .min = 1 << 20, .max = INT64_MAX,
	    .help = "Most memory it may use; no limit unless given here or in [defaults]." } },
	{ { "memory_swap", 0, HYFW_OPTION_SIZE,
	    .help = "Most memory and swap together; without it no swap is used." },
	  0, hyfw_normalize_memory_swap, "SIZE | unlimited" },
	{ { "cpus", 0, HYFW_OPTION_CPUS, .min = 10, .max = 8192000,
	    .help = "How many CPUs' worth of time it may use." } },
	{ { "cpuset", 0, HYFW_OPTION_STRING,
	    .help = "CPUs on which it may run." }, 0, hyfw_normalize_cpuset, "0-3,5" },
	{ { "cpu_shares", 0, HYFW_OPTION_INT, .min = 2, .max = 262144,
	    .help = "Weight when CPUs are busy; 1024 is the usual one." } },
	{ { "io_max", 0, HYFW_OPTION_STRING, LIST,
	    .help = "Most that it may read from and write to a disk in a second: bytes, and operations." },
	  0, hyfw_normalize_io_max, "DEVICE:rbps=SIZE,wbps=SIZE,riops=NUMBER,wiops=NUMBER" },
	{ { "pids", 0, HYFW_OPTION_INT, 0, "1024", 1, 4194304, .help = "Most processes and threads." } },
	/* privileges */
	{ { "cap_add", 0, HYFW_OPTION_STRING, LIST, .help = "Capabilities beyond the default ones." },
	  WORDS, hyfw_normalize_capability, "NAME ... | ALL" },
	{ { "cap_drop", 0, HYFW_OPTION_STRING, LIST, .help = "Capabilities to take away." },
	  WORDS, hyfw_normalize_capability, "NAME ... | ALL" },
	{ { "seccomp", 0, HYFW_OPTION_STRING, 0, "default",
	    .help = "System call filter: the built-in one, none, or a profile in JSON." },
	  0, hyfw_normalize_seccomp, "default | unconfined | PATH" },
	{ { "userns", 0, HYFW_OPTION_CHOICE, 0, "auto", .choices = userns_choices,
	    .help = "User ids of its own (auto), or those of the host." } },
	{ { "systemd", 0, HYFW_OPTION_STRING, 0, "auto",
	    .help = "A container whose command is systemd or an init (auto), or any (always), gets what systemd needs." },
	  0, hyfw_normalize_systemd, "auto | always | off" },
	/* life */
	{ { "restart", 0, HYFW_OPTION_STRING, 0, "no", .help = "When it is started again after it ended." },
	  CORE, hyfw_normalize_restart, "no | on-failure[:N] | always | unless-stopped" },
	{ { "autostart", 0, HYFW_OPTION_BOOL,
	    .help = "Start it with the host (hyfw-autostart.service); without it when restart is always or unless-stopped and it ran." },
	  CORE },
	{ { "failover", 0, HYFW_OPTION_STRING, LIST,
	    .help = "Hosts that may start the machine when its own is lost (`hyfw failover`), as uname -n tells." },
	  OWN | WORDS | CORE, hyfw_normalize_hostname, "HOST ..." },
	{ { "failover_lease", 0, HYFW_OPTION_DURATION, .min = 2000, .max = 3600000,
	    .help = "How long such a machine may run without its lease being renewed; 30s unless given." },
	  OWN | CORE },
	{ { "depends_on", 0, HYFW_OPTION_NAME, LIST, .help = "Workloads that are started before it." },
	  OWN | WORDS | CORE, NULL, "WORKLOAD ..." },
	{ { "stop_signal", 0, HYFW_OPTION_STRING,
	    .help = "Signal that asks it to end; without it SIGTERM, and of systemd SIGRTMIN+3." },
	  CORE, hyfw_normalize_signal, "SIGNAL" },
	{ { "stop_timeout", 0, HYFW_OPTION_DURATION, 0, "10s", 0, 86400000,
	    .help = "How long it is given before it is killed." }, CORE },
	{ { "log_max_size", 0, HYFW_OPTION_SIZE, 0, "10M", 4096, (int64_t)1 << 40,
	    .help = "Size at which its log file is rotated." }, CORE },
	{ { "log_max_files", 0, HYFW_OPTION_INT, 0, "2", 1, 100,
	    .help = "How many log files are kept." }, CORE },
	{ { "label", 0, HYFW_OPTION_STRING, LIST, .help = "Text of yours that `hyfw inspect` shows." },
	  CORE, hyfw_normalize_label, "KEY=VALUE" },
	/* drivers */
	{ { "isolation", 0, HYFW_OPTION_NAME, 0, "namespaces",
	    .help = "Driver that makes and controls what runs." }, CORE, NULL, "DRIVER" },
	{ { "storage", 0, HYFW_OPTION_NAME, 0, "overlay",
	    .help = "Driver that makes the root file system; without it qcow2 for machines." }, CORE, NULL, "DRIVER" },
	{ { "security", 0, HYFW_OPTION_NAME, LIST, "cgroups capabilities seccomp",
	    .help = "Modules that confine it; empty for none.  Of the default ones a machine has those that it can use." },
	  WORDS | CORE, NULL, "MODULE ..." },
	{ { NULL } },
};

static const struct hyfw_key network_keys[] = {
	{ { "driver", 0, HYFW_OPTION_NAME, 0, "bridge",
	    .help = "Driver that makes it." }, CORE, NULL, "DRIVER" },
	{ { "subnet", 0, HYFW_OPTION_STRING, .help = "IPv4 addresses it uses; without it the driver chooses." },
	  0, hyfw_normalize_subnet, "ADDRESS/LENGTH" },
	{ { "gateway", 0, HYFW_OPTION_STRING, .help = "The host's address in it; without it the first one." },
	  0, hyfw_normalize_ipv4, "ADDRESS" },
	{ { "internal", 0, HYFW_OPTION_BOOL, 0, "no", .help = "No way out of it." } },
	{ { NULL } },
};

static const struct hyfw_key volume_keys[] = {
	{ { "driver", 0, HYFW_OPTION_NAME, 0, "dir", .help = "Driver that keeps it." }, CORE, NULL, "DRIVER" },
	{ { "path", 0, HYFW_OPTION_PATH, ENV,
	    .help = "Where its data is; without it below the data directory." } },
	{ { NULL } },
};

static const struct hyfw_key pool_keys[] = {
	{ { "path", 0, HYFW_OPTION_PATH, ENV,
	    .help = "Directory of its disks, which only root may write to; the pool default has one of its own." },
	  CORE },
	{ { "size", 0, HYFW_OPTION_SIZE, .min = 1 << 20, .max = INT64_MAX,
	    .help = "How large its disks may be together; without it there is no limit." }, CORE },
	{ { "shared", 0, HYFW_OPTION_BOOL, 0, "no",
	    .help = "Other hosts have the same directory, and fcntl(2) locks in it hold among them; for failover." }, CORE },
	{ { NULL } },
};

static const struct hyfw_key no_keys[] = { { { NULL } } };

const struct hyfw_section_schema hyfw_config_schema[] = {
	{ "hyfw", false, "hyfw itself, and the stack.", hyfw_keys, 0 },
	{ "defaults", false,
	  "What a [workload] does not say itself.  A list given in a workload replaces the\n"
	  "one given here.",
	  workload_keys, HYFW_SCOPE_WORKLOAD },
	{ "workload", true, "What is run.  Only in stack files.", workload_keys, HYFW_SCOPE_WORKLOAD },
	{ "network", true, "A network that workloads join.  [network default] exists without being written.",
	  network_keys, HYFW_SCOPE_NETWORK },
	{ "volume", true, "Data that outlives workloads.  One that is not written here is kept by driver dir.",
	  volume_keys, HYFW_SCOPE_VOLUME },
	{ "pool", true, "A directory in which a storage driver keeps disks.  [pool default] exists without being written.",
	  pool_keys, 0 },
	{ "plugin", true, "Settings of the driver NAME; `hyfw plugin inspect NAME` lists them.", no_keys,
	  HYFW_SCOPE_PLUGIN },
	{ NULL },
};

const struct hyfw_section_schema *hyfw_schema_section(const char *type)
{
	const struct hyfw_section_schema *schema;

	for (schema = hyfw_config_schema; schema->type; schema++)
		if (strcmp(schema->type, type) == 0)
			return schema;
	return NULL;
}

const struct hyfw_key *hyfw_schema_key(const char *type, const char *name)
{
	const struct hyfw_section_schema *schema = hyfw_schema_section(type);
	const struct hyfw_key *key;

	for (key = schema ? schema->keys : NULL; key && key->option.name; key++)
		if (strcmp(key->option.name, name) == 0)
			return (key->flags & HYFW_KEY_OWN) && strcmp(type, "defaults") == 0 ? NULL : key;
	return NULL;
}
