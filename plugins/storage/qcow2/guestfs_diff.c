/* SPDX-License-Identifier: BSD-3-Clause
 * Which files differ between two disks: names that only one has, and regular files
 * with another content.  One appliance has both; the lists are compared here. */
#include "guestfs_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guestfs_api.h"

#define LIST_MOST (512u << 20)

struct entry {
	const char *path;
	const char *sum; /* NULL: no regular file */
};

struct listing {
	struct entry *entries;
	size_t count, room;
};

/* ---- in the appliance ---- */

/* The file system of /dev/sdX: the only one, or the root of the only system. */
static char *find_root(struct gf_worker *worker, const char *disk, const char *what)
{
	char **list = gf_filesystems(worker), **roots, *found = NULL;
	size_t count = 0, length = strlen(disk), i;

	for (i = 0; list && list[i] && list[i + 1]; i += 2) {
		if (strncmp(list[i], disk, length) != 0 || !gf_mountable(list[i + 1]))
			continue;
		free(found);
		found = strdup(list[i]);
		count++;
	}
	gf_free_list(list);
	if (count == 1)
		return found;
	free(found);
	found = NULL;
	roots = count ? worker->api->inspect_os(worker->g) : NULL;
	for (i = 0; roots && roots[i]; i++)
		if (!found && strncmp(roots[i], disk, length) == 0)
			found = strdup(roots[i]);
	gf_free_list(roots);
	if (!found)
		gf_fail(worker, ENOENT, "%s: %s", what, count ? "several file systems and no system" : "no file system in it");
	return found;
}

static int list_disk(struct gf_worker *worker, const char *disk, const char *at, const char *names, const char *sums,
		     const char *what)
{
	char *device = find_root(worker, disk, what);
	int result = device ? 0 : -1;

	if (device && (worker->api->mkmountpoint(worker->g, at) < 0 || worker->api->mount_ro(worker->g, device, at) < 0 ||
		       worker->api->find0(worker->g, at, names) < 0 ||
		       worker->api->checksums_out(worker->g, "sha256", at, sums) < 0))
		result = gf_guestfs_failed(worker, what);
	free(device);
	return result;
}

/* ---- the lists ---- */

/* The file, with a NUL behind it; stays until the process ends. */
static char *map_file(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *data = NULL;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size >= 0 && (uint64_t)st.st_size < LIST_MOST)
		data = calloc(1, (size_t)st.st_size + 1);
	if (data && read(fd, data, (size_t)st.st_size) == st.st_size)
		*ret_size = (size_t)st.st_size;
	else
		data = NULL;
	if (fd >= 0)
		close(fd);
	return data;
}

static int by_path(const void *one, const void *other)
{
	return strcmp(((const struct entry *)one)->path, ((const struct entry *)other)->path);
}

static int add_entry(struct listing *listing, const char *path)
{
	if (listing->count == listing->room) {
		size_t room = listing->room ? listing->room * 2 : 4096;
		struct entry *grown = realloc(listing->entries, room * sizeof(*grown));

		if (!grown)
			return -1;
		listing->entries = grown;
		listing->room = room;
	}
	listing->entries[listing->count++] = (struct entry){ path, NULL };
	return 0;
}

/* "DIGEST  ./PATH" lines.  Names with a newline are escaped there and get no sum. */
static void add_sums(struct listing *listing, char *text)
{
	char *line, *rest = NULL;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *name = strstr(line, "  ./");
		struct entry key = { 0 }, *found;

		if (!name)
			continue;
		*name = '\0';
		key.path = name + 4;
		found = listing->count ? bsearch(&key, listing->entries, listing->count, sizeof(key), by_path) : NULL;
		if (found)
			found->sum = line;
	}
}

static int read_listing(const char *names, const char *sums, struct listing *ret_listing)
{
	size_t size = 0, sums_size = 0, at;
	char *text = map_file(names, &size), *digests = map_file(sums, &sums_size);

	if (!text || !digests)
		return -1;
	for (at = 0; at < size; at += strlen(text + at) + 1)
		if (add_entry(ret_listing, text + at + strspn(text + at, "/")) < 0)
			return -1;
	if (ret_listing->count)
		qsort(ret_listing->entries, ret_listing->count, sizeof(*ret_listing->entries), by_path);
	add_sums(ret_listing, digests);
	return 0;
}

static void report_change(struct gf_worker *worker, const char *change, const char *path)
{
	char absolute[4200];

	snprintf(absolute, sizeof(absolute), "/%s", path);
	gf_report(worker, "row", "");
	gf_report(worker, "change", change);
	gf_report(worker, "path", absolute);
}

static void compare(struct gf_worker *worker, const struct listing *one, const struct listing *other)
{
	size_t i = 0, k = 0;

	while (i < one->count || k < other->count) {
		const struct entry *a = i < one->count ? &one->entries[i] : NULL;
		const struct entry *b = k < other->count ? &other->entries[k] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->path, b->path);

		if (order < 0)
			report_change(worker, "removed", a->path);
		else if (order > 0)
			report_change(worker, "added", b->path);
		else if (!a->sum != !b->sum || (a->sum && strcmp(a->sum, b->sum) != 0))
			report_change(worker, "changed", a->path);
		i += order <= 0;
		k += order >= 0;
	}
}

static int diff(struct gf_worker *worker)
{
	const struct hyfw_host *host = worker->qcow2->host;
	struct hyfw_arena *arena = worker->operation->arena;
	struct listing listings[2] = { 0 };
	char *names[2], *sums[2];
	size_t i;

	for (i = 0; i < 2; i++) {
		names[i] = host->format(arena, "%s/names%zu", worker->job->work, i);
		sums[i] = host->format(arena, "%s/sums%zu", worker->job->work, i);
		if (list_disk(worker, i ? "/dev/sdb" : "/dev/sda", i ? "/b" : "/a", names[i], sums[i],
			      i ? hyfw_map_get(&worker->operation->args, "with") : worker->operation->object) < 0)
			return -1;
		if (read_listing(names[i], sums[i], &listings[i]) < 0)
			return gf_fail(worker, EIO, "the list of files cannot be read");
	}
	compare(worker, &listings[0], &listings[1]);
	return 0;
}

int gf_verb_diff(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		 struct hyfw_error **err)
{
	struct gf_job job = { .appliance = true, .task = diff, .disk_count = 2, .timeout_ms = GF_MINUTES(60) };
	struct hyfw_operation second = *operation;
	struct gf_change other;
	int result;

	second.object = hyfw_map_get(&operation->args, "with");
	if (!second.object)
		return qcow2->host->fail(err, EINVAL, "diff: the other disk is not given");
	result = gf_change_begin(qcow2, &second, QCOW2_READ, &other, err);
	if (result < 0)
		return result;
	job.disks[1] = gf_change_disk(&other);
	result = gf_on_disk(qcow2, operation, QCOW2_READ, &job, ret_result, err);
	gf_change_end(qcow2, &other);
	return result;
}
