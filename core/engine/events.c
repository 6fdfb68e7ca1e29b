/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "plugin/places.h"

#define PART "events"
#define LIMIT (1 << 20) /* bytes of one file */
#define LINE_LIMIT 4096
#define OLDER ".1"

/* ---- telling ---- */

static int open_log(const char *path)
{
	HYFW_AUTO_FREE char *made = NULL;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == ENOENT && hyfw_place_make(HYFW_PLACE_RUNTIME, PART, NULL, 0700, &made, NULL) == 0)
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd;
}

/* Of several who find it full one moves it away: the others see that it is another
 * file by then. */
static void rotate(int fd, const char *path)
{
	HYFW_AUTO_FREE char *older = hyfw_format("%s" OLDER, path);
	struct stat mine, there;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino)
		rename(path, older);
}

void hyfw_event(const char *workload, const char *event, const char *key, const char *value)
{
	HYFW_AUTO_FREE char *directory = hyfw_place_path(HYFW_PLACE_RUNTIME, PART, NULL), *path = NULL, *line = NULL;
	struct json_object *object;
	HYFW_AUTO_CLOSE int fd = -1;
	struct stat st;

	if (!directory)
		return;
	path = hyfw_format("%s/log", directory);
	fd = open_log(path);
	if (fd < 0)
		return;
	object = json_object_new_object();
	hyfw_json_add_number(object, "time", hyfw_now_ms());
	hyfw_json_add_text(object, "workload", workload);
	hyfw_json_add_text(object, "event", event);
	if (key)
		hyfw_json_add_text(object, key, value);
	line = hyfw_format("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
	/* One write: lines of several processes do not mix. */
	if (strlen(line) <= LINE_LIMIT && write(fd, line, strlen(line)) > 0 && fstat(fd, &st) == 0 &&
	    st.st_size >= LIMIT)
		rotate(fd, path);
}

/* ---- reading ---- */

struct reading {
	int64_t since, until;
	bool (*see)(const struct hyfw_event *event, void *data);
	void *data;
	bool enough;
};

static void take_detail(struct json_object *object, struct hyfw_event *event)
{
	json_object_object_foreach(object, key, value)
	{
		if (strcmp(key, "time") != 0 && strcmp(key, "workload") != 0 && strcmp(key, "event") != 0 &&
		    json_object_is_type(value, json_type_string)) {
			event->key = key;
			event->value = json_object_get_string(value);
		}
	}
}

static void on_line(struct reading *reading, const char *line)
{
	struct json_object *object = json_tokener_parse(line), *time;
	struct hyfw_event event = { .json = line, .workload = NULL };

	if (json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, "time", &time)) {
		event.time = json_object_get_int64(time);
		event.workload = hyfw_json_text(object, "workload");
		event.event = hyfw_json_text(object, "event");
	}
	if (event.workload && event.event && event.time >= reading->since && event.time <= reading->until) {
		take_detail(object, &event);
		reading->enough = !reading->see(&event, reading->data);
	}
	json_object_put(object);
}

/* To its present end.  A line that is still being written stays for the next time. */
static void read_on(struct reading *reading, FILE *file)
{
	char line[LINE_LIMIT + 2];

	clearerr(file);
	while (!reading->enough && fgets(line, sizeof(line), file)) {
		const size_t length = strlen(line);

		if (length == 0 || line[length - 1] != '\n') {
			fseek(file, -(long)length, SEEK_CUR);
			return;
		}
		line[length - 1] = '\0';
		on_line(reading, line);
	}
}

static bool is_moved(const char *path, FILE *file)
{
	struct stat there, mine;

	return stat(path, &there) == 0 && fstat(fileno(file), &mine) == 0 && there.st_ino != mine.st_ino;
}

/* Milliseconds to wait for the next event; 0 at the end. */
static int left(const struct reading *reading)
{
	const int64_t ms = reading->until - hyfw_now_ms();

	return reading->until == INT64_MAX ? -1 : ms <= 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static void follow(struct reading *reading, const char *path, FILE **file, int watch)
{
	struct pollfd wait = { .fd = watch, .events = POLLIN };
	char news[4096];

	while (!reading->enough && left(reading) != 0) {
		if (poll(&wait, 1, left(reading)) > 0 && read(watch, news, sizeof(news)) < 0 && errno != EAGAIN)
			return;
		if (*file)
			read_on(reading, *file);
		if (*file && !is_moved(path, *file))
			continue;
		if (*file)
			fclose(*file);
		*file = fopen(path, "re");
		if (*file)
			read_on(reading, *file);
	}
}

int hyfw_events_read(int64_t since, int64_t until, bool follow_them,
		     bool (*see)(const struct hyfw_event *event, void *data), void *data,
		     struct hyfw_error **err)
{
	struct reading reading = { .since = since, .until = until, .see = see, .data = data };
	HYFW_AUTO_CLOSE int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	HYFW_AUTO_FREE char *directory = NULL, *path = NULL, *older = NULL;
	int result = hyfw_place_make(HYFW_PLACE_RUNTIME, PART, NULL, 0700, &directory, err);
	FILE *file;

	if (result < 0)
		return result;
	path = hyfw_format("%s/log", directory);
	older = hyfw_format("%s" OLDER, path);
	if (follow_them && (watch < 0 || inotify_add_watch(watch, directory, IN_MODIFY | IN_CREATE | IN_MOVED_FROM) < 0))
		return hyfw_fail_errno(err, errno, "watch %s", directory);
	file = fopen(older, "re");
	if (file) {
		read_on(&reading, file);
		fclose(file);
	}
	file = fopen(path, "re");
	if (file)
		read_on(&reading, file);
	if (follow_them)
		follow(&reading, path, &file, watch);
	if (file)
		fclose(file);
	return 0;
}
