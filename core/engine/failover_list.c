/* SPDX-License-Identifier: BSD-3-Clause
 * Looking at the machines on shared storage. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/failover.h"
#include "engine/failover_place.h"
#include "engine/journal_format.h"
#include "engine/store.h"

const char *hyfw_failover_verdict_name(enum hyfw_failover_verdict verdict)
{
	static const char *const names[] = { "runs",	 "stopped", "silent", "lost", "lost (not for this host)",
					     "damaged" };

	return names[verdict];
}

static enum hyfw_failover_verdict judge(const struct hyfw_failover_machine *machine,
					const struct hyfw_definition *definition, bool locked)
{
	char host[65] = "", boot[40];

	if (locked)
		return HYFW_FAILOVER_RUNS;
	if (!machine->lease.held)
		return HYFW_FAILOVER_STOPPED;
	if (machine->age_ms < (int64_t)machine->lease.period_ms)
		return HYFW_FAILOVER_SILENT;
	hyfw_failover_here(host, boot, NULL);
	return hyfw_failover_names(definition, host) ? HYFW_FAILOVER_LOST : HYFW_FAILOVER_ELSEWHERE;
}

static int look(struct hyfw_failover_machine *machine, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/lease", machine->directory);
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	HYFW_AUTO_CLOSE int fd = hyfw_failover_lease_open(path, false, err);
	struct stat st;
	int result = fd;

	if (fd >= 0)
		result = hyfw_failover_lease_read(fd, &machine->lease, err);
	if (result >= 0)
		result = hyfw_failover_kept(machine->directory, &definition, err);
	if (result < 0)
		return result;
	if (fstat(fd, &st) == 0)
		machine->age_ms = hyfw_now_ms() - ((int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000);
	if (machine->age_ms < 0)
		machine->age_ms = 0;
	machine->verdict = judge(machine, definition, hyfw_failover_lease_locked(fd));
	return 0;
}

static void add(struct hyfw_failover_machines *machines, const char *room, const char *name)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	struct hyfw_failover_machine *machine;

	machines->items = hyfw_grow(machines->items, machines->count + 1, sizeof(*machines->items));
	machine = &machines->items[machines->count++];
	memset(machine, 0, sizeof(*machine));
	machine->name = hyfw_dup(name);
	machine->directory = hyfw_format("%s/%s", room, name);
	if (look(machine, &failure) == 0)
		return;
	machine->verdict = HYFW_FAILOVER_DAMAGED;
	machine->problem = hyfw_dup(failure->message);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct hyfw_failover_machine *)a)->name, ((const struct hyfw_failover_machine *)b)->name);
}

int hyfw_failover_list(const struct hyfw_config *config, struct hyfw_failover_machines *ret_machines,
		       struct hyfw_error **err)
{
	const struct hyfw_config_section *pool;
	struct hyfw_strings names = { 0 };
	size_t cursor = 0, i;
	int result = 0;

	memset(ret_machines, 0, sizeof(*ret_machines));
	while (result == 0 && (pool = hyfw_config_next(config, "pool", &cursor))) {
		const char *path = hyfw_map_get(&pool->map, "path");
		HYFW_AUTO_FREE char *room = hyfw_format("%s/" HYFW_FAILOVER_ROOM, path ? path : "");

		if (!path || !hyfw_map_bool(&pool->map, "shared", false) || access(room, F_OK) < 0)
			continue;
		result = hyfw_failover_trust(room, err);
		if (result == 0)
			result = hyfw_store_names(room, &names, err);
		for (i = 0; i < names.count; i++)
			add(ret_machines, room, names.items[i]);
		hyfw_strings_finish(&names);
	}
	if (result < 0)
		hyfw_failover_machines_finish(ret_machines);
	else if (ret_machines->count > 0)
		qsort(ret_machines->items, ret_machines->count, sizeof(*ret_machines->items), compare);
	return result;
}

void hyfw_failover_machines_finish(struct hyfw_failover_machines *machines)
{
	size_t i;

	for (i = 0; i < machines->count; i++) {
		free(machines->items[i].name);
		free(machines->items[i].directory);
		free(machines->items[i].problem);
	}
	free(machines->items);
	memset(machines, 0, sizeof(*machines));
}
