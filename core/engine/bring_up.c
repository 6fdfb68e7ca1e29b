/* SPDX-License-Identifier: BSD-3-Clause
 * The run of a workload, up and down. */
#include "engine/worker.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/apply.h"
#include "engine/core_steps.h"
#include "engine/devices.h"
#include "engine/hosts.h"
#include "engine/moved.h"
#include "engine/peers.h"
#include "engine/store.h"
#include "plugin/host.h"

struct bring_up {
	struct hyfw_worker *worker;
	struct hyfw_arena *arena;
	struct hyfw_fds fds;
	const int *stdio;
	struct hyfw_workload workload;
	const struct hyfw_planned *planned;
	bool preparing; /* without the isolation driver's steps */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Only a command that is missing or cannot be executed has these two (isolation.h);
 * the exit statuses are those of POSIX shells. */
static int set_command_status(int result, struct hyfw_error **err)
{
	if (result == -ENOENT)
		hyfw_error_set_status(err, 127);
	if (result == -EACCES)
		hyfw_error_set_status(err, 126);
	return result;
}

/* Before the command looks at it: the launcher tells only of changes. */
static void copy_window_size(int console)
{
	struct winsize size;

	if (console >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		ioctl(console, TIOCSWINSZ, &size);
}

static int do_create(struct hyfw_call *call, struct bring_up *up, struct hyfw_error **err)
{
	struct hyfw_worker *worker = up->worker;
	int result = worker->adopt ? hyfw_build_adopted(worker->definition, worker->journal, up->arena, &up->workload, err)
				   : hyfw_build_workload(worker->definition, worker->persistent, worker->journal, up->arena,
							 &up->fds, &up->workload, err);

	if (result < 0)
		return result;
	memcpy(up->workload.stdio, up->stdio, sizeof(up->workload.stdio));
	worker->running.size = sizeof(worker->running);
	result = set_command_status(hyfw_isolation_create(worker->isolation, call, &up->workload,
							  &worker->running, err),
				    err);
	worker->created = result == 0;
	if (worker->created)
		copy_window_size(worker->running.console_fd);
	return result;
}

static int do_start(struct hyfw_call *call, struct hyfw_worker *worker, struct hyfw_error **err)
{
	int result = worker->permit ? worker->permit(worker->progress_data, err) : 0;

	return result < 0 ? result :
			    set_command_status(hyfw_isolation_start(worker->isolation, call, &worker->running, err), err);
}

static int do_endpoint(struct hyfw_call *call, struct bring_up *up, struct hyfw_driver *driver,
		       struct hyfw_error **err)
{
	struct hyfw_worker *worker = up->worker;
	struct hyfw_pairs peers = { 0 };
	int result;

	call->netns_fd = worker->created ? worker->running.netns_fd : -1;
	if (hyfw_definition_get(worker->definition, "links"))
		hyfw_peers_of(worker->definition, up->planned->subject, &peers);
	call->peers = hyfw_pairs_map(&peers);
	result = hyfw_driver_apply(driver, call, err);
	hyfw_pairs_finish(&peers);
	return result;
}

static bool is_of_disk(const struct hyfw_planned *planned)
{
	return planned->about == HYFW_SUBJECT_ROOT || planned->about == HYFW_SUBJECT_DISK;
}

static int do_step(struct hyfw_call *call, void *data, struct hyfw_error **err)
{
	struct bring_up *up = data;
	struct hyfw_driver *driver;
	int result;

	if (up->planned->kind == HYFW_KIND_ISOLATION && strcmp(call->step->verb, HYFW_VERB_CREATE) == 0)
		return do_create(call, up, err);
	if (up->planned->kind == HYFW_KIND_ISOLATION && strcmp(call->step->verb, HYFW_VERB_START) == 0)
		return do_start(call, up->worker, err);
	result = hyfw_definition_driver(up->worker->definition, (enum hyfw_kind)up->planned->kind,
					up->planned->driver, &driver, err);
	if (result < 0)
		return result;
	if (up->planned->about == HYFW_SUBJECT_ENDPOINT)
		return do_endpoint(call, up, driver, err);
	if (up->planned->kind == HYFW_KIND_SECURITY && is_of_disk(up->planned)) {
		result = hyfw_build_labelled(up->worker->definition, up->worker->persistent, up->worker->journal, up->planned,
					     up->arena, &call->disk, err);
	} else if (hyfw_driver_can(driver, HYFW_CONFINES_LABELS)) {
		result = hyfw_build_volume_paths(up->worker->definition, up->arena, &call->volumes, err);
		if (result == 0)
			result = hyfw_build_layer_paths(up->worker->definition, up->worker->persistent, up->worker->journal,
							up->arena, &call->layers, err);
	}
	return result < 0 ? result : hyfw_driver_apply(driver, call, err);
}

/* The network or volume 'name' stays as long as the run does. */
static int use(struct hyfw_worker *worker, const char *what, const char *name, struct hyfw_error **err)
{
	return hyfw_apply_core(worker->journal, worker->definition, HYFW_CORE_USE, name, "what", what,
			       HYFW_LIFETIME_RUN, err);
}

static int use_shared(struct hyfw_worker *worker, struct hyfw_error **err)
{
	const struct hyfw_definition *definition = worker->definition;
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < definition->network_count; i++)
		if (strcmp(definition->networks[i].driver, "none") != 0)
			result = use(worker, "network", definition->networks[i].name, err);
	if (worker->adopt) /* its disks are in use as they are */
		return result;
	for (i = 0; result == 0 && i < definition->volume_count; i++)
		if (!definition->volumes[i].anonymous)
			result = use(worker, "volume", definition->volumes[i].name, err);
	for (i = 0; result == 0 && i < definition->disk_count; i++)
		if (!definition->disks[i].anonymous)
			result = use(worker, "volume", definition->disks[i].name, err);
	return result;
}

/* What runs already has its disks and interfaces; how it is confined, and that it is
 * watched, is what is left to do. */
static bool is_left_out(const struct bring_up *up)
{
	const unsigned kind = up->planned->kind;

	return (up->preparing && kind == HYFW_KIND_ISOLATION) ||
	       (up->worker->adopt && kind != HYFW_KIND_ISOLATION &&
		(kind != HYFW_KIND_SECURITY || is_of_disk(up->planned)));
}

/* Workloads that start at once on one network see each other's endpoints or tell
 * each other: one of the two, never neither. */
static int lock_peers(const struct hyfw_definition *definition, struct hyfw_error **err)
{
	return hyfw_hosts_networked(definition) ? hyfw_store_lock("peers", "all", err) : -1;
}

static int apply_steps(struct bring_up *up, const struct hyfw_plan *plan, struct hyfw_error **err)
{
	struct hyfw_worker *worker = up->worker;
	HYFW_AUTO_CLOSE int peers = -1;
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < plan->count; i++) {
		up->planned = &plan->steps[i];
		if (is_left_out(up))
			continue;
		if (up->planned->about == HYFW_SUBJECT_ENDPOINT && peers < 0) {
			peers = lock_peers(worker->definition, err);
			if (peers < 0 && err && *err)
				return -(*err)->errnum;
		}
		if (peers >= 0 && up->planned->about != HYFW_SUBJECT_ENDPOINT) {
			hyfw_hosts_update(worker->definition, worker->journal, NULL);
			hyfw_peers_tell(worker->definition, worker->journal, true);
			close_fd(&peers);
		}
		result = hyfw_apply(worker->journal, worker->definition, up->planned, do_step, up, err);
		if (worker->progress)
			worker->progress(worker->progress_data);
	}
	return result;
}

