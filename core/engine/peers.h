/* SPDX-License-Identifier: BSD-3-Clause
 * Workloads that share a network: who runs with which address, and who has
 * opened whom by `links`. */
#ifndef HYFW_ENGINE_PEERS_H
#define HYFW_ENGINE_PEERS_H

#include "engine/definition.h"
#include "engine/journal.h"

/* Name -> address (without prefix length) of every other running workload on the
 * network 'name'. */
void hyfw_peers_of(const struct hyfw_definition *definition, const char *network, struct hyfw_pairs *ret_peers);

/* Tells running workloads that link to this one that it is there (permit) or
 * gone, and brings their hosts files up to date.  Best effort: a peer that is
 * just ending is no reason to fail. */
void hyfw_peers_tell(const struct hyfw_definition *definition, const struct hyfw_journal *journal, bool permit);
/* The same on one of its networks. */
void hyfw_peers_tell_of(const struct hyfw_definition *definition, const struct hyfw_journal *journal,
			const struct hyfw_use *network, bool permit);

#endif
