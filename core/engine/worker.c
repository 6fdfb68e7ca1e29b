/* SPDX-License-Identifier: BSD-3-Clause
 * The claim on a workload's name, for a run; the run itself is in bring_up.c, creation and
 * removal are in create.c. */
#include "engine/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "engine/apply.h"
#include "engine/store.h"
#include "plugin/host.h"

static int make_runtime_directory(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_runtime(name, NULL);
	HYFW_AUTO_FREE char *parent = hyfw_path_runtime("", NULL);

	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	if (errno != ENOENT || hyfw_make_directories(parent, 0700, err) < 0 || mkdir(path, 0700) < 0)
		return err && *err ? -(*err)->errnum : hyfw_fail_errno(err, errno, "%s", path);
	return 0;
}

static int claim(struct hyfw_worker *worker, const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_runtime(name, "journal");
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	HYFW_AUTO_CLOSE int gate = hyfw_store_gate(false, err);
	int attempt, result = -EBUSY;

	if (gate < 0)
		return -(*err)->errnum;
	/* The directory may be removed by its last owner between mkdir and open. */
	for (attempt = 0; attempt < 3 && result < 0; attempt++) {
		hyfw_forget(&failure);
		result = make_runtime_directory(name, err);
		if (result < 0)
			return result;
		result = hyfw_journal_open(path, false, &worker->journal, &failure);
		if (result == -EBUSY && hyfw_journal_owner(path) > 0)
			return hyfw_fail(err, EBUSY, "workload %s is already running (process %d)", name,
					 (int)hyfw_journal_owner(path));
	}
	if (result < 0)
		return hyfw_fail(err, -result, "workload %s: %s", name, failure->message);
	return worker->definition->transient ? hyfw_store_save(worker->definition, err) : 0;
}

int hyfw_worker_open(struct hyfw_worker *worker, struct hyfw_definition *definition, struct hyfw_error **err)
{
	int result;

	memset(worker, 0, sizeof(*worker));
	worker->definition = definition;
	worker->running.wait_fd = worker->running.netns_fd = worker->running.console_fd = -1;
	worker->running.changed_fd = worker->running.seccomp_listener_fd = -1;
	result = hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, hyfw_definition_isolation(definition),
					&worker->isolation, err);
	if (result == 0)
		result = claim(worker, definition->name, err);
	if (result < 0)
		return result;
	if (worker->journal->count > 0 && hyfw_journal_unfinished(worker->journal)) {
		result = hyfw_undo(worker->journal, definition, HYFW_ALL_LIFETIMES, 0, err);
		if (result < 0)
			return hyfw_wrap(err, "workload %s: an earlier run cannot be cleaned up",
					 definition->name);
		hyfw_journal_clear(worker->journal);
		worker->journal->operations = 0; /* runs before this start are no restarts of it */
	}
	return 0;
}

void hyfw_worker_close(struct hyfw_worker *worker)
{
	size_t i;
	bool left = false;

	if (!worker->journal)
		return;
	for (i = 0; i < worker->journal->count; i++)
		left = left || worker->journal->entries[i].state != HYFW_ENTRY_UNDONE;
	if (!left) {
		HYFW_AUTO_FREE char *path = hyfw_path_runtime(worker->definition->name, NULL);
		HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

		if (hyfw_remove_tree(AT_FDCWD, path, &failure) < 0)
			hyfw_host_table()->log(HYFW_LOG_ERROR, "%s", failure->message);
	}
	hyfw_journal_close(worker->journal);
	hyfw_journal_close(worker->persistent);
	worker->journal = worker->persistent = NULL;
}
