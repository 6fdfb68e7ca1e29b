/* SPDX-License-Identifier: BSD-3-Clause
 * linux.netDevices: devices of the machine's network that go into the container's
 * namespace, with the addresses that were given to them.  They are not brought back: when
 * the namespace goes, the kernel takes hardware back to the machine and the rest away. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <string.h>

#include "base/cleanup.h"
#include "oci/parts.h"
#include "oci/private.h"
#include "oci/rtnetlink.h"

/* ---- reading ---- */

/* dev_valid_name() of the kernel; "%" would be a pattern to it. */
static bool name_ok(const char *name)
{
	const char *at;

	if (!*name || strlen(name) >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (at = name; *at; at++)
		if (*at == '/' || *at == ':' || *at == '%' || isspace((unsigned char)*at))
			return false;
	return true;
}

static void read_device(const struct oci_node *node, const char *name, struct hyfw_oci_net_device *device)
{
	const char *inside = oci_text(node, "name");

	device->name = hyfw_arena_dup(node->reader->arena, name);
	device->inside = inside && *inside ? inside : device->name;
	if (!name_ok(device->name) || !name_ok(device->inside))
		oci_fail(node, "invalid network device name \"%s\"",
			 name_ok(device->name) ? device->inside : device->name);
}

void oci_read_net_devices(const struct oci_node *linux_node, const struct hyfw_oci_config *config,
			  struct hyfw_oci_net_devices *devices)
{
	struct hyfw_oci_net_device *items;
	struct json_object_iter at;
	struct oci_node all, node;

	if (!oci_member(linux_node, "netDevices", json_type_object, &all) || json_object_object_length(all.json) == 0)
		return;
	if (!hyfw_oci_has_namespace(config, CLONE_NEWNET))
		oci_fail(&all, "unable to move network devices without a private NET namespace");
	items = oci_array(&all, (size_t)json_object_object_length(all.json), sizeof(*items));
	json_object_object_foreachC(all.json, at) {
		if (!oci_member(&all, at.key, json_type_object, &node))
			return;
		read_device(&node, at.key, &items[devices->count++]);
	}
	devices->items = items;
}

/* ---- moving ---- */

struct moving {
	const struct hyfw_oci_net_device *device;
	int netns, here, there; /* the namespace, and a socket on each side */
};

static int failed(const struct moving *moving, int result, const char *what, struct hyfw_error **err)
{
	return hyfw_fail_errno(err, -result, "linux.netDevices.%s: %s", moving->device->name, what);
}

static int settle(const struct moving *moving, const struct oci_rtnl_address *addresses, size_t count,
		  struct hyfw_error **err)
{
	int index = 0, result = oci_rtnl_index(moving->there, moving->device->inside, &index);
	size_t i;

	if (result < 0)
		return failed(moving, result, "find it in the container", err);
	for (i = 0; i < count; i++) {
		result = oci_rtnl_add_address(moving->there, index, &addresses[i]);
		if (result < 0)
			return failed(moving, result, "give its addresses back to it", err);
	}
	result = oci_rtnl_set_up(moving->there, index, true);
	return result < 0 ? failed(moving, result, "set it up", err) : 0;
}

/* It is set down before, so that nothing is sent while it changes; its addresses are asked
 * for before that, as those of IPv6 go with it. */
static int move(const struct moving *moving, struct hyfw_error **err)
{
	HYFW_AUTO_FREE struct oci_rtnl_address *addresses = NULL;
	size_t count = 0;
	int index = 0, result = oci_rtnl_index(moving->here, moving->device->name, &index);

	if (result < 0)
		return failed(moving, result, "find it", err);
	result = oci_rtnl_addresses(moving->here, index, &addresses, &count);
	if (result < 0)
		return failed(moving, result, "read its addresses", err);
	result = oci_rtnl_set_up(moving->here, index, false);
	if (result == 0)
		result = oci_rtnl_move(moving->here, index, moving->netns, moving->device->inside);
	if (result < 0)
		return failed(moving, result, "move it into the container's network namespace", err);
	return settle(moving, addresses, count, err);
}

int oci_net_devices_move(const struct hyfw_oci_net_devices *devices, int32_t pid, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_format("/proc/%d/ns/net", (int)pid);
	HYFW_AUTO_CLOSE int netns = -1, here = -1, there = -1;
	struct moving moving;
	int result = 0;
	size_t i;

	if (!devices || !devices->count)
		return 0;
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return hyfw_fail_errno(err, errno, "linux.netDevices: open %s", path);
	here = oci_rtnl_open(-1);
	there = oci_rtnl_open(netns);
	if (here < 0 || there < 0)
		return hyfw_fail_errno(err, here < 0 ? -here : -there, "linux.netDevices: ask the kernel");
	moving = (struct moving){ .netns = netns, .here = here, .there = there };
	for (i = 0; result == 0 && i < devices->count; i++) {
		moving.device = &devices->items[i];
		result = move(&moving, err);
	}
	return result;
}
