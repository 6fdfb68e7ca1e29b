/* SPDX-License-Identifier: BSD-3-Clause
 * A group that somebody else divides (cgroup-v2.rst, "Delegation"), such as a systemd inside of
 * it: they own the directory and the files that make and fill groups, and nothing that limits
 * the workload itself. */
#include "oci.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* group_remove() goes as deep, and groups are not free of charge. */
#define DEPTH "30"
#define DESCENDANTS "2000"

static bool has_v1(const struct hierarchy *hierarchy)
{
	int i;

	for (i = 0; i < CONTROLLER_COUNT; i++)
		if (hierarchy->v1[i])
			return true;
	return false;
}

int delegate_decide(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
		    const struct hyfw_subject *subject, struct limits *limits, struct hyfw_error **err)
{
	const char *word = hyfw_map_get(&subject->settings, "systemd"), *why = NULL;
	const bool asked = word && strcmp(word, "always") == 0;

	limits->delegate = NULL;
	if (!asked && !(word && strcmp(word, "detected") == 0))
		return 0;
	if (has_v1(hierarchy) || !hierarchy->unified)
		why = "systemd divides control groups of version 2 alone, and this machine has others";
	else if (subject->idmap.count == 0)
		why = "without a user namespace (userns = host) systemd could raise the limits that it has";
	if (why && asked)
		return host->fail(err, ENOTSUP, "systemd = always: %s", why);
	if (why) {
		host->log(HYFW_LOG_INFO, "workload %s: its control group is not to be written: %s", subject->name, why);
		return 0;
	}
	limits->delegate = host->format(arena, "%" PRIu32 ":%" PRIu32, subject->idmap.host_uid, subject->idmap.host_gid);
	return 0;
}

uint32_t delegate_controllers(const struct hierarchy *hierarchy)
{
	return hierarchy->unified_has &
	       (CONTROLLER_BIT(CONTROLLER_CPU) | CONTROLLER_BIT(CONTROLLER_MEMORY) | CONTROLLER_BIT(CONTROLLER_PIDS));
}

int delegate_files(const struct hyfw_host *host, const char *path, int fd, const char *files, uid_t uid, gid_t gid,
		   struct hyfw_error **err)
{
	AUTO_FREE char *list = strdup(files);
	char *save = NULL, *file;

	if (!list)
		return host->fail(err, ENOMEM, "out of memory");
	if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return host->fail(err, errno, "hand control group %s over to user %u: %s", path, (unsigned)uid,
				  strerror(errno));
	for (file = strtok_r(list, "\n", &save); file; file = strtok_r(NULL, "\n", &save))
		if (fchownat(fd, file, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return host->fail(err, errno, "hand %s/%s over to user %u: %s", path, file, (unsigned)uid,
					  strerror(errno));
	return 0;
}

int delegate_group(const struct hyfw_host *host, const struct group *group, int fd, const char *to,
		   struct hyfw_error **err)
{
	unsigned long uid, gid;
	char *end;

	uid = strtoul(to, &end, 10);
	gid = *end == ':' ? strtoul(end + 1, NULL, 10) : 0;
	if (uid == 0 || gid == 0 || uid > UINT32_MAX || gid > UINT32_MAX)
		return host->fail(err, EINVAL, "%s: cannot be handed to %s", group->path, to);
	if (file_write(fd, "cgroup.max.depth", DEPTH) < 0 || file_write(fd, "cgroup.max.descendants", DESCENDANTS) < 0)
		return host->fail(err, EIO, "%s: groups below it cannot be limited", group->path);
	/* /sys/kernel/cgroup/delegate has more of them, none of which systemd takes. */
	return delegate_files(host, group->path, fd, DELEGATE_LEAST, (uid_t)uid, (gid_t)gid, err);
}

/* systemd itself is in init.scope; other groups come and go with its services. */
const char *delegate_join(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group)
{
	const char *scope = host->format(arena, "%s/init.scope", group->path);

	return group->unified && access(scope, F_OK) == 0 ? scope : oci_group_to_join(host, arena, group);
}
