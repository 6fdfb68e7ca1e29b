/* SPDX-License-Identifier: BSD-3-Clause
 * What can be done with a container that was created. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ledger.h"
#include "engine/apply.h"
#include "oci/private.h"
#include "plugin/host.h"

static void isolation_record(const struct hyfw_oci_container *container, struct hyfw_pairs *ret_record)
{
	hyfw_journal_record(container->journal, HYFW_KIND_ISOLATION, OCI_ISOLATION, NULL, ret_record);
}

/* ---- start ---- */

struct starting {
	struct hyfw_oci_container *container;
	struct hyfw_running *running;
};

static int do_start(struct hyfw_call *call, void *data, struct hyfw_error **err)
{
	struct starting *starting = data;
	struct hyfw_pairs record = { 0 };
	struct hyfw_driver *driver = NULL;
	int result = hyfw_registry_get(HYFW_KIND_ISOLATION, OCI_ISOLATION, &driver, err);

	if (result < 0)
		return result;
	isolation_record(starting->container, &record);
	call->record = hyfw_pairs_map(&record);
	result = hyfw_isolation_start(driver, call, starting->running, err);
	oci_command_failed(result, starting->container->spec.command.argv[0], err);
	hyfw_pairs_finish(&record);
	return result;
}

static int check_created(const struct hyfw_oci_container *container, struct hyfw_error **err)
{
	switch (hyfw_oci_status(container)) {
	case HYFW_OCI_CREATED: return 0;
	case HYFW_OCI_STOPPED:
		return hyfw_fail(err, EINVAL, "cannot start a container that has stopped: `%s`", container->id);
	case HYFW_OCI_CREATING: return hyfw_fail(err, EBUSY, "container `%s` is being created", container->id);
	default:
		return hyfw_fail(err, EINVAL, "cannot start an already running container: `%s` is not in the created state",
				 container->id);
	}
}

static int run_start(struct starting *starting, struct hyfw_error **err)
{
	struct hyfw_oci_container *container = starting->container;
	HYFW_AUTO_FREE char *object = hyfw_format("container %s", container->id);
	struct hyfw_planned planned = { .kind = HYFW_KIND_ISOLATION, .driver = OCI_ISOLATION,
					.subject = container->id, .workload = container->id,
					.about = HYFW_SUBJECT_WORKLOAD };
	int result = hyfw_journal_begin(container->journal, "start", err);

	planned.step = (struct hyfw_step){ .size = sizeof(planned.step), .verb = HYFW_VERB_START, .object = object,
					   .summary = object };
	if (result == 0)
		result = hyfw_apply(container->journal, NULL, &planned, do_start, starting, err);
	return result < 0 ? result : hyfw_journal_commit(container->journal, err);
}

static int run_last_part(struct hyfw_oci_container *container, struct hyfw_error **err)
{
	const struct hyfw_oci_config *config = &container->spec.config;
	HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;
	int result = oci_run_hooks(config, HYFW_OCI_POSTSTART, hyfw_oci_pid(container), "running", err);

	if (result < 0 || config->hooks[HYFW_OCI_POSTSTART].count == 0)
		return result;
	hyfw_ledger_phase("hooks: poststart", 0);
	/* The ledger's; the container runs, whatever becomes of it. */
	(void)hyfw_journal_commit(container->journal, &ignored);
	return 0;
}

int hyfw_oci_start(struct hyfw_oci_container *container, struct hyfw_running *running, struct hyfw_error **err)
{
	struct hyfw_running elsewhere = { .size = sizeof(elsewhere), .wait_fd = -1, .netns_fd = -1, .console_fd = -1,
					  .changed_fd = -1, .seccomp_listener_fd = -1 };
	struct starting starting = { container, running ? running : &elsewhere };
	HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;
	const bool listened = running && running->seccomp_listener_fd >= 0;
	int result = check_created(container, err);

	if (!running)
		hyfw_ledger_since(HYFW_OCI_PHASE_WAIT, container->journal->commit_us);
	if (result == 0)
		result = hyfw_oci_load_config(container, err);
	if (result == 0)
		result = run_start(&starting, err);
	if (result < 0)
		return result;
	if (!listened && starting.running->seccomp_listener_fd >= 0)
		result = oci_send_listener(container, starting.running->seccomp_listener_fd, hyfw_oci_pid(container),
					   "running", err);
	hyfw_cleanup_close(&elsewhere.seccomp_listener_fd);
	if (result == 0)
		result = run_last_part(container, err);
	if (result < 0 && hyfw_oci_delete(container, true, &ignored) < 0)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "%s", ignored->message);
	return result;
}

