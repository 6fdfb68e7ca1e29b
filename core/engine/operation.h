/* SPDX-License-Identifier: BSD-3-Clause
 * The operation that runs beside everything else: in a thread of its own in the
 * monitor, so that the workload is served meanwhile.  One at a time.
 *
 * In that thread only the driver runs, and of ours what it gets: the operation with
 * its arena, and of the host table all but plan_step() and note(), which are about
 * steps.  Journal, definition and connections stay with the main thread. */
#ifndef HYFW_ENGINE_OPERATION_H
#define HYFW_ENGINE_OPERATION_H

#include "engine/answer.h"

/* -EBUSY names the operation that runs. */
int hyfw_work_begin(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err);

/* Readable when there is something for hyfw_work_on_news(): progress is told, an
 * end answered and 'answer->work' freed. */
int hyfw_work_news(const struct hyfw_work *work);
void hyfw_work_on_news(struct hyfw_answer *answer);

/* Asks it to stop: for everybody, or when 'client' is who asked for it. */
void hyfw_work_cancel(struct hyfw_work *work);
void hyfw_work_cancel_of(struct hyfw_work *work, const struct hyfw_client *client);

/* 'client' goes away: what it asked for is cancelled, nobody is told. */
void hyfw_work_orphan(struct hyfw_work *work, const struct hyfw_client *client);

/* The workload has ended, which may be what the operation is about (a migration):
 * waits for it, cancels it when that takes long, answers. */
void hyfw_work_finish(struct hyfw_answer *answer);

#endif
