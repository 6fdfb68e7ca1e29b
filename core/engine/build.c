/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/hosts.h"
#include "engine/plan.h"
#include "engine/shared.h"
#include "engine/store.h"
#include "engine/systemd.h"

#define MOUNT_LIMIT 120
#define DISK_LIMIT 64 /* and their descriptors fit into struct hyfw_fds with the mounts' */

void hyfw_fds_close(struct hyfw_fds *fds)
{
	while (fds->count > 0)
		close(fds->items[--fds->count]);
}

/* ---- argv and environment ---- */

static const char *const *build_argv(const struct hyfw_map *settings, struct hyfw_arena *arena)
{
	const char **argv = hyfw_arena_alloc(arena, (settings->count + 1) * sizeof(*argv));
	const char *word;
	size_t count = 0, cursor = 0;

	while ((word = hyfw_map_next(settings, "entrypoint", &cursor)))
		argv[count++] = word;
	cursor = 0;
	while ((word = hyfw_map_next(settings, "command", &cursor)))
		argv[count++] = word;
	return argv;
}

/* Adds KEY=VALUE, replacing an earlier KEY. */
static void put_variable(const char **variables, size_t *count, const char *variable)
{
	const size_t key = strcspn(variable, "=") + 1;
	size_t i;

	for (i = 0; i < *count; i++) {
		if (strncmp(variables[i], variable, key) == 0) {
			variables[i] = variable;
			return;
		}
	}
	variables[(*count)++] = variable;
}

const char *const *hyfw_build_environment(const struct hyfw_definition *definition, bool terminal,
					  const char *const *extra, struct hyfw_arena *arena)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char **variables, *value;
	size_t count = 0, cursor = 0, extras = 0;

	while (extra && extra[extras])
		extras++;
	variables = hyfw_arena_alloc(arena, (settings.count + extras + 8) * sizeof(*variables));
	put_variable(variables, &count, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	put_variable(variables, &count, "container=hyfw");
	if (terminal)
		put_variable(variables, &count, "TERM=xterm");
	while ((value = hyfw_map_next(&settings, "image_env", &cursor)))
		put_variable(variables, &count, value);
	cursor = 0;
	while ((value = hyfw_map_next(&settings, "env", &cursor)))
		put_variable(variables, &count, value);
	for (extras = 0; extra && extra[extras]; extras++)
		put_variable(variables, &count, extra[extras]);
	return variables;
}

/* ---- attachments ---- */

static int attach(const struct hyfw_definition *definition, const char *driver_name,
		  const struct hyfw_subject *subject, const struct hyfw_pairs *record,
		  struct hyfw_arena *arena, struct hyfw_fds *fds, struct hyfw_attachment *ret_attachment,
		  struct hyfw_error **err)
{
	const struct hyfw_map map = hyfw_pairs_map(record);
	struct hyfw_driver *driver;
	int result = hyfw_definition_driver(definition, HYFW_KIND_STORAGE, driver_name, &driver, err);

	memset(ret_attachment, 0, sizeof(*ret_attachment));
	ret_attachment->size = sizeof(*ret_attachment);
	ret_attachment->source_fd = -1;
	if (result == 0)
		result = hyfw_storage_attachment(driver, subject, &map, arena, ret_attachment, err);
	if (ret_attachment->source_fd >= 0)
		fds->items[fds->count++] = ret_attachment->source_fd;
	return result;
}

static int build_root(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
		      const struct hyfw_journal *run, struct hyfw_arena *arena, struct hyfw_fds *fds,
		      struct hyfw_workload *workload, struct hyfw_error **err)
{
	const char *driver = hyfw_definition_storage(definition);
	const struct hyfw_subject subject = hyfw_subject_root(definition);
	struct hyfw_pairs record = { 0 };
	int result;

	workload->root.size = sizeof(workload->root);
	workload->root.source_fd = -1;
	if (!driver)
		return 0;
	hyfw_journal_record(run, HYFW_KIND_STORAGE, driver, definition->name, &record);
	if (persistent)
		hyfw_journal_record(persistent, HYFW_KIND_STORAGE, driver, definition->name, &record);
	result = attach(definition, driver, &subject, &record, arena, fds, &workload->root, err);
	workload->root.target = "/";
	if (workload->read_only)
		workload->root.flags |= HYFW_ATTACH_READ_ONLY;
	hyfw_pairs_finish(&record);
	return result;
}

static int build_volume(const struct hyfw_definition *definition, const struct hyfw_use *use,
			struct hyfw_arena *arena, struct hyfw_fds *fds, struct hyfw_attachment *mount,
			struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_volume(definition, use);
	struct hyfw_pairs record = { 0 };
	int result = 0;

	if (!use->anonymous)
		result = hyfw_shared_record("volume", use->name, &record, err);
	if (result == 0)
		result = attach(definition, use->driver, &subject, &record, arena, fds, mount, err);
	hyfw_pairs_finish(&record);
	if (result == 0) {
		mount->target = use->target;
		mount->flags |= use->read_only ? HYFW_ATTACH_READ_ONLY : 0;
	}
	return result < 0 ? hyfw_wrap(err, "volume %s", use->name) : 0;
}

