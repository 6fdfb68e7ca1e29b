/* SPDX-License-Identifier: BSD-3-Clause
 * Binds whose source is in the container's own root, where an earlier entry of the bundle
 * mounts something: the child opens them, in their turn, so that they show what is mounted
 * by then.  All other sources are opened by the parent before (sources.c). */
#include "oci.h"

#include <sched.h>
#include <sys/stat.h>

/* The path of 'source' in the root; NULL when it is not there, or all of the host is. */
static const char *path_inside(const struct oci_room *room, const char *source)
{
	const char *root = room->config->root;
	size_t length = strlen(root);

	while (length > 0 && root[length - 1] == '/')
		length--;
	if (length == 0 || strncmp(source, root, length) != 0 || source[length] != '/')
		return NULL;
	return source + length;
}

static bool is_at_or_below(const char *path, const char *other)
{
	size_t length = strlen(other);

	while (length > 0 && other[length - 1] == '/')
		length--;
	return strncmp(path, other, length) == 0 && (!path[length] || path[length] == '/');
}

void oci_inner_find(struct oci_room *room, size_t index)
{
	struct oci_mount *made = &room->mounts[index];
	const char *inside = made->link ? NULL : path_inside(room, made->source);
	size_t i;

	for (i = 0; inside && i < index; i++)
		if (is_at_or_below(inside, room->mounts[i].target) || is_at_or_below(room->mounts[i].target, inside))
			made->inner = inside;
}

/* The child cannot be given a descriptor later than this. */
int oci_inner_prepare(struct oci_room *room, size_t index, struct hyfw_error **err)
{
	const struct hyfw_oci_mount *mount = &room->config->mounts[index];
	struct oci_mount *made = &room->mounts[index];

	if (mount->map == HYFW_OCI_UNMAPPED)
		return 0;
	if (!mount->ids.uid_count || (room->namespaces.fresh | room->namespaces.taken) & CLONE_NEWUSER)
		return room->host->fail(err, ENOTSUP, "mount at %s: the ids of what the bundle itself mounts "
					"cannot be mapped in a user namespace", mount->target);
	return oci_idmap_namespace(room->host, room->arena, &mount->ids, &made->userns, err);
}

static int map(const struct hyfw_oci_mount *mount, const struct oci_mount *made)
{
	struct mount_attr change = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)made->userns };
	unsigned depth = mount->map == HYFW_OCI_MAPPED_RECURSIVE ? AT_RECURSIVE : 0;

	return mount_setattr(made->fd, "", AT_EMPTY_PATH | depth, &change, sizeof(change)) < 0 ? -errno : 0;
}

/* ---- in the child ---------------------------------------------------------------- */

void oci_inner_take(const struct ns_job *job, struct oci_room *room, size_t index)
{
	const struct hyfw_oci_mount *mount = &room->config->mounts[index];
	struct oci_mount *made = &room->mounts[index];
	NS_AUTO_CLOSE int source = ns_open_inside(room->root, made->inner, made->source_link ? O_NOFOLLOW : 0);
	struct stat status;
	int r;

	if (source < 0 || fstat(source, &status) < 0)
		ns_die(job, NS_STEP_SOURCE, made->source, source < 0 ? -source : errno);
	made->fd = open_tree(source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			     (mount->recursive ? AT_RECURSIVE : 0u));
	if (made->fd < 0)
		ns_die(job, NS_STEP_SOURCE, made->source, errno);
	made->directory = S_ISDIR(status.st_mode);
	r = oci_bind_change(room, mount, made->fd, mount->recursive);
	if (r == 0 && made->userns >= 0)
		r = map(mount, made);
	if (r < 0)
		ns_die(job, NS_STEP_SOURCE, made->source, -r);
}
