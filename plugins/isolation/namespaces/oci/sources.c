/* SPDX-License-Identifier: BSD-3-Clause
 * The root and the sources of binds as detached trees, opened with the privileges of
 * the host and its view of paths; an ordinary user has none, and leaves it to the child
 * in its user namespace.  They are copies: what happens to them does not reach the host,
 * unless a propagation is asked for that does.
 *
 * Since Linux 6.8 mounts are listed in the order in which they were made, not attached.  So
 * that they are listed as the bundle has them, the child copies each source in its turn,
 * where that is no less than the parent's copy: it opens all of them before anything of the
 * container is attached.  A source that the root lies in would by then have all of the
 * container in it, not sealed yet, and is copied before, too. */
#include "oci.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>

/* 'wanted' is what the mount itself says, else the root's.  Where the ids are mapped,
 * nothing that is mounted inside reaches the host, whatever is said. */
static int propagate(const struct oci_room *room, int fd, uint64_t wanted, bool all, bool recursive)
{
	uint64_t base = room->config->root_propagation;
	bool shared = (wanted ? wanted : base) & MS_SHARED;
	int r = 0;

	if (!shared || oci_fresh(room, CLONE_NEWUSER) || room->namespaces.taken & CLONE_NEWUSER)
		r = oci_mount_change(fd, 0, 0, MS_SLAVE, recursive);
	if (r == 0 && (base || !wanted) && !(wanted && all))
		r = oci_mount_change(fd, 0, 0, base ? base : MS_PRIVATE, recursive);
	if (r == 0 && wanted)
		r = oci_mount_change(fd, 0, 0, wanted, all);
	return r;
}

static int take_root(struct oci_room *room)
{
	uint64_t propagation = room->config->root_propagation;
	int r;

	room->root = open_tree(AT_FDCWD, room->config->root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (room->root < 0)
		return -errno;
	r = oci_mount_change(room->root, 0, 0, MS_SLAVE, true);
	if (r < 0 || propagation == MS_SLAVE)
		return r;
	/* pivot_root(2) takes none that is shared; what it is to be it becomes in oci_root_enter(). */
	return oci_mount_change(room->root, 0, 0, MS_PRIVATE, !(propagation & (MS_SHARED | MS_UNBINDABLE)));
}

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

/* With one flag that is set or taken away all others are what mount(8) begins with, as the
 * runtimes have it; those of times stay.  Where the ids are mapped, what the host has locked stays. */
static uint64_t implied(const struct oci_room *room, const struct hyfw_oci_mount *mount)
{
	const uint64_t lockable = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	bool mapped = (room->namespaces.fresh | room->namespaces.taken) & CLONE_NEWUSER;

	if (!(mount->set | mount->clear))
		return 0;
	return (MOUNT_ATTR_NOSYMFOLLOW | (mapped ? 0 : lockable)) & ~(mount->set | mount->set_all);
}

int oci_bind_change(const struct oci_room *room, const struct hyfw_oci_mount *mount, int fd, bool recursive)
{
	uint64_t cleared = mount->clear | implied(room, mount);
	int r = propagate(room, fd, mount->propagation, mount->propagation_all, recursive);

	if (r == 0)
		r = oci_mount_change(fd, mount->set_all, mount->clear_all, 0, true);
	if (r < 0)
		return r;
	r = oci_mount_change(fd, mount->set, cleared, 0, false);
	/* Locked all the same, as we are in somebody's namespace; or a kernel that knows one flag less. */
	if ((r == -EPERM || r == -EINVAL) && cleared != mount->clear)
		r = oci_mount_change(fd, mount->set, mount->clear, 0, false);
	return r;
}

static unsigned nofollow(const struct oci_mount *made)
{
	return made->source_link ? AT_SYMLINK_NOFOLLOW : 0;
}

/* A tree of its own for a bind. */
static int copy(const struct oci_room *room, size_t index, int from, const char *path, unsigned flags)
{
	const struct hyfw_oci_mount *mount = &room->config->mounts[index];
	struct oci_mount *made = &room->mounts[index];
	bool recursive = mount->recursive;
	struct stat status;

	flags |= OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0u);
	made->fd = open_tree(from, path, flags);
	/* In a user namespace (ours, or the one we were called in) mounts of the host's cannot be
	 * taken off what they cover. */
	if (made->fd < 0 && errno == EINVAL && !recursive) {
		recursive = true;
		made->fd = open_tree(from, path, flags | AT_RECURSIVE);
	}
	if (made->fd < 0 || fstat(made->fd, &status) < 0)
		return -errno;
	made->directory = S_ISDIR(status.st_mode);
	return oci_bind_change(room, mount, made->fd, recursive);
}

