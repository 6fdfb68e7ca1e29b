/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/context.h"
#include "base/ledger.h"
#include "base/nearest.h"
#include "plugin/inspect.h"
#include "plugin/module.h"
#include "plugin/trust.h"

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hyfw_driver *loaded;
static struct hyfw_driver *inspected; /* perhaps from elsewhere than the plugin path */

/* The plugin directory, walked once. */
static struct {
	char *path;
	int fd;
} directory = { .fd = -1 };

const char *hyfw_kind_name(enum hyfw_kind kind)
{
	static const char *const names[] = { "unknown", "isolation", "network", "storage", "security" };

	return (unsigned)kind < HYFW_COUNT(names) ? names[kind] : names[0];
}

static int open_directory(struct hyfw_error **err)
{
	const struct hyfw_context *context = hyfw_context_current();
	int result, fd;

	if (!context)
		return hyfw_fail(err, EINVAL, "no context to load drivers in");
	if (directory.fd >= 0 && strcmp(directory.path, context->plugin_path) == 0)
		return 0;
	result = hyfw_trust_directory(context->plugin_path, NULL, &fd, err);
	if (result < 0)
		return hyfw_wrap(err, "plugin directory");
	free(directory.path);
	hyfw_cleanup_close(&directory.fd);
	directory.path = hyfw_dup(context->plugin_path);
	directory.fd = fd;
	return 0;
}

/* ---- names in the directory ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of all files NAME.so, sorted.  Others, such as what a package manager
 * leaves while it works, are not plugins. */
