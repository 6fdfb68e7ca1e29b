/* SPDX-License-Identifier: BSD-3-Clause
 * What the child does and how long it takes, for the ledger of the start. */
#include "ns.h"

#include <time.h>

/* The one clock that is the same in every time namespace (time_namespaces(7)). */
static uint64_t shared_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void ns_phase(const struct ns_job *job, const char *name)
{
	struct ns_board *board = job->board;

	if (board->phase_count >= NS_PHASES_MOST)
		return;
	board->phases[board->phase_count].name = name;
	board->phases[board->phase_count].until = shared_clock();
	board->phase_count++;
}

void ns_phases_tell(const struct hyfw_host *host, struct ns_handle *handle)
{
	const struct ns_board *board = handle->board;
	const uint64_t shared = shared_clock(), own = host->clock();

	for (; handle->phases_told < board->phase_count && handle->phases_told < NS_PHASES_MOST; handle->phases_told++) {
		const uint64_t until = board->phases[handle->phases_told].until;

		/* Somebody may have set the clock meanwhile. */
		hyfw_phase_tell(host, board->phases[handle->phases_told].name,
				until < shared && shared - until < own ? own - (shared - until) : own);
	}
}
