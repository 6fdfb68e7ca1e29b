/* SPDX-License-Identifier: BSD-3-Clause
 * Changed limits of a running workload: all of them, or what was before. */
#include "cgroups.h"

#include <errno.h>

#define TEXT_MOST 256 /* of a value that is put back; a longer cpuset is written anew from the settings */

struct change {
	const struct group *group;
	struct value value;
	char before[TEXT_MOST];
	int fd;      /* of the group; borrowed */
	int result;  /* of the last attempt */
};

struct changes {
	size_t count;
	struct change items[VALUES_MAX];
};

/* Controllers of which the workload has no group; those of cgroup v2 are switched on
 * when they are needed. */
static int check_groups(const struct hyfw_host *host, const struct hierarchy *hierarchy, struct group *groups,
			size_t count, const struct limits *limits, struct hyfw_error **err)
{
	uint32_t needs = v1_needs(limits) & ~CONTROLLER_BIT(CONTROLLER_PIDS), has = 0;
	size_t i;
	int which;

	if (limits->pids != LIMIT_NONE)
		needs |= CONTROLLER_BIT(CONTROLLER_PIDS);
	for (i = 0; i < count; i++) {
		if (groups[i].unified)
			groups[i].mask = v2_needs(limits) & hierarchy->unified_has;
		has |= groups[i].mask;
	}
	needs &= ~(CONTROLLER_BIT(CONTROLLER_CPUACCT) | CONTROLLER_BIT(CONTROLLER_FREEZER));
	for (which = 0; which < CONTROLLER_COUNT; which++)
		if (needs & ~has & CONTROLLER_BIT(which))
			return host->fail(err, ENOTSUP, "it runs without a control group of %s, so that limit takes a new "
					  "start", controller_names[which]);
	return 0;
}

/* What no limit is: for those that were taken away, and of no effect for the others. */
static void collect_absent(const struct group *group, const struct limits *limits, struct values *values)
{
	const struct {
		bool absent;
		enum controller controller;
		const char *key, *v2_file, *v2_text, *v1_file, *v1_text;
	} files[] = {
		{ limits->memory == LIMIT_NONE, CONTROLLER_MEMORY, "memory", "memory.max", "max",
		  "memory.memsw.limit_in_bytes", "-1" },
		{ limits->memory == LIMIT_NONE, CONTROLLER_MEMORY, "memory", "memory.swap.max", "max",
		  "memory.limit_in_bytes", "-1" },
		{ limits->cpus == LIMIT_NONE, CONTROLLER_CPU, "cpus", "cpu.max", "max", "cpu.cfs_quota_us", "-1" },
		{ limits->cpu_shares == LIMIT_NONE, CONTROLLER_CPU, "cpu_shares", "cpu.weight", "100",
		  "cpu.shares", "1024" },
		{ limits->pids == LIMIT_NONE, CONTROLLER_PIDS, "pids", "pids.max", "max", "pids.max", "max" },
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i].absent)
			values_add(values, files[i].controller, files[i].key,
				   group->unified ? files[i].v2_file : files[i].v1_file,
				   group->unified ? files[i].v2_text : files[i].v1_text, true);
}

static void read_before(struct change *change)
{
	if (change->value.controller == CONTROLLER_BLKIO)
		io_before(change->fd, &change->value, change->before, sizeof(change->before));
	else if (file_read(change->fd, change->value.file, change->before, sizeof(change->before)) < 0)
		change->before[0] = '\0';
}

static void collect(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group, int fd,
		    const struct limits *limits, struct changes *changes)
{
	struct values values;
	size_t i;

	groups_values(host, arena, group, limits, &values);
	if (limits->swap_unlimited && (group->mask & CONTROLLER_BIT(CONTROLLER_MEMORY)))
		values_add(&values, CONTROLLER_MEMORY, "memory_swap",
			   group->unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
			   group->unified ? "max" : "-1", false);
	collect_absent(group, limits, &values);
	io_values_absent(host, arena, group->unified, fd, limits, &values);
	for (i = 0; i < values.count && changes->count < VALUES_MAX; i++) {
		struct change *change = &changes->items[changes->count++];

		*change = (struct change){ .group = group, .value = values.items[i], .fd = fd };
		read_before(change);
	}
}

/* Memory and the sum with swap bound each other: which comes first depends on the
 * direction, so that what is refused at first is tried once more. */
static void write_all(struct changes *changes)
{
	int pass;
	size_t i;

	for (i = 0; i < changes->count; i++)
		changes->items[i].result = -EINVAL;
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < changes->count; i++) {
			struct change *change = &changes->items[i];

			if (change->result < 0)
				change->result = file_write(change->fd, change->value.file, change->value.text);
			if (change->result == -ENOENT && change->value.optional)
				change->result = 0;
		}
	}
}

static void put_back(const struct changes *changes)
{
	int pass;
	size_t i;

	for (pass = 0; pass < 2; pass++) {
		for (i = changes->count; i > 0; i--) {
			const struct change *change = &changes->items[i - 1];

			if (change->before[0])
				file_write(change->fd, change->value.file, change->before);
		}
	}
}

static int write_or_put_back(const struct hyfw_host *host, struct changes *changes, struct hyfw_error **err)
{
	size_t i;

	write_all(changes);
	for (i = 0; i < changes->count; i++) {
		const struct change *change = &changes->items[i];

		if (change->result >= 0)
			continue;
		put_back(changes);
		return host->fail(err, -change->result, "%s: the kernel refuses %s for %s/%s: %s", change->value.key,
				  change->value.text, change->group->path, change->value.file,
				  strerror(-change->result));
	}
	return 0;
}

/* The group's parent switches the controllers of cgroup v2 on. */
static void switch_on(const struct group *group)
{
	AUTO_FREE char *parent = strdup(group->path);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	int fd;

	if (!group->unified || !group->mask || !slash)
		return;
	*slash = '\0';
	fd = group_open(parent);
	if (fd >= 0)
		v2_enable(fd, group->mask, true); /* what is not there is refused when it is written */
	auto_close(&fd);
}

int groups_update(const struct hyfw_host *host, const struct hierarchy *hierarchy, struct group *groups,
		  size_t count, const struct limits *limits, struct hyfw_error **err)
{
	struct hyfw_arena *arena = host->arena_new();
	struct changes *changes = host->alloc(arena, sizeof(*changes));
	int fds[GROUPS_MAX], result = check_groups(host, hierarchy, groups, count, limits, err);
	size_t i;

	for (i = 0; i < count; i++)
		fds[i] = -1;
	for (i = 0; result == 0 && i < count; i++) {
		switch_on(&groups[i]);
		fds[i] = group_open(groups[i].path);
		if (fds[i] < 0)
			result = host->fail(err, -fds[i], "control group %s: %s", groups[i].path, strerror(-fds[i]));
		else
			collect(host, arena, &groups[i], fds[i], limits, changes);
	}
	if (result == 0)
		result = write_or_put_back(host, changes, err);
	for (i = 0; i < count; i++)
		auto_close(&fds[i]);
	host->arena_free(arena);
	return result;
}
