/* SPDX-License-Identifier: BSD-3-Clause
 * linux.sysctl: kernel settings that belong to a namespace of the container's own.
 * All others are the host's, and refused. */
#include "oci.h"

#include <sched.h>

static const char *const ipc[] = {
	"kernel/auto_msgmni", "kernel/msg_next_id", "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem",
	"kernel/sem_next_id", "kernel/shm_next_id", "kernel/shm_rmid_forced", "kernel/shmall", "kernel/shmmax",
	"kernel/shmmni",
};

/* Files of the host's root, also in a user namespace: the calls are for whoever has the names. */
static const char hostname[] = "kernel/hostname", domainname[] = "kernel/domainname";

/* "net.ipv4.ip_forward", "net/ipv4/conf/eth0.100/rp_filter": the separator is what
 * comes first, sysctl.d(5); with dots, a slash stands for a dot in a name. */
static void to_path(const char *name, char *path)
{
	size_t first = strcspn(name, "./");
	bool dots = name[first] == '.';

	for (; *name; name++)
		*path++ = !dots ? *name : *name == '.' ? '/' : *name == '/' ? '.' : *name;
	*path = '\0';
}

static uint64_t owner(const char *path)
{
	size_t i;

	if (strncmp(path, "net/", 4) == 0)
		return CLONE_NEWNET;
	if (strncmp(path, "fs/mqueue/", 10) == 0)
		return CLONE_NEWIPC;
	if (strcmp(path, hostname) == 0 || strcmp(path, domainname) == 0)
		return CLONE_NEWUTS;
	if (strncmp(path, "user/", 5) == 0)
		return CLONE_NEWUSER;
	for (i = 0; i < NS_COUNT(ipc); i++)
		if (strcmp(path, ipc[i]) == 0)
			return CLONE_NEWIPC;
	return 0;
}

int oci_sysctl_check(const struct oci_room *room, struct hyfw_error **err)
{
	const struct hyfw_map *sysctl = &room->config->sysctl;
	uint64_t own = room->namespaces.fresh | room->namespaces.taken, needed;
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < sysctl->count; i++) {
		if (strlen(sysctl->items[i].key) >= sizeof(path) || strstr(sysctl->items[i].key, ".."))
			return room->host->fail(err, EINVAL, "sysctl %s: no such name", sysctl->items[i].key);
		to_path(sysctl->items[i].key, path);
		needed = owner(path);
		if (!needed)
			return room->host->fail(err, EINVAL, "sysctl %s is not in a separate kernel namespace: "
						"it would change the host", sysctl->items[i].key);
		if (!(own & needed))
			return room->host->fail(err, EINVAL, "sysctl %s without a %s namespace of the container's own",
						sysctl->items[i].key, needed == CLONE_NEWNET ? "network" :
						needed == CLONE_NEWUTS ? "uts" : needed == CLONE_NEWUSER ? "user" : "ipc");
	}
	return 0;
}

static bool write_setting(int dir, const char *path, const char *value)
{
	size_t length = strlen(value);
	NS_AUTO_CLOSE int fd = -1;

	if (strcmp(path, hostname) == 0)
		return sethostname(value, length) == 0;
	if (strcmp(path, domainname) == 0)
		return syscall(SYS_setdomainname, value, length) == 0;
	fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, value, length) == (ssize_t)length;
}

/* By the host's /proc: settings are those of who opens them. */
void oci_sysctl_write(const struct ns_job *job, const struct oci_room *room)
{
	const struct hyfw_map *sysctl = &room->config->sysctl;
	char path[PATH_MAX];
	size_t i;
	int dir;

	if (sysctl->count == 0)
		return;
	dir = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		ns_die(job, NS_STEP_SETTING, "/proc/sys", errno);
	for (i = 0; i < sysctl->count; i++) {
		to_path(sysctl->items[i].key, path);
		if (!write_setting(dir, path, sysctl->items[i].value))
			ns_die(job, NS_STEP_SETTING, sysctl->items[i].key, errno);
	}
	close(dir);
}
