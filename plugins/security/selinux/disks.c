/* SPDX-License-Identifier: BSD-3-Clause
 * Files that a machine uses, which QEMU opens by their paths as it runs: each disk has the label
 * of the machine alone, what it is based on and what is only read the one that all machines may
 * read.  A step for each, undone when the machine ends or lets go of the disk: their labels are
 * others' only as long as their owners are. */
#include "selinux.h"

#include <errno.h>

#define ARGUMENT_PART "part" /* "root", "disk1": what users/NAME@PART is for */
#define PART_BOOT "boot"

static const char *user_of(const struct instance *instance, struct hyfw_arena *arena, const char *workload,
			   const char *part)
{
	return instance->host->format(arena, "%s@%s", workload, part);
}

/* ---- plan ---- */

static bool is_read_only(const struct hyfw_subject *subject)
{
	const char *device = hyfw_map_get(&subject->disk, "device");

	return hyfw_map_bool(&subject->disk, "read_only", device && strcmp(device, "cdrom") == 0);
}

int disk_plan(const struct instance *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
	      struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = instance->host;
	const bool root = subject->kind == HYFW_SUBJECT_ROOT;
	struct hyfw_step step = { sizeof(step), .verb = VERB_DISK, .lifetime = HYFW_LIFETIME_RUN };
	struct hyfw_pair pairs[ARGUMENTS_MOST];
	struct labels labels;
	int result;

	if (!selinux_is_active(&subject->settings) || runs_of(subject) == RUNS_CONTAINER)
		return 0;
	result = labels_decide(instance, arena, &subject->settings, runs_of(subject), NULL, &labels, err);
	if (result < 0)
		return result;
	step.args.count = label_arguments(subject, subject->workload, pairs);
	pairs[step.args.count++] = (struct hyfw_pair){
		ARGUMENT_PART, root ? "root" : host->format(arena, "disk%u", subject->index + 1) };
	step.args.items = pairs;
	step.object = root ? host->format(arena, "label of the root disk of %s", subject->workload)
			   : host->format(arena, "label of disk %s of %s", subject->name, subject->workload);
	step.summary = host->format(arena, "give %s the label %s", root ? "the root disk" : subject->name,
				    is_read_only(subject) ? labels.content : labels.files);
	return host->plan_step(plan, &step, err);
}

/* ---- apply ---- */

static int take(const struct instance *instance, struct hyfw_arena *arena, const char *user, const char *path,
		enum need need, const struct labels *labels, struct hyfw_error **err)
{
	const struct volumes volumes = volumes_of(instance);
	const bool own = need == NEED_WRITE;
	const struct volume volume = { path, own ? labels->files : labels->content, own, need, labels->process };

	return volume_take(&volumes, arena, user, &volume, err);
}

int disk_apply(const struct instance *instance, struct hyfw_call *call, const char *workload, struct hyfw_error **err)
{
	const struct hyfw_map *args = &call->step->args;
	const char *part = hyfw_map_get(args, ARGUMENT_PART), *pair, *user;
	const struct hyfw_attachment *disk = call->disk;
	struct labels labels;
	size_t i;
	int result;

	if (!part || !disk || !disk->source)
		return instance->host->fail(err, EINVAL, "the step does not name its disk");
	pair = pair_of(instance->host, call->arena, selinux_directory(instance), workload);
	result = labels_decide(instance, call->arena, args, runs_of_step(args), pair, &labels, err);
	user = user_of(instance, call->arena, workload, part);
	if (result == 0)
		result = take(instance, call->arena, user, disk->source,
			      disk->flags & HYFW_ATTACH_READ_ONLY ? NEED_READ : NEED_WRITE, &labels, err);
	for (i = 0; result == 0 && disk->lower && disk->lower[i]; i++)
		result = take(instance, call->arena, user, disk->lower[i], NEED_READ, &labels, err);
	return result;
}

int boot_apply(const struct instance *instance, struct hyfw_call *call, const char *workload,
	       const struct labels *labels, struct hyfw_error **err)
{
	static const char *const keys[] = { "kernel", "initrd" };
	const char *user = user_of(instance, call->arena, workload, PART_BOOT), *path;
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < sizeof(keys) / sizeof(keys[0]); i++) {
		path = hyfw_map_get(&call->step->args, keys[i]);
		/* What is not here is another host's, or QEMU tells of it. */
		if (path && access(path, F_OK) == 0)
			result = take(instance, call->arena, user, path, NEED_MAP, labels, err);
		if (result < 0)
			instance->host->wrap(err, "%s", keys[i]);
	}
	return result;
}

/* ---- undo ---- */

static int drop(const struct instance *instance, struct hyfw_call *call, const char *workload, const char *part,
		struct hyfw_error **err)
{
	const struct volumes volumes = volumes_of(instance);

	return volumes_drop(&volumes, call->arena, user_of(instance, call->arena, workload, part), false, err);
}

int disk_undo(const struct instance *instance, struct hyfw_call *call, const char *workload, struct hyfw_error **err)
{
	const char *part = hyfw_map_get(&call->step->args, ARGUMENT_PART);

	return part && !strchr(part, '/') ? drop(instance, call, workload, part, err) : 0;
}

int boot_undo(const struct instance *instance, struct hyfw_call *call, const char *workload, struct hyfw_error **err)
{
	return runs_of_step(&call->step->args) == RUNS_CONTAINER ? 0 : drop(instance, call, workload, PART_BOOT, err);
}
