/* SPDX-License-Identifier: BSD-3-Clause
 * conf/hyfw.ini, printed from the schema. */
#include <string.h>

#include "config/schema.h"

/* How a value of 'key' is written: "SIZE", "yes | no", "a | b". */
static void print_form(FILE *to, const struct hyfw_key *key)
{
	static const char *const forms[] = {
		[HYFW_OPTION_STRING] = "TEXT", [HYFW_OPTION_BOOL] = "yes | no",
		[HYFW_OPTION_INT] = "NUMBER", [HYFW_OPTION_SIZE] = "SIZE, like 512K, 50M or 1G",
		[HYFW_OPTION_DURATION] = "TIME, like 500ms, 10s, 5m or 1h",
		[HYFW_OPTION_CPUS] = "CPUS, like 2 or 0.25", [HYFW_OPTION_PATH] = "PATH, absolute",
		[HYFW_OPTION_NAME] = "NAME",
	};
	const char *const *choice = key->option.choices;

	if (key->form) {
		fputs(key->form, to);
	} else if (key->option.type == HYFW_OPTION_CHOICE) {
		for (; *choice; choice++)
			fprintf(to, "%s%s", choice == key->option.choices ? "" : " | ", *choice);
	} else {
		fputs(forms[key->option.type], to);
	}
}

static void print_key(FILE *to, const struct hyfw_key *key)
{
	const char *fallback = key->option.fallback;

	fprintf(to, "# %s", key->option.help);
	if (key->flags & HYFW_KEY_STACK)
		fputs("  Only in stack files.", to);
	if (key->flags & HYFW_KEY_MAIN)
		fputs("  Only here and in conf.d.", to);
	fputs("\n#   ", to);
	print_form(to, key);
	if (key->option.flags & HYFW_OPTION_LIST)
		fputs("  (list)", to);
	if (key->option.flags & HYFW_OPTION_ENV)
		fputs("  (${VAR})", to);
	fprintf(to, "\n#%s =%s%s\n\n", key->option.name, fallback ? " " : "", fallback ? fallback : "");
}

/* Help text, each line a comment. */
static void print_help(FILE *to, const char *help)
{
	const char *newline;

	while ((newline = strchr(help, '\n'))) {
		fprintf(to, "# %.*s\n", (int)(newline - help), help);
		help = newline + 1;
	}
	fprintf(to, "# %s\n", help);
}

void hyfw_schema_print_template(FILE *to)
{
	const struct hyfw_section_schema *section;
	const struct hyfw_key *key;

	fputs("# hyfw.ini: the main configuration of hyfw.  hyfw.ini(5) tells about the format.\n"
	      "#\n"
	      "# Every key there is stands here, as a comment, with its default where it has\n"
	      "# one.  Files in conf.d beside this one are read after it, in the order of their\n"
	      "# names; a later file wins.  Both must belong to root and be writable by nobody\n"
	      "# else.  (list): may be given several times or continued on indented lines.\n"
	      "# (${VAR}): takes variables of the environment.\n\n",
	      to);
	for (section = hyfw_config_schema; section->type; section++) {
		bool workload = strcmp(section->type, "workload") == 0;

		print_help(to, section->help);
		if (workload)
			fputs("# Beside these keys it takes all those of [defaults].\n", to);
		fprintf(to, section->named ? "#[%s NAME]\n\n" : "[%s]\n\n", section->type);
		for (key = section->keys; key->option.name; key++)
			if (workload ? key->flags & HYFW_KEY_OWN :
				       !!hyfw_schema_key(section->type, key->option.name))
				print_key(to, key);
	}
}
