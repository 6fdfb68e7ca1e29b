/* SPDX-License-Identifier: BSD-3-Clause
 * io_max: what may be read from and written to a disk (cgroup-v2.rst, "io.max";
 * cgroup-v1/blkio-controller.rst, "Throttling/Upper limit policy"). */
#include "cgroups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LIST_SIZE 8192 /* of a file of limits: a line has 80 bytes at most */

static const struct {
	const char *word, *v1_file, *meaning;
} kinds[IO_KINDS] = {
	[IO_RBPS] = { "rbps", "blkio.throttle.read_bps_device", "bytes read" },
	[IO_WBPS] = { "wbps", "blkio.throttle.write_bps_device", "bytes written" },
	[IO_RIOPS] = { "riops", "blkio.throttle.read_iops_device", "reads" },
	[IO_WIOPS] = { "wiops", "blkio.throttle.write_iops_device", "writes" },
};

/* ---- from settings ---- */

/* The device of "PATH|rbps=N|...": its numbers, or why there are none. */
static void find_device(struct io_limit *limit)
{
	AUTO_FREE char *path = strndup(limit->setting, (size_t)limit->path_length);
	struct stat st;

	if (!path || stat(path, &st) < 0)
		limit->problem = path ? errno : ENOMEM;
	else if (!S_ISBLK(st.st_mode))
		limit->problem = ENOTBLK;
	if (limit->problem)
		return;
	limit->major = major(st.st_rdev);
	limit->minor = minor(st.st_rdev);
}

static void take_words(struct io_limit *limit, const char *text)
{
	size_t i;

	for (; *text == '|'; text += strcspn(text, "|"))
		for (text++, i = 0; i < IO_KINDS; i++) {
			const size_t length = strlen(kinds[i].word);

			if (strncmp(text, kinds[i].word, length) == 0 && text[length] == '=')
				limit->most[i] = strtoll(text + length + 1, NULL, 10);
		}
}

static bool is_same_device(const struct io_limit *a, const struct io_limit *b)
{
	if (a->problem || b->problem)
		return a->path_length == b->path_length &&
		       strncmp(a->setting, b->setting, (size_t)a->path_length) == 0;
	return a->major == b->major && a->minor == b->minor;
}

/* Several settings may be about one device; the last word counts. */
void io_read(const struct hyfw_map *settings, struct limits *limits)
{
	const char *text;
	size_t cursor = 0, i;

	limits->io_count = 0;
	while ((text = hyfw_map_next(settings, "io_max", &cursor))) {
		struct io_limit limit = { .setting = text, .path_length = (int)strcspn(text, "|") };

		find_device(&limit);
		for (i = 0; i < IO_KINDS; i++)
			limit.most[i] = LIMIT_NONE;
		for (i = 0; i < limits->io_count; i++)
			if (is_same_device(&limits->io[i], &limit))
				break;
		if (i == IO_DEVICES_MOST) {
			limits->io_count = IO_DEVICES_MOST + 1;
			return;
		}
		if (i == limits->io_count)
			limits->io[limits->io_count++] = limit;
		take_words(&limits->io[i], text + limit.path_length);
	}
}

static int check_one(const struct hyfw_host *host, const struct io_limit *limit, struct hyfw_error **err)
{
	char partition[64];

	if (limit->problem)
		return host->fail(err, limit->problem == ENOTBLK ? EINVAL : limit->problem, "io_max: %.*s: %s",
				  limit->path_length, limit->setting,
				  limit->problem == ENOTBLK ? "is not the device of a disk" : strerror(limit->problem));
	snprintf(partition, sizeof(partition), "/sys/dev/block/%u:%u/partition", limit->major, limit->minor);
	if (access(partition, F_OK) == 0)
		return host->fail(err, EINVAL, "io_max: %.*s is a partition, and the kernel limits whole disks",
				  limit->path_length, limit->setting);
	return 0;
}

int io_check(const struct hyfw_host *host, const struct limits *limits, struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	if (limits->io_count > IO_DEVICES_MOST)
		return host->fail(err, E2BIG, "io_max: is about more than %d devices", IO_DEVICES_MOST);
	for (i = 0; result == 0 && i < limits->io_count; i++)
		result = check_one(host, &limits->io[i], err);
	return result;
}

char *io_summary(const struct hyfw_host *host, struct hyfw_arena *arena, const struct io_limit *limit)
{
	char *text = host->format(arena, "%s", "");
	int i;

	for (i = 0; i < IO_KINDS; i++)
		if (limit->most[i] != LIMIT_NONE)
			text = host->format(arena, "%s%s%" PRId64 " %s", text, *text ? ", " : "", limit->most[i],
					    kinds[i].meaning);
	return host->format(arena, "%s a second of %.*s", text, limit->path_length, limit->setting);
}

