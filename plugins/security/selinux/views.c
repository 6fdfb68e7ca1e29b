/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw selinux`: what there is, read only. */
#include "selinux.h"

#include <dirent.h>
#include <errno.h>
#include <selinux/selinux.h>
#include <sys/stat.h>

#define STORE "/var/lib/selinux" /* semodule(8), --store-path */
#define PAIRS_MOST 4096

struct result {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	struct hyfw_pair *items;
	size_t count;
};

static void add(struct result *result, const char *key, const char *value)
{
	if (value && result->count < PAIRS_MOST)
		result->items[result->count++] =
			(struct hyfw_pair){ key, result->host->format(result->arena, "%s", value) };
}

/* ---- status ---- */

static const char *configured_mode(void)
{
	int mode;

	if (selinux_getenforcemode(&mode) < 0)
		return NULL;
	return mode == 1 ? "enforcing" : mode == 0 ? "permissive" : "disabled";
}

static void status(const struct view *view, struct result *result)
{
	const enum mode mode = policy_mode();
	char *type = NULL;

	add(result, "mode", mode_name(mode));
	add(result, "configured_mode", configured_mode());
	/* Without a configuration libselinux names one that is not there. */
	if (selinux_getpolicytype(&type) == 0 && access(selinux_policy_root(), F_OK) == 0)
		add(result, "policy", type);
	free(type);
	if (mode == MODE_DISABLED)
		return;
	add(result, "policy_version", view->host->format(result->arena, "%d", security_policyvers()));
	add(result, "levels", policy_has_levels() ? "yes" : "no");
	add(result, "unknown_permissions", security_deny_unknown() == 1 ? "denied" : "allowed");
	add(result, "label_of_hyfw", policy_own_label(view->host, result->arena));
	add(result, "pairs_in_use", view->host->format(result->arena, "%zu", pairs_count(view->directory)));
}

/* ---- contexts ---- */

static void context(struct result *result, const char *name, const char *type, const char *base)
{
	struct label label;
	const char *text = base;

	if (type && *type && label_parse(result->host, result->arena, base, &label)) {
		label.type = type;
		text = label_text(result->host, result->arena, &label);
	}
	add(result, "row", name);
	add(result, "context", text);
	if (policy_mode() != MODE_DISABLED)
		add(result, "known", policy_knows(text) ? "yes" : "no");
}

static int contexts_view(const struct view *view, struct result *result, struct hyfw_error **err)
{
	struct contexts contexts;
	int r = contexts_of_policy(view->host, result->arena, &contexts, err);

	if (r < 0)
		return r;
	context(result, "container", view->types->container, contexts.process);
	context(result, "privileged", view->types->privileged, contexts.process);
	context(result, "files", view->types->file, contexts.file);
	context(result, "machine", view->types->machine, contexts.machine);
	context(result, "emulated", view->types->emulator, contexts.emulator);
	context(result, "disk", view->types->image, contexts.image);
	return 0;
}

/* ---- booleans ---- */

static int booleans(const struct view *view, struct result *result, struct hyfw_error **err)
{
	char **names = NULL;
	int count = 0, i;

	if (security_get_boolean_names(&names, &count) < 0)
		return view->host->fail(err, errno, "the booleans of the SELinux policy: %s", strerror(errno));
	for (i = 0; i < count; i++) {
		const int now = security_get_boolean_active(names[i]), next = security_get_boolean_pending(names[i]);

		add(result, "row", names[i]);
		add(result, "value", now == 1 ? "on" : now == 0 ? "off" : "unknown");
		if (now != next)
			add(result, "pending", next == 1 ? "on" : "off");
		free(names[i]);
	}
	free(names);
	return 0;
}

/* ---- policy ---- */

/* Directories of modules/PRIORITY, each a module. */
static void modules_of(struct result *result, const char *modules, const char *priority)
{
	const char *path = result->host->format(result->arena, "%s/%s", modules, priority);
	struct dirent *entry;
	DIR *stream = opendir(path);

	while (stream && (entry = readdir(stream))) {
		if (entry->d_name[0] == '.')
			continue;
		add(result, "row", entry->d_name);
		add(result, "priority", priority);
		add(result, "enabled",
		    access(result->host->format(result->arena, "%s/disabled/%s", modules, entry->d_name), F_OK) == 0 ? "no"
														      : "yes");
	}
	if (stream)
		closedir(stream);
}

static int policy(const struct view *view, struct result *result, struct hyfw_error **err)
{
	const char *modules;
	struct dirent *entry;
	char *type = NULL;
	DIR *stream;

	if (selinux_getpolicytype(&type) < 0)
		return view->host->fail(err, ENOENT, "this host has no SELinux policy");
	modules = view->host->format(result->arena, STORE "/%s/active/modules", type);
	free(type);
	stream = opendir(modules);
	if (!stream && errno == ENOENT)
		return view->host->fail(err, ENOENT, "this host has no SELinux policy: there is no %s", modules);
	if (!stream)
		return view->host->fail(err, errno, "%s: %s", modules, strerror(errno));
	while ((entry = readdir(stream)))
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			modules_of(result, modules, entry->d_name);
	closedir(stream);
	return 0;
}

int views_operate(const struct view *view, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		  struct hyfw_error **err)
{
	struct result result = { view->host, operation->arena, NULL, 0 };
	int r = 0;

	result.items = view->host->alloc(operation->arena, PAIRS_MOST * sizeof(*result.items));
	if (strcmp(operation->verb, "status") == 0)
		status(view, &result);
	else if (strcmp(operation->verb, "contexts") == 0)
		r = contexts_view(view, &result, err);
	else if (strcmp(operation->verb, "booleans") != 0 && strcmp(operation->verb, "policy") != 0)
		return view->host->fail(err, ENOTSUP, "there is no operation %s", operation->verb);
	else if (policy_mode() == MODE_DISABLED && strcmp(operation->verb, "booleans") == 0)
		return view->host->fail(err, ENOENT, "SELinux is off on this host, so there are no booleans");
	else
		r = strcmp(operation->verb, "booleans") == 0 ? booleans(view, &result, err) : policy(view, &result, err);
	if (r == 0) {
		ret_result->count = result.count;
		ret_result->items = result.items;
	}
	return r;
}
