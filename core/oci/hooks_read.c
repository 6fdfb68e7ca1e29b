/* SPDX-License-Identifier: BSD-3-Clause
 * hooks: programs of the caller at six points of a container's life. */
#include "base/cleanup.h"
#include "oci/parts.h"

static void read_hook(const struct oci_node *node, struct hyfw_oci_hook *hook)
{
	const char **argv;

	hook->path = oci_text_needed(node, "path");
	if (hook->path[0] != '/')
		oci_fail_member(node, "path", "%s is not an absolute path", hook->path);
	hook->argv = oci_texts(node, "args");
	hook->envp = oci_texts(node, "env");
	if (!hook->envp && oci_has(node, "env"))
		hook->envp = oci_array(node, 0, sizeof(*hook->envp)); /* an empty one */
	hook->timeout = (uint32_t)oci_number(node, "timeout", 1, UINT32_MAX / 1000).value;
	if (hook->argv)
		return;
	argv = oci_array(node, 1, sizeof(*argv));
	argv[0] = hook->path;
	hook->argv = argv;
}

void oci_read_hooks(const struct oci_node *top, struct hyfw_oci_config *config)
{
	static const char *const phases[HYFW_OCI_PHASES] = {
		[HYFW_OCI_PRESTART] = "prestart",
		[HYFW_OCI_CREATE_RUNTIME] = "createRuntime",
		[HYFW_OCI_CREATE_CONTAINER] = "createContainer",
		[HYFW_OCI_START_CONTAINER] = "startContainer",
		[HYFW_OCI_POSTSTART] = "poststart",
		[HYFW_OCI_POSTSTOP] = "poststop",
	};
	struct oci_node hooks, list, node;
	struct hyfw_oci_hook *each;
	size_t phase, count, i;

	if (!oci_member(top, "hooks", json_type_object, &hooks))
		return;
	for (phase = 0; phase < HYFW_COUNT(phases); phase++) {
		count = oci_list(&hooks, phases[phase], &list);
		each = oci_array(&hooks, count, sizeof(*each));
		for (i = 0; i < count && oci_element(&list, i, json_type_object, &node); i++)
			read_hook(&node, &each[i]);
		config->hooks[phase] = (struct hyfw_oci_hooks){ each, count };
	}
}
