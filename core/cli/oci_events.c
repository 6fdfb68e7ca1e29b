/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci events`: figures of a container, in runc's form. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/oci.h"

static void add(struct json_object *object, const char *name, uint64_t figure)
{
	if (figure != HYFW_STAT_NONE)
		json_object_object_add(object, name, json_object_new_uint64(figure));
}

static struct json_object *child(struct json_object *parent, const char *name)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(parent, name, object);
	return object;
}

static void add_cpu(struct json_object *data, const struct hyfw_stats *stats)
{
	struct json_object *cpu = child(data, "cpu"), *usage = child(cpu, "usage"), *throttling = child(cpu, "throttling");

	add(usage, "total", stats->cpu_ns);
	add(usage, "kernel", stats->cpu_system_ns);
	add(usage, "user", stats->cpu_user_ns);
	add(throttling, "throttledPeriods", stats->event_cpu_throttled);
	add(throttling, "throttledTime", stats->cpu_throttled_ns);
}

static void add_memory(struct json_object *data, const struct hyfw_stats *stats)
{
	struct json_object *memory = child(data, "memory"), *usage = child(memory, "usage");

	add(usage, "usage", stats->memory_bytes);
	add(usage, "max", stats->memory_peak_bytes);
	add(usage, "limit", stats->memory_limit_bytes);
	add(usage, "failcnt", stats->event_memory_max);
	if (stats->swap_bytes == HYFW_STAT_NONE)
		return;
	usage = child(memory, "swap");
	add(usage, "usage", stats->swap_bytes);
	add(usage, "limit", stats->swap_limit_bytes);
}

static void add_transfer(struct json_object *list, const char *operation, uint64_t bytes)
{
	struct json_object *entry;

	if (bytes == HYFW_STAT_NONE)
		return;
	entry = json_object_new_object();
	hyfw_json_add_text(entry, "op", operation);
	add(entry, "value", bytes);
	json_object_array_add(list, entry);
}

static void add_rest(struct json_object *data, const struct hyfw_stats *stats)
{
	struct json_object *pids = child(data, "pids"), *block = child(data, "blkio"), *list = json_object_new_array();

	add(pids, "current", stats->pids);
	add(pids, "limit", stats->pids_limit);
	add_transfer(list, "Read", stats->io_read_bytes);
	add_transfer(list, "Write", stats->io_write_bytes);
	json_object_object_add(block, "ioServiceBytesRecursive", list);
	child(data, "hugetlb");
}

static void print(const char *id, const char *type, const struct hyfw_stats *stats)
{
	struct json_object *event = json_object_new_object(), *data;

	hyfw_json_add_text(event, "type", type);
	hyfw_json_add_text(event, "id", id);
	if (stats) {
		data = child(event, "data");
		add_cpu(data, stats);
		add_memory(data, stats);
		add_rest(data, stats);
	}
	puts(json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(event);
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
			print(id, "oom", NULL);
		}
		print(id, "stats", &stats);
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
	struct hyfw_stats stats = { 0 };
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
	if (hyfw_oci_stats(container, &stats, &err) < 0)
		return oci_log_error(cli, err);
	print(argv[optind], "stats", &stats);
	return 0;
}

const struct oci_verb oci_verb_events = { "events", "events [--stats] [--interval TIME] ID",
					  "Print figures of a container as JSON", events };
