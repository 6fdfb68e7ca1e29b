/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw why: what was refused to a workload, in sentences, and the least that permits it.
 * The security modules tell; here it is printed, or a policy module written. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "engine/why.h"

static const char help[] =
	"  -f, --follow         go on with what is refused from now on\n"
	"  --policy FILE        write FILE.te and FILE.cil, a policy module for what nothing\n"
	"                       less permits; semodule(8) loads it, hyfw does not\n"
	"  --format table|json  as the global flag\n\n"
	"System calls that fail are written down with seccomp_log = yes only.\n"
	"Rules of a policy that keep denials quiet (dontaudit) hide them from it;\n"
	"semodule -DB shows them until semodule -B.\n";

struct asked {
	struct hyfw_cli *cli;
	const char *policy;        /* FILE */
	struct json_object *array; /* NULL: text */
	size_t denials;
	char *hints;               /* lines, for where there is no denial */
	int status;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* ---- one row: items[at] is its "row", the next but those of other rows are its own ---- */

static size_t row_end(const struct hyfw_map *rows, size_t at)
{
	for (at++; at < rows->count && strcmp(rows->items[at].key, "row") != 0; at++)
		;
	return at;
}

static const char *value_in(const struct hyfw_map *rows, size_t at, const char *key)
{
	const size_t end = row_end(rows, at);

	for (at++; at < end; at++)
		if (strcmp(rows->items[at].key, key) == 0)
			return rows->items[at].value;
	return "";
}

static void print_time(const char *milliseconds)
{
	const time_t seconds = (time_t)(strtoll(milliseconds, NULL, 10) / 1000);
	char text[64] = "";
	struct tm local;

	if (seconds > 0 && localtime_r(&seconds, &local))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S  ", &local);
	fputs(text, stdout);
}

static void print_denial(const char *module, const struct hyfw_map *rows, size_t at)
{
	const size_t end = row_end(rows, at);
	const char *count = value_in(rows, at, "count"), *object = value_in(rows, at, "object");
	size_t i;

	print_time(value_in(rows, at, "time"));
	printf("%s: %s%s%s%s\n", module, value_in(rows, at, "sentence"), strcmp(count, "1") == 0 ? "" : " (",
	       strcmp(count, "1") == 0 ? "" : count, strcmp(count, "1") == 0 ? "" : " times)");
	if (*object)
		printf("  subject  %s\n  object   %s\n  asked    %s { %s }\n", value_in(rows, at, "subject"), object,
		       value_in(rows, at, "class"), value_in(rows, at, "permissions"));
	for (i = at + 1; i < end; i++)
		if (strcmp(rows->items[i].key, "permit") == 0)
			printf("  permit   %s\n", rows->items[i].value);
	putchar('\n');
}

static void add_json(struct asked *asked, const char *module, const struct hyfw_map *rows, size_t at)
{
	struct json_object *object = json_object_new_object(), *ways = json_object_new_array(), *way = NULL;
	const size_t end = row_end(rows, at);

	hyfw_json_add_text(object, "module", module);
	hyfw_json_add_text(object, "kind", rows->items[at].value);
	for (at++; at < end; at++) {
		const char *key = rows->items[at].key, *value = rows->items[at].value;

		if (strcmp(key, "permit_by") == 0) {
			way = json_object_new_object();
			json_object_array_add(ways, way);
			hyfw_json_add_text(way, "by", value);
		} else if (strcmp(key, "permit") == 0 && way) {
			hyfw_json_add_text(way, "how", value);
		} else if (strcmp(key, "time") == 0 || strcmp(key, "count") == 0) {
			hyfw_json_add_number(object, key, strtoull(value, NULL, 10));
		} else {
			hyfw_json_add_text(object, key, value);
		}
	}
	json_object_object_add(object, "permit", ways);
	json_object_array_add(asked->array, object);
}

/* ---- the policy module ---- */

/* Never over a file that is there. */
static int write_file(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	int result = fd < 0 ? -errno : hyfw_write_all(fd, text, strlen(text));

	if (fd >= 0 && close(fd) < 0 && result == 0)
		result = -errno;
	if (result == 0)
		return 0;
	if (fd >= 0) /* no half of a policy */
		unlink(path);
	fprintf(stderr, "hyfw: %s: %s\n", path, strerror(-result));
	return HYFW_EXIT_FAILED;
}

static void write_policy(struct asked *asked, const struct hyfw_map *rows, size_t at)
{
	const size_t end = row_end(rows, at);

	for (at++; at < end; at++) {
		HYFW_AUTO_FREE char *path = hyfw_format("%s.%s", asked->policy, rows->items[at].key);
		const int status = write_file(path, rows->items[at].value);

		asked->status = status ? status : asked->status;
		if (status == 0)
			fprintf(stderr, "written: %s\n", path);
	}
}

static void add_hint(struct asked *asked, const char *module, const char *sentence)
{
	char *longer = hyfw_format("%s%s: %s\n", asked->hints ? asked->hints : "", module, sentence);

	free(asked->hints);
	asked->hints = longer;
}

static void take(void *data, const char *module, const struct hyfw_map *rows)
{
	struct asked *asked = data;
	size_t at;

	for (at = 0; at < rows->count; at = row_end(rows, at)) {
		const char *word = rows->items[at].value;

		if (strcmp(word, "policy") == 0) {
			write_policy(asked, rows, at);
		} else if (strcmp(word, "note") == 0) {
			fprintf(stderr, "%s: %s\n", module, value_in(rows, at, "sentence"));
		} else if (strcmp(word, "hint") == 0) {
			add_hint(asked, module, value_in(rows, at, "sentence"));
		} else {
			asked->denials++;
			if (asked->array)
				add_json(asked, module, rows, at);
			else
				print_denial(module, rows, at);
		}
	}
	fflush(stdout);
}

/* ---- command ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int ask(struct asked *asked, const struct hyfw_state *state, bool live, struct hyfw_error **err)
{
	const struct hyfw_pair pairs[] = { { live ? "follow" : "policy", live ? "true" : base_name(asked->policy ? asked->policy : "") } };
	const struct hyfw_why why = { state, { live || asked->policy ? 1 : 0, pairs }, take, asked };

	return hyfw_why_ask(&why, err);
}

static int follow(struct asked *asked, const struct hyfw_state *state, struct hyfw_error **err)
{
	const struct sigaction action = { .sa_handler = stop };
	int result = 0;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (result == 0 && !stopped)
		result = ask(asked, state, true, err);
	return stopped ? 0 : result;
}

static int show(struct asked *asked, const char *name, bool live)
{
	struct hyfw_error *err = NULL;
	struct hyfw_state state = { 0 };
	int result = hyfw_state_load(name, &state, &err);

	asked->array = asked->cli->json ? json_object_new_array() : NULL;
	if (result == 0 && live) /* from here on nothing is missed */
		result = ask(asked, &state, true, &err);
	if (result == 0)
		result = ask(asked, &state, false, &err);
	if (result == 0 && live)
		result = follow(asked, &state, &err);
	hyfw_state_finish(&state);
	if (result == 0 && asked->array)
		hyfw_cli_print_json(asked->array);
	json_object_put(asked->array);
	if (result == 0 && asked->denials == 0 && !asked->cli->json)
		fprintf(stderr, "nothing that was refused to %s is known\n%s", name, asked->hints ? asked->hints : "");
	free(asked->hints);
	return result < 0 ? hyfw_cli_error(err) : asked->status;
}

static int why_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "follow", no_argument, NULL, 'f' },
					       { "policy", required_argument, NULL, 'p' },
					       { "format", required_argument, NULL, 'o' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	struct asked asked = { .cli = cli };
	bool live = false;
	int flag;

	while ((flag = getopt_long(argc, argv, "fh", flags, NULL)) != -1) {
		if (flag == 'h') {
			hyfw_session_help(&hyfw_command_why, help);
			return 0;
		}
		if (flag == 'f')
			live = true;
		else if (flag == 'p')
			asked.policy = optarg;
		else if (flag != 'o' || hyfw_cli_format(cli, optarg) < 0)
			return HYFW_EXIT_FAILED;
	}
	if (optind + 1 != argc)
		return hyfw_cli_usage(&hyfw_command_why, "it takes the name of a workload");
	if (live && (asked.policy || cli->json))
		return hyfw_cli_usage(&hyfw_command_why, "--follow goes with neither --policy nor JSON");
	hyfw_session_begin(cli);
	return show(&asked, argv[optind], live);
}

const struct hyfw_command hyfw_command_why = {
	.name = "why",
	.usage = "why [-f] [--policy FILE] [--format table|json] WORKLOAD",
	.summary = "Explain what was refused to a workload",
	.main = why_main,
};
