/* SPDX-License-Identifier: BSD-3-Clause
 * What is in a disk: file systems, the system, a directory. */
#include "guestfs_disk.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "guestfs_api.h"

#define NAMES_AT_ONCE 1000u

static const char *path_argument(const struct hyfw_operation *operation)
{
	return hyfw_map_get(&operation->args, "path");
}

/* Reports text that libguestfs allocated; nothing when there is none. */
static void report_text(struct gf_worker *worker, const char *key, char *text)
{
	if (text && *text && strcmp(text, "unknown") != 0)
		gf_report(worker, key, text);
	free(text);
}

/* ---- filesystems ---- */

static void report_space(struct gf_worker *worker, const char *device)
{
	struct guestfs_statvfs *space;

	if (worker->api->mount_ro(worker->g, device, "/") < 0)
		return;
	space = worker->api->statvfs(worker->g, "/");
	if (space) {
		gf_report_number(worker, "used", (space->blocks - space->bfree) * space->frsize);
		gf_report_number(worker, "available", space->bavail * space->frsize);
		worker->api->free_statvfs(space);
	}
	worker->api->umount_all(worker->g);
}

/* It is no file system, and nothing else would tell why there is none. */
static void report_encrypted(struct gf_worker *worker)
{
	char *device = gf_encrypted(worker);

	if (device) {
		gf_report(worker, "row", "");
		gf_report(worker, "device", device);
		report_text(worker, "type", worker->api->vfs_type(worker->g, device));
		gf_report_number(worker, "size", worker->api->blockdev_getsize64(worker->g, device));
	}
	free(device);
}

static int filesystems(struct gf_worker *worker)
{
	char **list = gf_filesystems(worker);
	size_t i;

	if (!list)
		return -1;
	for (i = 0; list[i] && list[i + 1] && !gf_stopped(); i += 2) {
		gf_report(worker, "row", "");
		gf_report(worker, "device", list[i]);
		gf_report(worker, "type", list[i + 1]);
		if (strcmp(list[i + 1], "unknown") != 0) {
			report_text(worker, "label", worker->api->vfs_label(worker->g, list[i]));
			report_text(worker, "uuid", worker->api->vfs_uuid(worker->g, list[i]));
		}
		gf_report_number(worker, "size", worker->api->blockdev_getsize64(worker->g, list[i]));
		if (gf_mountable(list[i + 1]))
			report_space(worker, list[i]);
	}
	report_encrypted(worker);
	gf_free_list(list);
	return 0;
}

int gf_verb_filesystems(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
			struct hyfw_error **err)
{
	struct gf_job job = { .appliance = true, .task = filesystems };

	return gf_on_disk(qcow2, operation, QCOW2_READ, &job, ret_result, err);
}

/* ---- inspect ---- */

static void report_system(struct gf_worker *worker, const char *root)
{
	const struct guestfs_api *api = worker->api;
	char version[32];

	gf_report(worker, "root", root);
	report_text(worker, "os", api->inspect_get_type(worker->g, root));
	report_text(worker, "distribution", api->inspect_get_distro(worker->g, root));
	report_text(worker, "product", api->inspect_get_product_name(worker->g, root));
	snprintf(version, sizeof(version), "%d.%d", api->inspect_get_major_version(worker->g, root),
		 api->inspect_get_minor_version(worker->g, root));
	gf_report(worker, "version", version);
	report_text(worker, "architecture", api->inspect_get_arch(worker->g, root));
	report_text(worker, "hostname", api->inspect_get_hostname(worker->g, root));
	report_text(worker, "package_format", api->inspect_get_package_format(worker->g, root));
	report_text(worker, "package_management", api->inspect_get_package_management(worker->g, root));
}

static int inspect(struct gf_worker *worker)
{
	char **roots = worker->api->inspect_os(worker->g);
	size_t i;
	int result = 0;

	if (!roots)
		return gf_guestfs_failed(worker, "looking for a system");
	if (!roots[0])
		result = gf_fail(worker, ENOENT, "no operating system found in it");
	for (i = 0; roots[i]; i++)
		report_system(worker, roots[i]);
	gf_free_list(roots);
	return result;
}

