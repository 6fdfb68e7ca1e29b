/* SPDX-License-Identifier: BSD-3-Clause
 * Disks and networks that are added to a workload, or taken from it, after it was
 * made: in its definition, and while it runs in it too (plug.h). */
#ifndef HYFW_ENGINE_DEVICES_H
#define HYFW_ENGINE_DEVICES_H

#include "engine/definition.h"

/* One of the three. */
struct hyfw_device_change {
	struct hyfw_definition *add; /* a definition with the one disk or the one network that
				      * is added, and the settings of its driver */
	const char *disk;            /* taken away: its source, or its place in `hyfw inspect` */
	const char *network;         /* taken away */
};

/* For a workload that runs or not; whole or not at all.  -EEXIST, -ENOENT. */
int hyfw_devices_change(const char *name, struct hyfw_device_change *change, struct hyfw_error **err);

/* ---- in a definition ---- */

/* Moves the disk or the network of 'add' to the end; '*ret_index' is its place among
 * the disks or the networks. */
int hyfw_devices_add(struct hyfw_definition *definition, struct hyfw_definition *add, bool *ret_disk,
		     size_t *ret_index, struct hyfw_error **err);
int hyfw_devices_find(const struct hyfw_definition *definition, const struct hyfw_device_change *change,
		      bool *ret_disk, size_t *ret_index, struct hyfw_error **err);

/* Takes it away; the others keep their places until hyfw_devices_settle(), because
 * that is what the running workload knows them by. */
void hyfw_devices_drop(struct hyfw_definition *definition, bool disk, size_t index);
void hyfw_devices_settle(struct hyfw_definition *definition);

#endif
