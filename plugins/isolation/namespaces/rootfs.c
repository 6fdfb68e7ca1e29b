/* SPDX-License-Identifier: BSD-3-Clause
 * Detached mounts, made by the parent because an id mapping or an overlay takes
 * privileges that the child no longer has.  They are never attached in the
 * caller's mount namespace, so the host does not see them and nothing has to be
 * undone: they vanish with their last descriptor. */
#include "ns.h"

#include <linux/openat2.h>
#include <sys/xattr.h>

#define LAYERS_MAX 400 /* OVL_MAX_STACK is 500 */

uint64_t ns_attachment_attributes(const struct hyfw_attachment *attachment)
{
	uint64_t attributes = 0;

	if (attachment->flags & HYFW_ATTACH_READ_ONLY)
		attributes |= MOUNT_ATTR_RDONLY;
	if (attachment->flags & HYFW_ATTACH_NOSUID)
		attributes |= MOUNT_ATTR_NOSUID;
	if (attachment->flags & HYFW_ATTACH_NODEV)
		attributes |= MOUNT_ATTR_NODEV;
	if (attachment->flags & HYFW_ATTACH_NOEXEC)
		attributes |= MOUNT_ATTR_NOEXEC;
	return attributes;
}

/* A private detached copy of the mount at 'fd', with attributes and mapping. */
static int clone_tree(int fd, bool recursive, uint64_t attributes, int userns)
{
	unsigned depth = recursive ? AT_RECURSIVE : 0;
	struct mount_attr change = { .attr_set = attributes, .propagation = MS_PRIVATE };
	NS_AUTO_CLOSE int tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | depth);

	if (tree < 0)
		return -errno;
	if (userns >= 0) {
		change.attr_set |= MOUNT_ATTR_IDMAP;
		change.userns_fd = (uint64_t)userns;
	}
	if (mount_setattr(tree, "", AT_EMPTY_PATH | depth, &change, sizeof(change)) < 0)
		return -errno;
	return ns_steal_fd(&tree);
}

/* Links in the way of 'path' were resolved by the core; magic links never are
 * what an administrator meant. */
int ns_open_source(const char *path, int flags)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | (unsigned)flags,
				.resolve = RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* Files that the core made for this workload alone: a bind mount takes no context=. */
static int label_copy(const struct hyfw_host *host, const struct hyfw_attachment *attachment, int fd, const char *label,
		      struct hyfw_error **err)
{
	char handle[32];

	if (!label || !(attachment->flags & HYFW_ATTACH_PRIVATE_COPY))
		return 0;
	snprintf(handle, sizeof(handle), "/proc/self/fd/%d", fd);
	if (setxattr(handle, "security.selinux", label, strlen(label) + 1, 0) < 0 && errno != EOPNOTSUPP)
		return ns_fail(host, err, errno, "label", attachment->source);
	return 0;
}

static int open_bind(const struct hyfw_host *host, const struct hyfw_attachment *attachment, int userns,
		     const char *label, int *ret_fd, struct hyfw_error **err)
{
	NS_AUTO_CLOSE int opened = -1;
	int source = attachment->source_fd, fd, r;

	if (source < 0) {
		source = opened = ns_open_source(attachment->source, 0);
		if (opened < 0)
			return ns_fail(host, err, -opened, "open", attachment->source);
	}
	r = label_copy(host, attachment, source, label, err);
	if (r < 0)
		return r;
	fd = clone_tree(source, attachment->flags & HYFW_ATTACH_RECURSIVE,
			ns_attachment_attributes(attachment), userns);
	if (fd == -EINVAL && userns >= 0)
		return host->fail(err, ENOTSUP, "mount %s with mapped ids: its file system, or one below it, "
				  "does not support that", attachment->source);
	if (fd < 0)
		return ns_fail(host, err, -fd, "mount", attachment->source);
	*ret_fd = fd;
	return 0;
}