/* Mounts in it, or in its source, reach the other one. */
static bool is_peer(const struct oci_room *room, size_t index)
{
	uint64_t wanted = room->config->mounts[index].propagation;

	return (wanted ? wanted : room->config->root_propagation) & MS_SHARED;
}

/* Not where the child has another view than the parent: in a user namespace some directories are
 * closed to it, and mounts locked. */
static bool child_copies(const struct oci_room *room)
{
	return room->late || (oci_fresh(room, CLONE_NEWNS) &&
			      !((room->namespaces.fresh | room->namespaces.taken) & CLONE_NEWUSER));
}

/* Not all of them: who maps ids needs the parent's privileges; of what is unbindable below a peer
 * there is no second copy; and of what has the root in it no later one. */
static bool waits_its_turn(const struct oci_room *room, size_t index)
{
	const struct oci_mount *made = &room->mounts[index];

	if (!made->bind || made->link || made->inner || made->holds_root ||
	    room->config->mounts[index].map != HYFW_OCI_UNMAPPED)
		return false;
	if (is_peer(room, index) && room->config->root_propagation & MS_UNBINDABLE)
		return room->late;
	return child_copies(room);
}

/* The child's view of the host is no peer of the host any more, so that it copies the parent's
 * copy again. */
static int take_bind(struct oci_room *room, size_t index)
{
	const struct oci_mount *made = &room->mounts[index];

	if (!made->bind || made->link || made->inner || (waits_its_turn(room, index) && !is_peer(room, index)))
		return 0;
	return copy(room, index, AT_FDCWD, made->source, nofollow(made));
}

static const char *source_of(const struct oci_room *room, const struct hyfw_oci_mount *mount)
{
	if (mount->source && mount->source[0] == '/')
		return mount->source;
	return room->host->format(room->arena, "%s/%s", room->config->bundle, mount->source ? mount->source : "");
}

/* A destination may be given with the path of the root before it, as runc takes it. */
static const char *target_of(const struct oci_room *room, const char *target)
{
	const char *root = room->config->root;
	size_t length = strlen(root);

	while (length > 0 && root[length - 1] == '/')
		length--;
	if (length == 0 || strncmp(target, root, length) != 0 || (target[length] && target[length] != '/'))
		return target;
	return target[length] ? target + length : "/";
}

/* 'root' is without links; what cannot be looked up is taken to hold it. */
static bool holds(const char *source, const char *root)
{
	char *found = root ? realpath(source, NULL) : NULL;
	const size_t length = found ? strlen(found) : 0;
	const bool result = !found || length == 1 ||
			    (strncmp(root, found, length) == 0 && (!root[length] || root[length] == '/'));

	free(found);
	return result;
}

static void prepare(struct oci_room *room)
{
	const struct hyfw_oci_config *config = room->config;
	const bool later = child_copies(room);
	char *root = later ? realpath(config->root, NULL) : NULL;
	size_t i;

	room->mounts = room->host->alloc(room->arena, (config->mount_count + 1) * sizeof(*room->mounts));
	for (i = 0; i < config->mount_count; i++) {
		const struct hyfw_oci_mount *mount = &config->mounts[i];

		room->mounts[i].fd = room->mounts[i].opened = room->mounts[i].userns = -1;
		room->mounts[i].target = target_of(room, mount->target);
		room->mounts[i].bind = mount->bind || (mount->type && strcmp(mount->type, "bind") == 0);
		if (!room->mounts[i].bind) {
			oci_options_prepare(room, mount, &room->mounts[i]);
			continue;
		}
		room->mounts[i].source = source_of(room, mount);
		room->mounts[i].holds_root = later && holds(room->mounts[i].source, root);
		oci_words_prepare(room, i);
		oci_inner_find(room, i);
	}
	free(root);
}

int oci_sources_open(struct oci_room *room, struct hyfw_error **err)
{
	size_t i;
	int r;

	room->late = geteuid() != 0;
	prepare(room);
	if (room->late)
		return 0;
	r = take_root(room);
	if (r < 0)
		return ns_fail(room->host, err, -r, "open the root file system", room->config->root);
	for (i = 0; i < room->config->mount_count; i++) {
		if (room->mounts[i].inner) {
			r = oci_inner_prepare(room, i, err);
			if (r < 0)
				return r;
		}
		r = take_bind(room, i);
		if (r < 0) {
			ns_fail(room->host, err, -r, "bind", room->mounts[i].source);
			return room->host->wrap(err, "mount at %s", room->config->mounts[i].target);
		}
	}
	return oci_filesystems_open(room, err);
}

