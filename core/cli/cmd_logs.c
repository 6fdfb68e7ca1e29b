/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw logs. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "config/config.h"
#include "config/load.h"
#include "engine/store.h"

#define ROTATED_FILES 100 /* more than log_max_files may be */

struct logs {
	bool follow, timestamps, prefix;
	long tail;          /* lines; -1: all */
	const char *name;
};

/* ---- one record ---- */

/* "TIME STREAM MARK TEXT": text to the stream it came from. */
static void print_record(const struct logs *logs, char *line, size_t length)
{
	char *rest = line, *time = strsep(&rest, " "), *stream = strsep(&rest, " ");
	const char *mark = strsep(&rest, " ");
	FILE *to;

	if (!mark || !rest)
		return;
	to = strcmp(stream, "stderr") == 0 ? stderr : stdout;
	if (logs->prefix)
		fprintf(to, "%s | ", logs->name);
	if (logs->timestamps)
		fprintf(to, "%s ", time);
	fwrite(rest, 1, (size_t)(line + length - rest), to); /* it may hold NUL bytes */
	if (*mark == 'F')
		fputc('\n', to);
}

static void print_stream(const struct logs *logs, FILE *file)
{
	HYFW_AUTO_FREE char *line = NULL;
	size_t room = 0;
	ssize_t length;

	while ((length = getline(&line, &room, file)) > 0) {
		if (line[length - 1] == '\n')
			line[--length] = '\0';
		print_record(logs, line, (size_t)length);
	}
	fflush(stdout);
}

/* ---- what is there ---- */

static long count_lines(FILE *file)
{
	long lines = 0;
	int c;

	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	rewind(file);
	return lines;
}

static void skip_lines(FILE *file, long lines)
{
	int c;

	while (lines > 0 && (c = getc(file)) != EOF)
		lines -= c == '\n';
}

/* The rotated files from the oldest on, then the current one. */
static size_t open_files(const char *path, FILE **files)
{
	size_t count = 0;
	int i;

	for (i = ROTATED_FILES; i > 0; i--) {
		HYFW_AUTO_FREE char *rotated = hyfw_format("%s.%d", path, i);
		FILE *file = fopen(rotated, "re");

		if (file)
			files[count++] = file;
	}
	files[count] = fopen(path, "re");
	return files[count] ? count + 1 : count;
}

/* The current file stays open in '*ret_last' for following. */
static void print_existing(const struct logs *logs, const char *path, FILE **ret_last)
{
	FILE *files[ROTATED_FILES + 1];
	const size_t count = open_files(path, files);
	long lines[ROTATED_FILES + 1], all = 0, skip;
	size_t i;

	for (i = 0; i < count; i++)
		all += lines[i] = logs->tail < 0 ? 0 : count_lines(files[i]);
	skip = logs->tail < 0 || all < logs->tail ? 0 : all - logs->tail;
	for (i = 0; i < count; i++) {
		skip_lines(files[i], skip);
		skip = skip > lines[i] ? skip - lines[i] : 0;
		print_stream(logs, files[i]);
		if (i + 1 < count)
			fclose(files[i]);
	}
	*ret_last = count > 0 ? files[count - 1] : NULL;
}

/* ---- following ---- */

static bool runs(const char *name)
{
	HYFW_AUTO_FREE char *journal = hyfw_path_runtime(name, "journal");

	return hyfw_journal_owner(journal) > 0;
}

static bool replaced(const char *path, FILE *file)
{
	struct stat there, open_one;

	return stat(path, &there) == 0 && (!file || (fstat(fileno(file), &open_one) == 0 &&
						      there.st_ino != open_one.st_ino));
}

