/* SPDX-License-Identifier: BSD-3-Clause
 * The id maps of a new user namespace, user_namespaces(7). */
#include "ns.h"

#include <inttypes.h>

#define MAP_BYTES (340 * 33 + 1) /* UID_GID_MAP_MAX_EXTENTS lines of "%10u %10u %10u\n" */

uint32_t ns_idmap_find(const char *text, uint32_t inside)
{
	uint32_t first, outside, count;
	int length = 0;

	while (sscanf(text, "%" SCNu32 "%" SCNu32 "%" SCNu32 "%n", &first, &outside, &count, &length) == 3) {
		if (inside >= first && inside - first < count)
			return outside + (inside - first);
		text += length;
	}
	return UINT32_MAX;
}

uint32_t ns_idmap_outside(pid_t pid, const char *file, uint32_t inside)
{
	char path[64], text[MAP_BYTES];
	NS_AUTO_CLOSE int fd = -1;
	size_t size = 0;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return UINT32_MAX;
	/* The kernel gives a page at a time. */
	while ((got = read(fd, text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)got;
	text[size] = '\0';
	return ns_idmap_find(text, inside);
}

static int write_text(pid_t pid, const char *file, const char *text, int length)
{
	char path[64];
	NS_AUTO_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)length) != length)
		return -errno;
	return 0;
}

static int write_map(pid_t pid, const char *file, uint32_t first, uint32_t count)
{
	char text[64];

	return write_text(pid, file, text, snprintf(text, sizeof(text), "0 %u %u\n", first, count));
}

/* An ordinary user may map no id but their own, and no group unless nobody inside can drop one:
 * a group may be what keeps somebody out of a file (user_namespaces(7)). */
int ns_idmap_write(const struct hyfw_host *host, pid_t pid, const struct hyfw_idmap *idmap,
		   struct hyfw_error **err)
{
	int r = write_map(pid, "uid_map", idmap->host_uid, idmap->count);

	if (r < 0)
		return ns_fail(host, err, -r, "write the id map of", "users");
	if (geteuid() != 0)
		r = write_text(pid, "setgroups", "deny", 4);
	if (r < 0)
		return ns_fail(host, err, -r, "close", "the groups of the new process");
	r = write_map(pid, "gid_map", idmap->host_gid, idmap->count);
	if (r < 0)
		return ns_fail(host, err, -r, "write the id map of", "groups");
	return 0;
}
