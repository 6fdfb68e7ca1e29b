/* SPDX-License-Identifier: BSD-3-Clause
 * The whole of a workload: its settings, endpoints and confinement.  Command, storage and
 * mounts are in build_*.c. */
#include "engine/build_parts.h"

#include <string.h>
#include <unistd.h>

#include "engine/plan.h"

void hyfw_fds_close(struct hyfw_fds *fds)
{
	while (fds->count > 0)
		close(fds->items[--fds->count]);
}

void hyfw_build_endpoint(const struct hyfw_definition *definition, size_t network, const struct hyfw_journal *run,
			 struct hyfw_arena *arena, struct hyfw_endpoint *ret_endpoint)
{
	const struct hyfw_use *use = &definition->networks[network];
	struct hyfw_pairs record = { 0 };
	struct hyfw_map notes;

	hyfw_journal_record(run, HYFW_KIND_NETWORK, use->driver, use->name, &record);
	ret_endpoint->size = sizeof(*ret_endpoint);
	ret_endpoint->network = use->name;
	ret_endpoint->driver = use->driver;
	notes = hyfw_pairs_map(&record);
	ret_endpoint->notes = hyfw_arena_map(arena, &notes);
	hyfw_pairs_finish(&record);
}

/* Those in a network namespace come after create(). */
static void build_endpoints(const struct hyfw_definition *definition, const struct hyfw_journal *run,
			    struct hyfw_arena *arena, struct hyfw_workload *workload)
{
	struct hyfw_endpoint *endpoints;
	size_t i;

	if (hyfw_definition_takes(definition, HYFW_TAKES_INTERFACE))
		return;
	endpoints = hyfw_arena_alloc(arena, (definition->network_count + 1) * sizeof(*endpoints));
	for (i = 0; i < definition->network_count; i++) {
		struct hyfw_endpoint *endpoint = &endpoints[workload->endpoint_count];

		hyfw_build_endpoint(definition, i, run, arena, endpoint);
		if (endpoint->notes.count > 0) /* the network "none" makes none */
			workload->endpoint_count++;
	}
	workload->endpoints = endpoints;
}

int hyfw_build_confinement(const struct hyfw_definition *definition, const struct hyfw_journal *run,
			   struct hyfw_arena *arena, struct hyfw_confinement *ret_confinement,
			   struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_workload(definition);
	const char *module;
	size_t cursor = 0;
	int result = 0;

	memset(ret_confinement, 0, sizeof(*ret_confinement));
	ret_confinement->size = sizeof(*ret_confinement);
	ret_confinement->landlock_fd = -1;
	ret_confinement->no_new_privileges = true;
	while (result == 0 && (module = hyfw_map_next(&subject.settings, "security", &cursor))) {
		struct hyfw_pairs record = { 0 };
		struct hyfw_driver *driver;
		struct hyfw_map map;

		hyfw_journal_record(run, HYFW_KIND_SECURITY, module, definition->name, &record);
		map = hyfw_pairs_map(&record);
		result = hyfw_definition_driver(definition, HYFW_KIND_SECURITY, module, &driver, err);
		if (result == 0)
			result = hyfw_security_confine(driver, &subject, &map, arena, ret_confinement, err);
		hyfw_pairs_finish(&record);
	}
	return result;
}

/* What needs neither storage nor networks. */
static void begin_workload(const struct hyfw_definition *definition, struct hyfw_arena *arena,
			   struct hyfw_workload *workload)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char *hostname = hyfw_map_get(&settings, "hostname");
	const char *workdir = hyfw_map_get(&settings, "workdir");
	const char *user = hyfw_map_get(&settings, "user");
	const char *restart = hyfw_map_get(&settings, "restart");

	memset(workload, 0, sizeof(*workload));
	workload->size = sizeof(*workload);
	workload->name = definition->name;
	workload->hostname = hostname ? hostname : definition->name;
	workload->argv = hyfw_build_argv(&settings, arena);
	workload->workdir = workdir ? workdir : "/";
	workload->user = user ? user : "";
	workload->terminal = hyfw_map_bool(&settings, "terminal", false);
	workload->envp = hyfw_build_environment(definition, workload->terminal, NULL, arena);
	workload->read_only = hyfw_map_bool(&settings, "read_only", false);
	workload->restartable = restart && strcmp(restart, "no") != 0;
	workload->idmap = definition->idmap;
	workload->transient = definition->transient;
	workload->settings = settings;
	workload->runtime_directory = hyfw_arena_format(arena, "%s/workloads/%s",
							hyfw_context_current()->runtime, definition->name);
	workload->stdio[0] = workload->stdio[1] = workload->stdio[2] = -1;
}

int hyfw_build_workload(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
			const struct hyfw_journal *run, struct hyfw_arena *arena, struct hyfw_fds *ret_fds,
			struct hyfw_workload *ret_workload, struct hyfw_error **err)
{
	struct hyfw_workload *workload = ret_workload;
	int result;

	begin_workload(definition, arena, workload);
	build_endpoints(definition, run, arena, workload);
	result = hyfw_build_root(definition, persistent, run, arena, ret_fds, workload, err);
	if (result == 0)
		result = hyfw_build_mounts(definition, arena, ret_fds, workload, err);
	if (result == 0)
		result = hyfw_build_disks(definition, run, arena, ret_fds, workload, err);
	if (result == 0)
		result = hyfw_build_confinement(definition, run, arena, &workload->confinement, err);
	return result;
}

int hyfw_build_adopted(const struct hyfw_definition *definition, const struct hyfw_journal *run,
		       struct hyfw_arena *arena, struct hyfw_workload *ret_workload, struct hyfw_error **err)
{
	begin_workload(definition, arena, ret_workload);
	ret_workload->adopt = true;
	ret_workload->root.size = sizeof(ret_workload->root);
	ret_workload->root.source_fd = -1;
	return hyfw_build_confinement(definition, run, arena, &ret_workload->confinement, err);
}
