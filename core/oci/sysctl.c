/* SPDX-License-Identifier: BSD-3-Clause
 * linux.sysctl: only what belongs to a namespace that the container has to itself;
 * everything else would be the machine's. */
#include <sched.h>
#include <string.h>

#include "base/cleanup.h"
#include "oci/parts.h"

static const char *const of_ipc[] = { "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
				      "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced" };

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static uint32_t namespace_of(const char *key)
{
	size_t i;

	for (i = 0; i < HYFW_COUNT(of_ipc); i++)
		if (strcmp(key, of_ipc[i]) == 0)
			return CLONE_NEWIPC;
	if (begins(key, "fs.mqueue."))
		return CLONE_NEWIPC;
	if (begins(key, "net."))
		return CLONE_NEWNET;
	if (strcmp(key, "kernel.domainname") == 0)
		return CLONE_NEWUTS;
	if (begins(key, "user."))
		return CLONE_NEWUSER;
	return 0;
}

/* With slashes instead of dots it is the same; where the first separator is a slash
 * a dot is part of a name: "net/ipv4/conf/eth0.100/forwarding". */
static char *with_dots(const struct oci_node *node, const char *key)
{
	char *text = hyfw_arena_dup(node->reader->arena, key), *at;

	if (key[strcspn(key, "./")] != '/')
		return text;
	for (at = text; *at; at++)
		*at = *at == '/' ? '.' : *at == '.' ? '/' : *at;
	return text;
}

/* It becomes a path below /proc/sys. */
static bool path_ok(const char *key)
{
	return *key && *key != '/' && *key != '.' && !strstr(key, "..") && !strstr(key, "//") && !strstr(key, "./") &&
	       !strstr(key, "/.") && strlen(key) < 256;
}

void oci_read_sysctl(const struct oci_node *linux_node, struct hyfw_oci_config *config)
{
	size_t i;

	config->sysctl = oci_map(linux_node, "sysctl");
	for (i = 0; i < config->sysctl.count; i++) {
		struct hyfw_pair *pair = (struct hyfw_pair *)&config->sysctl.items[i];
		uint32_t wanted;

		pair->key = with_dots(linux_node, pair->key);
		wanted = namespace_of(pair->key);
		if (strcmp(pair->key, "kernel.hostname") == 0)
			oci_fail_member(linux_node, "sysctl",
					"sysctl \"kernel.hostname\" is not allowed: there is the member hostname for it");
		if (!path_ok(pair->key) || !wanted)
			oci_fail_member(linux_node, "sysctl", "sysctl \"%s\" is not in a separate kernel namespace",
					pair->key);
		else if (!hyfw_oci_has_namespace(config, wanted))
			oci_fail_member(linux_node, "sysctl", "sysctl \"%s\" is not allowed in the hosts %s namespace",
					pair->key, hyfw_oci_namespace_name(wanted));
	}
}
