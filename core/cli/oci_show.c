/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci state`, `list` and `ps`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/oci.h"
#include "cli/timing.h"

/* ---- state ---- */

static int state(struct oci_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "all", no_argument, NULL, 'a' },
					       { "timing", no_argument, NULL, 't' }, OCI_FLAG_HELP, { 0 } };
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	HYFW_AUTO_ERROR struct hyfw_error *unread = NULL;
	HYFW_AUTO_FREE char *text = NULL;
	struct hyfw_error *err = NULL;
	bool timing = false;
	int flag, status;

	while ((flag = oci_flag(cli, &oci_verb_state, argc, argv, "+ah", flags, 1, 1, &status)) >= 0)
		timing = timing || flag == 't';
	if (flag == -2)
		return status;
	if (hyfw_oci_open(cli->root, argv[optind], false, &container, &err) < 0)
		return oci_log_error(cli, err);
	if (timing) {
		hyfw_timing_print(container->journal, 0, HYFW_OCI_PHASE_WAIT);
		return 0;
	}
	hyfw_oci_load_config(container, &unread);
	text = hyfw_oci_state_json(container);
	puts(text ? text : "");
	return 0;
}

/* ---- list ---- */

static const char *status_of(const struct hyfw_oci_container *container)
{
	return hyfw_oci_status_name(hyfw_oci_status(container));
}

static void add_row(struct hyfw_table *table, const struct hyfw_oci_container *container)
{
	HYFW_AUTO_FREE char *pid = hyfw_format("%d", (int)hyfw_oci_pid(container));

	hyfw_table_add(table, container->id);
	hyfw_table_add(table, pid);
	hyfw_table_add(table, status_of(container));
	hyfw_table_add(table, container->bundle);
	hyfw_table_add(table, container->created);
	hyfw_table_add(table, container->owner);
}

static void add_object(struct json_object *all, struct hyfw_oci_container *container)
{
	HYFW_AUTO_ERROR struct hyfw_error *unread = NULL;
	HYFW_AUTO_FREE char *text = NULL;

	hyfw_oci_load_config(container, &unread);
	text = hyfw_oci_state_json(container);
	json_object_array_add(all, json_tokener_parse(text));
}

enum form { TABLE, JSON, QUIET };

static void list_all(const struct oci_cli *cli, const struct hyfw_strings *ids, enum form form)
{
	static const char *const head[] = { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" };
	struct hyfw_table *table = form == TABLE ? hyfw_table_new(HYFW_COUNT(head)) : NULL;
	struct json_object *all = form == JSON ? json_object_new_array() : NULL;
	size_t i;

	for (i = 0; table && i < HYFW_COUNT(head); i++)
		hyfw_table_add(table, head[i]);
	for (i = 0; i < ids->count; i++) {
		HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
		HYFW_AUTO_ERROR struct hyfw_error *gone = NULL;

		if (hyfw_oci_open(cli->root, ids->items[i], false, &container, &gone) < 0)
			continue;
		if (form == TABLE)
			add_row(table, container);
		else if (form == JSON)
			add_object(all, container);
		else
			puts(container->id);
	}
	if (table)
		hyfw_table_print(table);
	if (all) /* one line, which the callers of runc look for */
		puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);
}

static int list(struct oci_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "format", required_argument, NULL, 'f' },
					       { "quiet", no_argument, NULL, 'q' }, OCI_FLAG_HELP, { 0 } };
	struct hyfw_strings ids = { 0 };
	struct hyfw_error *err = NULL;
	enum form form = TABLE;
	int flag, status;

	while ((flag = oci_flag(cli, &oci_verb_list, argc, argv, "+f:qh", flags, 0, 0, &status)) >= 0) {
		if (flag == 'q')
			form = QUIET;
		else if (strcmp(optarg, "json") == 0)
			form = JSON;
		else if (strcmp(optarg, "table") != 0)
			return oci_usage(cli, &oci_verb_list, "invalid format option");
	}
	if (flag == -2)
		return status;
	if (hyfw_oci_list(cli->root, &ids, &err) < 0)
		return oci_log_error(cli, err);
	list_all(cli, &ids, form);
	hyfw_strings_finish(&ids);
	return 0;
}

/* ---- ps ---- */

static void print_pids(const pid_t *pids, size_t count)
{
	struct json_object *all = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_object_array_add(all, json_object_new_int(pids[i]));
	puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
	json_object_put(all);
}

static int ps(struct oci_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "format", required_argument, NULL, 'f' }, OCI_FLAG_HELP, { 0 } };
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	HYFW_AUTO_FREE pid_t *pids = NULL;
	struct hyfw_error *err = NULL;
	bool json = false;
	size_t count = 0;
	int flag, status;

	while ((flag = oci_flag(cli, &oci_verb_ps, argc, argv, "+f:h", flags, 1, -1, &status)) >= 0) {
		json = strcmp(optarg, "json") == 0;
		if (!json && strcmp(optarg, "table") != 0)
			return oci_usage(cli, &oci_verb_ps, "invalid format option");
	}
	if (flag == -2)
		return status;
	if (hyfw_oci_open(cli->root, argv[optind], false, &container, &err) < 0 ||
	    hyfw_oci_pids(container, &pids, &count, &err) < 0)
		return oci_log_error(cli, err);
	if (argc > optind + 1 && strcmp(argv[optind + 1], "--") == 0)
		optind++;
	if (!json)
		return oci_ps_table(cli, argv + optind + 1, pids, count);
	print_pids(pids, count);
	return 0;
}

const struct oci_verb oci_verb_state = { "state", "state [OPTION]... CONTAINER", "Print the state of a container as JSON", state };
const struct oci_verb oci_verb_list = { "list", "list [OPTION]...", "List containers", list };
const struct oci_verb oci_verb_ps = { "ps", "ps [OPTION]... CONTAINER [OPTIONS OF ps]",
				      "List the processes of a container", ps };
