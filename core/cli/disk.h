/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw disk, in pieces:
 *
 *     cmd_disk.c      the command: dispatch, --help
 *     disk_verbs.c    the table of subcommands: words, flags, form of the result
 *     disk_parse.c    words of the command line -> arguments of an operation
 *     disk_operate.c  one operation of the driver: configuration, progress bar, ^C
 *     disk_show.c     its result as table or JSON
 *     disk_edit.c     subcommands of several operations: edit, cp
 *
 * What is done to disks is the storage driver's; storage.h has its verbs. */
#ifndef HYFW_CLI_DISK_H
#define HYFW_CLI_DISK_H

#include <hyfw/step.h>

#include "base/alloc.h"
#include "cli/cli.h"

enum disk_flag_form {
	DISK_TEXT = 0,
	DISK_TRUE, /* no argument */
	DISK_SIZE, /* 10G -> bytes */
	DISK_PATH, /* made absolute */
	DISK_LIST, /* may be repeated */
	DISK_LIST_PATH,
};

struct disk_flag {
	const char *name; /* also the key, with "_" for "-" */
	enum disk_flag_form form;
	const char *argument; /* as the help shows it */
	const char *help;
};

/* A word behind the disk: "TO" of "clone DISK TO". */
struct disk_word {
	const char *key;
	enum disk_flag_form form;
	const char *otherwise; /* its value when it is not given; NULL: it has none */
};

enum disk_result { DISK_NOTHING = 0, DISK_FACTS, DISK_ROWS };

struct disk_request;

struct disk_verb {
	const char *name;      /* "tar-in", "snapshot create" */
	const char *operation; /* the driver's verb; NULL: 'name' */
	const char *usage;     /* "DISK PATH [ARCHIVE]" */
	const char *help;
	const char *label;     /* of the progress bar; NULL: none, it is quick */
	struct disk_word words[3]; /* behind the disk */
	unsigned least, most;      /* words, the disk included */
	const struct disk_flag *flags; /* ends with name NULL; may be NULL */
	bool at_path;                  /* what it is done to is a path, never a name */
	enum disk_result result;
	const char *const *columns;    /* ROWS: keys, in order */
	/* What it takes beyond one operation of parsed words; NULL: nothing. */
	int (*run)(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
		   struct hyfw_error **err);
};

/* What was asked for. */
struct disk_request {
	char *object;
	struct hyfw_pairs args;
	int input_fd, output_fd; /* -1: none; the caller of disk_operate() closes them */
};

extern const struct disk_verb disk_verbs[]; /* ends with name NULL */

/* 1: go on; 0: that was --help; or a negative errno, with '*err' or said already. */
int disk_parse(const struct disk_verb *verb, int argc, char **argv, struct disk_request *ret_request,
	       struct hyfw_error **err);
void disk_request_finish(struct disk_request *request);

/* A path with a "/" in it made absolute; other words are names and stay. */
int disk_object(const char *word, char **ret_object, struct hyfw_error **err);
int disk_path(const char *word, char **ret_path, struct hyfw_error **err);

/* Does 'operation' of the driver with what 'request' holds; the result lives in
 * 'arena'.  'label' begins the progress bar.  -ECANCELED after ^C. */
int disk_operate(struct hyfw_cli *cli, const char *operation, const char *label, const struct disk_request *request,
		 struct hyfw_arena *arena, struct hyfw_map *ret_result, struct hyfw_error **err);

/* Shows one result as --format asks. */
void disk_show(struct hyfw_cli *cli, const struct disk_verb *verb, const struct hyfw_map *result);

/* Subcommands of their own (struct disk_verb.run). */
int disk_run_stream(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
		    struct hyfw_error **err); /* cat, tar-in, tar-out */
int disk_run_resize(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
		    struct hyfw_error **err); /* SIZE may be +SIZE */
int disk_run_edit(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
		  struct hyfw_error **err);
int disk_run_copy(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
		  struct hyfw_error **err);

#endif
