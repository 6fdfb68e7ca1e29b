/* SPDX-License-Identifier: BSD-3-Clause
 * Errors as clients parse them: a JSON object or logrus' text, a line each. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/oci.h"

static char *now_text(void)
{
	struct timespec now;
	struct tm parts;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	return hyfw_format("%s.%09ldZ", text, now.tv_nsec);
}

static char *line_of(bool json, const char *level, const char *text)
{
	HYFW_AUTO_FREE char *now = now_text();
	struct json_object *object = json_object_new_object(), *quoted;
	char *line;

	hyfw_json_add_text(object, "msg", text);
	hyfw_json_add_text(object, "level", level);
	hyfw_json_add_text(object, "time", now);
	json_object_object_get_ex(object, "msg", &quoted);
	if (json)
		line = hyfw_format("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
										  JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		line = hyfw_format("time=\"%s\" level=%s msg=%s\n", now, level,
				   json_object_to_json_string_ext(quoted, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return line;
}

/* Into the file of --log; false when there is none. */
static bool to_file(const struct oci_cli *cli, const char *line)
{
	HYFW_AUTO_CLOSE int fd = -1;

	if (cli->log && *cli->log && strcmp(cli->log, "/dev/stderr") != 0)
		fd = open(cli->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	return fd >= 0 && hyfw_write_all(fd, line, strlen(line)) == 0;
}

void oci_log_debug(const struct oci_cli *cli, const char *format, ...)
{
	HYFW_AUTO_FREE char *text = NULL, *line = NULL;
	va_list args;

	if (!cli->debug)
		return;
	va_start(args, format);
	text = hyfw_vformat(format, args);
	va_end(args);
	line = line_of(cli->log_json, "debug", text);
	if (!to_file(cli, line))
		hyfw_write_all(STDERR_FILENO, line, strlen(line));
}

static void to_syslog(const char *name, const char *level, const char *text)
{
	openlog(*name ? name : "hyfw-oci", LOG_PID, LOG_USER);
	syslog(strcmp(level, "error") == 0 ? LOG_ERR : LOG_WARNING, "%s", text);
	closelog();
}

void oci_log_text(const struct oci_cli *cli, const char *level, const char *text)
{
	HYFW_AUTO_FREE char *line = line_of(cli->log_json, level, text);
	const bool filed = to_file(cli, line);

	if (cli->syslog)
		to_syslog(cli->syslog, level, text);
	if (cli->log_json && !filed)
		hyfw_write_all(STDERR_FILENO, line, strlen(line));
	else
		fprintf(stderr, "hyfw oci: %s%s\n", strcmp(level, "error") == 0 ? "" : "warning: ", text);
}

int oci_log_error(const struct oci_cli *cli, struct hyfw_error *err)
{
	oci_log_text(cli, "error", err->message);
	hyfw_error_free(err);
	return 1;
}
