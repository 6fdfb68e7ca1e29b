/* SPDX-License-Identifier: BSD-3-Clause
 * A storage driver to copy: volumes that are directories of its own.  Small, but
 * whole: options, probe, plan, steps that can be undone, notes, gc.
 *
 *     [volume cache]
 *     driver = scratch
 *     mode = 0750
 *
 * Rules that it keeps and yours must, too (hyfw/plugin.h tells all of them):
 *   - plan() changes nothing; what apply() needs travels in the step's arguments;
 *   - note what undo() needs before making the change;
 *   - undo() may run in another process, after a crash, twice: "already gone" is
 *     success, and only what is ours is removed;
 *   - text that is given back lives in the arena; nothing is printed. */
#include <hyfw/storage.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DRIVER "scratch"
#define VERB_MAKE "make-directory"

struct scratch {
	const struct hyfw_host *host;
	int64_t mode; /* for volumes that do not say */
};

/* ---- life ---- */

static int scratch_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
			 struct hyfw_error **err)
{
	(void)err;
	if (geteuid() != 0) {
		ret_probe->result = HYFW_PROBE_DEGRADED;
		ret_probe->reason = host->format(arena, "not root: volumes belong to user %u", (unsigned)geteuid());
	}
	return 0;
}

static int scratch_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			struct hyfw_error **err)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return host->fail(err, ENOMEM, "out of memory");
	scratch->host = host;
	scratch->mode = strtol(hyfw_map_get(settings, "mode") ? hyfw_map_get(settings, "mode") : "0755", NULL, 8);
	*ret_instance = scratch;
	return 0;
}

static void scratch_close(void *instance)
{
	free(instance);
}

/* ---- steps ---- */

static int scratch_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	struct scratch *scratch = instance;
	const char *mode = hyfw_map_get(&subject->settings, "mode");

	if (subject->kind != HYFW_SUBJECT_VOLUME)
		return scratch->host->fail(err, EINVAL, "keeps volumes only, no root file systems");
	if (mode && (strlen(mode) > 4 || strspn(mode, "01234567") != strlen(mode)))
		return scratch->host->fail(err, EINVAL, "mode %s: must be octal, at most 7777", mode);
	return 0;
}

static int scratch_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			struct hyfw_arena *arena, struct hyfw_error **err)
{
	struct scratch *scratch = instance;
	const struct hyfw_host *host = scratch->host;
	const char *mode = hyfw_map_get(&subject->settings, "mode");
	char *path = host->format(arena, "%s/%s", host->directory(DRIVER, HYFW_DIRECTORY_DATA), subject->name);
	const struct hyfw_pair args[] = {
		{ "path", path },
		{ "mode", mode ? mode : host->format(arena, "%04o", (unsigned)scratch->mode) },
	};
	const struct hyfw_step step = {
		.size = sizeof(step),
		.verb = VERB_MAKE,
		.object = host->format(arena, "directory %s", path),
		.summary = host->format(arena, "make directory %s for volume %s", path, subject->name),
		.commands = host->format(arena, "mkdir -m %s %s", args[1].value, path),
		.lifetime = HYFW_LIFETIME_SHARED,
		.args = { sizeof(args) / sizeof(args[0]), args },
	};

	return host->plan_step(plan, &step, err);
}

static int scratch_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct scratch *scratch = instance;
	const char *path = hyfw_map_get(&call->step->args, "path");
	mode_t mode = (mode_t)strtol(hyfw_map_get(&call->step->args, "mode"), NULL, 8);
	struct stat st;
	int result;

	/* One that holds data of an earlier run stays when this step is undone. */
	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	result = scratch->host->note(call, "made", path, err);
	if (result < 0)
		return result;
	if ((mkdir(path, mode) < 0 && errno != EEXIST) || chmod(path, mode) < 0)
		return scratch->host->fail(err, errno, "make %s: %s", path, strerror(errno));
	return 0;
}

static int scratch_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct scratch *scratch = instance;
	const char *path = hyfw_map_get(&call->record, "made");

	if (!path || rmdir(path) == 0 || errno == ENOENT || errno == ENOTEMPTY)
		return 0; /* never made, gone already, or in use: data is never deleted by undo */
	return scratch->host->fail(err, errno, "remove %s: %s", path, strerror(errno));
}

/* ---- storage ---- */

static int scratch_attachment(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
			      struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment,
			      struct hyfw_error **err)
{
	struct scratch *scratch = instance;
	const char *directory = scratch->host->directory(DRIVER, HYFW_DIRECTORY_DATA);

	(void)record;
	if (subject->kind != HYFW_SUBJECT_VOLUME)
		return scratch->host->fail(err, EINVAL, "keeps volumes only, no root file systems");
	ret_attachment->kind = HYFW_ATTACHMENT_BIND;
	ret_attachment->flags = HYFW_ATTACH_NOSUID | HYFW_ATTACH_NODEV;
	if (subject->idmap.count)
		ret_attachment->flags |= HYFW_ATTACH_IDMAP;
	ret_attachment->source = scratch->host->format(arena, "%s/%s", directory, subject->name);
	ret_attachment->source_fd = -1;
	return 0;
}

/* ---- what hyfw is told of this driver ---- */

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.probe = scratch_probe,
	.open = scratch_open,
	.check = scratch_check,
	.plan = scratch_plan,
	.apply = scratch_apply,
	.undo = scratch_undo,
	.close = scratch_close,
};

static const struct hyfw_storage_ops ops = {
	.size = sizeof(ops),
	.attachment = scratch_attachment,
};

static const char *const capabilities[] = { HYFW_GIVES_MOUNT, HYFW_KEEPS_VOLUMES, NULL };

static const struct hyfw_option options[] = {
	{
		.name = "mode",
		.scope = HYFW_SCOPE_VOLUME,
		.type = HYFW_OPTION_STRING,
		.help = "Mode of the volume's directory, octal",
	},
	{
		.name = "mode",
		.scope = HYFW_SCOPE_PLUGIN,
		.type = HYFW_OPTION_STRING,
		.fallback = "0755",
		.help = "Mode of volumes that do not say one, octal",
	},
	{ 0 },
};

static const char *const honours[] = { "volume.driver", "workload.volume", NULL };

static const struct hyfw_plugin scratch_plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(scratch_plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.min_host_minor = 0,
	.kind = HYFW_KIND_STORAGE,
	.name = DRIVER, /* as its file is called */
	.version = "1.0",
	.vendor = "Example",
	.summary = "volumes that are plain directories",
	.capabilities = capabilities,
	.options = options,
	.option_stride = sizeof(options[0]),
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_STORAGE, 0, scratch_plugin)
