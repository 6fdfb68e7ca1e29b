/* SPDX-License-Identifier: BSD-3-Clause */
#include "guestfs_disk.h"

#include <stdio.h>
#include <unistd.h>

/* A KVM below another hypervisor may exist and not run a guest, which the appliance
 * would not notice; there it is emulated. */
bool gf_force_tcg(void)
{
	char line[4096];
	bool below = false;
	FILE *cpus;

	if (access("/dev/kvm", R_OK | W_OK) < 0)
		return true;
	cpus = fopen("/proc/cpuinfo", "re");
	if (!cpus)
		return true;
	while (!below && fgets(line, sizeof(line), cpus))
		below = strncmp(line, "flags", 5) == 0 && strstr(line, " hypervisor") != NULL;
	fclose(cpus);
	return below;
}
