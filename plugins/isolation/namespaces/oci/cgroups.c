/* SPDX-License-Identifier: BSD-3-Clause
 * A mount of type cgroup: on a host with
 * cgroup v2 alone one file system, on all others a tmpfs with a directory for each
 * hierarchy.  With a control group namespace they are mounted anew and begin at the
 * container's own groups; without one these groups are bound. */
#include "oci.h"

#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define BASE "/sys/fs/cgroup"
#define FILE_LIMIT 65536

static bool is_wanted(const struct oci_room *room)
{
	size_t i;

	for (i = 0; i < room->config->mount_count; i++)
		if (room->config->mounts[i].type && strcmp(room->config->mounts[i].type, "cgroup") == 0)
			return true;
	return false;
}

/* The container's own group of a hierarchy; where the modules made none, ours. */
static const char *group_path(const struct oci_room *room, const char *controllers, const char *directory,
			      const char *own)
{
	const struct hyfw_confinement *confinement = &room->workload->confinement;
	size_t i;

	for (i = 0; i < confinement->cgroup_count; i++)
		if (strcmp(confinement->cgroups[i].controllers, controllers) == 0)
			return confinement->cgroups[i].path;
	return room->host->format(room->arena, BASE "%s%s%s", *directory ? "/" : "", directory, own);
}