/* Until the workload has ended; a rotated file is finished first. */
static void follow(const struct logs *logs, const char *path, FILE *file)
{
	HYFW_AUTO_FREE char *directory = hyfw_dup(path);
	HYFW_AUTO_CLOSE int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char events[4096];
	bool running = true;

	*strrchr(directory, '/') = '\0';
	inotify_add_watch(watch, directory, IN_MODIFY | IN_CREATE | IN_MOVED_FROM);
	while (running) {
		struct pollfd wait = { .fd = watch, .events = POLLIN };

		running = runs(logs->name);
		if (file) {
			clearerr(file);
			print_stream(logs, file);
		}
		if (replaced(path, file)) {
			if (file)
				fclose(file);
			file = fopen(path, "re");
			continue;
		}
		/* The end of the monitor makes no event in this directory. */
		if (running && poll(&wait, 1, 200) > 0 && read(watch, events, sizeof(events)) < 0 &&
		    errno != EAGAIN)
			break;
	}
	if (file)
		fclose(file);
}

static int logs_of(struct logs *logs)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	HYFW_AUTO_FREE char *path = NULL;
	struct hyfw_error *err = NULL;
	FILE *last = NULL;

	if (hyfw_store_definition(logs->name, &definition, &err) < 0)
		return hyfw_cli_error(err);
	path = hyfw_path_workload(definition->transient, logs->name, "log");
	print_existing(logs, path, &last);
	if (logs->follow)
		follow(logs, path, last);
	else if (last)
		fclose(last);
	return 0;
}

/* ---- command ---- */

/* FILE stands for the workloads of its stack. */
static int add_names(struct hyfw_cli *cli, const char *argument, struct hyfw_strings *names)
{
	const char *const files[] = { argument, NULL };
	struct hyfw_config *config = NULL;
	struct hyfw_config_section *section;
	struct hyfw_error *err = NULL;
	size_t cursor = 0;

	if (!strchr(argument, '/') && !strstr(argument, ".ini")) {
		hyfw_strings_add(names, argument);
		return 0;
	}
	if (hyfw_config_load(&cli->context, cli->config_given, files, &config, &err) < 0)
		return hyfw_cli_error(err);
	while ((section = hyfw_config_next(config, "workload", &cursor)))
		hyfw_strings_add(names, section->name);
	hyfw_config_free(config);
	return 0;
}

static int print_all(struct logs *logs, const struct hyfw_strings *names)
{
	size_t i;
	int status = 0;

	logs->prefix = names->count > 1;
	for (i = 0; i < names->count; i++) {
		int result;

		logs->name = names->items[i];
		result = logs_of(logs);
		status = result ? result : status;
	}
	return status;
}

static int logs_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "follow", no_argument, NULL, 'f' },
					       { "timestamps", no_argument, NULL, 't' },
					       { "tail", required_argument, NULL, 'n' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	struct logs logs = { .tail = -1 };
	struct hyfw_strings names = { 0 };
	char *end;
	int flag, status = 0;

	while ((flag = getopt_long(argc, argv, "ftn:h", flags, NULL)) != -1) {
		switch (flag) {
		case 'f': logs.follow = true; break;
		case 't': logs.timestamps = true; break;
		case 'n':
			logs.tail = strtol(optarg, &end, 10);
			if (*end || end == optarg || logs.tail < 0)
				return hyfw_cli_usage(&hyfw_command_logs, "--tail %s: not a number of lines", optarg);
			break;
		case 'h':
			hyfw_session_help(&hyfw_command_logs, "  -f, --follow      go on until it has ended\n"
							      "  -t, --timestamps  say when\n"
							      "  -n, --tail LINES  only the last ones\n");
			return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (optind == argc)
		return hyfw_cli_usage(&hyfw_command_logs, "the name of a workload is missing");
	hyfw_session_begin(cli);
	for (; optind < argc && status == 0; optind++)
		status = add_names(cli, argv[optind], &names);
	if (status == 0 && logs.follow && names.count > 1)
		status = hyfw_cli_usage(&hyfw_command_logs, "only one workload can be followed");
	else if (status == 0)
		status = print_all(&logs, &names);
	hyfw_strings_finish(&names);
	return status;
}

const struct hyfw_command hyfw_command_logs = {
	.name = "logs",
	.usage = "logs [-f] [-t] [-n LINES] WORKLOAD|FILE...",
	.summary = "Show the output of workloads",
	.main = logs_main,
};
