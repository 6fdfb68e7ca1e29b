/* SPDX-License-Identifier: BSD-3-Clause
 * linux: what is left of it when namespaces, devices and resources are read. */
#include <string.h>
#include <sys/personality.h>

#include "base/cleanup.h"
#include "oci/parts.h"

static void read_propagation(const struct oci_node *linux_node, struct hyfw_oci_config *config)
{
	const char *word = oci_text(linux_node, "rootfsPropagation");

	if (!word || !*word)
		return;
	if (!oci_propagation(word, &config->root_propagation, &config->root_propagation_all))
		oci_fail_member(linux_node, "rootfsPropagation", "there is no %s", word);
}

static void read_personality(const struct oci_node *linux_node, struct hyfw_oci_config *config)
{
	struct oci_node node, flags;
	const char *domain;

	if (!oci_member(linux_node, "personality", json_type_object, &node))
		return;
	domain = oci_text_needed(&node, "domain");
	if (strcmp(domain, "LINUX") != 0 && strcmp(domain, "LINUX32") != 0)
		oci_fail_member(&node, "domain", "there is no %s", domain);
	config->personality = (struct hyfw_oci_number){ true, strcmp(domain, "LINUX") == 0 ? PER_LINUX : PER_LINUX32 };
	if (oci_list(&node, "flags", &flags) > 0)
		oci_fail(&flags, "not supported: the kernel has none that are safe to take");
}

static void read_seccomp(const struct oci_node *linux_node, struct hyfw_oci_config *config)
{
	struct oci_node seccomp;

	if (!oci_member(linux_node, "seccomp", json_type_object, &seccomp))
		return;
	config->seccomp = hyfw_arena_dup(linux_node->reader->arena,
					 json_object_to_json_string_ext(seccomp.json, JSON_C_TO_STRING_PLAIN));
	config->seccomp_listener = oci_text(&seccomp, "listenerPath");
	config->seccomp_metadata = oci_text(&seccomp, "listenerMetadata");
	if (config->seccomp_listener && !*config->seccomp_listener)
		config->seccomp_listener = NULL;
	if (config->seccomp_metadata && *config->seccomp_metadata && !config->seccomp_listener)
		oci_fail_member(&seccomp, "listenerMetadata", "needs listenerPath");
}

static void refuse(const struct oci_node *linux_node, const char *name, const char *why)
{
	struct oci_node member;

	if (oci_member(linux_node, name, json_type_object, &member) && json_object_object_length(member.json) > 0)
		oci_fail(&member, "%s", why);
}

static void read_cgroups_path(const struct oci_node *linux_node, struct hyfw_oci_config *config)
{
	const char *path = oci_text(linux_node, "cgroupsPath");

	if (path && *path)
		config->cgroups_path = path;
}

void oci_read_linux(const struct oci_node *linux_node, struct hyfw_oci_config *config)
{
	struct oci_node resources;

	refuse(linux_node, "intelRdt", "not supported: hyfw does not manage cache allocation");
	oci_read_namespaces(linux_node, config);
	oci_read_devices(linux_node, config);
	oci_read_sysctl(linux_node, config);
	read_propagation(linux_node, config);
	read_personality(linux_node, config);
	read_seccomp(linux_node, config);
	config->masked_paths = oci_texts(linux_node, "maskedPaths");
	config->read_only_paths = oci_texts(linux_node, "readonlyPaths");
	read_cgroups_path(linux_node, config);
	if (oci_member(linux_node, "resources", json_type_object, &resources))
		oci_read_resources(&resources, &config->resources);
}
