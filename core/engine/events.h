/* SPDX-License-Identifier: BSD-3-Clause
 * What happens to workloads, for `hyfw events`: a line of JSON each in
 * RUNTIME/events/log, appended by whoever does it (a command, a monitor); no process
 * collects them.
 *
 *     {"time": MILLISECONDS, "workload": "web", "event": "die", "status": "3"}
 *
 * Events: create start pause unpause lose kill stop oom die restart rename update
 * remove failover fence, and the verb of an operation.  The file is bounded; log.1 is the
 * one before. */
#ifndef HYFW_ENGINE_EVENTS_H
#define HYFW_ENGINE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Tells it, with a detail 'key' = 'value' where 'key' is not NULL.  Best effort: what
 * happened has happened. */
void hyfw_event(const char *workload, const char *event, const char *key, const char *value);

struct hyfw_event {
	int64_t time;         /* CLOCK_REALTIME, milliseconds */
	const char *workload;
	const char *event;
	const char *key, *value; /* the detail; NULL */
	const char *json;     /* the line as it stands in the log */
};

/* Calls 'see' for each event from 'since' to 'until' (milliseconds of the clock; the
 * latter INT64_MAX for no end), those that are there first; with 'follow' it goes on
 * with new ones until 'until'.  Ends early, with 0, when 'see' returns false. */
int hyfw_events_read(int64_t since, int64_t until, bool follow,
		     bool (*see)(const struct hyfw_event *event, void *data), void *data,
		     struct hyfw_error **err);

#endif
