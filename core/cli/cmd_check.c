/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw check: everything that can be said about stack files without changing
 * the machine. */
#include <getopt.h>
#include <stdio.h>

#include "base/json.h"
#include "cli/cli.h"
#include "config/check.h"
#include "config/load.h"

static size_t count_sections(const struct hyfw_config *config, const char *type)
{
	size_t cursor = 0, count = 0;

	while (hyfw_config_next(config, type, &cursor))
		count++;
	return count;
}

static void print_refusal(void *user, const struct hyfw_error *refusal)
{
	(void)user;
	fprintf(stderr, "hyfw: %s\n", refusal->message);
}

static void print_counts_json(const struct hyfw_config *config, char *const *files)
{
	struct json_object *result = json_object_new_object(), *names = json_object_new_array();

	for (; *files; files++)
		json_object_array_add(names, json_object_new_string(*files));
	json_object_object_add(result, "files", names);
	hyfw_json_add_bool(result, "ok", true);
	json_object_object_add(result, "workloads",
			       json_object_new_uint64(count_sections(config, "workload")));
	json_object_object_add(result, "networks", json_object_new_uint64(count_sections(config, "network")));
	json_object_object_add(result, "volumes", json_object_new_uint64(count_sections(config, "volume")));
	hyfw_cli_print_json(result);
	json_object_put(result);
}

static void print_count(const struct hyfw_config *config, const char *type, const char *before)
{
	size_t count = count_sections(config, type);

	printf("%s%zu %s%s", before, count, type, count == 1 ? "" : "s");
}

static void print_counts(const struct hyfw_cli *cli, const struct hyfw_config *config, char *const *files)
{
	if (!*files)
		printf("%s", cli->context.config_file);
	for (; *files; files++)
		printf("%s%s", *files, files[1] ? " " : "");
	print_count(config, "workload", ": ok: ");
	print_count(config, "network", ", ");
	print_count(config, "volume", ", ");
	putchar('\n');
}

static int check(struct hyfw_cli *cli, char *const *files)
{
	struct hyfw_config *config = NULL;
	struct hyfw_error *err = NULL;
	unsigned refusals;

	if (hyfw_config_load_to_show(&cli->context, cli->config_given, (const char *const *)files, &config, &err) < 0)
		return hyfw_cli_error(err);
	refusals = hyfw_config_check_drivers(config, print_refusal, NULL);
	if (refusals == 0 && cli->json)
		print_counts_json(config, files);
	else if (refusals == 0 && !cli->quiet)
		print_counts(cli, config, files);
	hyfw_config_free(config);
	return refusals ? HYFW_EXIT_FAILED : 0;
}

static int check_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int flag;

	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (flag != 'h')
			return HYFW_EXIT_FAILED;
		printf("Usage: hyfw %s\n\n%s\n\nWithout FILE the main configuration is checked.\n"
		       "Exit status: 0 when all is well, 125 otherwise.\n",
		       hyfw_command_check.usage, hyfw_command_check.summary);
		return 0;
	}
	return check(cli, argv + optind);
}

const struct hyfw_command hyfw_command_check = {
	.name = "check",
	.usage = "check [FILE...]",
	.summary = "Check stack files, or the main configuration",
	.main = check_main,
};