static int list_names(struct hyfw_strings *names, struct hyfw_error **err)
{
	int fd = openat(directory.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	HYFW_AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		return hyfw_fail_errno(err, errno, "plugin directory %s", directory.path);
	while ((entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);
		HYFW_AUTO_FREE char *name = NULL;

		if (length < 4 || strcmp(entry->d_name + length - 3, ".so") != 0)
			continue;
		name = hyfw_dup_n(entry->d_name, length - 3);
		if (hyfw_trust_name_ok(name))
			hyfw_strings_add(names, name);
	}
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
	return 0;
}

/* By their notes. */
static int list_kind(enum hyfw_kind kind, struct hyfw_strings *names, struct hyfw_error **err)
{
	struct hyfw_strings all = { 0 };
	int result = list_names(&all, err);
	size_t i;

	for (i = 0; result == 0 && i < all.count; i++) {
		HYFW_AUTO_ERROR struct hyfw_error *refusal = NULL;
		struct hyfw_plugin_note note;

		if (hyfw_loader_peek(directory.fd, directory.path, all.items[i], &note, &refusal) == 0 &&
		    note.kind == kind)
			hyfw_strings_add(names, all.items[i]);
	}
	hyfw_strings_finish(&all);
	return result;
}

int hyfw_registry_names(enum hyfw_kind kind, struct hyfw_strings *names, struct hyfw_error **err)
{
	int result;

	pthread_mutex_lock(&registry_lock);
	result = open_directory(err);
	if (result == 0)
		result = list_kind(kind, names, err);
	pthread_mutex_unlock(&registry_lock);
	return result;
}

/* The nearest name among the drivers of 'kind'; free(). */
static char *nearest(enum hyfw_kind kind, const char *name)
{
	HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;
	struct hyfw_strings fitting = { 0 };
	char *found = NULL;

	list_kind(kind, &fitting, &ignored);
	if (fitting.count)
		found = hyfw_dup(hyfw_nearest(name, (const char *const *)fitting.items));
	hyfw_strings_finish(&fitting);
	return found;
}

/* ---- drivers of this process ---- */

static struct hyfw_driver *find_loaded(enum hyfw_kind kind, const char *name)
{
	struct hyfw_driver *driver;

	for (driver = loaded; driver; driver = driver->next)
		if (strcmp(driver->plugin.name, name) == 0 && (!kind || driver->plugin.kind == kind))
			return driver;
	return NULL;
}

static int no_such_driver(enum hyfw_kind kind, const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *near = nearest(kind, name);

	if (near)
		return hyfw_fail(err, ENOENT, "there is no %s driver '%s'; did you mean '%s'?", hyfw_kind_name(kind),
				 name, near);
	return hyfw_fail(err, ENOENT, "there is no %s driver '%s' in %s; `hyfw plugin list` shows all",
			 hyfw_kind_name(kind), name, directory.path);
}

static int get_locked(enum hyfw_kind kind, const char *name, struct hyfw_driver **ret_driver,
		      struct hyfw_error **err)
{
	struct hyfw_driver *driver = find_loaded(kind, name);
	HYFW_AUTO_FREE char *phase = NULL;
	int result;

	if (driver) {
		*ret_driver = driver;
		return 0;
	}
	if (!hyfw_trust_name_ok(name))
		return hyfw_fail(err, EINVAL, "'%s' cannot be a driver's name: [a-z0-9_-] only", name);
	result = open_directory(err);
	if (result < 0)
		return result;
	result = hyfw_loader_load(directory.fd, directory.path, name, kind, &driver, err);
	if (result == -ENOENT) {
		hyfw_forget(err);
		return no_such_driver(kind, name, err);
	}
	if (result < 0)
		return hyfw_wrap(err, "driver %s", name);
	driver->next = loaded;
	loaded = driver;
	*ret_driver = driver;
	phase = hyfw_format("load %s", name);
	hyfw_ledger_phase(phase, 0);
	return 0;
}

int hyfw_registry_get(enum hyfw_kind kind, const char *name, struct hyfw_driver **ret_driver,
		      struct hyfw_error **err)
{
	int result;

	pthread_mutex_lock(&registry_lock);
	result = get_locked(kind, name, ret_driver, err);
	pthread_mutex_unlock(&registry_lock);
	return result;
}

static void close_all(struct hyfw_driver **drivers)
{
	struct hyfw_driver *driver;

	while ((driver = *drivers)) {
		*drivers = driver->next;
		hyfw_driver_close(driver);
		hyfw_driver_free(driver);
	}
}

void hyfw_registry_rest(void)
{
	struct hyfw_driver *driver;

	pthread_mutex_lock(&registry_lock);
	for (driver = loaded; driver; driver = driver->next)
		if (driver->plugin.kind != HYFW_KIND_ISOLATION)
			hyfw_driver_close(driver);
	pthread_mutex_unlock(&registry_lock);
}

void hyfw_registry_close(void)
{
	pthread_mutex_lock(&registry_lock);
	close_all(&loaded);
	close_all(&inspected);
	hyfw_cleanup_close(&directory.fd);
	free(directory.path);
	directory.path = NULL;
	directory.fd = -1;
	pthread_mutex_unlock(&registry_lock);
}

/* ---- reports ---- */

/* As hyfw_registry_get() of any kind, but a crash is survived. */
static int get_tried(const char *name, struct hyfw_driver **ret_driver, struct hyfw_error **err)
{
	struct hyfw_driver *driver = find_loaded(0, name);
	int result = 0;

	if (!driver) {
		result = hyfw_trial_load(directory.fd, directory.path, name, err);
		if (result == 0)
			result = hyfw_loader_load(directory.fd, directory.path, name, 0, &driver, err);
		if (result < 0)
			return result;
		driver->next = loaded;
		loaded = driver;
	}
	*ret_driver = driver;
	return 0;
}

static void make_report(const char *name, struct hyfw_plugin_report *report)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_driver *driver;

	report->name = hyfw_dup(name);
	report->path = hyfw_format("%s/%s.so", directory.path, name);
	if (get_tried(name, &driver, &err) < 0)
		report->refusal = hyfw_dup(err->message);
	else
		report->plugin = &driver->plugin;
}

