/* SPDX-License-Identifier: BSD-3-Clause */
#include "guestfs_disk.h"

#include <errno.h>

#include "guestfs_api.h"

#define SYSTEM_MOUNTS_MOST 64u

int gf_guestfs_failed(struct gf_worker *worker, const char *what)
{
	const char *why = worker->api->last_error(worker->g);
	int errnum = worker->api->last_errno(worker->g);

	if (gf_stopped())
		return gf_fail(worker, ECANCELED, "stopped");
	return gf_fail(worker, errnum, "%s: %s", what, why ? why : "failed");
}

static void on_progress(guestfs_h *g, void *data, uint64_t event, int handle, int flags, const char *text,
			size_t text_size, const uint64_t *array, size_t count)
{
	(void)g;
	(void)event;
	(void)handle;
	(void)flags;
	(void)text;
	(void)text_size;
	if (count >= 4)
		gf_report_progress(data, array[2], array[3]);
	if (gf_stopped())
		((struct gf_worker *)data)->api->user_cancel(g);
}

static int add_disks(struct gf_worker *worker)
{
	const struct gf_job *job = worker->job;
	size_t i;

	for (i = 0; i < job->disk_count; i++)
		if (worker->api->add_drive_opts(worker->g, job->disks[i].path, GUESTFS_ADD_DRIVE_OPTS_FORMAT,
						job->disks[i].format, GUESTFS_ADD_DRIVE_OPTS_READONLY,
						job->disks[i].read_only ? 1 : 0, -1) < 0)
			return gf_guestfs_failed(worker, "the disk");
	return 0;
}

int gf_session_begin(struct gf_worker *worker)
{
	const char *why = NULL;
	char tcg[] = "force_tcg", *settings[] = { gf_force_tcg() ? tcg : NULL, NULL };

	worker->api = guestfs_api_load(&why);
	if (!worker->api)
		return gf_fail(worker, ENOTSUP, "%s", why);
	worker->g = worker->api->create_flags(GUESTFS_CREATE_NO_ENVIRONMENT);
	if (!worker->g)
		return gf_fail(worker, ENOMEM, "libguestfs gives no handle");
	worker->api->set_error_handler(worker->g, NULL, NULL);
	if (worker->api->set_backend(worker->g, "direct") < 0 ||
	    worker->api->set_backend_settings(worker->g, settings) < 0 ||
	    (worker->job->work && worker->api->set_tmpdir(worker->g, worker->job->work) < 0) ||
	    worker->api->set_event_callback(worker->g, on_progress, GUESTFS_EVENT_PROGRESS, 0, worker) < 0)
		return gf_guestfs_failed(worker, "libguestfs");
	if (add_disks(worker) < 0)
		return -1;
	if (worker->api->launch(worker->g) < 0)
		return gf_guestfs_failed(worker, "starting the appliance");
	return 0;
}

int gf_session_end(struct gf_worker *worker)
{
	int result = 0;

	if (worker->api->shutdown(worker->g) < 0)
		result = gf_guestfs_failed(worker, "writing the end");
	worker->api->close(worker->g);
	worker->g = NULL;
	return result;
}

void gf_session_abandon(struct gf_worker *worker)
{
	worker->api->close(worker->g);
	worker->g = NULL;
}

/* ---- file systems ---- */

