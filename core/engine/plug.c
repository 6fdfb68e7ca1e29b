/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/plug.h"

#include <string.h>

#include "base/cleanup.h"
#include "engine/apply.h"
#include "engine/core_steps.h"
#include "engine/failover_place.h"
#include "engine/hosts.h"
#include "engine/peers.h"
#include "engine/store.h"
#include "plugin/host.h"

struct plug {
	struct hyfw_worker *worker;
	struct hyfw_definition *definition;
	bool disk;    /* else a network */
	size_t index; /* among those */
	struct hyfw_use *use;
	const struct hyfw_planned *planned; /* the step that is done */
};

static struct plug plug_of(struct hyfw_worker *worker, bool disk, size_t index)
{
	struct hyfw_definition *definition = worker->definition;

	return (struct plug){ worker, definition, disk, index,
			      disk ? &definition->disks[index] : &definition->networks[index], NULL };
}

/* ---- the driver that makes it ---- */

static int apply_step(struct hyfw_call *call, void *data, struct hyfw_error **err)
{
	const struct plug *plug = data;
	struct hyfw_pairs peers = { 0 };
	struct hyfw_driver *driver;
	int result = hyfw_definition_driver(plug->definition, (enum hyfw_kind)plug->planned->kind, plug->planned->driver,
					    &driver, err);

	if (result == 0 && plug->planned->kind == HYFW_KIND_SECURITY)
		result = hyfw_build_labelled(plug->definition, NULL, plug->worker->journal, plug->planned, call->arena,
					     &call->disk, err);
	if (result == 0 && !plug->disk && hyfw_definition_get(plug->definition, "links"))
		hyfw_peers_of(plug->definition, plug->use->name, &peers);
	call->peers = hyfw_pairs_map(&peers);
	if (result == 0)
		result = hyfw_driver_apply(driver, call, err);
	hyfw_pairs_finish(&peers);
	return result;
}

static int use_shared(const struct plug *plug, struct hyfw_error **err)
{
	if (plug->use->anonymous || strcmp(plug->use->driver, "none") == 0)
		return 0;
	return hyfw_apply_core(plug->worker->journal, plug->definition, HYFW_CORE_USE, plug->use->name, "what",
			       plug->disk ? "volume" : "network", HYFW_LIFETIME_RUN, err);
}

static int make(struct plug *plug, struct hyfw_error **err)
{
	struct hyfw_plan plan;
	size_t i;
	int result = use_shared(plug, err);

	hyfw_plan_init(&plan);
	if (result == 0)
		result = plug->disk ? hyfw_plan_disk(&plan, plug->definition, plug->index, err)
				    : hyfw_plan_endpoint(&plan, plug->definition, plug->index, err);
	for (i = 0; result == 0 && i < plan.count; i++) {
		plug->planned = &plan.steps[i];
		result = hyfw_apply(plug->worker->journal, plug->definition, &plan.steps[i], apply_step, plug, err);
	}
	plug->planned = NULL;
	hyfw_plan_finish(&plan);
	return result;
}

/* Its steps, and its use of what is shared. */
static bool is_about(const struct hyfw_entry *entry, const void *data)
{
	const struct plug *plug = data;
	const struct hyfw_map args = hyfw_pairs_map(&entry->args);
	HYFW_AUTO_FREE char *place = NULL;
	const char *what;

	if (entry->kind == 0) {
		what = strcmp(entry->verb, HYFW_CORE_USE) == 0 ? hyfw_map_get(&args, "what") : NULL;
		return what && strcmp(what, plug->disk ? "volume" : "network") == 0 &&
		       strcmp(entry->subject, plug->use->name) == 0;
	}
	if (!plug->disk)
		return entry->kind == HYFW_KIND_NETWORK && strcmp(entry->subject, plug->use->name) == 0;
	place = hyfw_format("disk %zu", plug->index);
	return (entry->kind == HYFW_KIND_STORAGE || entry->kind == HYFW_KIND_SECURITY) && strcmp(entry->subject, place) == 0;
}

static int unmake(const struct plug *plug, struct hyfw_error **err)
{
	return hyfw_undo_some(plug->worker->journal, plug->definition, is_about, plug, err);
}

/* ---- the isolation driver ---- */