static int open_layers(const struct hyfw_host *host, const struct hyfw_attachment *attachment, int userns,
		       int *layers, size_t *count, struct hyfw_error **err)
{
	const char *const *lower;
	int source;

	for (lower = attachment->lower; lower && *lower; lower++) {
		if (*count == LAYERS_MAX)
			return host->fail(err, E2BIG, "more than %d layers", LAYERS_MAX);
		source = ns_open_source(*lower, O_DIRECTORY);
		if (source < 0)
			return ns_fail(host, err, -source, "open layer", *lower);
		layers[*count] = clone_tree(source, false, 0, userns);
		close(source);
		if (layers[*count] < 0)
			return ns_fail(host, err, -layers[*count], "map the ids of layer", *lower);
		(*count)++;
	}
	return *count ? 0 : host->fail(err, EINVAL, "an overlay without layers");
}

static int mount_overlay(const struct hyfw_host *host, const struct hyfw_attachment *attachment,
			 struct ns_overlay *overlay, int *ret_fd, struct hyfw_error **err)
{
	NS_AUTO_CLOSE int upper = -1;
	NS_AUTO_CLOSE int work = -1;
	int fd, r;

	if (attachment->upper) {
		upper = ns_open_source(attachment->upper, O_DIRECTORY);
		work = ns_open_source(attachment->work ? attachment->work : "", O_DIRECTORY);
		if (upper < 0)
			return ns_fail(host, err, -upper, "open the writable layer", attachment->upper);
		if (work < 0)
			return ns_fail(host, err, -work, "open the work directory", attachment->work);
	}
	overlay->upper = upper;
	overlay->work = work;
	overlay->upper_path = attachment->upper;
	overlay->work_path = attachment->work;
	if (!attachment->upper && overlay->count == 1) { /* nothing to lay over */
		fd = dup(overlay->layers[0]);
	} else {
		fd = ns_overlay_detached(overlay);
		if (fd == -EINVAL || fd == -EBADF || fd == -EOPNOTSUPP)
			fd = ns_overlay_attached(overlay);
	}
	if (fd < 0)
		return ns_fail(host, err, fd == -1 ? errno : -fd, "mount the overlay on",
			       attachment->upper ? attachment->upper : attachment->lower[0]);
	r = ns_attributes(fd, ns_attachment_attributes(attachment) |
			  (attachment->upper ? 0 : MOUNT_ATTR_RDONLY), false);
	if (r < 0) {
		close(fd);
		return ns_fail(host, err, -r, "set the mount flags of", "the overlay");
	}
	*ret_fd = fd;
	return 0;
}

static int open_overlay(const struct hyfw_host *host, const struct hyfw_attachment *attachment, int userns,
			const char *label, int *ret_fd, struct hyfw_error **err)
{
	int layers[LAYERS_MAX], r;
	struct ns_overlay overlay = { .layers = layers, .label = label };

	r = open_layers(host, attachment, userns, layers, &overlay.count, err);
	if (r == 0)
		r = mount_overlay(host, attachment, &overlay, ret_fd, err);
	while (overlay.count > 0)
		close(layers[--overlay.count]);
	return r;
}

int ns_rootfs_open(const struct hyfw_host *host, const struct hyfw_attachment *attachment, int userns,
		   const char *label, int *ret_fd, struct hyfw_error **err)
{
	int map = attachment->flags & HYFW_ATTACH_IDMAP ? userns : -1;

	switch (attachment->kind) {
	case HYFW_ATTACHMENT_BIND:
		return open_bind(host, attachment, map, label, ret_fd, err);
	case HYFW_ATTACHMENT_OVERLAY:
		return open_overlay(host, attachment, map, label, ret_fd, err);
	default:
		return host->fail(err, ENOTSUP, "%s: containers take directories and overlays, "
				  "not this kind of storage", attachment->target ? attachment->target : "/");
	}
}