static int bring_up_transient(struct hyfw_worker *worker, struct hyfw_error **err)
{
	struct hyfw_definition *definition = worker->definition;
	struct hyfw_error *failure = NULL;
	int result;

	if (!definition->transient || !hyfw_worker_wants_ids(definition, worker->isolation))
		return 0;
	result = hyfw_apply_core(worker->journal, definition, HYFW_CORE_IDS, definition->name, "what", "ids",
				 HYFW_LIFETIME_RUN, &failure);
	if (result < 0) {
		*err = failure;
		return result;
	}
	definition->idmap = hyfw_worker_ids(worker->journal);
	return 0;
}

static int read_persistent(struct hyfw_worker *worker, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, worker->definition->name, "journal");
	int result;

	if (worker->definition->transient || worker->persistent)
		return 0;
	result = hyfw_journal_read(path, &worker->persistent, err);
	if (result == 0 && !worker->persistent->committed)
		return hyfw_fail(err, EBUSY, "workload %s is not whole: it is just being created or removed, or "
				 "that was cut off; `hyfw rm -f %s` removes it", worker->definition->name,
				 worker->definition->name);
	return result;
}

static int bring_up(struct bring_up *up, struct hyfw_plan *plan, struct hyfw_error **err)
{
	struct hyfw_worker *worker = up->worker;
	struct hyfw_definition *definition = worker->definition;
	const unsigned lifetimes = definition->transient
					   ? 1u << HYFW_LIFETIME_RUN | 1u << HYFW_LIFETIME_WORKLOAD
					   : 1u << HYFW_LIFETIME_RUN;
	int result = hyfw_journal_begin(worker->journal, "run", err);

	if (result == 0)
		result = read_persistent(worker, err);
	if (result == 0 && !definition->transient && !worker->adopt)
		result = hyfw_moved_check(definition->name, err);
	if (result == 0)
		result = bring_up_transient(worker, err);
	if (result == 0)
		result = use_shared(worker, err);
	if (result == 0 && hyfw_hosts_wanted(definition))
		result = hyfw_hosts_make(definition, err);
	if (result == 0)
		result = hyfw_plan_workload(plan, definition, lifetimes, err);
	return result == 0 ? apply_steps(up, plan, err) : result;
}

