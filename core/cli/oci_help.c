/* SPDX-License-Identifier: BSD-3-Clause
 * Help of `hyfw oci` and its verbs, from the tables that the flags are read by. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/oci.h"

const char *oci_program(void)
{
	return strcmp(program_invocation_short_name, "hyfw") == 0 ? "hyfw oci" : program_invocation_short_name;
}

static void print_flag(const struct option *flag)
{
	const char *value = flag->has_arg ? " VALUE" : "";
	HYFW_AUTO_FREE char *letter = flag->val < 256 ? hyfw_format(", -%c%s", flag->val, value) : hyfw_dup("");

	printf("   --%s%s%s\n", flag->name, value, letter);
}

void oci_print_help(const struct oci_verb *verb, const struct option *flags)
{
	printf("NAME:\n   %s %s - %s\n\nUsage: %s [OPTION...] %s\n\nFlags:\n", oci_program(), verb->name, verb->summary,
	       oci_program(), verb->usage);
	for (; flags->name; flags++)
		print_flag(flags);
}
