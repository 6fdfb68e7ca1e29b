/* SPDX-License-Identifier: BSD-3-Clause
 * Workloads of fake drivers that run: reached through their monitor, or directly. */
#ifndef HYFW_TEST_REACH_FIXTURE_H
#define HYFW_TEST_REACH_FIXTURE_H

#include "engine_drivers.h"

#include <sys/wait.h>

#include "engine/control.h"
#include "engine/launch.h"
#include "engine/reach.h"
#include "engine/store.h"

static inline struct hyfw_definition *start(const char *name, const char *isolation, const char *command)
{
	struct hyfw_definition *definition = drivers_definition(name, NULL);
	const struct hyfw_launch launch = { .step_timeout_ms = 10000 };
	struct hyfw_launched launched = { .socket = -1 };

	definition->transient = true;
	hyfw_pairs_set(&definition->settings, "isolation", isolation);
	hyfw_pairs_remove(&definition->settings, "command");
	hyfw_pairs_add(&definition->settings, "command", "/bin/sh");
	hyfw_pairs_add(&definition->settings, "command", "-c");
	hyfw_pairs_add(&definition->settings, "command", command);
	must(hyfw_launch(definition, &launch, &launched, err));
	hyfw_launched_close(&launched);
	return definition;
}

static inline void stop(struct hyfw_definition *definition)
{
	must(hyfw_workload_stop(definition->name, 0, err));
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	hyfw_definition_free(definition);
}

static inline void load(const char *name, struct hyfw_state *state)
{
	must(hyfw_state_load(name, state, err));
	assert_true(hyfw_status_is_up(state->status));
}

static const char *const kinds[] = { "fake-isolation", "fake-held" };

static inline enum hyfw_status status_of(const char *name)
{
	enum hyfw_status status;
	struct hyfw_state state;

	must(hyfw_state_load(name, &state, err));
	status = state.status;
	hyfw_state_finish(&state);
	return status;
}

#define REACH_TEST(name) cmocka_unit_test_setup(name, drivers_clear)

#endif
