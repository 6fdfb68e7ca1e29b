/* SPDX-License-Identifier: BSD-3-Clause
 * Whether Open vSwitch is there, by looking only. */
#include <unistd.h>

#include "ovs.h"

int ovs_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
	      struct hyfw_error **err)
{
	char db[] = OVS_DEFAULT_DB;
	struct ovs ovs = { .host = host, .db = db };

	ret_probe->result = HYFW_PROBE_OK;
	ret_probe->reason = NULL;
	if (access("/usr/bin/ovs-vsctl", X_OK) < 0 && access("/bin/ovs-vsctl", X_OK) < 0) {
		ret_probe->result = HYFW_PROBE_NO;
		ret_probe->reason = "needs the program ovs-vsctl, of Debian's package openvswitch-switch";
	} else if (ovs_check_switch(&ovs, err) < 0) {
		host->forget(err);
		ret_probe->result = HYFW_PROBE_DEGRADED;
		ret_probe->reason = host->format(arena, "Open vSwitch does not run at %s; start it, or name another with "
							"db in [plugin ovs]", OVS_DEFAULT_DB);
	} else if (ovs_datapath_kernel() == OVS_KERNEL_NOT) {
		ret_probe->result = HYFW_PROBE_DEGRADED;
		ret_probe->reason = "this kernel has no module openvswitch: bridges use the slower datapath netdev";
	}
	return 0;
}