static int attach(const struct plug *plug, bool in, struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const char *isolation = hyfw_definition_isolation(plug->definition);
	struct hyfw_attachment disk = { 0 };
	struct hyfw_endpoint endpoint = { 0 };
	struct hyfw_device device = { .size = sizeof(device) };
	struct hyfw_pairs record = { 0 };
	struct hyfw_fds fds = { .count = 0 };
	struct hyfw_map map;
	int result = 0;

	/* as create() has named them */
	device.name = plug->disk ? hyfw_arena_format(arena, "disk%zu", plug->index + 1)
				 : hyfw_arena_format(arena, "eth%zu", plug->index);
	if (plug->disk)
		result = hyfw_build_disk(plug->definition, plug->index, plug->worker->journal, arena, &fds, &disk, err);
	else
		hyfw_build_endpoint(plug->definition, plug->index, plug->worker->journal, arena, &endpoint);
	device.disk = plug->disk ? &disk : NULL;
	device.endpoint = plug->disk ? NULL : &endpoint;
	hyfw_journal_record(plug->worker->journal, HYFW_KIND_ISOLATION, isolation, NULL, &record);
	map = hyfw_pairs_map(&record);
	if (result == 0)
		result = hyfw_isolation_plug(plug->worker->isolation, &map, &device, in, err);
	hyfw_pairs_finish(&record);
	hyfw_fds_close(&fds);
	return result;
}

/* ---- in and out ---- */

static void tell_peers(const struct plug *plug, bool permit)
{
	if (!plug->disk && hyfw_hosts_networked(plug->definition))
		hyfw_peers_tell_of(plug->definition, plug->worker->journal, plug->use, permit);
}

/* What cannot be undone now stays in the journal until the end of the run. */
static void take_back(const struct plug *plug)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

	if (unmake(plug, &failure) < 0)
		hyfw_host_table()->log(HYFW_LOG_ERROR, "workload %s: %s", plug->definition->name, failure->message);
	hyfw_devices_drop(plug->definition, plug->disk, plug->index);
}

/* A disk of a machine that other hosts may run: where they have it too, and as
 * definition.c makes it. */
static int check_failover(const struct plug *plug, struct hyfw_error **err)
{
	const struct hyfw_map options = hyfw_pairs_map(&plug->use->options);
	HYFW_AUTO_FREE char *directory = NULL;

	if (!plug->disk || plug->use->read_only || !hyfw_failover_wanted(plug->definition))
		return 0;
	if (!hyfw_map_get(&options, "cache"))
		hyfw_pairs_add(&plug->use->options, "cache", "none");
	return hyfw_failover_directory(plug->definition, &directory, err);
}

static int put_in(struct plug *plug, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	HYFW_AUTO_CLOSE int peers = plug->disk ? -1 : hyfw_store_lock("peers", "all", err);
	int result = !plug->disk && peers < 0 ? peers : check_failover(plug, err);

	if (result == 0)
		result = make(plug, err);
	if (result == 0)
		result = attach(plug, true, err);
	if (result == 0) {
		tell_peers(plug, true);
		result = hyfw_store_save(plug->definition, err);
		if (result < 0) {
			tell_peers(plug, false);
			attach(plug, false, &failure);
		}
	}
	if (result < 0)
		take_back(plug);
	else
		hyfw_failover_refresh(plug->definition);
	return result;
}

static int take_out(struct plug *plug, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int peers = plug->disk ? -1 : hyfw_store_lock("peers", "all", err);
	int result = !plug->disk && peers < 0 ? peers : attach(plug, false, err);

	if (result < 0)
		return result;
	tell_peers(plug, false);
	take_back(plug);
	hyfw_failover_refresh(plug->definition);
	return hyfw_store_save(plug->definition, err);
}

int hyfw_plug(struct hyfw_worker *worker, struct hyfw_device_change *change, struct hyfw_error **err)
{
	struct plug plug;
	size_t index;
	bool disk;
	int result = change->add ? hyfw_devices_add(worker->definition, change->add, &disk, &index, err)
				 : hyfw_devices_find(worker->definition, change, &disk, &index, err);

	if (result < 0)
		return result;
	plug = plug_of(worker, disk, index);
	return change->add ? put_in(&plug, err) : take_out(&plug, err);
}
