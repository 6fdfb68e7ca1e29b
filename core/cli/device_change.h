/* SPDX-License-Identifier: BSD-3-Clause
 * The flags by which `hyfw update` adds disks and networks to a workload, or takes
 * them away. */
#ifndef HYFW_CLI_DEVICE_CHANGE_H
#define HYFW_CLI_DEVICE_CHANGE_H

#include "cli/cli.h"
#include "engine/definition.h"

enum hyfw_device_flag { HYFW_ADD_DISK = 1, HYFW_REMOVE_DISK, HYFW_ADD_NETWORK, HYFW_REMOVE_NETWORK };

/* For --help. */
#define HYFW_DEVICE_FLAGS_HELP                                                                  \
	"      --add-disk NAME|PATH[:OPTION,...]  a disk more, as in disk =; at once where it runs\n" \
	"      --remove-disk NAME|PATH|N          takes it away; N is its place in `hyfw inspect`\n"  \
	"      --add-network NAME                 join a network\n"                                   \
	"      --remove-network NAME              leave it\n"

/* Does what one flag asks for. */
int hyfw_device_change(const struct hyfw_cli *cli, const char *workload, enum hyfw_device_flag flag,
		       const char *text, struct hyfw_error **err);

/* Takes back what that did to a workload whose definition was 'before' then. */
int hyfw_device_change_back(const struct hyfw_definition *before, enum hyfw_device_flag flag, const char *text,
			    struct hyfw_error **err);

#endif