int gf_verb_inspect(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		    struct hyfw_error **err)
{
	struct gf_job job = { .appliance = true, .task = inspect };

	return gf_on_disk(qcow2, operation, QCOW2_READ, &job, ret_result, err);
}

/* ---- ls ---- */

/* "drwxr-xr-x", as ls(1) writes it. */
static const char *mode_text(unsigned mode, char ret_text[static 11])
{
	static const char bits[] = "rwxrwxrwx";
	static const struct { unsigned type; char letter; } types[] = {
		{ S_IFDIR, 'd' }, { S_IFLNK, 'l' }, { S_IFCHR, 'c' }, { S_IFBLK, 'b' }, { S_IFIFO, 'p' }, { S_IFSOCK, 's' },
	};
	size_t i;

	ret_text[0] = '-';
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if ((mode & S_IFMT) == types[i].type)
			ret_text[0] = types[i].letter;
	for (i = 0; i < 9; i++)
		ret_text[1 + i] = mode & (0400u >> i) ? bits[i] : '-';
	if (mode & S_ISUID)
		ret_text[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		ret_text[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		ret_text[9] = mode & S_IXOTH ? 't' : 'T';
	ret_text[10] = '\0';
	return ret_text;
}

static void report_file(struct gf_worker *worker, const char *name, const struct guestfs_statns *st)
{
	const time_t when = (time_t)st->st_mtime_sec;
	char mode[11], modified[32] = "";
	struct tm utc;

	gf_report(worker, "row", "");
	gf_report(worker, "name", name);
	gf_report(worker, "mode", mode_text((unsigned)st->st_mode, mode));
	gf_report_number(worker, "uid", st->st_uid);
	gf_report_number(worker, "gid", st->st_gid);
	gf_report_number(worker, "size", st->st_size);
	if (gmtime_r(&when, &utc) && strftime(modified, sizeof(modified), "%Y-%m-%dT%H:%M:%SZ", &utc))
		gf_report(worker, "modified", modified);
}

/* One question for many names: each takes a round trip. */
static int report_files(struct gf_worker *worker, const char *path, char **names)
{
	size_t count, i;

	for (; *names; names += count) {
		struct guestfs_statns_list *list;
		char *saved;

		for (count = 0; count < NAMES_AT_ONCE && names[count]; count++)
			;
		saved = names[count];
		names[count] = NULL;
		list = worker->api->lstatnslist(worker->g, path, names);
		names[count] = saved;
		if (!list)
			return gf_guestfs_failed(worker, path);
		for (i = 0; i < list->len && i < count; i++)
			report_file(worker, names[i], &list->val[i]);
		worker->api->free_statns_list(list);
	}
	return 0;
}

static int list_files(struct gf_worker *worker)
{
	const char *path = path_argument(worker->operation);
	struct guestfs_statns *file;
	char **names;
	int result;

	if (gf_mount_all(worker, true) < 0)
		return -1;
	if (worker->api->is_dir_opts(worker->g, path, GUESTFS_IS_DIR_OPTS_FOLLOWSYMLINKS, 1, -1) > 0) {
		names = worker->api->ls(worker->g, path);
		if (!names)
			return gf_guestfs_failed(worker, path);
		result = report_files(worker, path, names);
		gf_free_list(names);
		return result;
	}
	file = worker->api->lstatns(worker->g, path);
	if (!file)
		return gf_guestfs_failed(worker, path);
	report_file(worker, path, file);
	worker->api->free_statns(file);
	return 0;
}

int gf_verb_ls(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
	       struct hyfw_error **err)
{
	struct gf_job job = { .appliance = true, .task = list_files };
	const char *path = path_argument(operation);

	if (!path || path[0] != '/')
		return qcow2->host->fail(err, EINVAL, "ls: the path must be absolute");
	return gf_on_disk(qcow2, operation, QCOW2_READ, &job, ret_result, err);
}
