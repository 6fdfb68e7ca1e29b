/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw adopt: machines that have come to this host's libvirtd. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "config/load.h"
#include "engine/adopt.h"

#define HAVER "kvm" /* the driver of machines that move */

static const char help[] =
	"  --check            only say what would be in the way\n"
	"  --name NAME        what the workload is called here\n"
	"  --set KEY=VALUE    a key that is to be other than it came, a password's file for one\n";

struct request {
	const char *object, *name;
	struct hyfw_pairs set;
	bool check;
};

/* What the machine is, is not for its new host to say. */
static bool is_own(const char *key)
{
	static const char *const keys[] = { "isolation", "network", "volume", "disk",	  "cdrom",   "image", "rootfs",
					    "storage",	 "uuid",    "failover", "template", "security" };
	size_t i;

	for (i = 0; i < HYFW_COUNT(keys); i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

static int take_set(struct request *request, const char *text)
{
	const size_t length = strcspn(text, "=");
	HYFW_AUTO_FREE char *key = hyfw_dup_n(text, length);

	if (length == 0 || !text[length])
		return hyfw_cli_usage(&hyfw_command_adopt, "--set %s: must be KEY=VALUE", text);
	if (is_own(key))
		return hyfw_cli_usage(&hyfw_command_adopt, "--set %s: is the machine's own; change it when it is adopted", key);
	hyfw_pairs_add(&request->set, key, text + length + 1);
	return 0;
}

static int parse(int argc, char **argv, struct request *request, bool *ret_help)
{
	enum { CHECK = 256, NAME, SET };
	static const struct option flags[] = { { "check", no_argument, NULL, CHECK },
					       { "name", required_argument, NULL, NAME },
					       { "set", required_argument, NULL, SET },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	int flag, status = 0;

	while (status == 0 && (flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		switch (flag) {
		case CHECK: request->check = true; break;
		case NAME: request->name = optarg; break;
		case SET: status = take_set(request, optarg); break;
		case 'h':
			hyfw_session_help(&hyfw_command_adopt, help);
			*ret_help = true;
			return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (status == 0 && argc - optind != 1)
		return hyfw_cli_usage(&hyfw_command_adopt, "the name of one machine is needed");
	request->object = status == 0 ? argv[optind] : NULL;
	return status;
}

/* The driver, with [plugin kvm] of this host: which libvirtd it is. */
static int find_driver(struct hyfw_cli *cli, struct hyfw_driver **ret_driver, struct hyfw_error **err)
{
	struct hyfw_config *config = NULL;
	int result = hyfw_config_load_to_show(&cli->context, cli->config_given, NULL, &config, err);

	hyfw_config_free(config);
	return result < 0 ? result : hyfw_registry_get(HYFW_KIND_ISOLATION, HAVER, ret_driver, err);
}

static int prepare(struct hyfw_cli *cli, struct hyfw_adoption *adoption, struct hyfw_error **err)
{
	const struct hyfw_config_section *core;
	struct hyfw_config *config = NULL;
	int result = find_driver(cli, &adoption->driver, err);

	if (result == 0)
		result = hyfw_adopt_look(adoption, err);
	if (result == 0)
		result = hyfw_config_load(&cli->context, cli->config_given, NULL, &config, err);
	if (result == 0)
		result = hyfw_adopt_prepare(adoption, config, err);
	core = result == 0 ? hyfw_config_find(config, "hyfw", "") : NULL;
	if (core)
		adoption->step_timeout_ms = (unsigned)hyfw_map_int(&core->map, "step_timeout", 0);
	hyfw_config_free(config);
	return result;
}

static int adopt(struct hyfw_cli *cli, const struct request *request)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_adoption adoption = { .object = request->object, .name = request->name, .set = &request->set,
					  .arena = arena };
	struct hyfw_error *err = NULL;
	int result = prepare(cli, &adoption, &err);

	if (result == 0 && !request->check)
		result = hyfw_adopt_take(&adoption, &err);
	if (result == 0 && !request->check)
		puts(adoption.definition->name);
	hyfw_adopt_finish(&adoption);
	if (result == 0)
		return 0;
	hyfw_wrap(&err, "machine %s", request->object);
	return hyfw_cli_error(err);
}

static int adopt_main(struct hyfw_cli *cli, int argc, char **argv)
{
	struct request request = { 0 };
	bool helped = false;
	int status = parse(argc, argv, &request, &helped);

	if (status == 0 && !helped) {
		hyfw_session_begin(cli);
		status = adopt(cli, &request);
	}
	hyfw_pairs_finish(&request.set);
	return status;
}

const struct hyfw_command hyfw_command_adopt = {
	.name = "adopt",
	.usage = "adopt [--check] [--name NAME] [--set KEY=VALUE] MACHINE",
	.summary = "Make a workload of a machine that has moved to this host",
	.main = adopt_main,
};
