/* SPDX-License-Identifier: BSD-3-Clause
 * /dev of an OCI bundle: the devices that it lists, those that the specification
 * wants in every container, and the usual links.  Nodes are made; where that is not
 * allowed (a user namespace), those that the parent made (nodes.c) or those of the host are
 * bound.  What an image or a mount has there already stays; a /dev that is bound from the
 * host is somebody's, and left alone. */
#include "oci.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct hyfw_oci_device defaults[] = {
	{ "/dev/null", 'c', 1, 3, 0666, 0, 0 },   { "/dev/zero", 'c', 1, 5, 0666, 0, 0 },
	{ "/dev/full", 'c', 1, 7, 0666, 0, 0 },   { "/dev/random", 'c', 1, 8, 0666, 0, 0 },
	{ "/dev/urandom", 'c', 1, 9, 0666, 0, 0 }, { "/dev/tty", 'c', 5, 0, 0666, 0, 0 },
};

static const char *const links[][2] = {
	{ "/proc/self/fd", "fd" },       { "/proc/self/fd/0", "stdin" }, { "/proc/self/fd/1", "stdout" },
	{ "/proc/self/fd/2", "stderr" }, { "pts/ptmx", "ptmx" },
};

static mode_t kind_of(char type)
{
	return type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool is_device(int fd, const struct hyfw_oci_device *device)
{
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == kind_of(device->type) &&
	       (device->type == 'p' || status.st_rdev == makedev(device->major, device->minor));
}

/* Below the root: its directory, made where it is missing; the name, of 'whole', in '*ret_name'. */
static int open_directory(const struct oci_room *room, const char *path, char whole[PATH_MAX], const char **ret_name)
{
	size_t length = strlen(path), end;
	char *name;

	while (length > 0 && path[length - 1] == '/')
		length--;
	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(whole, path, length);
	whole[length] = '\0';
	name = strrchr(whole, '/');
	if (!name || !name[1] || strcmp(name, "/..") == 0 || strcmp(name, "/.") == 0)
		return -EINVAL;
	*ret_name = name + 1;
	end = (size_t)(name - whole);
	*name = '\0';
	return ns_target_open(room->root, end ? whole : "/", true);
}

static int make_node(int directory, const char *name, const struct hyfw_oci_device *device)
{
	if (mknodat(directory, name, kind_of(device->type) | device->mode, makedev(device->major, device->minor)) < 0)
		return -errno;
	if ((device->uid || device->gid) &&
	    fchownat(directory, name, device->uid, device->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

/* The same node of the host, whose owner and mode stay as they are. */
static int take_of_host(const struct hyfw_oci_device *device)
{
	NS_AUTO_CLOSE int tree = open_tree(AT_FDCWD, device->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0)
		return -errno;
	return is_device(tree, device) ? ns_steal_fd(&tree) : -ENODEV;
}

static int bind_node(int directory, const char *name, int from)
{
	NS_AUTO_CLOSE int tree = from;
	NS_AUTO_CLOSE int made = -1;

	if (tree < 0)
		return tree;
	made = openat(directory, name, O_CREAT | O_NOFOLLOW | O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0666);
	if (made < 0)
		return -errno;
	return move_mount(tree, "", directory, name, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static int exists(int directory, const char *name, const struct hyfw_oci_device *device)
{
	NS_AUTO_CLOSE int fd = ns_open_inside(directory, name, O_NOFOLLOW);

	return is_device(fd, device) ? 0 : -EEXIST;
}

#define UNLISTED SIZE_MAX

static int make_device(const struct ns_job *job, const struct oci_room *room,
		       const struct hyfw_oci_device *device, size_t index)
{
	char whole[PATH_MAX];
	const char *name;
	NS_AUTO_CLOSE int directory = open_directory(room, device->path, whole, &name);
	int r;

	if (directory < 0)
		return directory;
	r = job->mapped && device->type != 'p' ? -EPERM : make_node(directory, name, device);
	if (r == -EEXIST || r == -EPERM) {
		int found = exists(directory, name, device);

		if (found == 0)
			return 0;
	}
	if (r == -EPERM && device->type != 'p')
		r = bind_node(directory, name, index != UNLISTED && room->nodes >= 0 ? oci_node_take(room, index) :
			      take_of_host(device));
	return r;
}

static bool is_listed(const struct hyfw_oci_config *config, const char *path)
{
	size_t i;

	for (i = 0; i < config->device_count; i++)
		if (strcmp(config->devices[i].path, path) == 0)
			return true;
	return false;
}

static void make_links(const struct ns_job *job, const struct oci_room *room)
{
	NS_AUTO_CLOSE int dev = ns_target_open(room->root, "/dev", true);
	struct stat status;
	size_t i;

	if (dev < 0)
		ns_die(job, NS_STEP_DEVICE, "/dev", -dev);
	for (i = 0; i < NS_COUNT(links); i++)
		if (symlinkat(links[i][0], dev, links[i][1]) < 0 && errno != EEXIST && errno != EROFS)
			ns_die(job, NS_STEP_DEVICE, links[i][1], errno);
	if (stat("/proc/kcore", &status) == 0 && symlinkat("/proc/kcore", dev, "core") < 0 && errno != EEXIST &&
	    errno != EROFS)
		ns_die(job, NS_STEP_DEVICE, "core", errno);
}

/* What the terminal is going to be bound on. */
static void make_console(const struct ns_job *job, const struct oci_room *room)
{
	NS_AUTO_CLOSE int dev = job->terminal ? ns_target_open(room->root, "/dev", true) : -1;
	NS_AUTO_CLOSE int fd = -1;

	if (!job->terminal)
		return;
	fd = openat(dev, "console", O_CREAT | O_NOFOLLOW | O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0600);
	/* A device of the host's that cannot be opened is there all the same. */
	if (fd < 0 && faccessat(dev, "console", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		ns_die(job, NS_STEP_DEVICE, "/dev/console", errno);
}

/* The host's, or whatever the bundle has prepared: nothing is made in it. */
static bool is_bound(const struct oci_room *room)
{
	size_t i;

	for (i = 0; i < room->config->mount_count; i++)
		if (room->mounts[i].bind && oci_is_at(&room->mounts[i], "/dev"))
			return true;
	return false;
}

static void make_listed(const struct ns_job *job, const struct oci_room *room)
{
	const struct hyfw_oci_config *config = room->config;
	size_t i;
	int r;

	oci_nodes_attach(job, room);
	for (i = 0; i < config->device_count; i++) {
		/* That is a link to the container's own terminals; the host's would lead to the host's. */
		if (strcmp(config->devices[i].path, "/dev/ptmx") == 0)
			continue;
		r = make_device(job, room, &config->devices[i], i);
		if (r < 0)
			ns_die(job, NS_STEP_DEVICE, config->devices[i].path, -r);
	}
	oci_nodes_detach(job, room);
}

void oci_devices_make(const struct ns_job *job, const struct oci_room *room)
{
	mode_t mask;
	size_t i;
	int r;

	if (is_bound(room)) {
		make_console(job, room);
		return;
	}
	mask = umask(0);
	make_listed(job, room);
	for (i = 0; i < NS_COUNT(defaults); i++) {
		r = is_listed(room->config, defaults[i].path) ? 0 : make_device(job, room, &defaults[i], UNLISTED);
		/* Whatever an image has there is its own affair, as is a /dev that is read-only. */
		if (r < 0 && r != -EEXIST && r != -EROFS)
			ns_die(job, NS_STEP_DEVICE, defaults[i].path, -r);
	}
	umask(mask);
	make_links(job, room);
	make_console(job, room);
}