static int open_group(const char *path)
{
	return open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

/* "cpu,cpuacct" -> { "cpu", NULL, "cpuacct", NULL, NULL }; "name=systemd" as a pair */
static const char **options_of(const struct oci_room *room, char *controllers)
{
	const char **options = room->host->alloc(room->arena, 64 * sizeof(*options));
	size_t used = 0;
	char *at = controllers, *end;

	if (!*controllers)
		return NULL;
	options[used++] = "source";
	options[used++] = "cgroup";
	for (; at && used + 3 < 64; at = end) {
		end = strchr(at, ',');
		if (end)
			*end++ = '\0';
		options[used++] = strncmp(at, "name=", 5) == 0 ? "name" : at;
		options[used++] = strncmp(at, "name=", 5) == 0 ? at + 5 : NULL;
	}
	return options;
}

static int add(struct oci_room *room, struct oci_hierarchy **last, const char *controllers, const char *own)
{
	const struct hyfw_host *host = room->host;
	struct oci_hierarchy *made = host->alloc(room->arena, sizeof(*made));
	const char *directory = strncmp(controllers, "name=", 5) == 0 ? controllers + 5 : controllers;
	struct stat status;

	if (!*directory)
		directory = "unified";
	/* Not mounted here: nobody would look for it there. */
	if (stat(host->format(room->arena, BASE "/%s", directory), &status) < 0)
		return 0;
	made->fd = -1;
	made->directory = directory;
	made->options = options_of(room, host->format(room->arena, "%s", controllers));
	if (!oci_fresh(room, CLONE_NEWCGROUP)) {
		made->fd = open_group(group_path(room, controllers, directory, own));
		if (made->fd < 0)
			return errno == ENOENT ? 0 : -errno;
	}
	made->next = *last;
	*last = made;
	return 0;
}

/* Lines of proc(5) cgroup: "4:cpu,cpuacct:/a/b"; without controllers it is v2. */
static int read_groups(struct oci_room *room)
{
	char *text = room->host->alloc(room->arena, FILE_LIMIT + 1), *line, *end, *path;
	NS_AUTO_CLOSE int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, FILE_LIMIT);
	int r = 0;

	for (line = text; size > 0 && *line && r == 0; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		line = strchr(line, ':');
		path = line ? strchr(line + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		r = add(room, &room->hierarchies, line + 1, strcmp(path, "/") == 0 ? "" : path);
	}
	return size < 0 ? -EIO : r;
}

static int bind_v2(struct oci_room *room)
{
	struct oci_hierarchy *made = room->host->alloc(room->arena, sizeof(*made));

	made->fd = open_group(group_path(room, "", "", ""));
	room->hierarchies = made;
	return made->fd < 0 ? -errno : 0;
}

int oci_cgroups_prepare(struct oci_room *room, struct hyfw_error **err)
{
	struct statfs status;
	int r = 0;

	if (!is_wanted(room))
		return 0;
	if (statfs(BASE, &status) < 0)
		return ns_fail(room->host, err, errno, "look at", BASE);
	room->cgroup_v2 = status.f_type == CGROUP2_SUPER_MAGIC;
	if (!room->cgroup_v2)
		r = read_groups(room);
	else if (!oci_fresh(room, CLONE_NEWCGROUP))
		r = bind_v2(room);
	return r < 0 ? ns_fail(room->host, err, -r, "open the control groups for", "the mount") : 0;
}

/* ---- in the child ---------------------------------------------------------------- */

static const char *const cgroup2[] = { "source", "cgroup2", NULL };

static int make(const struct oci_hierarchy *hierarchy, uint64_t attributes)
{
	int r;

	if (hierarchy && hierarchy->fd >= 0) {
		r = oci_mount_change(hierarchy->fd, attributes, 0, MS_PRIVATE, false);
		return r < 0 ? r : hierarchy->fd;
	}
	if (!hierarchy || !hierarchy->options)
		return ns_filesystem("cgroup2", cgroup2, attributes);
	return ns_filesystem("cgroup", hierarchy->options, attributes);
}

/* "cpu" and "cpuacct" lead to "cpu,cpuacct". */
static void make_links(const struct ns_job *job, int base, const char *directory)
{
	const char *at = directory, *end;
	char name[64];

	if (!strchr(directory, ','))
		return;
	for (; *at; at = *end ? end + 1 : end) {
		end = at + strcspn(at, ",");
		if ((size_t)(end - at) >= sizeof(name))
			continue;
		memcpy(name, at, (size_t)(end - at));
		name[end - at] = '\0';
		if (symlinkat(directory, base, name) < 0 && errno != EEXIST)
			ns_die(job, NS_STEP_MOUNT, directory, errno);
	}
}

static void attach_hierarchy(const struct ns_job *job, const struct oci_hierarchy *hierarchy, int base,
			     uint64_t attributes)
{
	int fd;

	if (mkdirat(base, hierarchy->directory, 0755) < 0)
		ns_die(job, NS_STEP_MOUNT, hierarchy->directory, errno);
	fd = make(hierarchy, attributes);
	if (fd < 0 || move_mount(fd, "", base, hierarchy->directory, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_MOUNT, hierarchy->directory, fd < 0 ? -fd : errno);
	close(fd);
	make_links(job, base, hierarchy->directory);
}

void oci_cgroups_attach(const struct ns_job *job, const struct oci_room *room,
			const struct hyfw_oci_mount *mount, int target)
{
	static const char *const options[] = { "source", "tmpfs", "mode", "755", NULL };
	uint64_t attributes = mount->set | mount->set_all;
	const struct oci_hierarchy *hierarchy;
	int base, r;

	if (room->cgroup_v2) {
		base = make(room->hierarchies, attributes);
		if (base < 0)
			ns_die(job, NS_STEP_MOUNT, mount->target, -base);
		oci_attach(job, base, target, mount->target);
		close(base);
		return;
	}
	base = ns_filesystem("tmpfs", options, attributes & ~(uint64_t)MOUNT_ATTR_RDONLY);
	if (base < 0)
		ns_die(job, NS_STEP_MOUNT, mount->target, -base);
	oci_attach(job, base, target, mount->target);
	for (hierarchy = room->hierarchies; hierarchy; hierarchy = hierarchy->next)
		attach_hierarchy(job, hierarchy, base, attributes);
	r = oci_mount_change(base, attributes & MOUNT_ATTR_RDONLY, 0, 0, false);
	if (r < 0)
		ns_die(job, NS_STEP_READ_ONLY, mount->target, -r);
	close(base);
}
