/* SPDX-License-Identifier: BSD-3-Clause
 * Operations of network drivers. */
#include "plugin/driver_call.h"

int hyfw_network_link(struct hyfw_driver *driver, const char *network, const struct hyfw_map *endpoint,
		      const struct hyfw_map *peer, bool permit, struct hyfw_error **err)
{
	if (!driver->ops.network.link)
		return hyfw_driver_lacks(driver, "link workloads", err);
	return CALL(driver, "link", err,
		    driver->ops.network.link(driver->instance, network, endpoint, peer, permit, &why));
}

int hyfw_network_stats(struct hyfw_driver *driver, const struct hyfw_map *endpoint,
		       struct hyfw_stats *stats, struct hyfw_error **err)
{
	if (!driver->ops.network.stats)
		return 0;
	return CALL(driver, "stats", err, driver->ops.network.stats(driver->instance, endpoint, stats, &why));
}
