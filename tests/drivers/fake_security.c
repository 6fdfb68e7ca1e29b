/* SPDX-License-Identifier: BSD-3-Clause
 * A security module that only pretends; see fake.h. */
#include <fcntl.h>
#include <hyfw/security.h>
#include <stdio.h>
#include <unistd.h>

#include "fake.h"

#ifndef CONFINES
#define CONFINES HYFW_CONFINES_PRIVILEGES
#endif
#ifndef NAME
#define NAME "fake-security"
#endif

static int open_security(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			 struct hyfw_error **err)
{
	return fake_open(host, NAME, settings, ret_instance, err);
}

static int plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *the_plan,
		struct hyfw_arena *arena, struct hyfw_error **err)
{
	(void)arena;
	return fake_step(instance, the_plan, "guard", subject->name, HYFW_LIFETIME_RUN, err);
}

static int confine(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
		   struct hyfw_arena *arena, struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	(void)subject;
	(void)record;
	(void)arena;
	confinement->no_new_privileges = true;
	return fake_fails(instance, "confine", err);
}

static int update(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
		  struct hyfw_error **err)
{
	(void)subject;
	(void)record;
	return fake_fails(instance, "update", err);
}

/* Pretends: the file "frozen" stands for it. */
static int freeze(void *instance, const struct hyfw_map *record, bool frozen, struct hyfw_error **err)
{
	struct fake *fake = instance;
	const char *directory = fake->host->directory(fake->driver, HYFW_DIRECTORY_RUNTIME);
	char path[4096];

	(void)record;
	snprintf(path, sizeof(path), "%s/frozen", directory);
	if (frozen)
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	else
		unlink(path);
	return fake_fails(fake, "freeze", err);
}

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.probe = fake_probe,
	.open = open_security,
	.check = fake_check,
	.plan = plan,
	.apply = fake_apply,
	.undo = fake_undo,
	.gc = fake_gc,
	.close = fake_close,
};
static const struct hyfw_security_ops ops = { .size = sizeof(ops), .confine = confine, .freeze = freeze, .update = update };
static const struct hyfw_option options[] = { FAKE_OPTIONS };
static const char *const capabilities[] = { CONFINES, NULL };

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_SECURITY,
	.name = NAME,
	.version = "1",
	.vendor = "hyfw tests",
	.summary = "a guard that is not there",
	.capabilities = capabilities,
	.options = options,
	.option_stride = sizeof(options[0]),
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};
HYFW_PLUGIN_EXPORT(HYFW_KIND_SECURITY, 0, plugin)
