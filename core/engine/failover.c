/* SPDX-License-Identifier: BSD-3-Clause
 * Taking machines over. */
#include "engine/failover.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/control.h"
#include "engine/events.h"
#include "engine/failover_parts.h"
#include "engine/failover_place.h"
#include "engine/failover_read.h"
#include "engine/launch.h"
#include "engine/store.h"

/* One that is to be taken over. */
struct candidate {
	const struct hyfw_failover_machine *machine;
	struct hyfw_failover_lease seen;
	int64_t since;              /* for how long it has been seen so */
	bool ripe;
	bool beaten;                /* another host has started it */
	struct hyfw_error *failure; /* it is out of question */
	struct hyfw_failover_reading *reading; /* of its lease, under way */
};

/* ---- waiting ---- */

static void judge(struct candidate *candidate, bool first)
{
	struct hyfw_failover_reading *reading = HYFW_STEAL(candidate->reading);
	struct hyfw_failover_lease now = { 0 };
	char host[65] = "", boot[40];

	hyfw_failover_here(host, boot, NULL);
	if (hyfw_failover_read_end(reading, &now, &candidate->failure) < 0)
		return;
	if (first) {
		candidate->seen = now;
		candidate->since = hyfw_keeping_now();
	} else if (!hyfw_failover_lease_same(&now, &candidate->seen)) {
		hyfw_fail(&candidate->failure, EBUSY, "host %s was quicker, and has it now", now.host);
	} else if (!hyfw_failover_lease_unchanged(&now, &candidate->seen)) {
		hyfw_fail(&candidate->failure, EBUSY, "host %s renews its lease", now.host);
	}
	candidate->ripe = !candidate->failure && (!now.held || strcmp(now.host, host) == 0 ||
						  hyfw_keeping_now() - candidate->since > (int64_t)now.period_ms);
}

static unsigned left_ms(const struct candidate *candidate)
{
	const int64_t left = candidate->since + candidate->seen.period_ms + 1 - hyfw_keeping_now();

	return left > 0 ? (unsigned)left : 0;
}

static void wait_for(struct candidate *candidates, size_t count, const struct hyfw_failover_report *report)
{
	bool first = true, waiting;
	size_t i;

	do {
		waiting = false;
		for (i = 0; i < count; i++)
			if (!candidates[i].ripe && !candidates[i].failure)
				candidates[i].reading = hyfw_failover_read_begin(candidates[i].machine->directory);
		for (i = 0; i < count; i++) {
			struct candidate *candidate = &candidates[i];

			if (!candidate->reading)
				continue;
			judge(candidate, first);
			if (candidate->ripe || candidate->failure)
				continue;
			waiting = true;
			report->waiting(report->data, candidate->machine->name, candidate->seen.host, left_ms(candidate));
		}
		first = false;
	} while (waiting && poll(NULL, 0, 250) >= 0);
}

/* ---- the definition, as this host can use it ---- */

/* Where pools lie is this host's to say. */
static void take_pools(struct hyfw_definition *definition, const struct hyfw_config *config)
{
	size_t i;

	for (i = 0; i < definition->plugins.count; i++) {
		const struct hyfw_config_section *plugin =
			hyfw_config_find(config, "plugin", definition->plugins.items[i]);
		const char *pool;
		size_t cursor = 0;

		hyfw_pairs_remove(&definition->plugin_settings[i], HYFW_OPTION_POOL);
		while (plugin && (pool = hyfw_map_next(&plugin->map, HYFW_OPTION_POOL, &cursor)))
			hyfw_pairs_add(&definition->plugin_settings[i], HYFW_OPTION_POOL, pool);
	}
}

