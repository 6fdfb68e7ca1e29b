/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"

struct row {
	uint64_t begin_us, end_us; /* end 0: it is not over */
	const struct hyfw_entry *step; /* NULL: a phase */
	const char *name;
	bool within; /* a step, which is the last one before it */
};

/* A step stands before its phases. */
static int compare(const void *a, const void *b)
{
	const struct row *one = a, *other = b;

	if (one->begin_us != other->begin_us)
		return one->begin_us < other->begin_us ? -1 : 1;
	if (!one->step != !other->step)
		return one->step ? -1 : 1;
	return one->end_us < other->end_us ? -1 : one->end_us > other->end_us;
}

static size_t collect(const struct hyfw_journal *journal, uint64_t since_us, struct row *rows)
{
	size_t count = 0, i;

	for (i = 0; i < journal->count; i++) {
		const struct hyfw_entry *entry = &journal->entries[i];

		if (entry->intent_us >= since_us)
			rows[count++] = (struct row){ entry->intent_us, entry->done_us, entry, NULL, false };
	}
	for (i = 0; i < journal->phases.count; i++) {
		const struct hyfw_phase *phase = &journal->phases.items[i];

		if (phase->begin_us >= since_us)
			rows[count++] = (struct row){ phase->begin_us, phase->begin_us + phase->took_us, NULL,
						      phase->name, false };
	}
	return count;
}

static void find_steps(struct row *rows, size_t count)
{
	const struct row *step = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		if (rows[i].step)
			step = &rows[i];
		else
			rows[i].within = step && rows[i].end_us <= step->end_us;
	}
}

static char *milliseconds(uint64_t us)
{
	return hyfw_format("%.2f ms", (double)us / 1000);
}

static void add_row(struct hyfw_table *table, const struct row *row, uint64_t origin_us)
{
	HYFW_AUTO_FREE char *at = milliseconds(row->begin_us - origin_us);
	HYFW_AUTO_FREE char *took = row->end_us >= row->begin_us ? milliseconds(row->end_us - row->begin_us) : NULL;
	HYFW_AUTO_FREE char *what = row->step ? hyfw_format("%s: %s", row->step->verb, row->step->object) :
						hyfw_format("%s%s", row->within ? "  " : "", row->name);

	hyfw_table_add(table, at);
	hyfw_table_add(table, took);
	hyfw_table_add(table, row->step ? row->step->driver : row->within ? " " : "core");
	hyfw_table_add(table, what);
}

void hyfw_timing_print(const struct hyfw_journal *journal, uint64_t since_us, const char *waited)
{
	static const char *const head[] = { "AT", "TOOK", "DRIVER", "STEP" };
	struct row *rows = hyfw_new((journal->count + journal->phases.count + 1) * sizeof(*rows));
	const size_t count = collect(journal, since_us, rows);
	struct hyfw_table *table = hyfw_table_new(HYFW_COUNT(head));
	uint64_t origin_us = since_us, last_us, waited_us = 0;
	size_t i;

	qsort(rows, count, sizeof(*rows), compare);
	find_steps(rows, count);
	if (count > 0 && since_us == 0)
		origin_us = rows[0].begin_us;
	last_us = origin_us;
	for (i = 0; i < HYFW_COUNT(head); i++)
		hyfw_table_add(table, head[i]);
	for (i = 0; i < count; i++) {
		add_row(table, &rows[i], origin_us);
		if (rows[i].end_us > last_us)
			last_us = rows[i].end_us;
		if (waited && rows[i].name && strcmp(rows[i].name, waited) == 0)
			waited_us += rows[i].end_us - rows[i].begin_us;
	}
	hyfw_table_print(table);
	printf("in all %.2f ms", (double)(last_us - origin_us - waited_us) / 1000);
	if (waited_us > 0)
		printf(", without the %s", waited);
	putchar('\n');
	free(rows);
}
