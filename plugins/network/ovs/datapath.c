/* SPDX-License-Identifier: BSD-3-Clause
 * Whether the kernel switches for Open vSwitch.  Its datapath is a family of generic
 * netlink; listing the families shows it without loading the module, which asking
 * for it by name would. */
#include <linux/genetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ovs.h"

#define FAMILY "ovs_datapath" /* OVS_DATAPATH_FAMILY of linux/openvswitch.h */

static int family_visit(struct nl_msg *message, void *context)
{
	struct nlattr *name = nlmsg_find_attr(nlmsg_hdr(message), GENL_HDRLEN, CTRL_ATTR_FAMILY_NAME);

	if (name && strcmp(nla_get_string(name), FAMILY) == 0)
		*(bool *)context = true;
	return NL_OK;
}

static bool family_there(void)
{
	struct genlmsghdr header = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 };
	struct nl_sock *socket = nl_socket_alloc();
	bool found = false;

	if (socket && nl_connect(socket, NETLINK_GENERIC) >= 0 &&
	    nl_send_simple(socket, GENL_ID_CTRL, NLM_F_DUMP, &header, sizeof(header)) >= 0) {
		nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, family_visit, &found);
		(void)nl_recvmsgs_default(socket);
	}
	nl_socket_free(socket);
	return found;
}

/* modules.dep(5): "PATH: PATH..."; one line for each module. */
static bool module_installed(void)
{
	char *path = NULL, *line = NULL;
	struct utsname kernel;
	bool found = false;
	size_t room = 0;
	FILE *file;

	if (uname(&kernel) < 0 || asprintf(&path, "/lib/modules/%s/modules.dep", kernel.release) < 0)
		return false;
	file = fopen(path, "re");
	free(path);
	while (file && !found && getline(&line, &room, file) >= 0) {
		line[strcspn(line, ":")] = '\0';
		found = strstr(line, "/openvswitch.ko") != NULL;
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

enum ovs_kernel ovs_datapath_kernel(void)
{
	if (family_there())
		return OVS_KERNEL_READY;
	return module_installed() ? OVS_KERNEL_LOADABLE : OVS_KERNEL_NOT;
}

const char *ovs_datapath(const struct hyfw_map *keys, const char **ret_reason)
{
	const char *datapath = hyfw_map_get(keys, "datapath");

	*ret_reason = "as chosen";
	if (datapath && strcmp(datapath, "auto") != 0)
		return datapath;
	switch (ovs_datapath_kernel()) {
	case OVS_KERNEL_READY:
		*ret_reason = "which the kernel has";
		return "system";
	case OVS_KERNEL_LOADABLE:
		*ret_reason = "of the kernel's module openvswitch, which is installed";
		return "system";
	case OVS_KERNEL_NOT:
		break;
	}
	*ret_reason = "as this kernel has no module openvswitch";
	return "netdev";
}
