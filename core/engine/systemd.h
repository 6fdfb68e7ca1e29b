/* SPDX-License-Identifier: BSD-3-Clause
 * A container whose first process is systemd: it wants file systems of its own in /run, /run/lock
 * and /tmp, a control group that it may divide, and a signal of its own to end
 * (https://systemd.io/CONTAINER_INTERFACE). */
#ifndef HYFW_ENGINE_SYSTEMD_H
#define HYFW_ENGINE_SYSTEMD_H

#include "engine/definition.h"

/* Settles `systemd = auto`: from here on it is "detected" or "off".  After the image's
 * defaults, as the command may be one of them. */
void hyfw_systemd_settle(struct hyfw_definition *definition);

bool hyfw_systemd_wanted(const struct hyfw_definition *definition);

/* The tmpfs settings that it adds, in the order of mounting, but for what the workload mounts there
 * itself.  'ret_settings' has room for HYFW_SYSTEMD_MOUNTS. */
#define HYFW_SYSTEMD_MOUNTS 3
size_t hyfw_systemd_mounts(const struct hyfw_definition *definition, const char *ret_settings[HYFW_SYSTEMD_MOUNTS]);

#endif