void gf_free_list(char **list)
{
	size_t i;

	for (i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

bool gf_mountable(const char *type)
{
	return *type && strcmp(type, "swap") != 0 && strcmp(type, "unknown") != 0 &&
	       strncmp(type, "crypto_", 7) != 0 && strcmp(type, "LVM2_member") != 0;
}

char **gf_filesystems(struct gf_worker *worker)
{
	char **list = worker->api->list_filesystems(worker->g);

	if (!list)
		gf_guestfs_failed(worker, "looking for file systems");
	return list;
}

static int mount_one(struct gf_worker *worker, const char *device, const char *at, bool read_only)
{
	int result = read_only ? worker->api->mount_ro(worker->g, device, at)
			       : worker->api->mount(worker->g, device, at);

	return result < 0 ? gf_guestfs_failed(worker, device) : 0;
}

/* The mount points of the system in 'root', shorter ones first.  Only "/" must be there:
 * a system's /etc/fstab may name what is not. */
static int mount_system(struct gf_worker *worker, const char *root, bool read_only)
{
	char **points = worker->api->inspect_get_mountpoints(worker->g, root);
	size_t length, i;
	int result = 0;

	if (!points)
		return gf_guestfs_failed(worker, "mount points");
	for (length = 1; result == 0 && length < 256; length++)
		for (i = 0; result == 0 && points[i] && points[i + 1] && i < 2 * SYSTEM_MOUNTS_MOST; i += 2) {
			if (strlen(points[i]) != length)
				continue;
			if (length == 1)
				result = mount_one(worker, points[i + 1], points[i], read_only);
			else if (read_only)
				worker->api->mount_ro(worker->g, points[i + 1], points[i]);
			else
				worker->api->mount(worker->g, points[i + 1], points[i]);
		}
	gf_free_list(points);
	return result;
}

static int mount_found_system(struct gf_worker *worker, bool read_only)
{
	char **roots = worker->api->inspect_os(worker->g);
	int result;

	if (!roots)
		return gf_guestfs_failed(worker, "looking for a system");
	if (!roots[0])
		result = gf_fail(worker, ENOENT, "several file systems and no operating system; "
				 "--device says which one is meant, `hyfw disk df` lists them");
	else if (roots[1])
		result = gf_fail(worker, EINVAL, "more than one operating system in it");
	else
		result = mount_system(worker, roots[0], read_only);
	gf_free_list(roots);
	return result;
}

/* Its device, free(); NULL when nothing in it is encrypted. */
char *gf_encrypted(struct gf_worker *worker)
{
	char **devices = worker->api->list_devices(worker->g), **partitions = worker->api->list_partitions(worker->g);
	char **const all[] = { partitions, devices };
	char *found = NULL;
	size_t i, k;

	for (k = 0; k < 2; k++)
		for (i = 0; !found && all[k] && all[k][i]; i++) {
			char *type = worker->api->vfs_type(worker->g, all[k][i]);

			if (type && strncmp(type, "crypto_", 7) == 0)
				found = strdup(all[k][i]);
			free(type);
		}
	gf_free_list(devices);
	gf_free_list(partitions);
	return found;
}

static int fail_empty(struct gf_worker *worker)
{
	char *encrypted = gf_encrypted(worker);
	int result = encrypted ? gf_fail(worker, ENOTSUP, "no file system in it that can be read: %s is encrypted",
					 encrypted) :
				 gf_fail(worker, ENOENT, "no file system in it");

	free(encrypted);
	return result;
}

static int mount_wanted(struct gf_worker *worker, char *const *list, const char *device, bool read_only)
{
	size_t i;

	for (i = 0; list[i] && list[i + 1]; i += 2)
		if (strcmp(list[i], device) == 0)
			return mount_one(worker, device, "/", read_only);
	return gf_fail(worker, ENOENT, "there is no file system %s in it; `hyfw disk df` lists them", device);
}

/* Looking for a system takes seconds under emulation, so not where there is no choice. */
int gf_mount_all(struct gf_worker *worker, bool read_only)
{
	const char *wanted = hyfw_map_get(&worker->operation->args, "device"), *only = NULL;
	char **list = gf_filesystems(worker);
	size_t count = 0, i;
	int result;

	if (!list)
		return -1;
	for (i = 0; list[i] && list[i + 1]; i += 2) {
		if (!gf_mountable(list[i + 1]))
			continue;
		only = list[i];
		count++;
	}
	if (wanted)
		result = mount_wanted(worker, list, wanted, read_only);
	else if (count == 0)
		result = fail_empty(worker);
	else if (count == 1)
		result = mount_one(worker, only, "/", read_only);
	else
		result = mount_found_system(worker, read_only);
	gf_free_list(list);
	return result;
}
