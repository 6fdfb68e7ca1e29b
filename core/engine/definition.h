/* SPDX-License-Identifier: BSD-3-Clause
 * A workload's definition: everything that is needed to create, start, stop and
 * remove it, without the INI file it came from.  Stored as JSON. */
#ifndef HYFW_ENGINE_DEFINITION_H
#define HYFW_ENGINE_DEFINITION_H

#include <hyfw/step.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "config/config.h"
#include "plugin/driver.h"

/* A network, volume or disk that a workload uses. */
struct hyfw_use {
	char *name;     /* of the network or volume; a host path for anonymous volumes and disks */
	char *driver;
	char *target;   /* volumes: the path inside */
	bool read_only; /* volumes, disks */
	bool anonymous; /* volumes, disks: a path of the host, never made or removed */
	bool gone;      /* taken away from the running workload, see devices.h; never stored */
	struct hyfw_pairs settings; /* keys of its section */
	struct hyfw_pairs options;  /* disks: see hyfw_subject.disk */
};

struct hyfw_definition {
	char *name;
	char *stack;       /* NULL outside of stacks */
	bool transient;    /* removed when it ends */
	int64_t created;   /* CLOCK_REALTIME milliseconds */
	struct hyfw_idmap idmap;      /* known once created */
	struct hyfw_pairs settings;   /* normalised keys of [workload] */
	struct hyfw_use *networks;
	size_t network_count;
	struct hyfw_use *volumes;
	size_t volume_count;
	struct hyfw_use *disks;       /* disk =, then cdrom = */
	size_t disk_count;
	struct hyfw_strings plugins;  /* drivers with settings of their own, "KIND/NAME" ... */
	struct hyfw_pairs *plugin_settings; /* ... and those, in the same order */
};

/* From a validated configuration.  The image's defaults are not yet in it, see
 * hyfw_definition_add_image_defaults(). */
int hyfw_definition_new(const struct hyfw_config *config, const struct hyfw_config_section *workload,
			struct hyfw_definition **ret_definition, struct hyfw_error **err);
void hyfw_definition_free(struct hyfw_definition *definition);
void hyfw_use_finish(struct hyfw_use *use);

/* Command, environment, user and directory that the image brings where the
 * workload says nothing, and what follows from them (systemd.h); -ENOENT (exit status 127) when there is no such image,
 * and when there is no command at all and the isolation driver takes none of that. */
int hyfw_definition_add_image_defaults(struct hyfw_definition *definition, struct hyfw_error **err);

char *hyfw_definition_to_json(const struct hyfw_definition *definition); /* free() */
int hyfw_definition_from_json(const char *json, struct hyfw_definition **ret_definition,
			      struct hyfw_error **err);

/* Same settings, so that `up` need not make it anew. */
bool hyfw_definition_equal(const struct hyfw_definition *a, const struct hyfw_definition *b);

const char *hyfw_definition_get(const struct hyfw_definition *definition, const char *key);
const char *hyfw_definition_isolation(const struct hyfw_definition *definition);
/* The driver of its root; NULL when it has none (a machine that boots from a CD). */
const char *hyfw_definition_storage(const struct hyfw_definition *definition);
/* Whether the isolation driver has this capability; false when it cannot be loaded. */
bool hyfw_definition_takes(const struct hyfw_definition *definition, const char *capability);

/* The driver, configured with the settings stored in the definition. */
int hyfw_definition_driver(const struct hyfw_definition *definition, enum hyfw_kind kind, const char *name,
			   struct hyfw_driver **ret_driver, struct hyfw_error **err);

/* Subjects for the drivers; they borrow from the definition.  Those that depend on
 * the isolation driver load it. */
struct hyfw_subject hyfw_subject_workload(const struct hyfw_definition *definition);
struct hyfw_subject hyfw_subject_root(const struct hyfw_definition *definition);
struct hyfw_subject hyfw_subject_network(const struct hyfw_use *use);
struct hyfw_subject hyfw_subject_volume(const struct hyfw_definition *definition, const struct hyfw_use *use);
struct hyfw_subject hyfw_subject_disk(const struct hyfw_definition *definition, size_t disk);
/* What security modules that label are asked about the root or disk 'disk'. */
struct hyfw_subject hyfw_subject_labelled(const struct hyfw_definition *definition, const struct hyfw_subject *disk);
struct hyfw_subject hyfw_subject_endpoint(const struct hyfw_definition *definition, size_t network);

static inline void hyfw_cleanup_definition(struct hyfw_definition **definition)
{
	hyfw_definition_free(*definition);
}
#define HYFW_AUTO_DEFINITION __attribute__((cleanup(hyfw_cleanup_definition)))

#endif
