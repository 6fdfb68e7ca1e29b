/* SPDX-License-Identifier: BSD-3-Clause
 * Users to whom no control group was handed over.  Their workloads run without: a limit that
 * somebody has asked for is refused, the one that is there by default is said to be missing. */
#include "cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool groups_denied(const struct hierarchy *hierarchy)
{
	int i;

	if (geteuid() == 0)
		return false;
	for (i = 0; i < CONTROLLER_COUNT; i++)
		if (hierarchy->v1[i] && faccessat(AT_FDCWD, hierarchy->v1[i], W_OK, AT_EACCESS) == 0)
			return false;
	return !hierarchy->unified || hierarchy->closed;
}

/* The key that asks for a limit; NULL for none. */
static const char *asked(const struct limits *limits)
{
	if (limits->memory != LIMIT_NONE)
		return "memory";
	if (limits->cpus != LIMIT_NONE)
		return "cpus";
	if (limits->cpu_shares != LIMIT_NONE)
		return "cpu_shares";
	if (limits->cpuset)
		return "cpuset";
	if (limits->io_count > 0)
		return "io_max";
	return limits->pids != LIMIT_NONE && !limits->pids_by_default ? "pids" : NULL;
}

int groups_denied_check(const struct hyfw_host *host, const struct limits *limits, struct hyfw_error **err)
{
	const char *key = asked(limits);

	if (!key)
		return 0;
	return host->fail(err, EACCES, "%s: no control group has been delegated to this user, so nothing can be limited; "
			  "`systemd-run --user --scope -p Delegate=yes COMMAND` starts a command in one", key);
}

int groups_denied_plan(const struct hyfw_host *host, const struct hyfw_subject *subject, const struct limits *limits,
		       struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err)
{
	struct hyfw_step step = { sizeof(step), .verb = "unlimited", .lifetime = HYFW_LIFETIME_RUN,
				  .flags = HYFW_STEP_NOTE };
	int result = groups_denied_check(host, limits, err);

	if (result < 0)
		return result;
	step.object = host->format(arena, "limits of %s", subject->name);
	step.summary = "no control group is this user's: processes, memory and CPUs are not limited";
	return host->plan_step(plan, &step, err);
}
