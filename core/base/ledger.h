/* SPDX-License-Identifier: BSD-3-Clause
 * The ledger of a start: what took how long, phase by phase.
 *
 * A phase is told when it is over: it lasted since the one before.  While no ledger is
 * open, which is nearly always, telling one does nothing.  Phases are kept in memory until
 * the journal takes them into a record that it writes anyway (engine/journal.h), so that
 * they cost no system call.  Each thread has a ledger of its own. */
#ifndef HYFW_BASE_LEDGER_H
#define HYFW_BASE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hyfw_phase {
	char *name;
	uint64_t begin_us, took_us; /* CLOCK_MONOTONIC */
};

struct hyfw_phases {
	size_t count, room;
	struct hyfw_phase *items;
};
void hyfw_phases_add(struct hyfw_phases *phases, const char *name, uint64_t begin_us, uint64_t took_us);
void hyfw_phases_finish(struct hyfw_phases *phases);

/* More than a start has; a driver that tells more loses them. */
#define HYFW_PHASES_MOST 64

/* From now on phases count; false when a ledger is open already, whose opener closes it. */
bool hyfw_ledger_open(void);
void hyfw_ledger_close(void); /* what was not taken is lost */

/* The next phase begins now. */
void hyfw_ledger_mark(void);

/* What was done since the last phase or mark is 'name', and was over at 'until' nanoseconds
 * of CLOCK_MONOTONIC; 0: now.  Copied.  hyfw_host.phase. */
void hyfw_ledger_phase(const char *name, uint64_t until);

/* 'name' began at 'begin_us', before this ledger did, and ends with it being opened. */
void hyfw_ledger_since(const char *name, uint64_t begin_us);

/* Moves all phases to the end of 'phases'. */
void hyfw_ledger_take(struct hyfw_phases *phases);

#endif