int hyfw_build_volume_paths(const struct hyfw_definition *definition, struct hyfw_arena *arena, struct hyfw_map *ret_paths,
			    struct hyfw_error **err)
{
	struct hyfw_pair *pairs = hyfw_arena_alloc(arena, (definition->volume_count + 1) * sizeof(*pairs));
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < definition->volume_count; i++) {
		struct hyfw_attachment mount;
		struct hyfw_fds fds = { 0 };

		result = build_volume(definition, &definition->volumes[i], arena, &fds, &mount, err);
		hyfw_fds_close(&fds);
		pairs[i] = (struct hyfw_pair){ definition->volumes[i].name, result == 0 ? mount.source : NULL };
	}
	if (result == 0)
		*ret_paths = (struct hyfw_map){ definition->volume_count, pairs };
	return result;
}

int hyfw_build_layer_paths(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
			   const struct hyfw_journal *run, struct hyfw_arena *arena, struct hyfw_map *ret_paths,
			   struct hyfw_error **err)
{
	struct hyfw_workload workload = { 0 };
	struct hyfw_fds fds = { 0 };
	struct hyfw_pair *pairs;
	size_t count = 0, i;
	int result = build_root(definition, persistent, run, arena, &fds, &workload, err);

	hyfw_fds_close(&fds);
	while (result == 0 && workload.root.kind == HYFW_ATTACHMENT_OVERLAY && workload.root.lower && workload.root.lower[count])
		count++;
	pairs = hyfw_arena_alloc(arena, (count + 1) * sizeof(*pairs));
	for (i = 0; i < count; i++)
		pairs[i] = (struct hyfw_pair){ "layer", workload.root.lower[i] };
	*ret_paths = (struct hyfw_map){ count, pairs };
	return result;
}

/* What the disk's own steps noted, then what those of its volume did. */
static int disk_record(const struct hyfw_use *use, size_t disk, const struct hyfw_journal *run,
		       struct hyfw_pairs *record, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *subject = hyfw_format("disk %zu", disk);

	hyfw_journal_record(run, HYFW_KIND_STORAGE, use->driver, subject, record);
	return use->anonymous ? 0 : hyfw_shared_record("volume", use->name, record, err);
}

int hyfw_build_disk(const struct hyfw_definition *definition, size_t disk, const struct hyfw_journal *run,
		    struct hyfw_arena *arena, struct hyfw_fds *fds, struct hyfw_attachment *ret_disk,
		    struct hyfw_error **err)
{
	const struct hyfw_use *use = &definition->disks[disk];
	const struct hyfw_subject subject = hyfw_subject_disk(definition, disk);
	struct hyfw_pairs record = { 0 };
	int result = disk_record(use, disk, run, &record, err);

	if (result == 0)
		result = attach(definition, use->driver, &subject, &record, arena, fds, ret_disk, err);
	hyfw_pairs_finish(&record);
	if (result < 0)
		return hyfw_wrap(err, "disk %s", use->name);
	if (ret_disk->kind != HYFW_ATTACHMENT_BLOCK)
		return hyfw_fail(err, EPROTO, "disk %s: storage %s did not give a disk", use->name, use->driver);
	if (use->read_only)
		ret_disk->flags |= HYFW_ATTACH_READ_ONLY;
	if (ret_disk->options.count == 0)
		ret_disk->options = subject.disk;
	return 0;
}

int hyfw_build_labelled(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
			const struct hyfw_journal *run, const struct hyfw_planned *planned, struct hyfw_arena *arena,
			const struct hyfw_attachment **ret_disk, struct hyfw_error **err)
{
	struct hyfw_attachment *disk = hyfw_arena_alloc(arena, sizeof(*disk));
	struct hyfw_workload workload = { 0 };
	struct hyfw_fds fds = { 0 };
	int result;

	if (planned->about == HYFW_SUBJECT_ROOT) {
		result = build_root(definition, persistent, run, arena, &fds, &workload, err);
		*disk = workload.root;
	} else {
		result = hyfw_build_disk(definition, planned->index, run, arena, &fds, disk, err);
	}
	hyfw_fds_close(&fds);
	disk->source_fd = -1;
	if (result == 0)
		*ret_disk = disk;
	return result;
}

