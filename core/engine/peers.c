/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/peers.h"

#include <string.h>

#include "base/cleanup.h"
#include "engine/hosts.h"
#include "engine/store.h"
#include "plugin/host.h"

/* Calls 'visit' for every other workload that runs. */
typedef void (*visitor)(const char *name, const struct hyfw_journal *journal, void *data);

static void each_other(const char *self, visitor visit, void *data)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_runtime("", NULL);
	struct hyfw_strings names = { 0 };
	size_t i;

	hyfw_store_names(directory, &names, NULL);
	for (i = 0; i < names.count; i++) {
		HYFW_AUTO_FREE char *path = hyfw_path_runtime(names.items[i], "journal");
		HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

		if (strcmp(names.items[i], self) == 0 || hyfw_journal_read(path, &journal, NULL) < 0)
			continue;
		visit(names.items[i], journal, data);
	}
	hyfw_strings_finish(&names);
}

struct collect {
	const char *network;
	struct hyfw_pairs *peers;
};

static void collect_peer(const char *name, const struct hyfw_journal *journal, void *data)
{
	struct collect *collect = data;
	struct hyfw_pairs record = { 0 };
	HYFW_AUTO_FREE char *address = NULL;
	struct hyfw_map map;

	hyfw_journal_record(journal, HYFW_KIND_NETWORK, NULL, collect->network, &record);
	map = hyfw_pairs_map(&record);
	address = hyfw_dup(hyfw_map_get(&map, HYFW_NOTE_ADDRESS));
	if (address) {
		address[strcspn(address, "/")] = '\0';
		hyfw_pairs_set(collect->peers, name, address);
	}
	hyfw_pairs_finish(&record);
}

void hyfw_peers_of(const struct hyfw_definition *definition, const char *network, struct hyfw_pairs *ret_peers)
{
	struct collect collect = { network, ret_peers };

	each_other(definition->name, collect_peer, &collect);
}

/* ---- telling those who link to us ---- */

struct tell {
	const struct hyfw_definition *definition;
	const struct hyfw_journal *journal;
	const struct hyfw_use *only; /* on this network; NULL: on all */
	bool permit;
};

static bool links_to(const struct hyfw_definition *other, const char *name)
{
	const struct hyfw_map settings = hyfw_pairs_map(&other->settings);
	const char *link;
	size_t cursor = 0;

	while ((link = hyfw_map_next(&settings, "links", &cursor)))
		if (strcmp(link, name) == 0)
			return true;
	return false;
}

static void tell_on_network(const struct tell *tell, const struct hyfw_journal *theirs,
			    const struct hyfw_use *network)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_pairs mine = { 0 }, other = { 0 };
	struct hyfw_map my_map, other_map;
	struct hyfw_driver *driver;

	hyfw_journal_record(tell->journal, HYFW_KIND_NETWORK, network->driver, network->name, &mine);
	hyfw_journal_record(theirs, HYFW_KIND_NETWORK, network->driver, network->name, &other);
	my_map = hyfw_pairs_map(&mine);
	other_map = hyfw_pairs_map(&other);
	if (hyfw_map_get(&my_map, HYFW_NOTE_ADDRESS) && hyfw_map_get(&other_map, HYFW_NOTE_ADDRESS) &&
	    hyfw_definition_driver(tell->definition, HYFW_KIND_NETWORK, network->driver, &driver, &err) == 0 &&
	    hyfw_driver_honours(driver, "workload.links")) /* of several networks one may know none */
		hyfw_network_link(driver, network->name, &other_map, &my_map, tell->permit, &err);
	if (err)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "%s", err->message);
	hyfw_pairs_finish(&mine);
	hyfw_pairs_finish(&other);
}

static void tell_peer(const char *name, const struct hyfw_journal *journal, void *data)
{
	const struct tell *tell = data;
	HYFW_AUTO_DEFINITION struct hyfw_definition *other = NULL;
	size_t i;

	if (hyfw_store_definition(name, &other, NULL) < 0 || !links_to(other, tell->definition->name))
		return;
	for (i = 0; i < tell->definition->network_count; i++)
		if (!tell->only || tell->only == &tell->definition->networks[i])
			tell_on_network(tell, journal, &tell->definition->networks[i]);
	hyfw_hosts_update(other, journal, tell->permit ? NULL : tell->definition->name);
}

void hyfw_peers_tell_of(const struct hyfw_definition *definition, const struct hyfw_journal *journal,
			const struct hyfw_use *network, bool permit)
{
	struct tell tell = { definition, journal, network, permit };

	each_other(definition->name, tell_peer, &tell);
}

void hyfw_peers_tell(const struct hyfw_definition *definition, const struct hyfw_journal *journal, bool permit)
{
	hyfw_peers_tell_of(definition, journal, NULL, permit);
}
