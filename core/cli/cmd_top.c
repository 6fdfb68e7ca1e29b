/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw top: the processes of a container, by its process id namespace and those in
 * it; of a machine the threads of its hypervisor, as the host cannot look further. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "engine/store.h"

#define COLUMNS 7
static const char *const head[COLUMNS] = { "PID", "INSIDE", "USER", "STATE", "TIME", "MEMORY", "COMMAND" };
static const char *const keys[COLUMNS] = { "pid", "inside", "user", "state", "time", "memory", "command" };

struct top {
	struct hyfw_table *table;
	struct json_object *array;
};

/* ---- one process, or thread ---- */

/* A line of /proc/PID/status; free(). */
static char *field(const char *status, const char *name)
{
	const size_t length = strlen(name);
	const char *line = status;

	while (line && !(strncmp(line, name, length) == 0 && line[length] == ':'))
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
	if (!line)
		return NULL;
	line += length + 1;
	line += strspn(line, " \t");
	return hyfw_dup_n(line, strcspn(line, "\n"));
}

static char *last_word(const char *text)
{
	const char *word = text ? strrchr(text, '\t') : NULL;

	return hyfw_dup(word ? word + 1 : text);
}

/* utime and stime, fields 14 and 15 of proc(5): behind the name, which may hold
 * blanks and brackets. */
static char *time_of(const char *stat)
{
	unsigned long long user = 0, system = 0;
	const char *behind = strrchr(stat, ')');
	double seconds;

	if (!behind || sscanf(behind, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
		return NULL;
	seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	return hyfw_format("%.0f:%05.2f", (double)(long)(seconds / 60), seconds - 60 * (double)(long)(seconds / 60));
}

/* What runs inside chose these words: nothing that a terminal would obey. */
static char *command_of(char *text, size_t size, const char *name)
{
	size_t i;

	while (size > 0 && text[size - 1] == '\0')
		size--;
	for (i = 0; i < size; i++)
		if (iscntrl((unsigned char)text[i]))
			text[i] = text[i] == '\0' ? ' ' : '?';
	return size ? hyfw_dup_n(text, size) : hyfw_format("[%s]", name ? name : "?");
}

static void add_cells(struct top *top, char *const cells[COLUMNS])
{
	struct json_object *object = top->array ? json_object_new_object() : NULL;
	size_t i;

	for (i = 0; i < COLUMNS; i++) {
		if (object)
			hyfw_json_add_text(object, keys[i], cells[i]);
		else
			hyfw_table_add(top->table, cells[i]);
	}
	if (object)
		json_object_array_add(top->array, object);
}

/* 'directory' is its own in /proc; one that ended meanwhile is left out. */
static void add_process(struct top *top, int directory, const char *pid, bool thread)
{
	HYFW_AUTO_FREE char *status = NULL, *stat = NULL, *line = NULL, *inside = NULL, *uids = NULL, *resident = NULL;
	char *cells[COLUMNS] = { 0 };
	size_t size = 0, i;

	if (hyfw_file_read(directory, "status", 64u << 10, &status, NULL, NULL) < 0 ||
	    hyfw_file_read(directory, "stat", 4096, &stat, NULL, NULL) < 0)
		return;
	if (!thread && hyfw_file_read(directory, "cmdline", 2u << 20, &line, &size, NULL) < 0)
		size = 0;
	inside = field(status, "NSpid");
	uids = field(status, "Uid");
	resident = field(status, "VmRSS");
	cells[0] = hyfw_dup(pid);
	cells[1] = last_word(inside);
	cells[2] = uids ? hyfw_dup_n(uids, strcspn(uids, "\t")) : NULL;
	cells[3] = field(status, "State");
	if (cells[3])
		cells[3][strcspn(cells[3], " ")] = '\0';
	cells[4] = time_of(stat);
	cells[5] = resident ? hyfw_dup(hyfw_cli_bytes(strtoull(resident, NULL, 10) << 10)) : NULL;
	{
		HYFW_AUTO_FREE char *name = field(status, "Name");

		cells[6] = command_of(line, size, name);
	}
	add_cells(top, cells);
	for (i = 0; i < COLUMNS; i++)
		free(cells[i]);
}

/* ---- all of them ---- */

/* The process id namespace; 0 when it is gone. */
static ino_t namespace_of(int proc, const char *pid)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/ns/pid", pid);
	struct stat status;

	return fstatat(proc, path, &status, 0) == 0 ? status.st_ino : 0;
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	const long first = strtol((*a)->d_name, NULL, 10), second = strtol((*b)->d_name, NULL, 10);

	return first < second ? -1 : first > second;
}

static int is_number(const struct dirent *entry)
{
	return isdigit((unsigned char)entry->d_name[0]);
}

/* Those below 'path' whose namespace is 'wanted'; 0: all, threads. */
static int add_all(struct top *top, const char *path, ino_t wanted, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entries = NULL;
	int count = proc < 0 ? -1 : scandir(path, &entries, is_number, by_number), i;

	if (count < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	for (i = 0; i < count; i++) {
		HYFW_AUTO_CLOSE int directory = -1;

		if (!wanted || namespace_of(proc, entries[i]->d_name) == wanted)
			directory = openat(proc, entries[i]->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (directory >= 0)
			add_process(top, directory, entries[i]->d_name, !wanted);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

static int collect(const char *name, struct top *top, struct hyfw_error **err)
{
	struct hyfw_state state;
	int result = hyfw_state_load(name, &state, err);

	if (result == 0 && (!hyfw_status_is_up(state.status) || state.pid <= 0))
		result = hyfw_fail(err, ESRCH, "workload %s is not running (%s)", name, hyfw_status_name(state.status));
	if (result == 0) {
		HYFW_AUTO_FREE char *pid = hyfw_format("%d", (int)state.pid);
		HYFW_AUTO_FREE char *threads = hyfw_format("/proc/%d/task", (int)state.pid);
		HYFW_AUTO_CLOSE int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		const ino_t inside = namespace_of(proc, pid), own = namespace_of(proc, "self");

		if (!inside)
			result = hyfw_fail(err, ESRCH, "workload %s has just ended", name);
		else
			result = inside == own ? add_all(top, threads, 0, err) : add_all(top, "/proc", inside, err);
	}
	hyfw_state_finish(&state);
	return result;
}

static int top_main(struct hyfw_cli *cli, int argc, char **argv)
{
	struct hyfw_error *err = NULL;
	struct top top = { 0 };
	int status, result;
	size_t i;

	if (!hyfw_session_arguments(&hyfw_command_top, argc, argv, 1, &status))
		return status;
	if (argc != 2)
		return hyfw_cli_usage(&hyfw_command_top, "only one workload at a time");
	hyfw_session_begin(cli);
	top.table = hyfw_table_new(COLUMNS);
	top.array = cli->json ? json_object_new_array() : NULL;
	for (i = 0; i < COLUMNS; i++)
		hyfw_table_add(top.table, head[i]);
	result = collect(argv[argc - 1], &top, &err);
	if (result == 0 && top.array)
		hyfw_cli_print_json(top.array);
	else if (result == 0)
		hyfw_table_print(top.table);
	json_object_put(top.array);
	return result < 0 ? hyfw_cli_error(err) : 0;
}

const struct hyfw_command hyfw_command_top = {
	.name = "top",
	.usage = "top WORKLOAD",
	.summary = "Show the processes of a running workload",
	.main = top_main,
};