static int build_disks(const struct hyfw_definition *definition, const struct hyfw_journal *run,
		       struct hyfw_arena *arena, struct hyfw_fds *fds, struct hyfw_workload *workload,
		       struct hyfw_error **err)
{
	struct hyfw_attachment *disks = hyfw_arena_alloc(arena, (definition->disk_count + 1) * sizeof(*disks));
	size_t i;
	int result = 0;

	if (definition->disk_count > DISK_LIMIT)
		return hyfw_fail(err, E2BIG, "more than %d disks", DISK_LIMIT);
	for (i = 0; result == 0 && i < definition->disk_count; i++)
		result = hyfw_build_disk(definition, i, run, arena, fds, &disks[i], err);
	workload->disks = disks;
	workload->disk_count = definition->disk_count;
	return result;
}

/* ---- endpoints ---- */

void hyfw_build_endpoint(const struct hyfw_definition *definition, size_t network, const struct hyfw_journal *run,
			 struct hyfw_arena *arena, struct hyfw_endpoint *ret_endpoint)
{
	const struct hyfw_use *use = &definition->networks[network];
	struct hyfw_pairs record = { 0 };
	struct hyfw_map notes;

	hyfw_journal_record(run, HYFW_KIND_NETWORK, use->driver, use->name, &record);
	ret_endpoint->size = sizeof(*ret_endpoint);
	ret_endpoint->network = use->name;
	ret_endpoint->driver = use->driver;
	notes = hyfw_pairs_map(&record);
	ret_endpoint->notes = hyfw_arena_map(arena, &notes);
	hyfw_pairs_finish(&record);
}

/* Those in a network namespace come after create(). */
static void build_endpoints(const struct hyfw_definition *definition, const struct hyfw_journal *run,
			    struct hyfw_arena *arena, struct hyfw_workload *workload)
{
	struct hyfw_endpoint *endpoints;
	size_t i;

	if (hyfw_definition_takes(definition, HYFW_TAKES_INTERFACE))
		return;
	endpoints = hyfw_arena_alloc(arena, (definition->network_count + 1) * sizeof(*endpoints));
	for (i = 0; i < definition->network_count; i++) {
		struct hyfw_endpoint *endpoint = &endpoints[workload->endpoint_count];

		hyfw_build_endpoint(definition, i, run, arena, endpoint);
		if (endpoint->notes.count > 0) /* the network "none" makes none */
			workload->endpoint_count++;
	}
	workload->endpoints = endpoints;
}

/* "PATH|BYTES|MODE" */
static void build_tmpfs(const char *text, struct hyfw_arena *arena, struct hyfw_attachment *mount)
{
	char *rest = hyfw_arena_dup(arena, text), *bytes, *mode;

	mount->size = sizeof(*mount);
	mount->kind = HYFW_ATTACHMENT_TMPFS;
	mount->flags = HYFW_ATTACH_NOSUID | HYFW_ATTACH_NODEV;
	mount->source_fd = -1;
	mount->target = strsep(&rest, "|");
	bytes = strsep(&rest, "|");
	mode = strsep(&rest, "|");
	mount->bytes = bytes ? strtoull(bytes, NULL, 10) : 0;
	mount->mode = mode ? (uint32_t)strtoul(mode, NULL, 8) : 0;
}

/* hosts, resolv.conf and hostname of a workload that has a network. */
static size_t build_files(const struct hyfw_definition *definition, struct hyfw_arena *arena,
			  struct hyfw_attachment *mounts)
{
	static const char *const files[] = { "hosts", "resolv.conf", "hostname" };
	size_t i, count = 0;

	if (!hyfw_hosts_wanted(definition))
		return 0;
	for (i = 0; i < HYFW_COUNT(files); i++) {
		HYFW_AUTO_FREE char *path = hyfw_path_runtime(definition->name, files[i]);
		struct hyfw_attachment *mount = &mounts[count];

		if (access(path, F_OK) < 0)
			continue;
		mount->size = sizeof(*mount);
		mount->kind = HYFW_ATTACHMENT_BIND;
		mount->flags = HYFW_ATTACH_PRIVATE_COPY | HYFW_ATTACH_NOSUID | HYFW_ATTACH_NODEV |
			       HYFW_ATTACH_NOEXEC | HYFW_ATTACH_READ_ONLY;
		mount->source = hyfw_arena_dup(arena, path);
		mount->source_fd = -1;
		mount->target = hyfw_arena_format(arena, "/etc/%s", files[i]);
		count++;
	}
	return count;
}

