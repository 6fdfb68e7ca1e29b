/* SPDX-License-Identifier: BSD-3-Clause
 * Puts a struct hyfw_workload together for the isolation driver from what the
 * storage drivers and security modules return. */
#ifndef HYFW_ENGINE_BUILD_H
#define HYFW_ENGINE_BUILD_H

#include "engine/definition.h"
#include "engine/journal.h"

/* Fills 'ret_workload'; all memory is the arena's, descriptors are added to
 * 'ret_fds' for the caller to close.  'persistent' is the journal of what lasts
 * until removal (NULL for transient workloads), 'run' that of this run. */
struct hyfw_fds {
	int items[192];
	size_t count;
};
void hyfw_fds_close(struct hyfw_fds *fds);

int hyfw_build_workload(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
			const struct hyfw_journal *run, struct hyfw_arena *arena, struct hyfw_fds *ret_fds,
			struct hyfw_workload *ret_workload, struct hyfw_error **err);

/* Of what runs already, hyfw_workload.adopt: without what it has of storage and networks. */
int hyfw_build_adopted(const struct hyfw_definition *definition, const struct hyfw_journal *run,
		       struct hyfw_arena *arena, struct hyfw_workload *ret_workload, struct hyfw_error **err);

/* Where the directories of its volumes are, by the volumes' names; in the arena. */
int hyfw_build_volume_paths(const struct hyfw_definition *definition, struct hyfw_arena *arena, struct hyfw_map *ret_paths,
			    struct hyfw_error **err);

/* The read-only layers of its root file system, "layer" -> path; in the arena.  None where it has none. */
int hyfw_build_layer_paths(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
			   const struct hyfw_journal *run, struct hyfw_arena *arena, struct hyfw_map *ret_paths,
			   struct hyfw_error **err);

/* One disk, and one endpoint that was made before create(), as the isolation driver
 * gets them; in the arena. */
int hyfw_build_disk(const struct hyfw_definition *definition, size_t disk, const struct hyfw_journal *run,
		    struct hyfw_arena *arena, struct hyfw_fds *fds, struct hyfw_attachment *ret_disk,
		    struct hyfw_error **err);
/* The root or disk that the step 'planned' of a security module is about. */
struct hyfw_planned;
int hyfw_build_labelled(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
			const struct hyfw_journal *run, const struct hyfw_planned *planned, struct hyfw_arena *arena,
			const struct hyfw_attachment **ret_disk, struct hyfw_error **err);
void hyfw_build_endpoint(const struct hyfw_definition *definition, size_t network, const struct hyfw_journal *run,
			 struct hyfw_arena *arena, struct hyfw_endpoint *ret_endpoint);

/* The decision of all security modules; also for exec. */
int hyfw_build_confinement(const struct hyfw_definition *definition, const struct hyfw_journal *run,
			   struct hyfw_arena *arena, struct hyfw_confinement *ret_confinement,
			   struct hyfw_error **err);

/* Environment: defaults, the image's, the workload's, then 'extra' (NULL-terminated,
 * may be NULL); later ones win.  NULL-terminated, in the arena. */
const char *const *hyfw_build_environment(const struct hyfw_definition *definition, bool terminal,
					  const char *const *extra, struct hyfw_arena *arena);

#endif
