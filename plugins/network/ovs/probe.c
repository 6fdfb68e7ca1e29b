/* SPDX-License-Identifier: BSD-3-Clause
 * Whether Open vSwitch is there, by looking only: asking the kernel for its
 * datapath by name would load the module. */
#include <unistd.h>

#include "ovs.h"

bool ovs_is_module_there(void)
{
	return access("/sys/module/openvswitch", F_OK) == 0;
}

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
	} else if (!ovs_is_module_there()) {
		ret_probe->result = HYFW_PROBE_DEGRADED;
		ret_probe->reason = "the kernel's module openvswitch is not loaded: bridges use the slower datapath netdev";
	}
	return 0;
}