/* ---- values ---- */

static char *v2_line(const struct hyfw_host *host, struct hyfw_arena *arena, const struct io_limit *limit)
{
	char *line = host->format(arena, "%u:%u", limit->major, limit->minor);
	int i;

	for (i = 0; i < IO_KINDS; i++)
		if (limit->most[i] != LIMIT_NONE)
			line = host->format(arena, "%s %s=%" PRId64, line, kinds[i].word, limit->most[i]);
	return line;
}

void io_values(const struct hyfw_host *host, struct hyfw_arena *arena, bool unified, const struct limits *limits,
	       struct values *values)
{
	const size_t count = limits->io_count > IO_DEVICES_MOST ? IO_DEVICES_MOST : limits->io_count;
	size_t i;
	int kind;

	for (i = 0; i < count; i++) {
		const struct io_limit *limit = &limits->io[i];

		if (unified)
			values_add(values, CONTROLLER_BLKIO, "io_max", "io.max", v2_line(host, arena, limit), false);
		for (kind = 0; !unified && kind < IO_KINDS; kind++)
			if (limit->most[kind] != LIMIT_NONE)
				values_add(values, CONTROLLER_BLKIO, "io_max", kinds[kind].v1_file,
					   host->format(arena, "%u:%u %" PRId64, limit->major, limit->minor,
							limit->most[kind]), false);
	}
}

/* ---- changing them ---- */

static const struct io_limit *find(const struct limits *limits, unsigned major_number, unsigned minor_number)
{
	size_t i;

	for (i = 0; i < limits->io_count && i < IO_DEVICES_MOST; i++)
		if (!limits->io[i].problem && limits->io[i].major == major_number && limits->io[i].minor == minor_number)
			return &limits->io[i];
	return NULL;
}

/* " rbps=max" for each kind that 'limit' leaves open; all of them without it. */
static char *v2_open(const struct hyfw_host *host, struct hyfw_arena *arena, const struct io_limit *limit)
{
	char *text = host->format(arena, "%s", "");
	int i;

	for (i = 0; i < IO_KINDS; i++)
		if (!limit || limit->most[i] == LIMIT_NONE)
			text = host->format(arena, "%s %s=max", text, kinds[i].word);
	return text;
}

/* In lines that begin with "MAJOR:MINOR ".  'kind' is of no meaning on cgroup v2. */
static void open_in_file(const struct hyfw_host *host, struct hyfw_arena *arena, bool unified, int fd, int kind,
			 const struct limits *limits, struct values *values)
{
	const char *file = unified ? "io.max" : kinds[kind].v1_file, *rest;
	char *text = host->alloc(arena, LIST_SIZE), *save = NULL, *line;
	unsigned major_number, minor_number;

	if (file_read(fd, file, text, LIST_SIZE) <= 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const struct io_limit *limit;

		if (sscanf(line, "%u:%u", &major_number, &minor_number) != 2)
			continue;
		limit = find(limits, major_number, minor_number);
		rest = unified ? v2_open(host, arena, limit) : limit && limit->most[kind] != LIMIT_NONE ? "" : " 0";
		if (*rest)
			values_add(values, CONTROLLER_BLKIO, "io_max", file,
				   host->format(arena, "%u:%u%s", major_number, minor_number, rest), true);
	}
}

void io_values_absent(const struct hyfw_host *host, struct hyfw_arena *arena, bool unified, int fd,
		      const struct limits *limits, struct values *values)
{
	int kind;

	for (kind = 0; kind < (unified ? 1 : IO_KINDS); kind++)
		open_in_file(host, arena, unified, fd, kind, limits, values);
}

void io_before(int fd, const struct value *value, char *buffer, size_t size)
{
	const size_t length = strcspn(value->text, " ") + 1;
	AUTO_FREE char *text = malloc(LIST_SIZE);
	const bool unified = strcmp(value->file, "io.max") == 0;
	char *save = NULL, *line;

	buffer[0] = '\0';
	if (!text || file_read(fd, value->file, text, LIST_SIZE) < 0)
		return;
	snprintf(buffer, size, "%.*s%s", (int)length, value->text, unified ? "rbps=max wbps=max riops=max wiops=max" : "0");
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, value->text, length) == 0)
			snprintf(buffer, size, "%s", line);
}
