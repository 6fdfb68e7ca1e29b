/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw events. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "engine/events.h"

struct watch {
	bool json, stream;
	int64_t since, until;              /* milliseconds since the epoch; -1: not said */
	struct hyfw_strings names, events; /* only these; empty: all */
};

/* ---- times ---- */

/* "90", "10m", "2h" ago; "2026-01-31T12:00:00", of the clock in the local zone, or with
 * Z; "@SECONDS" since the epoch. */
static bool parse_time(const char *text, int64_t *ret_ms)
{
	static const struct { char unit; int64_t seconds; } units[] = {
		{ '\0', 1 }, { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }
	};
	struct tm parts = { .tm_isdst = -1 };
	char *end;
	size_t i;
	const double number = strtod(*text == '@' ? text + 1 : text, &end);

	if (*text == '@' && end != text + 1 && *end == '\0' && number >= 0 && number < 1e11) {
		*ret_ms = (int64_t)(number * 1000);
		return true;
	}
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (end != text && *end == units[i].unit && (*end == '\0' || end[1] == '\0') && number >= 0 &&
		    number < 1e9) {
			*ret_ms = hyfw_now_ms() - (int64_t)(number * (double)units[i].seconds * 1000);
			return true;
		}
	}
	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
	if (!end || (*end != '\0' && strcmp(end, "Z") != 0))
		return false;
	*ret_ms = (int64_t)(*end == 'Z' ? timegm(&parts) : mktime(&parts)) * 1000;
	return true;
}

/* ---- printing ---- */

static bool is_among(const struct hyfw_strings *wanted, const char *word)
{
	return wanted->count == 0 || hyfw_strings_has(wanted, word);
}

static bool see(const struct hyfw_event *event, void *data)
{
	const struct watch *watch = data;
	const time_t seconds = (time_t)(event->time / 1000);
	struct tm parts;
	char text[32];

	if (!is_among(&watch->names, event->workload) || !is_among(&watch->events, event->event))
		return true;
	if (watch->json) {
		puts(event->json);
	} else {
		gmtime_r(&seconds, &parts);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
		printf("%s.%03dZ  %-8s  %s", text, (int)(event->time % 1000), event->event, event->workload);
		if (event->key)
			printf("  %s=%s", event->key, event->value);
		putchar('\n');
	}
	return fflush(stdout) == 0; /* nobody reads any more */
}

static bool take_filter(struct watch *watch, const char *filter)
{
	if (strncmp(filter, "name=", 5) == 0)
		hyfw_strings_add(&watch->names, filter + 5);
	else if (strncmp(filter, "event=", 6) == 0)
		hyfw_strings_add(&watch->events, filter + 6);
	else
		return false;
	return true;
}

/* ---- command ---- */

static const char help[] =
	"  --since TIME         also what has been since then: \"90\" (seconds), \"10m\", \"2h\" ago,\n"
	"                       \"2026-01-31T12:00:00Z\", \"@SECONDS\"\n"
	"  --until TIME         to then; without it new events are waited for\n"
	"  --no-stream          only what there is already\n"
	"  -f, --filter FILTER  name=WORKLOAD or event=WORD; several of a kind are alternatives\n"
	"  --format json        an object in each line\n";

enum { SINCE = 256, UNTIL, NO_STREAM, FORMAT };

static const struct option flags[] = { { "since", required_argument, NULL, SINCE },
				       { "until", required_argument, NULL, UNTIL },
				       { "no-stream", no_argument, NULL, NO_STREAM },
				       { "filter", required_argument, NULL, 'f' },
				       { "format", required_argument, NULL, FORMAT },
				       { "help", no_argument, NULL, 'h' },
				       { 0 } };

static int take_flag(struct hyfw_cli *cli, struct watch *watch, int flag, const char *text)
{
	switch (flag) {
	case SINCE:
	case UNTIL:
		if (!parse_time(text, flag == SINCE ? &watch->since : &watch->until))
			return hyfw_cli_usage(&hyfw_command_events, "%s %s: not a time such as 10m or "
					      "2026-01-31T12:00:00Z", flag == SINCE ? "--since" : "--until", text);
		return 0;
	case NO_STREAM: watch->stream = false; return 0;
	case 'f':
		if (!take_filter(watch, text))
			return hyfw_cli_usage(&hyfw_command_events, "--filter %s: must be name=WORKLOAD or event=WORD",
					      text);
		return 0;
	case FORMAT: return hyfw_cli_format(cli, text) < 0 ? HYFW_EXIT_FAILED : 0;
	default: return HYFW_EXIT_FAILED;
	}
}

static int run(struct watch *watch)
{
	struct hyfw_error *err = NULL;
	int result;

	if (watch->since < 0)
		watch->since = !watch->stream || watch->until != INT64_MAX ? 0 : hyfw_now_ms();
	result = hyfw_events_read(watch->since, watch->until, watch->stream && watch->until > hyfw_now_ms(), see, watch,
				  &err);
	return result < 0 ? hyfw_cli_error(err) : 0;
}

static int events_main(struct hyfw_cli *cli, int argc, char **argv)
{
	struct watch watch = { .stream = true, .since = -1, .until = INT64_MAX };
	int flag, status = 0;

	while (status == 0 && (flag = getopt_long(argc, argv, "f:h", flags, NULL)) != -1) {
		if (flag == 'h') {
			hyfw_session_help(&hyfw_command_events, help);
			return 0;
		}
		status = take_flag(cli, &watch, flag, optarg);
	}
	if (status == 0 && optind < argc)
		status = hyfw_cli_usage(&hyfw_command_events, "there is nothing to do with %s", argv[optind]);
	watch.json = cli->json;
	if (status == 0) {
		hyfw_session_begin(cli);
		status = run(&watch);
	}
	hyfw_strings_finish(&watch.names);
	hyfw_strings_finish(&watch.events);
	return status;
}

const struct hyfw_command hyfw_command_events = {
	.name = "events",
	.usage = "events [--since TIME] [--until TIME] [--no-stream] [-f FILTER]... [--format table|json]",
	.summary = "Show what happens to workloads",
	.main = events_main,
};
