/* SPDX-License-Identifier: BSD-3-Clause
 * What a machine needs beside its port: an answer to its DHCP, names, and a hardware
 * address that stays its own. */
#include "../common/dhcp.h"
#include "../common/tap.h"
#include "ovs.h"

int ovs_machine_serve(struct ovs *ovs, struct hyfw_call *call, const struct ovs_port *port,
		      const struct net_subnet *subnet, struct hyfw_error **err)
{
	const char *hostname = hyfw_map_get(&call->step->args, "hostname");
	const struct net_dhcp dhcp = { ovs->host, "ovs", port->network };
	/* Nothing is routed for workloads, so there is no router to tell of. */
	const struct net_dhcp_server server = { .interface = port->bridge, .subnet = *subnet, .internal = true };
	const struct net_dhcp_machine machine = {
		.workload = port->workload,
		.hostname = hostname && *hostname ? hostname : port->workload,
		.mac = port->mac,
		.address = port->address,
	};

	return *port->address ? net_dhcp_add(&dhcp, call->arena, &server, &machine, err) : 0;
}

int ovs_machine_forget(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct net_dhcp dhcp = { ovs->host, "ovs", hyfw_map_get(&call->step->args, "network") };
	int r = net_dhcp_remove(&dhcp, call->arena, call->workload, err);

	if (r >= 0)
		net_mac_drop(ovs->host, call->arena, dhcp.network, call->workload);
	return r;
}

int ovs_machine_name(struct ovs *ovs, struct hyfw_arena *arena, const struct ovs_port *from,
		     const struct ovs_port *to, const char *address, bool permit, struct hyfw_error **err)
{
	const struct net_dhcp dhcp = { ovs->host, "ovs", from->network };

	if (!from->tap)
		return 0;
	return permit ? net_dhcp_name(&dhcp, arena, from->workload, to->workload, address, err)
		      : net_dhcp_unname(&dhcp, arena, from->workload, address, err);
}
