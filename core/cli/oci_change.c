/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci kill`, `delete`, `pause` and `resume`. */
#include <errno.h>
#include <regex.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/oci.h"

/* ---- kill ---- */

static int kill_one(struct oci_cli *cli, const char *id, int signal, bool all)
{
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	struct hyfw_error *err = NULL;
	int result;

	if (hyfw_oci_open(cli->root, id, false, &container, &err) < 0)
		return oci_log_error(cli, err);
	result = hyfw_oci_kill(container, signal, all, &err);
	if (result == -ESRCH && all) { /* there is nobody left to whom it could matter */
		hyfw_error_free(err);
		return 0;
	}
	return result < 0 ? oci_log_error(cli, err) : 0;
}

static int kill_main(struct oci_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "all", no_argument, NULL, 'a' }, OCI_FLAG_HELP, { 0 } };
	bool all = false;
	int flag, status, signal = SIGTERM;

	while ((flag = oci_flag(cli, &oci_verb_kill, argc, argv, "+ah", flags, 1, 2, &status)) >= 0)
		all = all || flag == 'a';
	if (flag == -2)
		return status;
	if (optind + 1 < argc)
		signal = oci_signal(argv[optind + 1]);
	if (signal < 0) {
		struct hyfw_error *err = NULL;

		hyfw_fail(&err, EINVAL, "unknown signal `%s`", argv[optind + 1]);
		return oci_log_error(cli, err);
	}
	return kill_one(cli, argv[optind], signal, all);
}

/* ---- delete ---- */

static int delete_one(struct oci_cli *cli, const char *id, bool force)
{
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	struct hyfw_error *err = NULL;
	int result = hyfw_oci_open(cli->root, id, true, &container, &err);

	if (result == -ENOENT && force) {
		hyfw_error_free(err);
		return 0;
	}
	if (result == 0)
		result = hyfw_oci_delete(container, force, &err);
	return result < 0 ? oci_log_error(cli, err) : 0;
}

static int delete_matching(struct oci_cli *cli, const char *pattern, bool force)
{
	struct hyfw_strings ids = { 0 };
	struct hyfw_error *err = NULL;
	int status = 0;
	regex_t regex;
	size_t i;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
		hyfw_fail(&err, EINVAL, "'%s' is not a regular expression", pattern);
		return oci_log_error(cli, err);
	}
	if (hyfw_oci_list(cli->root, &ids, &err) < 0)
		status = oci_log_error(cli, err);
	for (i = 0; i < ids.count; i++)
		if (regexec(&regex, ids.items[i], 0, NULL, 0) == 0)
			status |= delete_one(cli, ids.items[i], force);
	hyfw_strings_finish(&ids);
	regfree(&regex);
	return status;
}

static int delete_main(struct oci_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "force", no_argument, NULL, 'f' },
					       { "regex", no_argument, NULL, 'r' }, OCI_FLAG_HELP, { 0 } };
	bool force = false, pattern = false;
	int flag, status;

	while ((flag = oci_flag(cli, &oci_verb_delete, argc, argv, "+fh", flags, 1, -1, &status)) >= 0) {
		force = force || flag == 'f';
		pattern = pattern || flag == 'r';
	}
	if (flag == -2)
		return status;
	for (status = 0; optind < argc; optind++)
		status |= pattern ? delete_matching(cli, argv[optind], force) : delete_one(cli, argv[optind], force);
	return status;
}

/* ---- pause ---- */

static int freeze(struct oci_cli *cli, const struct oci_verb *verb, int argc, char **argv, bool frozen)
{
	static const struct option flags[] = { OCI_FLAG_HELP, { 0 } };
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	struct hyfw_error *err = NULL;
	int status;

	if (oci_flag(cli, verb, argc, argv, "+h", flags, 1, 1, &status) == -2)
		return status;
	if (hyfw_oci_open(cli->root, argv[optind], true, &container, &err) < 0 ||
	    hyfw_oci_freeze(container, frozen, &err) < 0)
		return oci_log_error(cli, err);
	return 0;
}

static int pause_main(struct oci_cli *cli, int argc, char **argv)
{
	return freeze(cli, &oci_verb_pause, argc, argv, true);
}

static int resume_main(struct oci_cli *cli, int argc, char **argv)
{
	return freeze(cli, &oci_verb_resume, argc, argv, false);
}

const struct oci_verb oci_verb_kill = { "kill", "kill [OPTION]... CONTAINER [SIGNAL]", "Send a signal (TERM) to a container", kill_main };
const struct oci_verb oci_verb_delete = { "delete", "delete CONTAINER...",
					  "Delete a container that has stopped, or was not started", delete_main };
const struct oci_verb oci_verb_pause = { "pause", "pause CONTAINER", "Stop all processes of a container", pause_main };
const struct oci_verb oci_verb_resume = { "resume", "resume CONTAINER", "Continue all processes of a container", resume_main };
