/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci events`: figures of a container, in runc's form. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/oci.h"

static int print(struct hyfw_oci_container *container, const char *type, bool figures, struct hyfw_error **err)
{
	struct json_object *event = json_object_new_object();
	const char *text = NULL;
	int result = figures ? hyfw_oci_report(container, &text, err) : 0;

	hyfw_json_add_text(event, "type", type);
	hyfw_json_add_text(event, "id", container->id);
	if (text)
		json_object_object_add(event, "data", json_tokener_parse(text));
	if (result == 0)
		puts(json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
	json_object_put(event);
	return result;
}

/* Until it ends; a process killed for want of memory is an event of its own. */
static int follow(struct oci_cli *cli, const char *id, const struct timespec *interval)
{
	uint64_t killed = 0;

	for (;;) {
		HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
		HYFW_AUTO_ERROR struct hyfw_error *gone = NULL;
		struct hyfw_stats stats = { 0 };

		if (hyfw_oci_open(cli->root, id, false, &container, &gone) < 0 || hyfw_oci_pid(container) == 0 ||
		    hyfw_oci_stats(container, &stats, &gone) < 0)
			return 0;
		if (stats.event_oom_kill != HYFW_STAT_NONE && stats.event_oom_kill > killed) {
			killed = stats.event_oom_kill;
			print(container, "oom", false, &gone);
		}
		if (print(container, "stats", true, &gone) < 0)
			return 0;
		nanosleep(interval, NULL);
	}
}

/* "5s", "500ms", "2m", "5". */
static bool read_interval(const char *text, struct timespec *ret_interval)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || seconds <= 0 || seconds > 86400)
		return false;
	if (*end == 'm' && end[1] == 's')
		seconds /= 1000;
	else if (*end == 'm')
		seconds *= 60;
	ret_interval->tv_sec = (time_t)seconds;
	ret_interval->tv_nsec = (long)((seconds - (double)ret_interval->tv_sec) * 1e9);
	return true;
}

static int events(struct oci_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "stats", no_argument, NULL, 's' },
					       { "interval", required_argument, NULL, 'i' }, OCI_FLAG_HELP, { 0 } };
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	struct timespec interval = { .tv_sec = 5 };
	struct hyfw_error *err = NULL;
	bool once = false;
	int flag, status;

	while ((flag = oci_flag(cli, &oci_verb_events, argc, argv, "si:h", flags, 1, 1, &status)) >= 0) {
		once = once || flag == 's';
		if (flag == 'i' && !read_interval(optarg, &interval))
			return oci_usage(cli, &oci_verb_events, "duration interval must be greater than 0");
	}
	if (flag == -2)
		return status;
	if (hyfw_oci_open(cli->root, argv[optind], false, &container, &err) < 0)
		return oci_log_error(cli, err);
	if (hyfw_oci_pid(container) == 0) {
		hyfw_fail(&err, 1, "container with id %s is not running", argv[optind]);
		return oci_log_error(cli, err);
	}
	if (!once)
		return follow(cli, argv[optind], &interval);
	return print(container, "stats", true, &err) < 0 ? oci_log_error(cli, err) : 0;
}

const struct oci_verb oci_verb_events = { "events", "events [OPTION]... CONTAINER",
					  "Print figures of a container as JSON", events };
