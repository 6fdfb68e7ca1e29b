/* SPDX-License-Identifier: BSD-3-Clause
 * New file systems that an OCI bundle lists: any type that the kernel has, with the
 * options that no mount flag stands for.  What a user namespace may not mount itself
 * (sysfs without a network namespace of its own, proc where the host's is covered,
 * mqueue without an ipc namespace) is bound from the host, as the runtimes do. */
#include "oci.h"

#include <sched.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define VALUE_LIMIT 255 /* of fsconfig(2) */

/* The messages of an ipc namespace are mounted already when it is made, without a context=, and
 * the kernel takes no other one later: see label_messages(). */
static const char *const unlabelled[] = { "proc", "sysfs", "cgroup", "cgroup2", "mqueue" };

static bool takes_label(const char *type)
{
	size_t i;

	for (i = 0; i < NS_COUNT(unlabelled); i++)
		if (strcmp(type, unlabelled[i]) == 0)
			return false;
	return true;
}

static const char *join_options(const struct oci_room *room, const char **options)
{
	const char *text = "";

	for (; options[0]; options += 2)
		if (strcmp(options[0], "source") != 0)
			text = room->host->format(room->arena, "%s%s%s%s%s", text, *text ? "," : "", options[0],
						  options[1] ? "=" : "", options[1] ? options[1] : "");
	return text;
}

void oci_options_prepare(const struct oci_room *room, const struct hyfw_oci_mount *mount,
			 struct oci_mount *ret_mount)
{
	const char *label = room->workload->confinement.mount_label;
	const struct hyfw_host *host = room->host;
	const char *type = mount->type ? mount->type : "none";
	size_t count = 0, used = 0, i;
	bool labelled = false, is_long = false;

	while (mount->data && mount->data[count])
		count++;
	ret_mount->directory = true;
	ret_mount->options = host->alloc(room->arena, (count + 4) * 2 * sizeof(char *));
	ret_mount->options[used++] = "source";
	ret_mount->options[used++] = mount->source && *mount->source ? mount->source : type;
	for (i = 0; i < count; i++) {
		size_t length = strcspn(mount->data[i], "=");
		const char *value = mount->data[i][length] ? mount->data[i] + length + 1 : NULL;

		ret_mount->options[used++] = host->format(room->arena, "%.*s", (int)length, mount->data[i]);
		ret_mount->options[used++] = value;
		ret_mount->has_mode |= strncmp(mount->data[i], "mode=", 5) == 0;
		labelled |= strstr(ret_mount->options[used - 2], "context") != NULL;
		is_long |= value && strlen(value) > VALUE_LIMIT;
	}
	if (label && !labelled && takes_label(type)) {
		ret_mount->options[used++] = "context";
		ret_mount->options[used++] = is_long ? host->format(room->arena, "\"%s\"", label) : label;
	}
	if (is_long)
		ret_mount->joined = join_options(room, ret_mount->options);
}

const char *oci_fd_path(int fd, char path[48])
{
	char number[24];
	const char *digits = oci_digits((uint64_t)fd, 10, number);

	memcpy(path, "/proc/self/fd/", 14);
	memcpy(path + 14, digits, strlen(digits) + 1);
	return path;
}

/* By the old call, which takes a page of options.  The target is named by its number
 * below /proc of the host, which is still ours; what is on top of it then is taken off
 * again, to be attached as all others are. */
