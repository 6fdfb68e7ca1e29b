/* SPDX-License-Identifier: BSD-3-Clause
 * Id maps with any number of ranges, user_namespaces(7).  Who may not write them is
 * helped by newuidmap(1) and newgidmap(1), which know /etc/subuid. */
#include "oci.h"

#include <linux/sched.h>

#define TEXT_LIMIT 4095 /* the kernel takes less than a page */

uint32_t oci_id_outside(const struct hyfw_oci_ids *ids, size_t count, uint32_t inside)
{
	size_t i;

	if (!count)
		return inside;
	for (i = 0; i < count; i++)
		if (inside >= ids[i].inside && inside - ids[i].inside < ids[i].count)
			return ids[i].outside + (inside - ids[i].inside);
	return UINT32_MAX;
}

static int write_file(pid_t pid, const char *file, const char *text)
{
	char path[64];
	NS_AUTO_CLOSE int fd = -1;
	size_t length = strlen(text);

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, text, length) == (ssize_t)length ? 0 : -errno;
}

static int by_program(const struct hyfw_host *host, struct hyfw_arena *arena, const char *program, pid_t pid,
		      const struct hyfw_oci_ids *ids, size_t count, struct hyfw_error **err)
{
	const char **argv = host->alloc(arena, (count * 3 + 3) * sizeof(*argv));
	struct hyfw_program run = { .size = sizeof(run), .argv = argv };
	size_t i, used = 0;

	argv[used++] = program;
	argv[used++] = host->format(arena, "%d", (int)pid);
	for (i = 0; i < count; i++) {
		argv[used++] = host->format(arena, "%u", ids[i].inside);
		argv[used++] = host->format(arena, "%u", ids[i].outside);
		argv[used++] = host->format(arena, "%u", ids[i].count);
	}
	return host->run(arena, &run, NULL, err);
}

static int write_map(const struct hyfw_host *host, struct hyfw_arena *arena, pid_t pid, bool groups,
		     const struct hyfw_oci_ids *ids, size_t count, struct hyfw_error **err)
{
	const char *file = groups ? "gid_map" : "uid_map", *text = "";
	size_t i;
	int r;

	for (i = 0; i < count && strlen(text) <= TEXT_LIMIT; i++)
		text = host->format(arena, "%s%u %u %u\n", text, ids[i].inside, ids[i].outside, ids[i].count);
	if (strlen(text) > TEXT_LIMIT)
		return host->fail(err, E2BIG, "%s: more id ranges than the kernel takes", file);
	r = write_file(pid, file, text);
	if (r == -EPERM && geteuid() != 0 && count == 1 && ids[0].count == 1 &&
	    (!groups || write_file(pid, "setgroups", "deny") == 0))
		r = write_file(pid, file, text);
	if (r == -EPERM && geteuid() != 0)
		return by_program(host, arena, groups ? "newgidmap" : "newuidmap", pid, ids, count, err);
	return r < 0 ? ns_fail(host, err, -r, "write the id map of", groups ? "groups" : "users") : 0;
}

int oci_idmap_write(const struct hyfw_host *host, struct hyfw_arena *arena, pid_t pid,
		    const struct hyfw_oci_idmap *idmap, struct hyfw_error **err)
{
	int r = write_map(host, arena, pid, false, idmap->uids, idmap->uid_count, err);

	return r < 0 ? r : write_map(host, arena, pid, true, idmap->gids, idmap->gid_count, err);
}

int oci_idmap_namespace(const struct hyfw_host *host, struct hyfw_arena *arena,
			const struct hyfw_oci_idmap *idmap, int *ret_fd, struct hyfw_error **err)
{
	NS_AUTO_CLOSE int pidfd = -1;
	pid_t pid = ns_clone(CLONE_NEWUSER, &pidfd);
	int r, fd;

	if (pid == 0)
		for (;;)
			pause();
	if (pid < 0)
		return ns_fail(host, err, errno, "make", "a user namespace for mapped mounts");
	r = oci_idmap_write(host, arena, pid, idmap, err);
	if (r == 0) {
		fd = ns_namespace_open(pidfd, pid, NS_KIND_USER);
		if (fd < 0)
			r = ns_fail(host, err, -fd, "open", "a user namespace for mapped mounts");
		else
			*ret_fd = fd;
	}
	process_end(pidfd);
	return r;
}