void oci_sources_take(const struct ns_job *job, struct oci_room *room)
{
	size_t i;
	int r = room->late ? take_root(room) : 0;

	if (r < 0)
		ns_die(job, NS_STEP_ROOT, room->config->root, -r);
	for (i = 0; i < room->config->mount_count; i++) {
		struct oci_mount *made = &room->mounts[i];

		if (waits_its_turn(room, i)) {
			made->opened = open_tree(AT_FDCWD, made->source, OPEN_TREE_CLOEXEC | nofollow(made));
			r = made->opened < 0 ? -errno : 0;
		} else {
			r = room->late ? take_bind(room, i) : 0;
		}
		if (r < 0)
			ns_die(job, NS_STEP_SOURCE, made->source, -r);
	}
}

/* Only what is attached can be copied before Linux 6.15: on its source, in our view of the host.
 * Where nothing can be put there (the file of a namespace) the first copy has to do.  Else it is
 * taken off again, as later sources may hold this one; before that it must not be a peer any longer,
 * or what is mounted in it would be taken off the host too (mount_namespaces(7)). */
static int copy_again(struct oci_mount *made, int place)
{
	NS_AUTO_CLOSE int first = -1;
	char path[48];
	int r;

	if (move_mount(made->fd, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return 0;
	first = made->fd;
	made->fd = open_tree(first, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (made->fd < 0)
		return -errno;
	r = oci_mount_change(first, 0, 0, MS_PRIVATE, true);
	return r == 0 && umount2(oci_fd_path(first, path), MNT_DETACH) < 0 ? -errno : r;
}

void oci_source_copy(const struct ns_job *job, struct oci_room *room, size_t index)
{
	struct oci_mount *made = &room->mounts[index];
	NS_AUTO_CLOSE int opened = ns_steal_fd(&made->opened);
	int r;

	if (opened < 0)
		return;
	r = made->fd >= 0 ? copy_again(made, opened) : copy(room, index, opened, "", AT_EMPTY_PATH);
	if (r < 0)
		ns_die(job, NS_STEP_SOURCE, made->source, -r);
}

void oci_sources_close(struct oci_room *room)
{
	const struct oci_hierarchy *hierarchy;
	size_t i;

	for (i = 0; room->mounts && i < room->config->mount_count; i++) {
		if (room->mounts[i].fd >= 0)
			close(room->mounts[i].fd);
		if (room->mounts[i].userns >= 0)
			close(room->mounts[i].userns);
	}
	for (hierarchy = room->hierarchies; hierarchy; hierarchy = hierarchy->next)
		if (hierarchy->fd >= 0)
			close(hierarchy->fd);
	if (room->root >= 0)
		close(room->root);
}

static int map(struct oci_room *room, size_t index, int userns, struct hyfw_error **err)
{
	const struct hyfw_oci_mount *mount = &room->config->mounts[index];
	struct mount_attr change = { .attr_set = MOUNT_ATTR_IDMAP };
	unsigned depth = mount->map == HYFW_OCI_MAPPED_RECURSIVE ? AT_RECURSIVE : 0;
	NS_AUTO_CLOSE int own = -1;
	int r;

	if (room->late)
		return room->host->fail(err, EPERM, "an id mapping of a mount takes root");
	if (!room->mounts[index].bind)
		return room->host->fail(err, EINVAL, "only binds can have an id mapping of their own");
	if (mount->ids.uid_count && mount->ids.gid_count) {
		r = oci_idmap_namespace(room->host, room->arena, &mount->ids, &own, err);
		if (r < 0)
			return r;
		userns = own;
	}
	if (userns < 0)
		return room->host->fail(err, EINVAL, "an id mapping without ids, and the container has none");
	change.userns_fd = (uint64_t)userns;
	if (mount_setattr(room->mounts[index].fd, "", AT_EMPTY_PATH | depth, &change, sizeof(change)) < 0)
		return ns_fail(room->host, err, errno, "map the ids of", mount->source);
	return 0;
}

int oci_sources_map(struct oci_room *room, int userns, struct hyfw_error **err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < room->config->mount_count && r == 0; i++)
		if (room->config->mounts[i].map != HYFW_OCI_UNMAPPED && !room->mounts[i].inner) {
			r = map(room, i, userns, err);
			if (r < 0)
				room->host->wrap(err, "mount at %s", room->config->mounts[i].target);
		}
	return r;
}