static int scan_locked(struct hyfw_plugin_report **ret_reports, size_t *ret_count, struct hyfw_error **err)
{
	struct hyfw_strings names = { 0 };
	struct hyfw_plugin_report *reports;
	int result = open_directory(err);
	size_t i;

	if (result == 0)
		result = list_names(&names, err);
	if (result < 0)
		return result;
	reports = hyfw_new((names.count + 1) * sizeof(*reports));
	for (i = 0; i < names.count; i++)
		make_report(names.items[i], &reports[i]);
	*ret_reports = reports;
	*ret_count = names.count;
	hyfw_strings_finish(&names);
	return 0;
}

int hyfw_registry_scan(struct hyfw_plugin_report **ret_reports, size_t *ret_count, struct hyfw_error **err)
{
	int result;

	pthread_mutex_lock(&registry_lock);
	result = scan_locked(ret_reports, ret_count, err);
	pthread_mutex_unlock(&registry_lock);
	return result;
}

void hyfw_plugin_reports_free(struct hyfw_plugin_report *reports, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		free(reports[i].name);
		free(reports[i].path);
		free(reports[i].refusal);
	}
	free(reports);
}

/* ---- one file, looked at closely ---- */

/* 'path' split at its last slash; the name must be NAME.so. */
static int split_path(const char *path, char **ret_directory, char **ret_name, struct hyfw_error **err)
{
	const char *slash = strrchr(path, '/');
	size_t length = strlen(slash + 1);

	if (length < 4 || strcmp(slash + 1 + length - 3, ".so") != 0)
		return hyfw_fail(err, EINVAL, "%s: a plugin's file is called NAME.so", path);
	*ret_directory = slash == path ? hyfw_dup("/") : hyfw_dup_n(path, (size_t)(slash - path));
	*ret_name = hyfw_dup_n(slash + 1, length - 3);
	if (!hyfw_trust_name_ok(*ret_name))
		return hyfw_fail(err, EINVAL, "%s: a plugin's name is [a-z0-9_-]+", path);
	return 0;
}

static int inspect_in(const char *where, const char *name, struct hyfw_trust_trail *trail,
		      struct hyfw_driver **ret_driver, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *file = hyfw_format("%s.so", name);
	HYFW_AUTO_CLOSE int walked = -1, fd = -1;
	int result = hyfw_trust_directory(where, trail, &walked, err);

	if (result == 0)
		result = hyfw_trust_file(walked, where, file, trail, &fd, err);
	if (result == 0)
		result = hyfw_trial_load(walked, where, name, err);
	if (result == 0)
		result = hyfw_loader_load(walked, where, name, 0, ret_driver, err);
	return result;
}

int hyfw_plugin_inspect(const char *name_or_path, struct hyfw_trust_trail *trail, char **ret_path,
			struct hyfw_driver **ret_driver, struct hyfw_error **err)
{
	const struct hyfw_context *context = hyfw_context_current();
	HYFW_AUTO_FREE char *where = NULL, *name = NULL;
	struct hyfw_driver *driver = NULL;
	int result;

	if (strchr(name_or_path, '/')) {
		result = split_path(name_or_path, &where, &name, err);
		if (result < 0)
			return result;
	} else if (!hyfw_trust_name_ok(name_or_path)) {
		return hyfw_fail(err, EINVAL, "'%s' cannot be a driver's name: [a-z0-9_-] only", name_or_path);
	} else {
		where = hyfw_dup(context->plugin_path);
		name = hyfw_dup(name_or_path);
	}
	*ret_path = hyfw_format("%s/%s.so", where, name);
	result = inspect_in(where, name, trail, &driver, err);
	if (result == -ENOENT && !strchr(name_or_path, '/')) {
		hyfw_forget(err);
		return hyfw_fail(err, ENOENT, "there is no driver '%s' in %s; `hyfw plugin list` shows all", name, where);
	}
	if (result < 0)
		return result;
	pthread_mutex_lock(&registry_lock);
	driver->next = inspected;
	inspected = driver;
	pthread_mutex_unlock(&registry_lock);
	*ret_driver = driver;
	return 0;
}
