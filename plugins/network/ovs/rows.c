/* SPDX-License-Identifier: BSD-3-Clause
 * Rows that are ours: their marks, the ports among them, and those that are left
 * from an earlier life of the machine. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <unistd.h>

#include "ovs.h"

void ovs_words_mark(struct ovs_words *words, const struct ovs_label *label)
{
	ovs_words_add(words, "external_ids:hyfw=%s", words->host->owner);
	ovs_words_add(words, "external_ids:hyfw-network=%s", label->network);
	if (label->workload)
		ovs_words_add(words, "external_ids:hyfw-workload=%s", label->workload);
	if (label->run)
		ovs_words_add(words, "external_ids:hyfw-run=%s", label->run);
}

void ovs_words_set(struct ovs_words *words, const char *table, const char *record, const struct ovs_label *label)
{
	ovs_words_split(words, "-- set");
	ovs_words_add(words, "%s", table);
	ovs_words_add(words, "%s", record);
	ovs_words_mark(words, label);
}

/* ---- ports ------------------------------------------------------------------- */

/* Columns of ovs_ports_read(). */
enum { PORT_NAME, PORT_TAG, PORT_TRUNKS, PORT_IDS };

static struct ovs_port port_of(struct json_object *rows, size_t i)
{
#define ID(key) ovs_cell_key(rows, i, PORT_IDS, "hyfw-" key)
	struct ovs_port port = {
		.bridge = ID("bridge"), .name = ovs_cell(rows, i, PORT_NAME), .network = ID("network"),
		.workload = ID("workload"), .mac = ID("mac"), .address = ID("address"), .gateway = ID("gateway"),
		.vlan = ovs_cell(rows, i, PORT_TAG), .rate = ID("rate"), .burst = ID("burst"),
		.number = strtol(ID("number"), NULL, 10), .tap = strcmp(ID("kind"), "tap") == 0,
		.trunk = strcmp(ID("trunk"), "yes") == 0,
	};
#undef ID
	if (strcmp(port.vlan, "0") == 0)
		port.vlan = "";
	return port;
}

int ovs_ports_read(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, struct ovs_ports *ret_ports,
		   struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	struct ovs_ports ports = { 0 };
	size_t i;
	int r = ovs_rows(ovs, arena, "Port", "name,tag,trunks,external_ids",
			 bridge ? host->format(arena, "external_ids:hyfw-bridge=%s", bridge)
				: host->format(arena, "external_ids:hyfw=%s", host->owner),
			 &ports.rows, err);

	if (r < 0)
		return r;
	ports.list = host->alloc(arena, (ovs_row_count(ports.rows) + 1) * sizeof(*ports.list));
	ports.stamps = host->alloc(arena, (ovs_row_count(ports.rows) + 1) * sizeof(*ports.stamps));
	ports.index = host->alloc(arena, (ovs_row_count(ports.rows) + 1) * sizeof(*ports.index));
	for (i = 0; i < ovs_row_count(ports.rows); i++) {
		const struct ovs_port port = port_of(ports.rows, i);

		if (strcmp(ovs_cell_key(ports.rows, i, PORT_IDS, "hyfw"), host->owner) != 0 || !*port.workload)
			continue;
		ports.list[ports.count] = port;
		ports.index[ports.count] = i;
		ports.stamps[ports.count++] = ovs_cell_key(ports.rows, i, PORT_IDS, "hyfw-switch");
	}
	*ret_ports = ports;
	return 0;
}

const struct ovs_port *ovs_ports_find(const struct ovs_ports *ports, const char *name)
{
	size_t i;

	for (i = 0; i < ports->count; i++)
		if (strcmp(ports->list[i].name, name) == 0)
			return &ports->list[i];
	return NULL;
}

struct link_visit {
	void (*visit)(void *context, const char *to);
	void *context;
};

static void link_visit(void *context, const char *key, const char *value)
{
	const struct link_visit *visit = context;

	(void)value;
	if (strncmp(key, "hyfw-link-", strlen("hyfw-link-")) == 0)
		visit->visit(visit->context, key + strlen("hyfw-link-"));
}