static int mount_old(const struct oci_room *room, const struct hyfw_oci_mount *wanted, const char *joined,
		     const char *place, int target)
{
	const char *source = wanted->source ? wanted->source : wanted->type;
	NS_AUTO_CLOSE int top = -1;
	char path[48];
	int fd, errnum;

	if (mount(source, oci_fd_path(target, path), wanted->type, 0, joined) < 0)
		return -errno;
	top = ns_open_inside(room->root, place, 0);
	if (top < 0)
		return top;
	fd = open_tree(top, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	errnum = errno;
	if (umount2(oci_fd_path(top, path), MNT_DETACH) < 0 && fd >= 0) {
		errnum = errno;
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -errnum : fd;
}

/* Messages of the host's ipc namespace: only we may mount them, for a container that has a
 * user namespace and no ipc namespace of its own. */
int oci_filesystems_open(struct oci_room *room, struct hyfw_error **err)
{
	static const char *const options[] = { "source", "mqueue", NULL };
	uint64_t has = room->namespaces.fresh | room->namespaces.taken;
	size_t i;

	if (!(has & CLONE_NEWUSER) || has & CLONE_NEWIPC)
		return 0;
	for (i = 0; i < room->config->mount_count; i++) {
		const struct hyfw_oci_mount *mount = &room->config->mounts[i];
		struct oci_mount *made = &room->mounts[i];
		int r;

		if (made->bind || !mount->type || strcmp(mount->type, "mqueue") != 0)
			continue;
		made->fd = ns_filesystem("mqueue", options, (mount->set | mount->set_all) & ~(uint64_t)MOUNT_ATTR_RDONLY);
		r = made->fd >= 0 && mount->propagation ?
			oci_mount_change(made->fd, 0, 0, mount->propagation, mount->propagation_all) : 0;
		if (r < 0)
			return ns_fail(room->host, err, -r, "set the mount propagation of", mount->target);
		/* Else the child binds what the host has at /dev/mqueue. */
	}
	return 0;
}

/* The host's file system of that kind; NULL when there is nothing to stand in. */
static const char *stand_in(const char *type)
{
	if (strcmp(type, "sysfs") == 0)
		return "/sys";
	if (strcmp(type, "proc") == 0)
		return "/proc";
	return strcmp(type, "mqueue") == 0 ? "/dev/mqueue" : NULL;
}

static int bind_stand_in(const char *path, uint64_t attributes)
{
	NS_AUTO_CLOSE int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	int r;

	if (fd < 0)
		return -errno;
	r = oci_mount_change(fd, attributes & ~(uint64_t)MOUNT_ATTR__ATIME, 0, MS_SLAVE, true);
	return r < 0 ? r : ns_steal_fd(&fd);
}

/* As the directory that it covers. */
static const char *mode_of(int target, char room[24])
{
	struct stat status;

	return fstat(target, &status) < 0 ? "755" : oci_digits(status.st_mode & 07777, 8, room);
}

static int make(const struct oci_room *room, const struct hyfw_oci_mount *mount, const struct oci_mount *made,
		int target)
{
	bool is_tmpfs = strcmp(mount->type, "tmpfs") == 0;
	uint64_t attributes = (mount->set | mount->set_all) & ~(mount->clear & ~(uint64_t)MOUNT_ATTR__ATIME);
	const char *options[64];
	char mode[24];
	size_t i = 0;
	int fd;

	attributes &= ~(uint64_t)MOUNT_ATTR_RDONLY; /* see oci_mounts_seal() */
	if (made->joined) {
		fd = mount_old(room, mount, made->joined, made->target, target);
		return fd < 0 || oci_mount_change(fd, attributes, 0, 0, false) == 0 ? fd : -errno;
	}
	/* A new mount point has no mode of its own yet: the file system's own default. */
	if (!is_tmpfs || made->has_mode || made->covers_nothing)
		return ns_filesystem(mount->type, made->options, attributes);
	for (; made->options[i]; i += 2) {
		if (i + 4 > NS_COUNT(options))
			return -E2BIG;
		options[i] = made->options[i];
		options[i + 1] = made->options[i + 1];
	}
	options[i] = "mode";
	options[i + 1] = mode_of(target, mode);
	options[i + 2] = NULL;
	return ns_filesystem(mount->type, options, attributes);
}

/* Best effort: a policy may have no labels for files of that kind. */
static void label_messages(const struct ns_job *job, int fd)
{
	const char *label = job->confinement->mount_label;
	char path[48];

	if (label)
		(void)setxattr(oci_fd_path(fd, path), "security.selinux", label, strlen(label) + 1, 0);
}

int oci_filesystem(const struct ns_job *job, const struct oci_room *room, size_t index, int target)
{
	const struct hyfw_oci_mount *mount = &room->config->mounts[index];
	const char *other = mount->type ? stand_in(mount->type) : NULL;
	int fd = mount->type ? make(room, mount, &room->mounts[index], target) : -ENODEV, r;

	if (fd >= 0 && strcmp(mount->type, "mqueue") == 0)
		label_messages(job, fd);
	if ((fd == -EPERM || fd == -EBUSY) && other)
		fd = bind_stand_in(other, mount->set | mount->set_all);
	if (fd < 0)
		ns_die(job, NS_STEP_MOUNT, mount->target, -fd);
	if (mount->propagation) {
		r = oci_mount_change(fd, 0, 0, mount->propagation, mount->propagation_all);
		if (r < 0)
			ns_die(job, NS_STEP_PROPAGATION, mount->target, -r);
	}
	if (mount->copy_up) {
		r = oci_copy_up(target, fd);
		if (r < 0)
			ns_die(job, NS_STEP_COPY, mount->target, -r);
	}
	return fd;
}
