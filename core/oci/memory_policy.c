/* SPDX-License-Identifier: BSD-3-Clause
 * linux.memoryPolicy: on which nodes of memory the container's pages are.  A process has
 * it from the one that started it and keeps it over exec, so that it is set here and no
 * driver has to know it. */
#include <ctype.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/parts.h"
#include "oci/private.h"

#ifndef MPOL_PREFERRED_MANY
#define MPOL_PREFERRED_MANY 5
#endif
#define WEIGHTED_INTERLEAVE 6 /* Linux 6.9 */
#ifndef MPOL_F_NUMA_BALANCING
#define MPOL_F_NUMA_BALANCING (1 << 13)
#endif

struct word {
	const char *name;
	int value;
};

static const struct word modes[] = {
	{ "MPOL_DEFAULT", MPOL_DEFAULT },         { "MPOL_PREFERRED", MPOL_PREFERRED },
	{ "MPOL_BIND", MPOL_BIND },               { "MPOL_INTERLEAVE", MPOL_INTERLEAVE },
	{ "MPOL_LOCAL", MPOL_LOCAL },             { "MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY },
	{ "MPOL_WEIGHTED_INTERLEAVE", WEIGHTED_INTERLEAVE },
};
static const struct word flags[] = {
	{ "MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES },
	{ "MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
	{ "MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING },
};

static bool value_of(const struct word *words, size_t count, const char *name, int *ret_value)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(words[i].name, name) == 0) {
			*ret_value = words[i].value;
			return true;
		}
	}
	return false;
}

const char *hyfw_oci_memory_mode(size_t number)
{
	return number < HYFW_COUNT(modes) ? modes[number].name : NULL;
}

const char *hyfw_oci_memory_flag(size_t number)
{
	return number < HYFW_COUNT(flags) ? flags[number].name : NULL;
}

/* ---- reading ---- */

static bool read_node(const char **at, unsigned long *ret_node)
{
	char *end;

	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	*ret_node = strtoul(*at, &end, 10);
	*at = end;
	return !errno && *ret_node < HYFW_OCI_NODES;
}

/* "0-3,7" */
static bool read_nodes(const char *text, struct hyfw_oci_memory_policy *policy)
{
	const size_t bits = 8 * sizeof(unsigned long);
	unsigned long first, last;

	for (; *text; text += *text == ',') {
		if (!read_node(&text, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!read_node(&text, &last))
				return false;
		}
		if (last < first || (*text && *text != ','))
			return false;
		for (; first <= last; first++)
			policy->nodes[first / bits] |= 1ul << (first % bits);
		policy->has_nodes = true;
	}
	return true;
}

static void read_flags(const struct oci_node *node, struct hyfw_oci_memory_policy *policy)
{
	const char *const *names = oci_texts(node, "flags");
	int flag;

	for (; names && *names; names++) {
		if (value_of(flags, HYFW_COUNT(flags), *names, &flag))
			policy->mode |= flag;
		else
			oci_fail_member(node, "flags", "invalid memory policy flag %s", *names);
	}
}

void oci_read_memory_policy(const struct oci_node *linux_node, struct hyfw_oci_memory_policy *policy)
{
	const char *mode, *nodes;
	struct oci_node node;

	if (!oci_member(linux_node, "memoryPolicy", json_type_object, &node))
		return;
	mode = oci_text(&node, "mode");
	nodes = oci_text(&node, "nodes");
	if (json_object_object_length(node.json) == 0) /* as runc has it, none is asked for */
		return;
	policy->set = true;
	if (!mode || !value_of(modes, HYFW_COUNT(modes), mode, &policy->mode))
		oci_fail_member(&node, "mode", "invalid memory policy mode '%s'", mode ? mode : "");
	read_flags(&node, policy);
	if (nodes && !read_nodes(nodes, policy))
		oci_fail_member(&node, "nodes", "invalid memory policy node in '%s'", nodes);
}

/* ---- doing ---- */

int oci_memory_policy_take(const struct hyfw_oci_memory_policy *policy, struct hyfw_error **err)
{
	if (!policy->set)
		return 0;
	/* The kernel counts one bit less than it is told. */
	if (syscall(SYS_set_mempolicy, policy->mode, policy->has_nodes ? policy->nodes : NULL,
		    policy->has_nodes ? HYFW_OCI_NODES + 1 : 0) == 0)
		return 0;
	return hyfw_fail(err, errno, "linux.memoryPolicy: set_mempolicy: %s",
			 errno == EINVAL ? "invalid argument" : strerror(errno));
}

void oci_memory_policy_drop(const struct hyfw_oci_memory_policy *policy)
{
	if (policy->set)
		(void)!syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
}
