/* SPDX-License-Identifier: BSD-3-Clause
 * Control groups that a libvirtd has made for a machine and forgotten: one that was
 * started again while the machine ran does not find it in them, since it is in ours.
 * rmdir(2) takes empty groups only, so nothing that is in use is touched. */
#include "../run.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define MOUNT "/sys/fs/cgroup"
#define SHORT_NAME 20 /* characters of a domain's name in names of files: libvirt, virDomainDefGetShortName() */
#define DEPTH 3

static void remove_group(int parent, const char *name, unsigned depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent *entry;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	while (dir && depth > 0 && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			remove_group(fd, entry->d_name, depth - 1);
	if (dir)
		closedir(dir);
	unlinkat(parent, name, AT_REMOVEDIR);
}

/* "qemu-ID-NAME.libvirt-qemu" */
static bool is_of(const char *group, const char *domain)
{
	size_t length = strnlen(domain, SHORT_NAME), digits;

	if (strncmp(group, "qemu-", 5) != 0)
		return false;
	digits = strspn(group + 5, "0123456789");
	group += 5 + digits;
	return digits > 0 && *group == '-' && strncmp(group + 1, domain, length) == 0 &&
	       strcmp(group + 1 + length, ".libvirt-qemu") == 0;
}

static void look_below(const char *path, const char *domain)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && is_of(entry->d_name, domain))
			remove_group(dirfd(dir), entry->d_name, DEPTH);
	if (dir)
		closedir(dir);
}

void kvm_stale_groups(const struct hyfw_host *host, struct hyfw_arena *arena, const char *domain)
{
	DIR *mount = opendir(MOUNT);
	struct dirent *entry;

	look_below(MOUNT "/machine", domain);
	while (mount && (entry = readdir(mount)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			look_below(host->format(arena, MOUNT "/%s/machine", entry->d_name), domain);
	if (mount)
		closedir(mount);
}
