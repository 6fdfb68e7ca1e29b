/* SPDX-License-Identifier: BSD-3-Clause
 * A policy module that permits what was refused and nothing beside it, in the two
 * languages that semodule and its compilers read.  Nobody loads it here.  All names in it
 * have been found to be of [A-Za-z0-9_] or to be types of the policy in force. */
#include "why.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

bool module_name_is_good(const char *name)
{
	return *name && name[strspn(name, letters)] == '\0' && !(*name >= '0' && *name <= '9') && strlen(name) <= 64;
}

static const char *permissions_of(const struct denials *denials, const struct denial *denial)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < denial->permission_count; i++)
		text = denials->host->format(denials->arena, "%s%s%s", text, i ? " " : "", denial->permissions[i]);
	return text;
}

#define FORMAT(...) denials->host->format(denials->arena, __VA_ARGS__)

const char *module_te(const struct denials *denials, const bool *chosen, const char *name)
{
	const char *needs = "", *rules = "";
	size_t i;

	for (i = 0; i < denials->count; i++) {
		const struct denial *denial = &denials->items[i];
		const char *permissions, *source, *target;

		if (!chosen[i])
			continue;
		permissions = permissions_of(denials, denial);
		source = type_in(denials->host, denials->arena, denial->source);
		target = type_in(denials->host, denials->arena, denial->target);
		needs = FORMAT("%s\ttype %s;\n", needs, source);
		if (strcmp(source, target) != 0)
			needs = FORMAT("%s\ttype %s;\n", needs, target);
		needs = FORMAT("%s\tclass %s { %s };\n", needs, denial->class, permissions);
		rules = FORMAT("%s\n# %s\nallow %s %s:%s { %s };\n", rules,
			       denial_sentence(denials->host, denials->arena, denial), source,
			       strcmp(source, target) == 0 ? "self" : target, denial->class, permissions);
	}
	return FORMAT("module %s 1.0;\n\nrequire {\n%s}\n%s", name, needs, rules);
}

const char *module_cil(const struct denials *denials, const bool *chosen, const char *name)
{
	const char *text = FORMAT("; policy module %s\n", name);
	size_t i;

	for (i = 0; i < denials->count; i++) {
		const struct denial *denial = &denials->items[i];
		const char *source, *target;

		if (!chosen[i])
			continue;
		source = type_in(denials->host, denials->arena, denial->source);
		target = type_in(denials->host, denials->arena, denial->target);
		text = FORMAT("%s\n; %s\n(allow %s %s (%s (%s)))\n", text,
			      denial_sentence(denials->host, denials->arena, denial), source,
			      strcmp(source, target) == 0 ? "self" : target, denial->class,
			      permissions_of(denials, denial));
	}
	return text;
}