/* A network of this host's own configuration is what counts here. */
static void take_networks(struct hyfw_definition *definition, const struct hyfw_config *config)
{
	size_t i;

	for (i = 0; i < definition->network_count; i++) {
		struct hyfw_use *use = &definition->networks[i];
		const struct hyfw_config_section *network = hyfw_config_find(config, "network", use->name);
		const char *driver = network ? hyfw_map_get(&network->map, "driver") : NULL;

		if (!driver)
			continue;
		free(use->driver);
		use->driver = hyfw_dup(driver);
		hyfw_pairs_finish(&use->settings);
		memset(&use->settings, 0, sizeof(use->settings));
		hyfw_pairs_add_map(&use->settings, &network->map);
	}
}

static int read_kept(const struct hyfw_failover_machine *machine, const struct hyfw_config *config,
		     struct hyfw_definition **ret_definition, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	char host[65], boot[40];
	int result = hyfw_failover_here(host, boot, err);

	if (result == 0)
		result = hyfw_failover_read_kept(machine->directory, &definition, err);
	if (result < 0)
		return result;
	if (!hyfw_failover_names(definition, host))
		return hyfw_fail(err, EPERM, "this host (%s) is none of its `failover` hosts", host);
	take_pools(definition, config);
	take_networks(definition, config);
	free(HYFW_STEAL(definition->stack)); /* there is none of it here */
	memset(&definition->idmap, 0, sizeof(definition->idmap));
	*ret_definition = HYFW_STEAL(definition);
	return 0;
}

/* ---- starting ---- */

/* It was here before: what is kept on the storage is newer.  What lasts of a machine with
 * failover is its range of ids only, and that stays. */
static int renew_old(struct hyfw_definition *definition, bool *ret_there, struct hyfw_error **err)
{
	struct hyfw_state state;
	int result = hyfw_state_load(definition->name, &state, NULL);

	*ret_there = result == 0;
	if (result < 0) {
		hyfw_state_finish(&state);
		return 0;
	}
	if (!hyfw_failover_wanted(state.definition))
		result = hyfw_fail(err, EEXIST, "there is another workload of that name on this host");
	else if (state.status != HYFW_STATUS_CREATED && state.status != HYFW_STATUS_EXITED)
		result = hyfw_fail(err, EBUSY, "it is %s on this host", hyfw_status_name(state.status));
	definition->idmap = state.definition->idmap;
	definition->created = state.definition->created;
	hyfw_state_finish(&state);
	return result < 0 ? result : hyfw_store_save(definition, err);
}

/* What was made here for it is not wanted when the lease is another host's; 'ret_beaten':
 * that host has it since we looked. */
static bool is_elsewhere(const struct candidate *candidate, bool *ret_beaten)
{
	struct hyfw_failover_lease now = { 0 };
	HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;
	char host[65] = "", boot[40];
	const bool locked = hyfw_failover_read_end(hyfw_failover_read_begin(candidate->machine->directory), &now,
						   &ignored) == -EBUSY;

	hyfw_failover_here(host, boot, NULL);
	if (!*now.host || strcmp(now.host, host) == 0)
		return false;
	*ret_beaten = locked || !hyfw_failover_lease_same(&now, &candidate->seen);
	return true;
}

static int start(struct candidate *candidate, const struct hyfw_config *config, struct hyfw_error **err)
{
	const struct hyfw_config_section *core = hyfw_config_find(config, "hyfw", "");
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	struct hyfw_launch launch = { .seen = &candidate->seen };
	struct hyfw_launched launched = { .socket = -1 };
	bool there = false;
	int result = read_kept(candidate->machine, config, &definition, err);

	if (core)
		launch.step_timeout_ms = (unsigned)hyfw_map_int(&core->map, "step_timeout", 0);
	if (result == 0)
		result = renew_old(definition, &there, err);
	if (result == 0 && !there)
		result = hyfw_workload_create(definition, launch.step_timeout_ms, err);
	if (result < 0)
		return result;
	result = hyfw_launch(definition, &launch, &launched, err);
	if (result < 0) {
		if (is_elsewhere(candidate, &candidate->beaten) && !there)
			hyfw_workload_remove(candidate->machine->name, false, NULL);
		return result;
	}
	hyfw_event(definition->name, "failover", "from", candidate->seen.host);
	hyfw_launched_close(&launched);
	return 0;
}

