/* SPDX-License-Identifier: BSD-3-Clause
 * Machines of both versions of control groups, as the driver finds them. */
#ifndef HYFW_TEST_CGROUPS_HIERARCHIES_H
#define HYFW_TEST_CGROUPS_HIERARCHIES_H

#include "cgroups_fixture.h"
#include "security/cgroups/oci.h"

#define N(number) { true, number }
#define ALL_V2                                                                                             \
	(CONTROLLER_BIT(CONTROLLER_CPU) | CONTROLLER_BIT(CONTROLLER_CPUSET) | CONTROLLER_BIT(CONTROLLER_MEMORY) | \
	 CONTROLLER_BIT(CONTROLLER_PIDS) | CONTROLLER_BIT(CONTROLLER_BLKIO) | CONTROLLER_BIT(CONTROLLER_HUGETLB) |  \
	 CONTROLLER_BIT(CONTROLLER_RDMA))

static char cpu[] = "/v1/cpu,cpuacct", cpuset[] = "/v1/cpuset", memory[] = "/v1/memory", pids[] = "/v1/pids",
	    blkio[] = "/v1/blkio", rdma[] = "/v1/rdma", network[] = "/v1/net_cls,net_prio", named[] = "/v1/systemd",
	    devices[] = "/v1/devices", unified[] = "/v2";

static const struct hierarchy v1 = { .v1 = { [CONTROLLER_CPU] = cpu,
					     [CONTROLLER_CPUACCT] = cpu,
					     [CONTROLLER_CPUSET] = cpuset,
					     [CONTROLLER_MEMORY] = memory,
					     [CONTROLLER_PIDS] = pids,
					     [CONTROLLER_DEVICES] = devices,
					     [CONTROLLER_BLKIO] = blkio,
					     [CONTROLLER_RDMA] = rdma,
					     [CONTROLLER_NET_CLS] = network,
					     [CONTROLLER_NET_PRIO] = network,
					     [CONTROLLER_SYSTEMD] = named } };
static const struct hierarchy v2 = { .unified = unified, .unified_has = ALL_V2 };

#endif
