/* SPDX-License-Identifier: BSD-3-Clause */
#include "oci/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oci/parts.h"

/* 1.0.x to 1.3.x, with what may stand behind a version ("1.0.2-dev"). */
static bool version_ok(const char *version)
{
	const char *minor = version + 2, *patch;

	if (version[0] != '1' || version[1] != '.' || *minor < '0' || *minor > '3' || minor[1] != '.')
		return false;
	patch = minor + 2;
	if (!isdigit((unsigned char)*patch))
		return false;
	while (isdigit((unsigned char)*patch))
		patch++;
	return *patch == '\0' || *patch == '-' || *patch == '+';
}

/* What this runtime does not do, so that nobody takes it for done. */
static void refuse_others(const struct oci_node *top)
{
	static const char *const others[] = { "windows", "solaris", "vm", "zos" };
	size_t i;

	for (i = 0; i < HYFW_COUNT(others); i++)
		if (oci_has(top, others[i]))
			oci_fail_member(top, others[i], "not supported: this is a runtime of Linux containers");
}

const char *oci_in_bundle(const struct oci_node *node, const char *bundle, const char *path)
{
	if (path[0] == '/')
		return path;
	return hyfw_arena_format(node->reader->arena, "%s/%s", bundle, path);
}

static void read_root(const struct oci_node *top, struct hyfw_oci_config *config)
{
	struct oci_node root;

	if (!oci_member(top, "root", json_type_object, &root)) {
		oci_fail_member(top, "root", "missing");
		return;
	}
	config->root = oci_in_bundle(&root, config->bundle, oci_text_needed(&root, "path"));
	config->root_read_only = oci_bool(&root, "readonly");
}

/* Without a namespace of its own it would be that of the machine. */
static void check_names(const struct oci_node *top, const struct hyfw_oci_config *config)
{
	if (hyfw_oci_has_namespace(config, CLONE_NEWUTS))
		return;
	if (config->hostname && *config->hostname)
		oci_fail_member(top, "hostname", "unable to set hostname without a private UTS namespace");
	if (config->domainname && *config->domainname)
		oci_fail_member(top, "domainname", "unable to set domainname without a private UTS namespace");
}

/* filesystems(5): selinuxfs is registered only where SELinux is on, be it mounted or not. */
static bool has_selinux(void)
{
	HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;
	HYFW_AUTO_FREE char *systems = NULL;

	if (hyfw_file_read(AT_FDCWD, "/proc/filesystems", 64u << 10, &systems, NULL, &ignored) < 0)
		return true; /* who cannot tell leaves labels in force */
	return strstr(systems, "\tselinuxfs\n") != NULL;
}

/* Says nothing where SELinux is off, as with other runtimes: no file system takes one there. */
static const char *file_label(const struct oci_node *linux_object)
{
	const char *label = oci_text(linux_object, "mountLabel");

	return label && *label && has_selinux() ? label : NULL;
}

static void read_top(const struct oci_node *top, struct hyfw_oci_spec *spec)
{
	struct hyfw_oci_config *config = &spec->config;
	struct oci_node member;

	spec->version = oci_text_needed(top, "ociVersion");
	if (!version_ok(spec->version))
		oci_fail_member(top, "ociVersion", "%s is not supported; 1.0.0 to 1.3.x are", spec->version);
	refuse_others(top);
	if (oci_member(top, "process", json_type_object, &member))
		oci_read_process(&member, &spec->command);
	else
		oci_fail_member(top, "process", "missing");
	read_root(top, config);
	oci_read_mounts(top, config);
	oci_read_hooks(top, config);
	config->hostname = oci_text(top, "hostname");
	config->domainname = oci_text(top, "domainname");
	config->annotations = oci_map(top, "annotations");
	if (oci_member(top, "linux", json_type_object, &member)) {
		oci_read_linux(&member, config);
		oci_read_memory_policy(&member, &spec->memory_policy);
		oci_read_net_devices(&member, config, &spec->net_devices);
		spec->command.confinement.mount_label = file_label(&member);
	}
	check_names(top, config);
}

/* ---- documents ---- */

static int finish(struct oci_reader *reader, struct json_object *json, struct hyfw_error **err)
{
	json_object_put(json);
	if (!reader->failure)
		return 0;
	*err = reader->failure;
	return -reader->failure->errnum;
}

int hyfw_oci_spec_read(const char *text, size_t size, const char *id, const char *bundle,
		       struct hyfw_arena *arena, struct hyfw_oci_spec *ret_spec, struct hyfw_error **err)
{
	struct hyfw_oci_spec spec = { .config = { .size = sizeof(spec.config) } };
	struct oci_reader reader = { .arena = arena };
	struct json_object *json;
	struct oci_node top;
	int result = oci_json_parse(text, size, &json, err);

	if (result < 0)
		return result;
	spec.config.id = hyfw_arena_dup(arena, id);
	spec.config.bundle = hyfw_arena_dup(arena, bundle);
	top = oci_top(&reader, json);
	read_top(&top, &spec);
	spec.config.process = spec.command.process;
	result = finish(&reader, json, err);
	if (result == 0)
		*ret_spec = spec;
	return result;
}

int hyfw_oci_command_read(const char *text, size_t size, struct hyfw_arena *arena,
			  struct hyfw_oci_command *ret_command, struct hyfw_error **err)
{
	struct oci_reader reader = { .arena = arena };
	struct hyfw_oci_command command = { 0 };
	struct json_object *json;
	struct oci_node top;
	int result = oci_json_parse(text, size, &json, err);

	if (result < 0)
		return result;
	top = oci_top(&reader, json);
	oci_read_process(&top, &command);
	result = finish(&reader, json, err);
	if (result == 0)
		*ret_command = command;
	return result;
}

int hyfw_oci_resources_read(const char *text, size_t size, struct hyfw_arena *arena,
			    struct hyfw_oci_resources *ret_resources, struct hyfw_error **err)
{
	struct oci_reader reader = { .arena = arena };
	struct hyfw_oci_resources resources = { 0 };
	struct json_object *json;
	struct oci_node top;
	int result = oci_json_parse(text, size, &json, err);

	if (result < 0)
		return result;
	top = oci_top(&reader, json);
	oci_read_resources(&top, &resources);
	result = finish(&reader, json, err);
	if (result == 0)
		*ret_resources = resources;
	return result;
}
