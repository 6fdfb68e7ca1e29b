/* SPDX-License-Identifier: BSD-3-Clause
 * Loads plugins through libltdl, with a loader of our own in the place of
 * libltdl's: that one binds lazily, loses the reason of a failure, and opens by
 * name what was checked by descriptor. */
#include "plugin/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <ltdl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "plugin/note.h"
#include "plugin/registry.h"
#include "plugin/trust.h"

#define LOADER_NAME "hyfw"

/* libltdl is not thread-safe and hands its loaders nothing but a path, so one
 * load at a time leaves its descriptor here and finds its error here. */
static pthread_mutex_t loader_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	const char *path;
	int fd;
	char *refusal; /* what dlerror() said, at once */
	void *symbol;  /* what our loader found */
} pending;

/* By the descriptor that was checked.  glibc compares names first: while the
 * descriptor is open, no other file can come to have this name. */
static lt_module open_module(lt_user_data data, const char *filename, lt_dladvise advise)
{
	char name[64];
	void *module;

	(void)data;
	(void)advise;
	if (!pending.path || strcmp(filename, pending.path) != 0)
		return NULL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", pending.fd);
	module = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!module) {
		const char *reason = dlerror();
		size_t prefix = strlen(name);

		if (!reason)
			reason = "dlopen failed";
		if (strncmp(reason, name, prefix) == 0 && strncmp(reason + prefix, ": ", 2) == 0)
			reason += prefix + 2;
		free(pending.refusal);
		pending.refusal = hyfw_dup(reason);
	}
	return module;
}

static int close_module(lt_user_data data, lt_module module)
{
	(void)data;
	return dlclose(module);
}

/* libltdl also asks for NAME_LTX_SYMBOL; there is but one symbol. */
static void *find_symbol(lt_user_data data, lt_module module, const char *symbol)
{
	(void)data;
	if (strcmp(symbol, HYFW_PLUGIN_ENTRY) != 0)
		return NULL;
	pending.symbol = dlsym(module, symbol);
	return pending.symbol;
}

static const lt_dlvtable our_loader = {
	.name = LOADER_NAME,
	.module_open = open_module,
	.module_close = close_module,
	.find_sym = find_symbol,
	.priority = LT_DLLOADER_PREPEND,
};

/* Ours in the place of lt_dlopen.  libltdl does not let go of lt_preopen, which
 * knows no files: what it might find is not taken, see open_locked(). */
static int replace_loaders(struct hyfw_error **err)
{
	lt_dlvtable *theirs = lt_dlloader_remove("lt_dlopen");
	lt_dlloader loader = NULL;

	if (!theirs)
		return hyfw_fail(err, EIO, "libltdl: its own loader cannot be removed");
	free(theirs); /* as lt_dlexit() would */
	if (lt_dlloader_add(&our_loader) != 0)
		return hyfw_fail(err, EIO, "libltdl: %s", lt_dlerror());
	while ((loader = lt_dlloader_next(loader))) {
		const lt_dlvtable *table = lt_dlloader_get(loader);

		if (table != &our_loader && strcmp(table->name, "lt_preopen") != 0)
			return hyfw_fail(err, EIO, "libltdl: an unexpected loader %s is active", table->name);
	}
	return 0;
}

static int set_up(struct hyfw_error **err)
{
	static bool done;
	int result;

	if (done)
		return 0;
	if (lt_dlinit() != 0)
		return hyfw_fail(err, EIO, "libltdl: %s", lt_dlerror());
	result = replace_loaders(err);
	done = result == 0;
	return result;
}

/* dlopen and the entry point; the lock is held. */
static int open_locked(const char *path, int fd, const struct hyfw_plugin **ret_plugin, struct hyfw_error **err)
{
	hyfw_plugin_entry_fn entry;
	lt_dlhandle handle;
	int result = set_up(err);

	if (result < 0)
		return result;
	pending.path = path;
	pending.fd = fd;
	handle = lt_dlopen(path);
	pending.path = NULL;
	if (!handle) {
		HYFW_AUTO_FREE char *refusal = HYFW_STEAL(pending.refusal);

		return hyfw_fail(err, ELIBBAD, "cannot be loaded: %s", refusal ? refusal : lt_dlerror());
	}
	pending.symbol = NULL;
	*(void **)&entry = lt_dlsym(handle, HYFW_PLUGIN_ENTRY);
	if (!entry || *(void **)&entry != pending.symbol)
		return hyfw_fail(err, EPROTO, "does not export " HYFW_PLUGIN_ENTRY);
	*ret_plugin = entry();
	return 0;
}

static int open_file(int directory_fd, const char *directory, const char *name, char **ret_path, int *ret_fd,
		     struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *file = hyfw_format("%s.so", name);

	*ret_path = hyfw_format("%s/%s", directory, file);
	return hyfw_trust_file(directory_fd, directory, file, NULL, ret_fd, err);
}

static int check_kind(const struct hyfw_plugin_note *note, unsigned kind, struct hyfw_error **err)
{
	if (!kind || note->kind == kind)
		return 0;
	return hyfw_fail(err, EINVAL, "is a driver for %s, not for %s", hyfw_kind_name(note->kind),
			 hyfw_kind_name(kind));
}

int hyfw_loader_load(int directory_fd, const char *directory, const char *name, unsigned kind,
		     struct hyfw_driver **ret_driver, struct hyfw_error **err)
{
	const struct hyfw_plugin *plugin = NULL;
	HYFW_AUTO_FREE char *path = NULL;
	struct hyfw_plugin_note note;
	struct hyfw_driver *driver;
	HYFW_AUTO_CLOSE int fd = -1;
	int result;

	result = open_file(directory_fd, directory, name, &path, &fd, err);
	if (result == 0)
		result = hyfw_note_check(fd, &note, err);
	if (result == 0)
		result = check_kind(&note, kind, err);
	if (result < 0)
		return result;
	pthread_mutex_lock(&loader_lock);
	result = open_locked(path, fd, &plugin, err);
	pthread_mutex_unlock(&loader_lock);
	if (result < 0)
		return result;
	hyfw_steal_fd(&fd); /* stays open as long as the code is mapped, see open_module() */
	driver = hyfw_new(sizeof(*driver));
	driver->path = HYFW_STEAL(path);
	result = hyfw_contract_check(plugin, &note, name, driver, err);
	if (result < 0) {
		hyfw_driver_free(driver);
		return result;
	}
	*ret_driver = driver;
	return 0;
}

void hyfw_driver_free(struct hyfw_driver *driver)
{
	if (!driver)
		return;
	hyfw_pairs_finish(&driver->settings);
	free(driver->options);
	free(driver->path);
	free(driver);
}

int hyfw_loader_peek(int directory_fd, const char *directory, const char *name,
		     struct hyfw_plugin_note *ret_note, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = NULL;
	HYFW_AUTO_CLOSE int fd = -1;
	int result = open_file(directory_fd, directory, name, &path, &fd, err);

	return result < 0 ? result : hyfw_note_check(fd, ret_note, err);
}
