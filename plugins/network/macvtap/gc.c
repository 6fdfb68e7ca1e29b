/* SPDX-License-Identifier: BSD-3-Clause
 * Orphans: macvtaps with our mark of workloads that do not run.  A macvlan goes with
 * the network namespace that it is in. */
#include <stdio.h>

#include "macvtap.h"

struct sweep {
	struct macvtap *macvtap;
	const struct hyfw_alive *alive;
	int failed;
};

static void sweep_interface(void *context, const char *name, int index, const char *alias)
{
	struct sweep *sweep = context;
	const char *workload = strrchr(alias, ':') + 1;
	struct hyfw_error *err = NULL;

	if (hyfw_names_have(sweep->alive->running, workload, strlen(workload)))
		return;
	sweep->macvtap->host->log(HYFW_LOG_INFO, "network macvtap: removing orphaned interface %s", name);
	if (net_link_delete(&sweep->macvtap->route, name, index, &err) < 0)
		sweep->failed++;
	sweep->macvtap->host->forget(&err);
}

int macvtap_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	struct sweep sweep = { .macvtap = instance, .alive = alive };
	char mark[64];
	int r;

	snprintf(mark, sizeof(mark), "%s:macvtap:", sweep.macvtap->host->owner); /* at most 13 characters */
	r = net_link_each(&sweep.macvtap->route, mark, sweep_interface, &sweep, err);
	if (r >= 0 && sweep.failed)
		return sweep.macvtap->host->fail(err, 5, "%d orphaned interfaces are still there", sweep.failed);
	return r;
}
