/* SPDX-License-Identifier: BSD-3-Clause
 * Disks and networks that come into a running workload, or leave it; in its monitor. */
#ifndef HYFW_ENGINE_PLUG_H
#define HYFW_ENGINE_PLUG_H

#include "engine/devices.h"
#include "engine/worker.h"

/* The steps of the device are in the journal of the run, so that they are undone with
 * it; on failure they are undone here.  The stored definition follows. */
int hyfw_plug(struct hyfw_worker *worker, struct hyfw_device_change *change, struct hyfw_error **err);

#endif
