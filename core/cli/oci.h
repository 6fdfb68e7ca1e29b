/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci`: what its verbs share.  Flags, output and exit statuses are those of runc
 * and crun, whose clients call this. */
#ifndef HYFW_CLI_OCI_H
#define HYFW_CLI_OCI_H

#include <getopt.h>
#include <stdbool.h>

#include "base/error.h"
#include "oci/container.h"

struct oci_cli {
	char *root;          /* ROOT of containers, absolute */
	const char *log;     /* --log; NULL: standard error alone */
	const char *syslog;  /* --log syslog:NAME; NULL: not there */
	bool log_json, debug;
	bool systemd_cgroup, no_cgroups;
};

/* argv[0] is the verb.  Returns the exit status. */
struct oci_verb {
	const char *name, *usage, *summary; /* usage: with its arguments, the flags are told from their table */
	int (*main)(struct oci_cli *cli, int argc, char **argv);
};
extern const struct oci_verb oci_verb_create, oci_verb_start, oci_verb_run, oci_verb_state, oci_verb_kill,
	oci_verb_delete, oci_verb_exec, oci_verb_list, oci_verb_ps, oci_verb_pause, oci_verb_resume, oci_verb_update,
	oci_verb_events, oci_verb_features, oci_verb_spec, oci_verb_checkpoint, oci_verb_restore;

/* oci_log.c: tells 'err' in the log and on standard error, frees it; 1. */
int oci_log_error(const struct oci_cli *cli, struct hyfw_error *err);
void oci_log_text(const struct oci_cli *cli, const char *level, const char *text);
/* With --debug alone. */
void oci_log_debug(const struct oci_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* oci_help.c: the name that we were called by, as is told. */
const char *oci_program(void);
void oci_print_help(const struct oci_verb *verb, const struct option *flags);

/* oci_ps.c: the exit status. */
int oci_ps_table(const struct oci_cli *cli, char **options, const pid_t *pids, size_t count);

/* The next flag; handles --help and what is unknown.  -1: flags are done and there are
 * 'least' to 'most' arguments from argv[optind] on; -2: '*ret_status' is the exit status. */
int oci_flag(const struct oci_cli *cli, const struct oci_verb *verb, int argc, char **argv, const char *letters,
	     const struct option *flags, int least, int most, int *ret_status);
int oci_usage(const struct oci_cli *cli, const struct oci_verb *verb, const char *why);

#define OCI_FLAG_HELP { "help", no_argument, NULL, 'h' }

/* sd_notify(3): what the container says on 'listener' is for 'host'.  'host' NULL: nothing. */
struct oci_notify {
	int listener;
	const char *host;
};

/* oci_terminal.c: serves 'running' until it has ended: forwards signals, copies its
 * terminal where it has one.  128 + signal, or its exit status. */
int oci_serve(struct hyfw_running *running, const struct oci_notify *notify, int *ret_status,
	      struct hyfw_error **err);
void oci_running_close(struct hyfw_running *running);
/* What comes from the terminal is copied to a standard output that is none: lines are to end
 * as in a file then, as runc has it. */
bool oci_copies_to_file(bool detached, const char *console_socket);
#define OCI_NOTHING_RUNS                                                                            \
	{ .size = sizeof(struct hyfw_running), .wait_fd = -1, .netns_fd = -1, .console_fd = -1,    \
	  .changed_fd = -1, .seccomp_listener_fd = -1 }

/* A document of at most OCI_DOCUMENT_LIMIT bytes, "-" is standard input; free(). */
int oci_read_document(const char *path, char **ret_text, size_t *ret_size, struct hyfw_error **err);

/* An absolute path; free(). */
char *oci_absolute(const char *path);

/* Writes a process id as clients expect it. */
int oci_write_pid(const char *path, pid_t pid, struct hyfw_error **err);

/* LISTEN_FDS of our environment, when it is about us; sd_listen_fds(3). */
uint32_t oci_listen_fds(void);
/* Fills the first 'wanted' numbers behind standard error where they are not open, so that
 * nothing of ours can get one of them; how many will be given on. */
uint32_t oci_preserve(uint32_t wanted);
/* --preserve-fds N: -EINVAL when it is no number, -EBADF when not one of them is there. */
int oci_preserve_asked(const char *text, uint32_t *ret_wanted, struct hyfw_error **err);

/* Signal number of "9", "KILL", "SIGKILL", 0 of "0"; -1. */
int oci_signal(const char *text);

#endif
