/* SPDX-License-Identifier: BSD-3-Clause
 * Whose turn it is: taking a lease, under its lock. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/failover_parts.h"
#include "engine/failover_place.h"

static int fail_locked(int fd, struct hyfw_error **err)
{
	struct hyfw_failover_lease lease = { 0 };
	char host[65] = "", boot[40];

	hyfw_failover_lease_read(fd, &lease, NULL);
	hyfw_failover_here(host, boot, NULL);
	if (strcmp(lease.host, host) == 0)
		return hyfw_fail(err, EBUSY, "it runs on this host (%s), or its name is just being worked on", host);
	return hyfw_fail(err, EBUSY, "it runs on host %s, which holds its lease", *lease.host ? lease.host : "unknown");
}

/* Opens and locks it; it may be removed by who had it in between. */
static int open_locked(struct hyfw_keeping *keeping, struct hyfw_error **err)
{
	int attempt, fd, result;

	for (attempt = 0; attempt < 3; attempt++) {
		result = hyfw_failover_make(keeping->directory, err);
		fd = result < 0 ? result : hyfw_failover_lease_open(keeping->path, true, err);
		if (fd < 0)
			return fd;
		result = hyfw_failover_lease_lock(fd);
		if (result == 0 && hyfw_failover_lease_is_at(fd, keeping->path) == 1) {
			keeping->fd = fd;
			return 0;
		}
		if (result == -EAGAIN)
			fail_locked(fd, err);
		else if (result < 0)
			hyfw_fail_errno(err, -result, "lock %s", keeping->path);
		close(fd);
		if (result < 0)
			return result == -EAGAIN ? -EBUSY : result;
	}
	return hyfw_fail(err, EBUSY, "%s is just being removed", keeping->directory);
}

/* Under the lock: may this host have it? */
static int judge(const struct hyfw_failover_lease *lease, const struct hyfw_failover_lease *seen, const char *name,
		 struct hyfw_error **err)
{
	char host[65], boot[40];
	int result = hyfw_failover_here(host, boot, err);

	if (result < 0)
		return result;
	if (seen && !hyfw_failover_lease_unchanged(lease, seen))
		return hyfw_fail(err, EBUSY, "host %s was quicker, and has it now", lease->host);
	if (seen || !lease->held || strcmp(lease->host, host) == 0)
		return 0;
	return hyfw_fail(err, EBUSY, "host %s has it now (generation %llu); when that host is lost, `hyfw failover %s` takes "
			 "it over", lease->host, (unsigned long long)lease->generation, name);
}

static int take(struct hyfw_keeping *keeping, const struct hyfw_definition *definition,
		const struct hyfw_failover_lease *seen, struct hyfw_error **err)
{
	struct hyfw_failover_lease before;
	int result = hyfw_failover_lease_read(keeping->fd, &before, err);

	if (result == -EBADMSG) {
		hyfw_forget(err);
		return hyfw_fail(err, EBADMSG, "%s: the lease is damaged; when it is certain that the machine runs nowhere, "
				 "remove that file", keeping->path);
	}
	if (result == 0)
		result = judge(&before, seen, definition->name, err);
	if (result == 0)
		result = hyfw_failover_lease_next(&before, hyfw_failover_period(definition), &keeping->lease, err);
	if (result == 0)
		result = hyfw_failover_lease_write(keeping->fd, &keeping->lease, err);
	if (result < 0)
		return result;
	result = hyfw_failover_keep(keeping->directory, definition, err);
	if (result < 0) { /* as if it had not been taken */
		keeping->lease.held = before.held && seen;
		hyfw_failover_lease_write(keeping->fd, &keeping->lease, NULL);
	}
	return result;
}

int hyfw_keeping_take(struct hyfw_keeping *keeping, const char *directory,
		      const struct hyfw_definition *definition, const struct hyfw_failover_lease *seen,
		      struct hyfw_error **err)
{
	int result;

	keeping->directory = hyfw_dup(directory);
	keeping->path = hyfw_format("%s/lease", directory);
	keeping->fd = -1;
	result = open_locked(keeping, err);
	return result < 0 ? result : take(keeping, definition, seen, err);
}