int hyfw_worker_bring_up(struct hyfw_worker *worker, const int stdio[3], struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *undo = NULL;
	struct bring_up up = { .worker = worker, .arena = hyfw_arena_new(), .stdio = stdio };
	struct hyfw_plan plan;
	int result;

	hyfw_devices_settle(worker->definition); /* an earlier run may have lost some */
	hyfw_plan_init(&plan);
	result = bring_up(&up, &plan, err);
	if (result < 0 && strncmp((*err)->message, "workload ", 9) != 0)
		hyfw_wrap(err, "workload %s", worker->definition->name);
	if (result < 0 && hyfw_worker_bring_down(worker, &undo) < 0)
		hyfw_host_table()->log(HYFW_LOG_ERROR, "%s", undo->message);
	hyfw_plan_finish(&plan);
	hyfw_fds_close(&up.fds);
	hyfw_arena_free(up.arena);
	return result;
}

int hyfw_worker_prepare(struct hyfw_worker *worker, struct hyfw_arena *arena, struct hyfw_workload *ret_workload,
			struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *undo = NULL;
	struct bring_up up = { .worker = worker, .arena = arena, .preparing = true };
	struct hyfw_plan plan;
	int result;

	hyfw_plan_init(&plan);
	result = bring_up(&up, &plan, err);
	if (result == 0)
		result = hyfw_build_workload(worker->definition, worker->persistent, worker->journal, arena, &up.fds,
					     ret_workload, err);
	if (result < 0 && hyfw_worker_bring_down(worker, &undo) < 0)
		hyfw_host_table()->log(HYFW_LOG_ERROR, "%s", undo->message);
	hyfw_fds_close(&up.fds);
	hyfw_plan_finish(&plan);
	return result;
}

/* ---- down ---- */

int hyfw_worker_bring_down(struct hyfw_worker *worker, struct hyfw_error **err)
{
	int result;

	if (hyfw_hosts_networked(worker->definition))
		hyfw_peers_tell(worker->definition, worker->journal, false);
	result = hyfw_undo(worker->journal, worker->definition, HYFW_ALL_LIFETIMES, 0, err);
	close_fd(&worker->running.wait_fd);
	close_fd(&worker->running.netns_fd);
	close_fd(&worker->running.console_fd);
	close_fd(&worker->running.changed_fd);
	worker->created = false;
	return result;
}
