/* SPDX-License-Identifier: BSD-3-Clause
 * The id maps of a new user namespace, user_namespaces(7). */
#include "ns.h"

static int write_map(pid_t pid, const char *file, uint32_t first, uint32_t count)
{
	char path[64], text[64];
	NS_AUTO_CLOSE int fd = -1;
	int length;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	length = snprintf(text, sizeof(text), "0 %u %u\n", first, count);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)length) != length)
		return -errno;
	return 0;
}

int ns_idmap_write(const struct hyfw_host *host, pid_t pid, const struct hyfw_idmap *idmap,
		   struct hyfw_error **err)
{
	int r = write_map(pid, "uid_map", idmap->host_uid, idmap->count);

	if (r < 0)
		return ns_fail(host, err, -r, "write the id map of", "users");
	r = write_map(pid, "gid_map", idmap->host_gid, idmap->count);
	if (r < 0)
		return ns_fail(host, err, -r, "write the id map of", "groups");
	return 0;
}
