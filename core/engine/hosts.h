/* SPDX-License-Identifier: BSD-3-Clause
 * /etc/hosts, /etc/resolv.conf and /etc/hostname of a workload that has a network:
 * files in its runtime directory that are bound over those of its image.
 * hosts(5), resolv.conf(5). */
#ifndef HYFW_ENGINE_HOSTS_H
#define HYFW_ENGINE_HOSTS_H

#include "engine/definition.h"
#include "engine/journal.h"

/* False for workloads that only have the network "none". */
bool hyfw_hosts_networked(const struct hyfw_definition *definition);

/* Whether it gets the files: not a machine, which has them on its disk. */
bool hyfw_hosts_wanted(const struct hyfw_definition *definition);

/* Makes the three files, before the workload is created. */
int hyfw_hosts_make(const struct hyfw_definition *definition, struct hyfw_error **err);

/* Writes hosts anew in place (it is bound inside): itself, and those it links
 * to that run; 'gone' is left out.  Called again when a linked one comes or goes. */
void hyfw_hosts_update(const struct hyfw_definition *definition, const struct hyfw_journal *journal,
		       const char *gone);

#endif
