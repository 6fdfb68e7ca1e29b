/* SPDX-License-Identifier: BSD-3-Clause
 * What build.c, build_command.c, build_storage.c and build_mounts.c share.  Memory is the
 * arena's, descriptors are added to 'fds'. */
#ifndef HYFW_ENGINE_BUILD_PARTS_H
#define HYFW_ENGINE_BUILD_PARTS_H

#include "engine/build.h"

/* ---- build_command.c ---- */

/* Entry point and command, NULL-terminated. */
const char *const *hyfw_build_argv(const struct hyfw_map *settings, struct hyfw_arena *arena);

/* ---- build_storage.c ---- */

/* Fills workload->root; 'persistent' may be NULL.  A workload without storage driver has none. */
int hyfw_build_root(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
		    const struct hyfw_journal *run, struct hyfw_arena *arena, struct hyfw_fds *fds,
		    struct hyfw_workload *workload, struct hyfw_error **err);

int hyfw_build_volume(const struct hyfw_definition *definition, const struct hyfw_use *use,
		      struct hyfw_arena *arena, struct hyfw_fds *fds, struct hyfw_attachment *mount,
		      struct hyfw_error **err);

/* Fills workload->disks. */
int hyfw_build_disks(const struct hyfw_definition *definition, const struct hyfw_journal *run,
		     struct hyfw_arena *arena, struct hyfw_fds *fds, struct hyfw_workload *workload,
		     struct hyfw_error **err);

/* ---- build_mounts.c ---- */

/* Fills workload->mounts. */
int hyfw_build_mounts(const struct hyfw_definition *definition, struct hyfw_arena *arena,
		      struct hyfw_fds *fds, struct hyfw_workload *workload, struct hyfw_error **err);

#endif