/* ---- all of it ---- */

static const struct hyfw_failover_machine *find(const struct hyfw_failover_machines *machines, const char *name)
{
	size_t i;

	for (i = 0; i < machines->count; i++)
		if (strcmp(machines->items[i].name, name) == 0)
			return &machines->items[i];
	return NULL;
}

/* Of all: what is damaged may be lost, and nobody would hear of it. */
static bool is_in_question(enum hyfw_failover_verdict verdict)
{
	return verdict == HYFW_FAILOVER_LOST || verdict == HYFW_FAILOVER_SILENT || verdict == HYFW_FAILOVER_DAMAGED;
}

/* It may be in a pool that could not be looked at. */
static void fail_unknown(const struct hyfw_failover_machines *machines, const char *name, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < machines->count; i++) {
		if (*machines->items[i].name != '[')
			continue;
		hyfw_fail(err, ENOENT, "machine %s is not to be seen in the shared pools of this host; %s: %s", name,
			  machines->items[i].name, machines->items[i].problem);
		return;
	}
	hyfw_fail(err, ENOENT, "there is no machine %s in the shared pools of this host; `hyfw failover` lists them", name);
}

/* Those whose silence is to be looked at. */
static struct candidate *choose(const struct hyfw_failover_machines *machines, const struct hyfw_strings *names,
				size_t *ret_count, struct hyfw_error **err)
{
	struct candidate *candidates = hyfw_new(((names ? names->count : machines->count) + 1) * sizeof(*candidates));
	size_t i, count = 0;

	for (i = 0; names && i < names->count; i++) {
		candidates[count].machine = find(machines, names->items[i]);
		if (!candidates[count++].machine) {
			fail_unknown(machines, names->items[i], err);
			free(candidates);
			return NULL;
		}
	}
	for (i = 0; !names && i < machines->count; i++)
		if (is_in_question(machines->items[i].verdict))
			candidates[count++].machine = &machines->items[i];
	*ret_count = count;
	return candidates;
}

/* Before anything is waited for. */
static void refuse_early(struct candidate *candidate, const struct hyfw_config *config)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;

	if (candidate->machine->verdict == HYFW_FAILOVER_DAMAGED)
		hyfw_fail(&candidate->failure, EBADMSG, "%s", candidate->machine->problem);
	else
		read_kept(candidate->machine, config, &definition, &candidate->failure);
}

/* Of all that may be lost: one that turned out to run, or is for other hosts.  A start
 * that failed is something else, whatever it failed of: its disk may be busy too. */
static bool is_no_matter(const struct candidate *candidate, bool tried)
{
	const struct hyfw_error *failure = candidate->failure;

	return failure && (tried ? candidate->beaten : failure->errnum == EBUSY || failure->errnum == EPERM);
}

int hyfw_failover_take(const struct hyfw_config *config, const struct hyfw_strings *names,
		       const struct hyfw_failover_report *report, struct hyfw_error **err)
{
	struct hyfw_failover_machines machines;
	HYFW_AUTO_FREE struct candidate *candidates = NULL;
	size_t i, count = 0, failed = 0;
	int result = 0;

	hyfw_failover_list(config, &machines);
	candidates = choose(&machines, names, &count, err);
	if (!candidates)
		result = -(*err)->errnum;
	for (i = 0; i < count; i++)
		refuse_early(&candidates[i], config);
	wait_for(candidates, count, report);
	for (i = 0; i < count; i++) {
		const bool try = !candidates[i].failure;

		if (try)
			start(&candidates[i], config, &candidates[i].failure);
		if (names || !is_no_matter(&candidates[i], try)) {
			failed += candidates[i].failure != NULL;
			report->done(report->data, candidates[i].machine->name, candidates[i].failure);
		}
		hyfw_error_free(candidates[i].failure);
	}
	hyfw_failover_machines_finish(&machines);
	if (result == 0 && failed)
		result = hyfw_fail(err, ECANCELED, "%zu of %zu machines could not be taken over", failed, count);
	return result;
}
