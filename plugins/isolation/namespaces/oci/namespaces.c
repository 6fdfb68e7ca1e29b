/* SPDX-License-Identifier: BSD-3-Clause
 * Namespaces that are new, joined by path, or the caller's (not listed).
 *
 * Those of the host can be joined only before the process is in a new user
 * namespace; a joined pid namespace holds only what is born in it, and offsets of
 * clocks only reach who is born after them.  In these cases a guide (guide.c) joins
 * first.  Order of joining: the user namespace comes last, as the others may belong
 * to the host; the mount namespace is the child's own business, as it changes what
 * paths mean. */
#include "oci.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/nsfs.h>
#include <time.h>

#define LATER (CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWCGROUP)

static const struct {
	uint32_t type;
	const char *name;
} kinds[] = {
	{ CLONE_NEWCGROUP, "cgroup" }, { CLONE_NEWIPC, "ipc" }, { CLONE_NEWNS, "mnt" }, { CLONE_NEWNET, "net" },
	{ CLONE_NEWPID, "pid" }, { CLONE_NEWTIME, "time" }, { CLONE_NEWUSER, "user" }, { CLONE_NEWUTS, "uts" },
};

static const char *name_of(uint64_t type)
{
	size_t i;

	for (i = 0; i < NS_COUNT(kinds); i++)
		if (kinds[i].type == type)
			return kinds[i].name;
	return NULL;
}

/* Joining our own user namespace again is an error of the kernel. */
static bool is_own(int fd, const char *kind)
{
	struct stat own, other;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	return stat(path, &own) == 0 && fstat(fd, &other) == 0 && own.st_ino == other.st_ino &&
	       own.st_dev == other.st_dev;
}

