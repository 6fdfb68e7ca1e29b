/* SPDX-License-Identifier: BSD-3-Clause
 * Gives a tree one label, and later its own back.  In three walks, so that it can be cut off
 * anywhere: what was is on disk before the first change; the root changes last, so that one
 * with the new label has it everywhere; the way back looks only at nodes that have it. */
#include "selinux.h"

#include <errno.h>
#include <fcntl.h>

/* ---- what was ---- */

static int enter_record(struct walk *walk, int fd, const char *path, const char *mark, char **ret_mark,
			struct hyfw_error **err)
{
	struct record_writer *writer = walk->data;
	int result = label_get(walk, fd, path, ret_mark, err);

	if (result < 0 || (mark && strcmp(mark, *ret_mark) == 0))
		return result;
	result = record_add(walk->host, writer, path, *ret_mark, err);
	return result < 0 ? walk->host->wrap(err, "%s", walk->root) : 0;
}

int relabel_record(const struct hyfw_host *host, const char *attribute, int fd, const char *volume, const char *label,
		   const char *record_path, struct hyfw_error **err)
{
	struct record_writer writer;
	struct walk walk = { .host = host, .attribute = attribute, .root = volume, .data = &writer,
			     .enter = enter_record };
	int result = record_begin(host, record_path, volume, label, &writer, err);

	if (result == 0)
		result = walk_tree(&walk, fd, err);
	if (result == 0)
		result = record_commit(host, &writer, err);
	record_abandon(&writer);
	return result;
}

/* ---- the new one ---- */

static int enter_apply(struct walk *walk, int fd, const char *path, const char *mark, char **ret_mark,
		       struct hyfw_error **err)
{
	(void)walk, (void)fd, (void)path, (void)mark, (void)ret_mark, (void)err;
	return 0;
}

static int leave_apply(struct walk *walk, int fd, const char *path, struct hyfw_error **err)
{
	const char *label = walk->data;
	AUTO_FREE char *now = NULL;
	int result = label_get(walk, fd, path, &now, err);

	return result < 0 || strcmp(now, label) == 0 ? result : label_set(walk, fd, path, label, err);
}

int relabel_apply(const struct hyfw_host *host, const char *attribute, int fd, const char *volume, const char *label,
		  struct hyfw_error **err)
{
	struct walk walk = { .host = host, .attribute = attribute, .root = volume, .data = (void *)(uintptr_t)label,
			     .enter = enter_apply, .leave = leave_apply };

	return walk_tree(&walk, fd, err);
}

/* ---- and back ---- */

static bool same_type(const char *one, const char *other)
{
	int colons;

	for (colons = 0; colons < 2; colons++) {
		one += strcspn(one, ":");
		other += strcspn(other, ":");
		if (!*one || !*other)
			return false;
		one++;
		other++;
	}
	return strcspn(one, ":") == strcspn(other, ":") && strncmp(one, other, strcspn(one, ":")) == 0;
}

/* What was given the label, and what a workload has made since: that has the type, and
 * perhaps the maker's user and categories. */
static bool is_ours(const struct record *record, const char *path, const char *now)
{
	return strcmp(now, record->label) == 0 || (!record_find(record, path) && same_type(now, record->label));
}

static int enter_restore(struct walk *walk, int fd, const char *path, const char *mark, char **ret_mark,
			 struct hyfw_error **err)
{
	const struct record *record = walk->data;
	const char *was = record_find(record, path);
	AUTO_FREE char *now = NULL;
	bool ours;
	int result = label_get(walk, fd, path, &now, err);

	if (result < 0)
		return result;
	if (!was)
		was = mark ? mark : "";
	ours = is_ours(record, path, now);
	/* One that somebody has changed since is left as it is, and so are new files in it. */
	*ret_mark = strdup(ours || record_find(record, path) ? was : now);
	if (!*ret_mark)
		return walk->host->fail(err, ENOMEM, "out of memory");
	return ours && strcmp(was, now) != 0 ? label_set(walk, fd, path, was, err) : 0;
}

int relabel_restore(const struct hyfw_host *host, const char *attribute, int fd, const struct record *record,
		    struct hyfw_error **err)
{
	/* Its users could make directories since: no depth of these holds their removal up. */
	struct walk walk = { .host = host, .attribute = attribute, .root = record->path, .lenient = true,
			     .data = (void *)(uintptr_t)record, .enter = enter_restore };

	return walk_tree(&walk, fd, err);
}

/* An overlay's own label is that of the mount, but a program that is mapped is checked as the
 * file of the layer that it is.  The root has its label last, so it stands for all. */
int layer_label(const struct volumes *volumes, const char *path, const char *label, struct hyfw_error **err)
{
	const struct hyfw_host *host = volumes->host;
	const struct walk walk = { .host = host, .attribute = volumes->attribute, .root = path };
	AUTO_CLOSE int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int lock = -1;
	AUTO_FREE char *now = NULL;
	int result;

	if (fd < 0)
		return host->fail(err, errno, "%s: %s", path, strerror(errno));
	result = label_get(&walk, fd, "", &now, err);
	if (result < 0 || strcmp(now, label) == 0)
		return result;
	lock = host->lock("selinux.layers", err);
	return lock < 0 ? lock : relabel_apply(host, volumes->attribute, fd, path, label, err);
}
