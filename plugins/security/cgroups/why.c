/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw why`, the part of limits: what the kernel counts while the workload runs, and what its log
 * says of processes that it killed for want of memory (mm/oom_kill.c, dump_oom_summary()):
 *     oom-kill:constraint=CONSTRAINT_MEMCG,...,oom_memcg=/hyfw/web,task_memcg=/hyfw/web,task=cat,pid=7,uid=0 */
#include "cgroups.h"

#include "../common/audit.h"

#include <inttypes.h>
#include <stdio.h>

#define ROWS_PAIRS 24

struct kills {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char *group;   /* "/OWNER/WORKLOAD" */
	const char *program; /* the last one that was killed; "" */
	int64_t last;
	uint64_t count;
};

static int take_line(void *data, int64_t milliseconds, const char *text)
{
	struct kills *kills = data;
	const char *group = strstr(text, ",oom_memcg="), *task, *end;
	const size_t length = strlen(kills->group);

	if (strncmp(text, "oom-kill:", 9) != 0 || !group)
		return 0;
	group += strlen(",oom_memcg=");
	end = group + strcspn(group, ",");
	/* Of the workload's group, or one below it. */
	while (group < end && strncmp(group, kills->group, length) != 0)
		group++;
	if (group >= end || (group[length] != ',' && group[length] != '/'))
		return 0;
	task = strstr(end, ",task=");
	kills->count++;
	kills->last = milliseconds;
	if (task)
		kills->program = kills->host->format(kills->arena, "%.*s", (int)strcspn(task + 6, ","), task + 6);
	return 0;
}

struct rows {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	struct hyfw_pair *items;
	size_t count;
};

static void add(struct rows *rows, const char *key, const char *value)
{
	rows->items[rows->count++] = (struct hyfw_pair){ key, value };
}

/* A size as the key is written: "50M". */
static const char *size_text(const struct rows *rows, int64_t bytes)
{
	if (bytes >= 1 << 20 && bytes % (1 << 20) == 0)
		return rows->host->format(rows->arena, "%" PRId64 "M", bytes >> 20);
	return rows->host->format(rows->arena, "%" PRId64 "K", (bytes + 1023) >> 10);
}

static void begin(struct rows *rows, int64_t time, uint64_t count, const char *sentence)
{
	add(rows, "row", "limit");
	add(rows, "time", rows->host->format(rows->arena, "%" PRId64, time));
	add(rows, "count", rows->host->format(rows->arena, "%" PRIu64, count));
	add(rows, "refused", "yes");
	add(rows, "sentence", sentence);
	add(rows, "permit_by", "key");
}

static void add_memory(struct rows *rows, const struct hyfw_subject *subject, const struct kills *kills,
		       uint64_t count)
{
	const int64_t limit = hyfw_map_int(&subject->settings, "memory", 0);
	const char *program = *kills->program ? kills->program : "a process";

	if (limit <= 0)
		begin(rows, kills->last, count, rows->host->format(rows->arena, "%s was killed for want of memory", program));
	else
		begin(rows, kills->last, count, rows->host->format(rows->arena, "%s was killed, as the workload wanted more than memory = %s",
								 program, size_text(rows, limit)));
	add(rows, "permit", limit <= 0 ? rows->host->format(rows->arena, "memory = SIZE, more than it has now") :
		rows->host->format(rows->arena, "memory = %s, for example, or while it runs: hyfw update --memory %s %s",
				   size_text(rows, limit * 2), size_text(rows, limit * 2), subject->name));
}

static void add_processes(struct rows *rows, const struct hyfw_subject *subject, const struct hyfw_stats *stats)
{
	const int64_t limit = hyfw_map_int(&subject->settings, "pids", 0);

	begin(rows, 0, stats->event_pids_max, rows->host->format(rows->arena, "a new process was refused, as the workload has its "
								"pids = %" PRId64, limit));
	add(rows, "permit", rows->host->format(rows->arena, "pids = %" PRId64 ", for example, or while it runs: hyfw update "
					       "--pids-limit %" PRId64 " %s", limit * 2, limit * 2, subject->name));
}

void why_explain(const struct hyfw_host *host, const struct hyfw_subject *subject, const struct hyfw_map *record,
		 struct hyfw_arena *arena, struct hyfw_map *ret_rows)
{
	struct kills kills = { .host = host, .arena = arena, .program = "" };
	struct rows rows = { .host = host, .arena = arena };
	struct group groups[GROUPS_MAX];
	const size_t count = groups_recorded(record, groups);
	struct hyfw_stats stats = { .size = sizeof(stats) };
	size_t i;

	hyfw_stats_init(&stats);
	rows.items = host->alloc(arena, ROWS_PAIRS * sizeof(*rows.items));
	kills.group = host->format(arena, "/%s/%s", host->owner, subject->name);
	for (i = 0; i < count; i++)
		group_stats(&groups[i], &stats);
	/* The log alone is asked of one that has ended; of one that runs it may know an earlier run. */
	if (count == 0 || (stats.event_oom_kill != HYFW_STAT_NONE && stats.event_oom_kill > 0))
		kernel_log_lines(take_line, &kills);
	if (kills.count > 0 || (count > 0 && stats.event_oom_kill != HYFW_STAT_NONE && stats.event_oom_kill > 0))
		add_memory(&rows, subject, &kills, count > 0 ? stats.event_oom_kill : kills.count);
	if (stats.event_pids_max != HYFW_STAT_NONE && stats.event_pids_max > 0)
		add_processes(&rows, subject, &stats);
	*ret_rows = (struct hyfw_map){ rows.count, rows.items };
}
