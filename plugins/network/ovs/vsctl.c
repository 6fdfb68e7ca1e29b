/* SPDX-License-Identifier: BSD-3-Clause
 * The database of Open vSwitch through ovs-vsctl, with a time limit of its own
 * below that of the host; what it prints is JSON. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ovs.h"

#define PROGRAM_MS 15000

static int vsctl_run(struct ovs *ovs, const struct ovs_words *words, const char *const *options,
		     unsigned seconds, char **ret_output, struct hyfw_error **err)
{
	struct ovs_words all = { .host = ovs->host, .arena = words->arena };
	struct hyfw_program program = { .size = sizeof(program), .timeout_ms = PROGRAM_MS };
	size_t i;

	ovs_words_add(&all, "ovs-vsctl");
	ovs_words_add(&all, "--db=%s", ovs->db);
	ovs_words_add(&all, "--timeout=%u", seconds);
	for (; options && *options; options++)
		ovs_words_add(&all, "%s", *options);
	for (i = 0; i < words->count; i++)
		ovs_words_add(&all, "%s", words->list[i]);
	program.argv = all.list;
	return ovs->host->run(words->arena, &program, ret_output, err);
}

int ovs_transact(struct ovs *ovs, const struct ovs_words *words, bool wait, struct hyfw_error **err)
{
	static const char *const no_wait[] = { "--no-wait", NULL };

	return vsctl_run(ovs, words, wait ? NULL : no_wait, 10, NULL, err);
}

int ovs_transact_removal(struct ovs *ovs, const struct ovs_words *words, struct hyfw_error **err)
{
	if (ovs_check_switch(ovs, err) < 0) {
		ovs->host->forget(err);
		return ovs_transact(ovs, words, false, err);
	}
	if (ovs_transact(ovs, words, true, err) >= 0)
		return 0;
	ovs->host->forget(err); /* it may have died meanwhile; the rows matter */
	return ovs_transact(ovs, words, false, err);
}

static int path_connect(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	memcpy(name.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = connect(fd, (const struct sockaddr *)&name, sizeof(name)) < 0 && errno != EAGAIN ? -errno : 0;
	close(fd);
	return r;
}

/* Where the sockets of the switch are: beside that of its database. */
int ovs_directory(const struct ovs *ovs)
{
	return (int)(strrchr(ovs->db, '/') - ovs->db - (ptrdiff_t)strlen("unix:"));
}

int ovs_check_switch(struct ovs *ovs, struct hyfw_error **err)
{
	const char *db = ovs->db + strlen("unix:");
	char *path = NULL;
	unsigned pid = 0;
	FILE *file;
	int r = path_connect(db);

	if (r < 0)
		return ovs->host->fail(err, -r, "ovsdb-server does not answer at %s: %s; start Open vSwitch", db,
				       strerror(-r));
	if (asprintf(&path, "%.*s/ovs-vswitchd.pid", ovs_directory(ovs), db) < 0)
		return ovs->host->fail(err, ENOMEM, "out of memory");
	file = fopen(path, "re");
	free(path);
	r = -ESRCH;
	if (file && fscanf(file, "%9u", &pid) == 1 &&
	    asprintf(&path, "%.*s/ovs-vswitchd.%u.ctl", ovs_directory(ovs), db, pid) >= 0) {
		r = path_connect(path);
		free(path);
	}
	if (file)
		fclose(file);
	return r < 0 ? ovs->host->fail(err, -r, "ovs-vswitchd does not run beside %s; start Open vSwitch", db) : 0;
}

const char *ovs_switch_stamp(struct ovs *ovs, struct hyfw_arena *arena)
{
	const char *path = ovs->host->format(arena, "%.*s/ovs-vswitchd.pid", ovs_directory(ovs),
					     ovs->db + strlen("unix:"));
	struct stat about;

	/* Written once by each process, so its time tells it from one with the same id. */
	if (stat(path, &about) < 0)
		return "none";
	return ovs->host->format(arena, "%llx-%llx-%lx", (unsigned long long)about.st_ino,
				 (unsigned long long)about.st_mtim.tv_sec, (unsigned long)about.st_mtim.tv_nsec);
}

int ovs_rows(struct ovs *ovs, struct hyfw_arena *arena, const char *table, const char *columns,
	     const char *condition, struct json_object **ret_rows, struct hyfw_error **err)
{
	static const char *const json[] = { "--no-wait", "--format=json", NULL };
	struct ovs_words words = { .host = ovs->host, .arena = arena };
	struct json_object *answer, *rows;
	char *output = NULL;
	int r;

	ovs_words_add(&words, "--columns=%s", columns);
	ovs_words_add(&words, "find");
	ovs_words_add(&words, "%s", table);
	if (condition)
		ovs_words_add(&words, "%s", condition);
	r = vsctl_run(ovs, &words, json, 5, &output, err);
	if (r < 0)
		return r;
	if (!*output) { /* an older ovs-vsctl says nothing for no rows */
		*ret_rows = json_object_new_array();
		return 0;
	}
	answer = json_tokener_parse(output);
	if (!json_object_object_get_ex(answer, "data", &rows) || !json_object_is_type(rows, json_type_array)) {
		json_object_put(answer);
		return ovs->host->fail(err, EPROTO, "ovs-vsctl answered what is not a table");
	}
	*ret_rows = json_object_get(rows);
	json_object_put(answer);
	return 0;
}

size_t ovs_row_count(struct json_object *rows)
{
	return json_object_array_length(rows);
}

static struct json_object *cell(struct json_object *rows, size_t row, size_t column)
{
	struct json_object *cells = json_object_array_get_idx(rows, row);

	return json_object_is_type(cells, json_type_array) ? json_object_array_get_idx(cells, column) : NULL;
}

const char *ovs_cell(struct json_object *rows, size_t row, size_t column)
{
	struct json_object *value = cell(rows, row, column);

	if (json_object_is_type(value, json_type_array)) /* ["uuid", TEXT] */
		value = json_object_array_get_idx(value, 1);
	if (json_object_is_type(value, json_type_string) || json_object_is_type(value, json_type_int))
		return json_object_get_string(value);
	return "";
}

/* ["map", [[KEY, VALUE], ...]] */
void ovs_cell_each(struct json_object *rows, size_t row, size_t column,
		   void (*visit)(void *context, const char *key, const char *value), void *context)
{
	struct json_object *map = cell(rows, row, column), *pairs, *pair, *key, *value;
	size_t i;

	if (!json_object_is_type(map, json_type_array))
		return;
	pairs = json_object_array_get_idx(map, 1);
	for (i = 0; json_object_is_type(pairs, json_type_array) && i < json_object_array_length(pairs); i++) {
		pair = json_object_array_get_idx(pairs, i);
		if (!json_object_is_type(pair, json_type_array))
			continue;
		key = json_object_array_get_idx(pair, 0);
		value = json_object_array_get_idx(pair, 1);
		if (key && value)
			visit(context, json_object_get_string(key), json_object_get_string(value));
	}
}

struct wanted {
	const char *key, *value;
};

static void wanted_visit(void *context, const char *key, const char *value)
{
	struct wanted *wanted = context;

	if (strcmp(key, wanted->key) == 0)
		wanted->value = value;
}

const char *ovs_cell_key(struct json_object *rows, size_t row, size_t column, const char *key)
{
	struct wanted wanted = { key, "" };

	ovs_cell_each(rows, row, column, wanted_visit, &wanted);
	return wanted.value;
}
