/* SPDX-License-Identifier: BSD-3-Clause
 * The configuration: what was read (sections, keys, where each came from), and
 * after validation the normalised values (see types.h of the SDK).
 *
 *     hyfw_config_new()
 *     hyfw_config_read_main()    hyfw.ini and its conf.d; a missing default file is fine
 *     hyfw_config_read_stack()   each FILE of the command line, with `include =`
 *     hyfw_config_set()          flags of `hyfw run`
 *     hyfw_config_add_options()  keys that the drivers named in it declare
 *     hyfw_config_validate()     types, ranges, unknown keys, references; normalises
 *
 * Before validation only raw text can be asked for (which drivers are named).
 */
#ifndef HYFW_CONFIG_CONFIG_H
#define HYFW_CONFIG_CONFIG_H

#include <hyfw/plugin.h>

#include "base/alloc.h"
#include "base/error.h"

enum hyfw_origin_kind {
	HYFW_ORIGIN_DEFAULT = 0, /* built in */
	HYFW_ORIGIN_FILE = 1,
	HYFW_ORIGIN_FLAG = 2,    /* the command line */
};

struct hyfw_origin {
	enum hyfw_origin_kind kind;
	const char *file; /* FILE: path; FLAG: "--memory" */
	unsigned line;    /* FILE: 1 for the first */
	bool main;        /* FILE: hyfw.ini, its conf.d or what they include; not a stack file */
};

struct hyfw_config_value {
	char *key;
	char *text;       /* as written, ${VAR} replaced, list elements one each */
	char *normal;     /* after validation */
	struct hyfw_origin origin;
	bool secret;
	bool continued;   /* it stood on an indented line */
};

struct hyfw_config_section {
	char *type;       /* "hyfw", "defaults", "workload", "network", "volume", "plugin" */
	char *name;       /* "" for [hyfw] and [defaults] */
	struct hyfw_origin origin;
	struct hyfw_config_value *values;
	size_t count, room;
	struct hyfw_config_section *implied; /* the defaults that its drivers imply; NULL for none */
	bool no_command;  /* workloads: the isolation driver runs what a disk holds */
	struct hyfw_map map; /* after validation: normalised keys with defaults filled in, for
			      * workloads from [defaults], then the schema */
};

struct hyfw_config;

/* Is told of something that is wrong. */
typedef void (*hyfw_config_report)(void *user, const struct hyfw_error *refusal);

struct hyfw_config *hyfw_config_new(void);
void hyfw_config_free(struct hyfw_config *config);

int hyfw_config_read_main(struct hyfw_config *config, const char *path, bool must_exist,
			  struct hyfw_error **err);
int hyfw_config_read_stack(struct hyfw_config *config, const char *path, struct hyfw_error **err);

/* Adds KEY=TEXT to [TYPE NAME], making the section when there is none; errors in
 * it name 'flag'.  A list key is appended to. */
int hyfw_config_set(struct hyfw_config *config, const char *type, const char *name, const char *key,
		    const char *text, const char *flag, struct hyfw_error **err);

/* Raw text of a key before validation: the section's own, else for workloads
 * that of [defaults], else the schema's default; NULL when there is none.
 * List keys: the elements one by one through '*cursor' (start at 0). */
const char *hyfw_config_raw(const struct hyfw_config *config, const struct hyfw_config_section *section,
			    const char *key, size_t *cursor);

/* The keys that 'driver' declares become known in their sections. */
void hyfw_config_add_options(struct hyfw_config *config, const char *driver, enum hyfw_kind kind,
			     const struct hyfw_option *options, size_t stride);

int hyfw_config_validate(struct hyfw_config *config, struct hyfw_error **err);

struct hyfw_config_section *hyfw_config_find(const struct hyfw_config *config, const char *type,
					     const char *name);
/* Sections of 'type' in the order of the files; start with '*cursor' = 0. */
struct hyfw_config_section *hyfw_config_next(const struct hyfw_config *config, const char *type,
					     size_t *cursor);

/* Whether a workload has a root: an image or a directory. */
bool hyfw_config_has_root(const struct hyfw_config_section *workload);

/* Fails with "FILE:LINE: [TYPE NAME] KEY = TEXT: <message>" (or the flag), the
 * origin of 'key' in 'section'; key NULL: of the section. */
int hyfw_config_fail(struct hyfw_error **err, int errnum, const struct hyfw_config_section *section,
		     const char *key, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The name of the stack: [hyfw] name, else the first stack file's name without
 * directory and ".ini"; NULL when no stack file was read. */
const char *hyfw_config_stack_name(const struct hyfw_config *config);

#endif
