/* SPDX-License-Identifier: BSD-3-Clause
 * Looking at the machines on shared storage. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/failover.h"
#include "engine/failover_place.h"
#include "engine/limited.h"
#include "engine/store.h"

const char *hyfw_failover_verdict_name(enum hyfw_failover_verdict verdict)
{
	static const char *const names[] = { "runs",	 "stopped", "silent", "lost", "lost (not for this host)",
					     "damaged" };

	return names[verdict];
}

/* Of one that is held and not locked. */
static enum hyfw_failover_verdict judge(const struct hyfw_failover_machine *machine,
					const struct hyfw_definition *definition)
{
	char host[65] = "", boot[40];

	if (machine->age_ms < (int64_t)machine->lease.period_ms)
		return HYFW_FAILOVER_SILENT;
	hyfw_failover_here(host, boot, NULL);
	return hyfw_failover_names(definition, host) ? HYFW_FAILOVER_LOST : HYFW_FAILOVER_ELSEWHERE;
}

static int64_t age_of(int fd)
{
	struct stat st;
	int64_t age = 0;

	if (fstat(fd, &st) == 0)
		age = hyfw_now_ms() - ((int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000);
	return age < 0 ? 0 : age;
}

/* Who has the lock may just be writing what is read here. */
static int look(struct hyfw_failover_machine *machine, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/lease", machine->directory);
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	HYFW_AUTO_CLOSE int fd = hyfw_failover_lease_open(path, false, err);
	const bool locked = fd >= 0 && hyfw_failover_lease_locked(fd);
	int result;

	if (fd < 0)
		return fd;
	machine->age_ms = age_of(fd);
	machine->verdict = locked ? HYFW_FAILOVER_RUNS : HYFW_FAILOVER_STOPPED;
	result = hyfw_failover_lease_read(fd, &machine->lease, locked ? NULL : err);
	if (locked)
		return 0;
	if (result == 0 && machine->lease.generation > 0) /* else nobody ever had it */
		result = hyfw_failover_kept(machine->directory, &definition, err);
	if (result == 0 && machine->lease.held)
		machine->verdict = judge(machine, definition);
	return result;
}

/* Takes both texts. */
static struct hyfw_failover_machine *add(struct hyfw_failover_machines *machines, char *name, char *directory)
{
	struct hyfw_failover_machine *machine;

	machines->items = hyfw_grow(machines->items, machines->count + 1, sizeof(*machines->items));
	machine = &machines->items[machines->count++];
	*machine = (struct hyfw_failover_machine){ .name = name, .directory = directory,
						   .verdict = HYFW_FAILOVER_DAMAGED };
	return machine;
}

static void add_machine(struct hyfw_failover_machines *machines, const char *room, const char *name)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	struct hyfw_failover_machine *machine = add(machines, hyfw_dup(name), hyfw_format("%s/%s", room, name));

	if (look(machine, &failure) < 0) {
		machine->verdict = HYFW_FAILOVER_DAMAGED;
		machine->problem = hyfw_dup(failure->message);
	}
}

/* ---- pools ---- */

/* One pool, looked at in a thread: whatever touches it may hang. */
struct looking {
	char *pool, *room;
	struct hyfw_failover_machines found;
	struct hyfw_limited *limited;
};

static void finish(void *data)
{
	struct looking *looking = data;

	hyfw_failover_machines_finish(&looking->found);
	free(looking->pool);
	free(looking->room);
	free(looking);
}

/* One that cannot be looked at is told as a whole, and holds no other back. */
static void add_problem(struct hyfw_failover_machines *machines, const struct looking *looking, char *problem)
{
	add(machines, hyfw_format("[pool %s]", looking->pool), hyfw_dup(looking->room))->problem = problem;
}

static void look_at_pool(void *data)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	struct looking *looking = data;
	struct hyfw_strings names = { 0 };
	size_t i;

	if (access(looking->room, F_OK) < 0 && errno == ENOENT)
		return;
	if (hyfw_failover_trust(looking->room, &failure) < 0 || hyfw_store_names(looking->room, &names, &failure) < 0)
		add_problem(&looking->found, looking, hyfw_dup(failure->message));
	for (i = 0; i < names.count; i++)
		add_machine(&looking->found, looking->room, names.items[i]);
	hyfw_strings_finish(&names);
}

static struct looking *begin(const char *pool, const char *path)
{
	struct looking *looking = hyfw_new(sizeof(*looking));

	looking->pool = hyfw_dup(pool);
	looking->room = hyfw_format("%s/" HYFW_FAILOVER_ROOM, path);
	looking->limited = hyfw_limited_start(look_at_pool, finish, looking);
	return looking;
}

/* Takes what was found; of one that hangs nothing but its names may be touched. */
static void collect(struct hyfw_failover_machines *machines, struct looking *looking, uint64_t deadline)
{
	const struct looking names = { .pool = hyfw_dup(looking->pool), .room = hyfw_dup(looking->room) };
	size_t i;

	if (hyfw_limited_wait(looking->limited, deadline)) {
		machines->items = hyfw_grow(machines->items, machines->count + looking->found.count + 1,
					    sizeof(*machines->items));
		for (i = 0; i < looking->found.count; i++)
			machines->items[machines->count++] = looking->found.items[i];
		looking->found.count = 0;
		finish(looking);
	} else {
		add_problem(machines, &names, hyfw_format("its storage hangs: %s does not answer", names.room));
	}
	free(names.pool);
	free(names.room);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct hyfw_failover_machine *)a)->name, ((const struct hyfw_failover_machine *)b)->name);
}

/* All at once: one that hangs takes its time only once. */
void hyfw_failover_list(const struct hyfw_config *config, struct hyfw_failover_machines *ret_machines)
{
	HYFW_AUTO_FREE struct looking **looking = NULL;
	const struct hyfw_config_section *pool;
	const uint64_t deadline = hyfw_limited_deadline();
	size_t cursor = 0, count = 0, i;

	memset(ret_machines, 0, sizeof(*ret_machines));
	while ((pool = hyfw_config_next(config, "pool", &cursor))) {
		const char *path = hyfw_map_get(&pool->map, "path");

		if (!path || !hyfw_map_bool(&pool->map, "shared", false))
			continue;
		looking = hyfw_grow(looking, count + 1, sizeof(*looking));
		looking[count++] = begin(pool->name, path);
	}
	for (i = 0; i < count; i++)
		collect(ret_machines, looking[i], deadline);
	if (ret_machines->count > 0)
		qsort(ret_machines->items, ret_machines->count, sizeof(*ret_machines->items), compare);
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