static int freeze(struct hyfw_oci_container *container, bool frozen, struct hyfw_error **err)
{
	struct hyfw_pairs record = { 0 };
	struct hyfw_driver *driver = NULL;
	struct hyfw_map map;
	int result;

	if (container->no_cgroups)
		return hyfw_fail(err, EOPNOTSUPP, "cannot pause or resume a container without control groups");
	result = oci_security_record(container, OCI_CGROUPS, &driver, &record, err);
	map = hyfw_pairs_map(&record);
	if (result == 0)
		result = hyfw_security_freeze(driver, &map, frozen, err);
	if (!frozen)
		oci_thaw(container->freezers);
	hyfw_pairs_finish(&record);
	return result;
}

/* ---- signals ---- */

static int not_running(struct hyfw_error **err)
{
	return hyfw_fail(err, ESRCH, "kill container: container not running: No such process");
}

static int signal_first(struct hyfw_oci_container *container, int signal, bool all, struct hyfw_error **err)
{
	struct hyfw_pairs record = { 0 };
	struct hyfw_driver *driver = NULL;
	struct hyfw_map map;
	int result;

	if (hyfw_oci_pid(container) == 0)
		return not_running(err);
	result = hyfw_registry_get(HYFW_KIND_ISOLATION, OCI_ISOLATION, &driver, err);
	if (result < 0)
		return result;
	isolation_record(container, &record);
	map = hyfw_pairs_map(&record);
	result = hyfw_isolation_signal(driver, &map, signal, all, err);
	hyfw_pairs_finish(&record);
	if (result != -ESRCH)
		return result;
	hyfw_forget(err);
	return not_running(err);
}

static bool own_pid_namespace(const struct hyfw_oci_config *config)
{
	size_t i;

	for (i = 0; i < config->namespace_count; i++)
		if (config->namespaces[i].type == CLONE_NEWPID)
			return !config->namespaces[i].path;
	return false;
}

/* With a pid namespace of its own the end of its first process is the end of all, and the
 * driver knows whom it has.  Else its control groups tell: whoever is in a shared namespace
 * is not all its own, and may be there still when the first is gone. */
int hyfw_oci_kill(struct hyfw_oci_container *container, int signal, bool all, struct hyfw_error **err)
{
	const bool more = all || signal == SIGKILL;
	int result = more ? hyfw_oci_load_config(container, err) : 0;

	if (result < 0)
		return result;
	if (more && !container->no_cgroups && !own_pid_namespace(&container->spec.config)) {
		result = oci_signal_group(container, signal, err);
		if (result == -EOPNOTSUPP) { /* its first process is all that can be told */
			hyfw_forget(err);
			result = signal_first(container, signal, false, err);
		} else if (result == -ESRCH && !*err) {
			result = not_running(err);
		}
	} else {
		result = signal_first(container, signal, all && own_pid_namespace(&container->spec.config), err);
	}
	/* What stands still dies when it goes on. */
	if (result == 0 && signal == SIGKILL && container->paused)
		result = freeze(container, false, err);
	return result;
}

/* ---- pause ---- */

int hyfw_oci_freeze(struct hyfw_oci_container *container, bool frozen, struct hyfw_error **err)
{
	const enum hyfw_oci_status status = hyfw_oci_status(container);
	int result;

	if (frozen && status != HYFW_OCI_RUNNING && status != HYFW_OCI_CREATED)
		return hyfw_fail(err, EINVAL, "container not running or created: it is %s", hyfw_oci_status_name(status));
	if (!frozen && status != HYFW_OCI_PAUSED)
		return hyfw_fail(err, EINVAL, "container not paused: it is %s", hyfw_oci_status_name(status));
	result = freeze(container, frozen, err);
	if (result < 0)
		return result;
	container->paused = frozen;
	return oci_store_save(container, err);
}

/* ---- delete ---- */

int hyfw_oci_delete(struct hyfw_oci_container *container, bool force, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	const enum hyfw_oci_status status = hyfw_oci_status(container);
	int result;

	/* One that was never started is as good as stopped, to the other runtimes too. */
	if (!force && status != HYFW_OCI_STOPPED && status != HYFW_OCI_CREATED)
		return hyfw_fail(err, EBUSY, "cannot delete container `%s` that is not stopped: %s", container->id,
				 hyfw_oci_status_name(status));
	/* A frozen process holds up the end of its pid namespace. */
	if (container->paused && !container->no_cgroups && freeze(container, false, &failure) < 0)
		hyfw_forget(&failure);
	if (hyfw_oci_pid(container) > 0)
		oci_take_back(container->freezers, hyfw_oci_pid(container));
	if (hyfw_oci_load_config(container, &failure) < 0) {
		hyfw_host_table()->log(HYFW_LOG_WARNING, "%s", failure->message);
		hyfw_forget(&failure);
	}
	result = hyfw_undo(container->journal, NULL, HYFW_ALL_LIFETIMES, 0, err);
	if (result < 0)
		return hyfw_wrap(err, "delete container `%s`", container->id);
	/* The rest goes on as if it had succeeded, runtime.md. */
	if (container->config_text)
		oci_run_last_hooks(&container->spec.config);
	return oci_store_forget(container, err);
}

