/* SPDX-License-Identifier: BSD-3-Clause
 * The workload that the flags and arguments describe, as one definition. */
#include "cli/run_parts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "config/load.h"
#include "engine/store.h"

/* IMAGE [--] COMMAND..., or with --rootfs just the command.  Whether a workload can do
 * without an image is for its isolation driver to say. */
int hyfw_run_take_arguments(struct hyfw_run_parsing *parse, const struct hyfw_command *command, int argc, char **argv,
			    struct hyfw_error **err)
{
	int at = optind, result = 0;

	if (!parse->rootfs && !(parse->machine && at == argc)) {
		if (at == argc)
			return hyfw_fail(err, EINVAL, "%s: an image or --rootfs DIR is needed (or what a machine boots)\nUsage: hyfw %s",
					 command->name, command->usage);
		result = hyfw_run_set(parse, "image", argv[at++], "IMAGE", err);
		if (at < argc && strcmp(argv[at], "--") == 0)
			at++;
	}
	for (; result == 0 && at < argc; at++)
		result = hyfw_run_set(parse, "command", argv[at], "COMMAND", err);
	return result;
}

/* One whose driver knows links. */
static bool share_network(const struct hyfw_definition *one, const struct hyfw_definition *other)
{
	struct hyfw_driver *driver;
	size_t i, j;

	for (i = 0; i < one->network_count; i++)
		for (j = 0; j < other->network_count; j++)
			if (strcmp(one->networks[i].name, other->networks[j].name) == 0 &&
			    hyfw_registry_get(HYFW_KIND_NETWORK, one->networks[i].driver, &driver, NULL) == 0 &&
			    hyfw_driver_honours(driver, "workload.links"))
				return true;
	return false;
}

/* The workloads of --link exist and can be reached.  In a stack the configuration
 * sees that by itself. */
static int check_links(const struct hyfw_definition *definition, struct hyfw_error **err)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char *link;
	size_t cursor = 0;

	while ((link = hyfw_map_next(&settings, "links", &cursor))) {
		HYFW_AUTO_DEFINITION struct hyfw_definition *peer = NULL;

		if (hyfw_store_definition(link, &peer, err) < 0)
			return hyfw_wrap(err, "--link %s", link);
		if (!share_network(definition, peer))
			return hyfw_fail(err, EINVAL, "--link %s: that workload is on none of the networks of this one whose "
					 "driver knows links; see --network", link);
	}
	return 0;
}

/* --rm does not go together with what would start the workload again. */
static int check_removed(const struct hyfw_definition *definition, struct hyfw_error **err)
{
	const char *restart = hyfw_definition_get(definition, "restart");
	const char *autostart = hyfw_definition_get(definition, "autostart");

	if (restart && strcmp(restart, "no") != 0)
		return hyfw_fail(err, EINVAL, "--rm and --restart cannot go together: what is removed when it ends "
				 "cannot be started again");
	if (autostart && strcmp(autostart, "true") == 0)
		return hyfw_fail(err, EINVAL, "--rm and --autostart cannot go together: what is removed when it ends "
				 "is not there when the host comes up");
	if (hyfw_definition_get(definition, "failover"))
		return hyfw_fail(err, EINVAL, "--rm and failover cannot go together: what is removed when it ends "
				 "is not there to be started elsewhere");
	return 0;
}

int hyfw_run_make_definition(struct hyfw_run_parsing *parse, struct hyfw_error **err)
{
	struct hyfw_run_request *request = parse->request;
	const struct hyfw_config_section *core, *section;
	int result = hyfw_config_load_drivers_and_validate(parse->config, err);

	if (result < 0)
		return result;
	section = hyfw_config_find(parse->config, "workload", parse->name);
	result = hyfw_definition_new(parse->config, section, &request->definition, err);
	if (result < 0)
		return result;
	core = hyfw_config_find(parse->config, "hyfw", "");
	if (core)
		request->step_timeout_ms = (unsigned)hyfw_map_int(&core->map, "step_timeout", 0);
	result = check_links(request->definition, err);
	if (result == 0 && request->remove)
		result = check_removed(request->definition, err);
	if (result < 0)
		return result;
	request->definition->transient = request->remove;
	return hyfw_definition_add_image_defaults(request->definition, err);
}