void ovs_ports_each_link(const struct ovs_ports *ports, size_t index,
			 void (*visit)(void *context, const char *to), void *context)
{
	struct link_visit link = { visit, context };

	ovs_cell_each(ports->rows, ports->index[index], PORT_IDS, link_visit, &link);
}

void ovs_ports_finish(struct ovs_ports *ports)
{
	json_object_put(ports->rows);
	ports->rows = NULL;
	ports->count = 0;
}

/* ---- what is left ------------------------------------------------------------ */

static void remove_words(struct ovs_words *words, const char *table, const char *name)
{
	if (words->count)
		ovs_words_add(words, "--");
	ovs_words_add(words, "--if-exists");
	if (strcmp(table, "Port") == 0 || strcmp(table, "Bridge") == 0) {
		ovs_words_add(words, "%s", *table == 'P' ? "del-port" : "del-br");
	} else {
		ovs_words_add(words, "destroy");
		ovs_words_add(words, "%s", table);
	}
	ovs_words_add(words, "%s", name);
}

int ovs_rows_remove(struct ovs *ovs, struct hyfw_arena *arena, const char *table,
		    bool (*gone)(void *context, struct json_object *rows, size_t row), void *context,
		    struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const bool named = strcmp(table, "Port") == 0 || strcmp(table, "Bridge") == 0;
	struct ovs_words words = { .host = host, .arena = arena };
	struct json_object *rows = NULL;
	size_t i;
	int r = ovs_rows(ovs, arena, table, named ? "name,external_ids" : "_uuid,external_ids",
			 host->format(arena, "external_ids:hyfw=%s", host->owner), &rows, err);

	if (r < 0)
		return r;
	for (i = 0; i < ovs_row_count(rows); i++) {
		if (!gone(context, rows, i))
			continue;
		host->log(HYFW_LOG_INFO, "network ovs: removing orphaned %s %s", table, ovs_cell(rows, i, 0));
		remove_words(&words, table, ovs_cell(rows, i, 0));
	}
	json_object_put(rows);
	return words.count ? ovs_transact_removal(ovs, &words, err) : 0;
}

/* ---- the life of the machine --------------------------------------------------- */

static const char *run_path(struct ovs *ovs, struct hyfw_arena *arena)
{
	return ovs->host->format(arena, "%s/run", ovs->host->directory("ovs", HYFW_DIRECTORY_RUNTIME));
}

const char *ovs_run(struct ovs *ovs, struct hyfw_arena *arena)
{
	char text[17] = "";
	int fd = open(run_path(ovs, arena), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (length != 16 || text[strspn(text, "0123456789abcdef")])
		return NULL;
	return ovs->host->format(arena, "%s", text);
}

/* A file appears with its content or not at all. */
static int run_write(struct ovs *ovs, struct hyfw_arena *arena, const char *run, struct hyfw_error **err)
{
	const char *path = run_path(ovs, arena), *new = ovs->host->format(arena, "%s.new", path);
	int fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), r = -errno;

	if (fd >= 0) {
		r = write(fd, run, strlen(run)) < 0 ? -errno : 0;
		close(fd);
		if (r == 0 && rename(new, path) < 0)
			r = -errno;
	}
	return r < 0 ? ovs->host->fail(err, -r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

static bool gone_all(void *context, struct json_object *rows, size_t row)
{
	(void)context;
	(void)rows;
	(void)row;
	return true;
}

int ovs_run_begin(struct ovs *ovs, struct hyfw_arena *arena, const char **ret_run, struct hyfw_error **err)
{
	static const char *const tables[] = { "Port", "Bridge", "QoS", "Queue" };
	const char *run = ovs_run(ovs, arena);
	size_t i;
	int r = 0;

	if (run) {
		*ret_run = run;
		return 0;
	}
	for (i = 0; i < sizeof(tables) / sizeof(tables[0]) && r >= 0; i++)
		r = ovs_rows_remove(ovs, arena, tables[i], gone_all, NULL, err);
	if (r < 0)
		return ovs->host->wrap(err, "rows from before the last start of the machine");
	run = ovs->host->format(arena, "%016llx", (unsigned long long)ovs->host->clock());
	r = run_write(ovs, arena, run, err);
	if (r >= 0)
		*ret_run = run;
	return r;
}
