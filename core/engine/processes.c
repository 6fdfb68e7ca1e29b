/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "engine/store.h"
#include "plugin/host.h"

static void mark(const char *name, const char *file, const char *text)
{
	HYFW_AUTO_FREE char *path = hyfw_path_runtime(name, file);
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

	if (!text)
		unlink(path);
	else if (hyfw_file_write(path, text, strlen(text), 0600, false, &err) < 0)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "%s", err->message);
}

static char *marked(const char *name, const char *file)
{
	HYFW_AUTO_FREE char *path = hyfw_path_runtime(name, file);
	char *text = NULL;

	return hyfw_file_read(AT_FDCWD, path, 256, &text, NULL, NULL) < 0 ? NULL : text;
}

void hyfw_processes_mark(const char *name, const char *why)
{
	mark(name, "paused", why);
}

char *hyfw_processes_marked(const char *name)
{
	return marked(name, "paused");
}

void hyfw_processes_mark_loss(const char *name, const char *what)
{
	mark(name, "lacks", what);
}

char *hyfw_processes_marked_loss(const char *name)
{
	return marked(name, "lacks");
}

/* ---- isolation driver ---- */

static int by_isolation(struct hyfw_worker *worker, bool paused, struct hyfw_error **err)
{
	struct hyfw_pairs record = { 0 };
	struct hyfw_map map;
	int result;

	hyfw_journal_record(worker->journal, HYFW_KIND_ISOLATION, hyfw_definition_isolation(worker->definition),
			    NULL, &record);
	map = hyfw_pairs_map(&record);
	result = paused ? hyfw_isolation_pause(worker->isolation, &map, err)
			: hyfw_isolation_resume(worker->isolation, &map, err);
	hyfw_pairs_finish(&record);
	return result;
}

/* ---- security modules ---- */

typedef int (*module_action)(struct hyfw_driver *driver, const struct hyfw_map *record, void *data,
			     struct hyfw_error **err);

static int with_module(const struct hyfw_worker *worker, const char *module, module_action action, void *data,
		       struct hyfw_error **err)
{
	struct hyfw_pairs record = { 0 };
	struct hyfw_driver *driver;
	struct hyfw_map map;
	int result = hyfw_definition_driver(worker->definition, HYFW_KIND_SECURITY, module, &driver, err);

	if (result < 0)
		return result;
	hyfw_journal_record(worker->journal, HYFW_KIND_SECURITY, module, NULL, &record);
	map = hyfw_pairs_map(&record);
	result = action(driver, &map, data, err);
	hyfw_pairs_finish(&record);
	return result;
}

static int freeze(struct hyfw_driver *driver, const struct hyfw_map *record, void *data, struct hyfw_error **err)
{
	return hyfw_security_freeze(driver, record, *(const bool *)data, err);
}

static int kill_them(struct hyfw_driver *driver, const struct hyfw_map *record, void *data,
		     struct hyfw_error **err)
{
	(void)data;
	return hyfw_security_kill(driver, record, err);
}

/* Up to the first that can, whatever comes of it; -EOPNOTSUPP when none can. */
static int by_security(const struct hyfw_worker *worker, module_action action, void *data,
		       struct hyfw_error **err)
{
	const struct hyfw_map settings = hyfw_pairs_map(&worker->definition->settings);
	const char *module;
	size_t cursor = 0;

	while ((module = hyfw_map_next(&settings, "security", &cursor))) {
		struct hyfw_error *failure = NULL;
		const int result = with_module(worker, module, action, data, &failure);

		if (result == -EOPNOTSUPP) {
			hyfw_forget(&failure);
			continue;
		}
		if (result < 0 && err)
			*err = HYFW_STEAL(failure);
		hyfw_forget(&failure);
		return result;
	}
	return -EOPNOTSUPP;
}

int hyfw_processes_pause(struct hyfw_worker *worker, bool paused, struct hyfw_error **err)
{
	struct hyfw_error *failure = NULL;
	int result = by_isolation(worker, paused, &failure);

	if (result == -EOPNOTSUPP) {
		hyfw_forget(&failure);
		result = by_security(worker, freeze, &paused, &failure);
		if (result == -EOPNOTSUPP)
			hyfw_fail(&failure, EOPNOTSUPP, "neither isolation %s nor a security module of it can "
				  "pause it; security = cgroups can", hyfw_definition_isolation(worker->definition));
	}
	if (result < 0 && err)
		*err = HYFW_STEAL(failure);
	hyfw_forget(&failure);
	hyfw_registry_rest();
	return result;
}

int hyfw_processes_kill(struct hyfw_worker *worker, struct hyfw_error **err)
{
	const int result = by_security(worker, kill_them, NULL, err);

	return result == -EOPNOTSUPP ? 0 : result;
}
