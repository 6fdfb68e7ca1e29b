/* SPDX-License-Identifier: BSD-3-Clause
 * Which workloads `hyfw start --autostart` starts when the host comes up: those with
 * autostart = yes, and unless autostart = no those with restart = always or
 * unless-stopped that ran when it went down.  That they ran is told by a mark,
 * DATA/workloads/NAME/up: their monitor makes it, and only those who ask for the end
 * of a workload take it away, so that it stays when the host goes down. */
#ifndef HYFW_ENGINE_AUTOSTART_H
#define HYFW_ENGINE_AUTOSTART_H

#include "engine/store.h"

/* 'definition' is of one that runs now; makes the mark where it counts. */
void hyfw_autostart_mark(const struct hyfw_definition *definition);

/* Somebody wants it to end. */
void hyfw_autostart_forget(const char *name);

/* It does not run, and is to. */
bool hyfw_autostart_wants(const struct hyfw_state *state);

#endif