static int build_mounts(const struct hyfw_definition *definition, struct hyfw_arena *arena,
			struct hyfw_fds *fds, struct hyfw_workload *workload, struct hyfw_error **err)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	struct hyfw_attachment *mounts = hyfw_arena_alloc(arena, MOUNT_LIMIT * sizeof(*mounts));
	const char *text, *systemd[HYFW_SYSTEMD_MOUNTS];
	size_t i, cursor = 0, count = hyfw_systemd_mounts(definition, systemd);

	/* First: what is mounted below /run is not to be hidden, resolv.conf may be a link to there. */
	for (i = 0; i < count; i++)
		build_tmpfs(systemd[i], arena, &mounts[i]);
	count += build_files(definition, arena, mounts + count);
	while ((text = hyfw_map_next(&settings, "tmpfs", &cursor)) && count < MOUNT_LIMIT)
		build_tmpfs(text, arena, &mounts[count++]);
	if (count + definition->volume_count >= MOUNT_LIMIT)
		return hyfw_fail(err, E2BIG, "more than %d mounts", MOUNT_LIMIT);
	for (i = 0; i < definition->volume_count; i++)
		if (build_volume(definition, &definition->volumes[i], arena, fds, &mounts[count++], err) < 0)
			return -(*err)->errnum;
	workload->mounts = mounts;
	workload->mount_count = count;
	return 0;
}

/* ---- confinement ---- */

int hyfw_build_confinement(const struct hyfw_definition *definition, const struct hyfw_journal *run,
			   struct hyfw_arena *arena, struct hyfw_confinement *ret_confinement,
			   struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_workload(definition);
	const char *module;
	size_t cursor = 0;
	int result = 0;

	memset(ret_confinement, 0, sizeof(*ret_confinement));
	ret_confinement->size = sizeof(*ret_confinement);
	ret_confinement->landlock_fd = -1;
	ret_confinement->no_new_privileges = true;
	while (result == 0 && (module = hyfw_map_next(&subject.settings, "security", &cursor))) {
		struct hyfw_pairs record = { 0 };
		struct hyfw_driver *driver;
		struct hyfw_map map;

		hyfw_journal_record(run, HYFW_KIND_SECURITY, module, definition->name, &record);
		map = hyfw_pairs_map(&record);
		result = hyfw_definition_driver(definition, HYFW_KIND_SECURITY, module, &driver, err);
		if (result == 0)
			result = hyfw_security_confine(driver, &subject, &map, arena, ret_confinement, err);
		hyfw_pairs_finish(&record);
	}
	return result;
}

/* ---- all of it ---- */

/* What needs neither storage nor networks. */
static void begin_workload(const struct hyfw_definition *definition, struct hyfw_arena *arena,
			   struct hyfw_workload *workload)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char *hostname = hyfw_map_get(&settings, "hostname");
	const char *workdir = hyfw_map_get(&settings, "workdir");
	const char *user = hyfw_map_get(&settings, "user");
	const char *restart = hyfw_map_get(&settings, "restart");

	memset(workload, 0, sizeof(*workload));
	workload->size = sizeof(*workload);
	workload->name = definition->name;
	workload->hostname = hostname ? hostname : definition->name;
	workload->argv = build_argv(&settings, arena);
	workload->workdir = workdir ? workdir : "/";
	workload->user = user ? user : "";
	workload->terminal = hyfw_map_bool(&settings, "terminal", false);
	workload->envp = hyfw_build_environment(definition, workload->terminal, NULL, arena);
	workload->read_only = hyfw_map_bool(&settings, "read_only", false);
	workload->restartable = restart && strcmp(restart, "no") != 0;
	workload->idmap = definition->idmap;
	workload->transient = definition->transient;
	workload->settings = settings;
	workload->runtime_directory = hyfw_arena_format(arena, "%s/workloads/%s",
							hyfw_context_current()->runtime, definition->name);
	workload->stdio[0] = workload->stdio[1] = workload->stdio[2] = -1;
}

int hyfw_build_workload(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
			const struct hyfw_journal *run, struct hyfw_arena *arena, struct hyfw_fds *ret_fds,
			struct hyfw_workload *ret_workload, struct hyfw_error **err)
{
	struct hyfw_workload *workload = ret_workload;
	int result;

	begin_workload(definition, arena, workload);
	build_endpoints(definition, run, arena, workload);
	result = build_root(definition, persistent, run, arena, ret_fds, workload, err);
	if (result == 0)
		result = build_mounts(definition, arena, ret_fds, workload, err);
	if (result == 0)
		result = build_disks(definition, run, arena, ret_fds, workload, err);
	if (result == 0)
		result = hyfw_build_confinement(definition, run, arena, &workload->confinement, err);
	return result;
}

int hyfw_build_adopted(const struct hyfw_definition *definition, const struct hyfw_journal *run,
		       struct hyfw_arena *arena, struct hyfw_workload *ret_workload, struct hyfw_error **err)
{
	begin_workload(definition, arena, ret_workload);
	ret_workload->adopt = true;
	ret_workload->root.size = sizeof(ret_workload->root);
	ret_workload->root.source_fd = -1;
	return hyfw_build_confinement(definition, run, arena, &ret_workload->confinement, err);
}
