/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

static __thread struct {
	bool open;
	uint64_t opened_us, last_us;
	struct hyfw_phases phases;
} ledger;

/* ---- phases ---- */

static void push(struct hyfw_phases *phases, const struct hyfw_phase *phase)
{
	if (phases->count == phases->room) {
		phases->room = phases->room ? phases->room * 2 : 16;
		phases->items = hyfw_grow(phases->items, phases->room, sizeof(*phases->items));
	}
	phases->items[phases->count++] = *phase;
}

void hyfw_phases_add(struct hyfw_phases *phases, const char *name, uint64_t begin_us, uint64_t took_us)
{
	push(phases, &(struct hyfw_phase){ hyfw_dup(name), begin_us, took_us });
}

static void forget_all(struct hyfw_phases *phases)
{
	while (phases->count > 0)
		free(phases->items[--phases->count].name);
}

void hyfw_phases_finish(struct hyfw_phases *phases)
{
	forget_all(phases);
	free(phases->items);
	*phases = (struct hyfw_phases){ 0 };
}

/* ---- ledger ---- */

bool hyfw_ledger_open(void)
{
	if (ledger.open)
		return false;
	ledger.open = true;
	ledger.opened_us = ledger.last_us = hyfw_now_us();
	return true;
}

void hyfw_ledger_close(void)
{
	hyfw_phases_finish(&ledger.phases);
	ledger.open = false;
}

void hyfw_ledger_mark(void)
{
	if (ledger.open)
		ledger.last_us = hyfw_now_us();
}

static void add(const char *name, uint64_t begin_us, uint64_t took_us)
{
	if (ledger.phases.count < HYFW_PHASES_MOST)
		hyfw_phases_add(&ledger.phases, name, begin_us, took_us);
}

void hyfw_ledger_phase(const char *name, uint64_t until)
{
	const uint64_t end_us = !ledger.open ? 0 : until ? until / 1000u : hyfw_now_us();

	if (!ledger.open)
		return;
	/* Clocks of two processes may differ by a little. */
	add(name, ledger.last_us, end_us > ledger.last_us ? end_us - ledger.last_us : 0);
	if (end_us > ledger.last_us)
		ledger.last_us = end_us;
}

void hyfw_ledger_since(const char *name, uint64_t begin_us)
{
	if (ledger.open && begin_us < ledger.opened_us)
		add(name, begin_us, ledger.opened_us - begin_us);
}

void hyfw_ledger_take(struct hyfw_phases *phases)
{
	size_t i;

	for (i = 0; i < ledger.phases.count; i++)
		push(phases, &ledger.phases.items[i]);
	ledger.phases.count = 0;
}