static int open_path(struct oci_room *room, const struct hyfw_oci_namespace *namespace, const char *kind,
		     struct hyfw_error **err)
{
	struct oci_namespaces *namespaces = &room->namespaces;
	NS_AUTO_CLOSE int fd = open(namespace->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return ns_fail(room->host, err, errno, "open the namespace", namespace->path);
	if (ioctl(fd, NS_GET_NSTYPE) != (int)namespace->type)
		return room->host->fail(err, EINVAL, "%s is no %s namespace", namespace->path, kind);
	if (is_own(fd, kind))
		return 0;
	namespaces->joined[namespaces->count].type = namespace->type;
	namespaces->joined[namespaces->count++].fd = ns_steal_fd(&fd);
	namespaces->taken |= namespace->type;
	return 0;
}

static int check(const struct oci_room *room, struct hyfw_error **err)
{
	const struct hyfw_oci_config *config = room->config;
	const struct oci_namespaces *namespaces = &room->namespaces;
	bool mapped = config->idmap.uid_count || config->idmap.gid_count;

	if (!((namespaces->fresh | namespaces->taken) & CLONE_NEWNS) &&
	    (config->mount_count || config->masked_paths || config->read_only_paths || config->root_read_only))
		return room->host->fail(err, EINVAL, "mounts, masked or read-only paths without a mount namespace: "
					"they would be the host's");
	if (mapped && !(namespaces->fresh & CLONE_NEWUSER) && !(namespaces->taken & CLONE_NEWUSER))
		return room->host->fail(err, EINVAL, "id mappings without a user namespace");
	if (oci_fresh(room, CLONE_NEWUSER) && (!config->idmap.uid_count || !config->idmap.gid_count))
		return room->host->fail(err, EINVAL, "a new user namespace without mappings of users and groups");
	if (config->time_offset_count && !oci_fresh(room, CLONE_NEWTIME))
		return room->host->fail(err, EINVAL, "time offsets without a new time namespace");
	if (config->hostname && *config->hostname && !((namespaces->fresh | namespaces->taken) & CLONE_NEWUTS))
		return room->host->fail(err, EINVAL, "a host name without a UTS namespace");
	if (config->domainname && *config->domainname && !((namespaces->fresh | namespaces->taken) & CLONE_NEWUTS))
		return room->host->fail(err, EINVAL, "a domain name without a UTS namespace");
	return 0;
}

int oci_namespaces_open(struct oci_room *room, struct hyfw_error **err)
{
	struct oci_namespaces *namespaces = &room->namespaces;
	const struct hyfw_oci_config *config = room->config;
	uint64_t seen = 0;
	size_t i;
	int r = 0;

	for (i = 0; i < config->namespace_count && r == 0; i++) {
		const struct hyfw_oci_namespace *namespace = &config->namespaces[i];
		const char *kind = name_of(namespace->type);

		if (!kind || seen & namespace->type)
			return room->host->fail(err, EINVAL, "%s namespace, twice or unknown", kind ? kind : "a");
		seen |= namespace->type;
		if (namespace->path)
			r = open_path(room, namespace, kind, err);
		else
			namespaces->fresh |= namespace->type;
	}
	if (r < 0)
		return r;
	namespaces->offsets = config->time_offset_count > 0;
	namespaces->guided = namespaces->offsets || namespaces->taken & (CLONE_NEWUSER | CLONE_NEWPID) ||
			     (namespaces->taken & ~(uint64_t)CLONE_NEWNS && oci_fresh(room, CLONE_NEWUSER));
	return check(room, err);
}

void oci_namespaces_close(struct oci_namespaces *namespaces)
{
	while (namespaces->count > 0)
		close(namespaces->joined[--namespaces->count].fd);
}

/* Network, ipc and control groups wait until ids are mapped and groups are joined. */
uint64_t oci_namespaces_of_clone(const struct oci_room *room)
{
	uint64_t flags = room->namespaces.fresh & ~(uint64_t)LATER;

	return room->namespaces.offsets ? flags & ~(uint64_t)CLONE_NEWTIME : flags;
}

/* ---- in the guide and the child ---------------------------------------------- */

static void join(const struct ns_job *job, const struct oci_namespaces *namespaces, uint64_t types)
{
	size_t i;

	for (i = 0; i < namespaces->count; i++)
		if (namespaces->joined[i].type & types &&
		    setns(namespaces->joined[i].fd, (int)namespaces->joined[i].type) < 0)
			ns_die(job, NS_STEP_JOIN, name_of(namespaces->joined[i].type), errno);
}

/* "boottime -3600 500\n", time_namespaces(7) */
static void write_offset(const struct ns_job *job, int fd, const struct hyfw_oci_time_offset *offset)
{
	const char *clock = offset->clock == CLOCK_BOOTTIME ? "boottime" : "monotonic";
	uint64_t seconds = offset->seconds < 0 ? -(uint64_t)offset->seconds : (uint64_t)offset->seconds;
	char text[96], number[24];
	size_t used = strlen(clock), length;
	const char *digits;

	memcpy(text, clock, used);
	text[used++] = ' ';
	if (offset->seconds < 0)
		text[used++] = '-';
	digits = oci_digits(seconds, 10, number);
	length = strlen(digits);
	memcpy(text + used, digits, length);
	used += length;
	text[used++] = ' ';
	digits = oci_digits(offset->nanoseconds, 10, number);
	length = strlen(digits);
	memcpy(text + used, digits, length);
	used += length;
	text[used++] = '\n';
	if (write(fd, text, used) != (ssize_t)used)
		ns_die(job, NS_STEP_TIME, clock, errno);
}

/* Reaches who is born after it: us it does not move. */
static void make_time(const struct ns_job *job, const struct hyfw_oci_config *config)
{
	size_t i;
	int fd;

	if (unshare(CLONE_NEWTIME) < 0)
		ns_die(job, NS_STEP_NAMESPACE, "time", errno);
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		ns_die(job, NS_STEP_TIME, "", errno);
	for (i = 0; i < config->time_offset_count; i++)
		write_offset(job, fd, &config->time_offsets[i]);
	close(fd);
}

void oci_namespaces_join(struct ns_job *job, void *context)
{
	const struct oci_room *room = context;
	const struct oci_namespaces *namespaces = &room->namespaces;

	if (namespaces->offsets)
		make_time(job, room->config);
	join(job, namespaces, namespaces->taken & ~(uint64_t)(CLONE_NEWUSER | CLONE_NEWNS));
	if (!(namespaces->taken & CLONE_NEWUSER))
		return;
	join(job, namespaces, CLONE_NEWUSER);
	ns_take_ids(job);
}

void oci_namespaces_enter(const struct ns_job *job, const struct oci_room *room)
{
	const struct oci_namespaces *namespaces = &room->namespaces;

	if (!namespaces->guided)
		join(job, namespaces, namespaces->taken & ~(uint64_t)CLONE_NEWNS);
	join(job, namespaces, CLONE_NEWNS);
}

static void name_host(const struct ns_job *job, const struct hyfw_oci_config *config)
{
	if (config->hostname && *config->hostname && sethostname(config->hostname, strlen(config->hostname)) < 0)
		ns_die(job, NS_STEP_HOSTNAME, config->hostname, errno);
	if (config->domainname && *config->domainname &&
	    syscall(SYS_setdomainname, config->domainname, strlen(config->domainname)) < 0)
		ns_die(job, NS_STEP_HOSTNAME, config->domainname, errno);
}

void oci_namespaces_finish(const struct ns_job *job, const struct oci_room *room)
{
	uint64_t later = room->namespaces.fresh & LATER;

	if (later && unshare((int)later) < 0)
		ns_die(job, NS_STEP_NAMESPACE, "network, ipc, cgroup", errno);
	if (later & CLONE_NEWNET) /* a joined one belongs to somebody else */
		ns_bring_up_loopback(job);
	name_host(job, room->config);
}
