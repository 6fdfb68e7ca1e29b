/* SPDX-License-Identifier: BSD-3-Clause
 * Flows and meters of a bridge through ovs-ofctl, at the bridge's own socket
 * beside that of the database. */
#include "ovs.h"

#define PROGRAM_MS 15000

static const char *management(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge)
{
	const char *path = ovs->db + strlen("unix:");

	return ovs->host->format(arena, "unix:%.*s/%s.mgmt", ovs_directory(ovs), path, bridge);
}

int ovs_flows(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, const char *lines,
	      struct hyfw_error **err)
{
	const char *const argv[] = { "ovs-ofctl", "--timeout=10", "-O", "OpenFlow14", "--bundle", "add-flows",
				     management(ovs, arena, bridge), "-", NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv, .input = lines,
					      .timeout_ms = PROGRAM_MS };
	int r = ovs->host->run(arena, &program, NULL, err);

	return r < 0 ? ovs->host->wrap(err, "flows of bridge %s", bridge) : 0;
}

static int meter_run(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, const char *verb,
		     const char *meter, struct hyfw_error **err)
{
	const char *const argv[] = { "ovs-ofctl", "--timeout=10", "-O", "OpenFlow14", verb,
				     management(ovs, arena, bridge), meter, NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv, .timeout_ms = PROGRAM_MS };
	int r = ovs->host->run(arena, &program, NULL, err);

	return r < 0 ? ovs->host->wrap(err, "meters of bridge %s", bridge) : 0;
}

int ovs_meter_add(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, long number, const char *rate,
		  const char *burst, struct hyfw_error **err)
{
	return meter_run(ovs, arena, bridge, "add-meter",
			 ovs->host->format(arena, "meter=%ld,kbps,burst,band=type=drop,rate=%s,burst_size=%s", number,
					   rate, *burst ? burst : rate), err);
}

void ovs_meter_delete(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, long number)
{
	struct hyfw_error *err = NULL;

	if (meter_run(ovs, arena, bridge, "del-meter", ovs->host->format(arena, "meter=%ld", number), &err) < 0)
		ovs->host->forget(&err);
}
