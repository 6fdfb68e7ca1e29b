/* SPDX-License-Identifier: BSD-3-Clause
 * The core's own keys.  The tables are the only place that says which keys
 * there are; conf/hyfw.ini is printed from them and the man page is checked
 * against them. */
#ifndef HYFW_CONFIG_SCHEMA_H
#define HYFW_CONFIG_SCHEMA_H

#include <stdio.h>

#include <hyfw/plugin.h>

#include "base/error.h"

enum hyfw_key_flags {
	HYFW_KEY_WORDS = 1u << 0,    /* list: several elements on a line, between blanks or commas */
	HYFW_KEY_MAIN = 1u << 1,     /* only in hyfw.ini and its conf.d */
	HYFW_KEY_STACK = 1u << 2,    /* only in stack files */
	HYFW_KEY_OWN = 1u << 3,      /* each workload's own: not in [defaults] */
	HYFW_KEY_CORE = 1u << 4,     /* honoured by the core: no driver need declare it */
	HYFW_KEY_LITERAL = 1u << 5,  /* "${" has no meaning and is passed on */
	HYFW_KEY_ARGUMENTS = 1u << 6, /* list: a single line is split into words as a shell does */
	HYFW_KEY_EMPTY = 1u << 7,    /* no list, and yet may be empty */
};

/* Brings 'text' into normal form.  Errors say only what is wrong with it. */
typedef int (*hyfw_normalize_fn)(const char *text, char **ret_normal, struct hyfw_error **err);

struct hyfw_key {
	struct hyfw_option option;
	unsigned flags;              /* enum hyfw_key_flags */
	hyfw_normalize_fn normalize; /* NULL: by option.type */
	const char *form;            /* for people: "[ADDRESS:]HOSTPORT:PORT[/udp]"; NULL: by type */
};

struct hyfw_section_schema {
	const char *type;
	bool named;            /* [TYPE NAME] */
	const char *help;      /* a sentence or more for hyfw.ini */
	const struct hyfw_key *keys; /* ends with option.name NULL */
	enum hyfw_option_scope scope; /* which driver options belong here; 0 for none */
};

/* Ends with type NULL. */
extern const struct hyfw_section_schema hyfw_config_schema[];

const struct hyfw_section_schema *hyfw_schema_section(const char *type);

/* The key of a section of 'type'; [defaults] has the keys of [workload] that are
 * not its own.  NULL when there is none. */
const struct hyfw_key *hyfw_schema_key(const char *type, const char *key);


/* The whole of conf/hyfw.ini: each key as a comment with its default. */
void hyfw_schema_print_template(FILE *to);

#endif