/* ---- figures and limits ---- */

int hyfw_oci_update(struct hyfw_oci_container *container, const struct hyfw_oci_resources *resources,
		    struct hyfw_error **err)
{
	struct hyfw_pairs record = { 0 };
	struct hyfw_subject subject;
	struct hyfw_driver *driver = NULL;
	struct hyfw_map map;
	int result = hyfw_oci_load_config(container, err);

	if (result == 0 && container->no_cgroups)
		result = hyfw_fail(err, EOPNOTSUPP, "cannot update a container without control groups");
	if (result == 0 && hyfw_oci_pid(container) == 0)
		result = hyfw_fail(err, EINVAL, "container not running: `%s` is stopped", container->id);
	if (result == 0)
		result = oci_security_record(container, OCI_CGROUPS, &driver, &record, err);
	if (result < 0)
		return result;
	container->spec.config.resources = *resources;
	subject = oci_subject(container);
	map = hyfw_pairs_map(&record);
	result = hyfw_security_update(driver, &subject, &map, err);
	hyfw_pairs_finish(&record);
	return result;
}

int hyfw_oci_stats(struct hyfw_oci_container *container, struct hyfw_stats *ret_stats, struct hyfw_error **err)
{
	struct hyfw_pairs record = { 0 };
	struct hyfw_driver *driver = NULL;
	struct hyfw_map map;
	int result;

	hyfw_stats_init(ret_stats);
	if (container->no_cgroups)
		return 0;
	result = oci_security_record(container, OCI_CGROUPS, &driver, &record, err);
	map = hyfw_pairs_map(&record);
	if (result == 0)
		result = hyfw_security_stats(driver, &map, ret_stats, err);
	hyfw_pairs_finish(&record);
	return result;
}

int hyfw_oci_report(struct hyfw_oci_container *container, const char **ret_json, struct hyfw_error **err)
{
	struct hyfw_pairs record = { 0 };
	struct hyfw_driver *driver = NULL;
	struct hyfw_map map;
	int result;

	if (container->no_cgroups)
		return 0;
	result = oci_security_record(container, OCI_CGROUPS, &driver, &record, err);
	map = hyfw_pairs_map(&record);
	if (result == 0)
		result = hyfw_security_report(driver, &map, container->arena, ret_json, err);
	hyfw_pairs_finish(&record);
	return result;
}

/* ---- exec ---- */

int hyfw_oci_exec(struct hyfw_oci_container *container, const struct hyfw_oci_command *command,
		  const struct hyfw_oci_exec_options *options, struct hyfw_exec *exec,
		  struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct hyfw_pairs record = { 0 };
	struct hyfw_driver *driver = NULL;
	struct hyfw_map map;
	int result = hyfw_oci_load_config(container, err);

	if (result == 0 && hyfw_oci_pid(container) == 0)
		result = hyfw_fail(err, ESRCH, "cannot exec a container that has stopped: container not running");
	if (result == 0 && container->paused && !options->ignore_paused)
		result = hyfw_fail(err, EINVAL, "cannot exec in a paused container (use --ignore-paused to override)");
	exec->confinement = command->confinement;
	exec->oci = &command->process;
	exec->user = "";
	if (result == 0)
		result = oci_confine(container, container->arena, &exec->confinement, err);
	if (result == 0)
		result = oci_join_subgroups(options->cgroups, oci_unified_group(container->freezers, container->arena),
					    container->arena, &exec->confinement, err);
	if (result == 0)
		result = hyfw_registry_get(HYFW_KIND_ISOLATION, OCI_ISOLATION, &driver, err);
	if (result < 0)
		return result;
	result = oci_memory_policy_take(&container->spec.memory_policy, err);
	if (result < 0)
		return result;
	isolation_record(container, &record);
	map = hyfw_pairs_map(&record);
	result = hyfw_isolation_exec(driver, &map, exec, container->arena, ret_running, err);
	oci_memory_policy_drop(&container->spec.memory_policy);
	oci_command_failed(result, command->argv[0], err);
	hyfw_pairs_finish(&record);
	if (result == 0 && ret_running->seccomp_listener_fd >= 0 && container->spec.config.seccomp_listener)
		result = oci_send_listener(container, ret_running->seccomp_listener_fd, ret_running->pid, "running", err);
	if (result == 0) { /* see hand_over() in create.c */
		hyfw_cleanup_close(&ret_running->seccomp_listener_fd);
		ret_running->seccomp_listener_fd = -1;
	}
	return result;
}
