/* SPDX-License-Identifier: BSD-3-Clause
 * What fake_isolation.c and fake_running.c share. */
#ifndef HYFW_FAKE_ISOLATION_H
#define HYFW_FAKE_ISOLATION_H

#include <hyfw/isolation.h>

#include "fake.h"

/* Whether this process may have to do with what runs: -EPERM. */
int fake_held(const struct fake *fake, struct hyfw_error **err);

/* -ESRCH when the process that was noted has ended. */
int fake_kill_it(const struct fake *fake, const struct hyfw_map *record, int signal, struct hyfw_error **err);

int fake_plug(void *instance, const struct hyfw_map *record, const struct hyfw_device *device, bool attach,
	      struct hyfw_error **err);
int fake_stats(void *instance, const struct hyfw_map *record, struct hyfw_stats *figures, struct hyfw_error **err);
int fake_describe(void *instance, const struct hyfw_map *record, struct hyfw_arena *arena,
		  struct hyfw_map *ret_facts, struct hyfw_error **err);
int fake_operate(void *instance, const struct hyfw_map *record, const struct hyfw_operation *operation,
		 struct hyfw_map *ret_result, struct hyfw_error **err);

#endif
