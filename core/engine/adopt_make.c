/* SPDX-License-Identifier: BSD-3-Clause
 * The workload that a machine from another host becomes.  A section as its owner would
 * write it here, of what it uses by name, goes through the configuration: that says what
 * is missing, and has this host's settings of networks, volumes and drivers.  What the
 * machine itself is comes from the definition that it brought along; adopt_merge.c puts
 * both together. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "config/load.h"
#include "config/normalize.h"
#include "engine/adopt_parts.h"
#include "engine/apply.h"
#include "engine/plan.h"
#include "engine/store.h"

#define FLAG "hyfw adopt"

/* ---- what came ---- */

/* What a libvirtd calls OWNER-NAME was NAME; anything else somebody has called it so. */
static char *name_of(const struct hyfw_adoption *adoption, const struct hyfw_definition *offered)
{
	const char *there = hyfw_map_get(&adoption->facts, "name");
	const size_t all = there ? strlen(there) : 0, own = strlen(offered->name);

	if (adoption->name)
		return hyfw_dup(adoption->name);
	if (all > own + 1 && there[all - own - 1] == '-' && strcmp(there + all - own, offered->name) == 0)
		return hyfw_dup(offered->name);
	return hyfw_dup(there ? there : offered->name);
}

static int check_offer(const struct hyfw_adoption *adoption, const struct hyfw_definition *offered,
		       struct hyfw_error **err)
{
	const char *isolation = hyfw_definition_isolation(offered), *image = hyfw_definition_get(offered, "image");
	const char *template = hyfw_definition_get(offered, "template"), *foreign = hyfw_adopt_foreign(offered);

	if (strcmp(isolation, hyfw_driver_name(adoption->driver)) != 0 || foreign)
		return hyfw_fail(err, EINVAL, "its definition is not one of a machine of %s%s%s",
				 hyfw_driver_name(adoption->driver), foreign ? ": it has " : "", foreign ? foreign : "");
	if (hyfw_definition_get(offered, "failover"))
		return hyfw_fail(err, ENOTSUP, "it has failover, and its lease is where it was; stop it there and "
				 "`hyfw failover %s` here", offered->name);
	if (template)
		return hyfw_fail(err, ENOTSUP, "it starts from the template %s, which stays with the host that it was on; "
				 "install it from a disk first", template);
	if (image && !hyfw_map_get(&adoption->facts, "root"))
		return hyfw_fail(err, EINVAL, "it was made of the image %s, and has no root disk", image);
	return 0;
}

/* A secret does not travel: without it the next start would show its screen to everybody. */
static int check_password(const struct hyfw_adoption *adoption, const struct hyfw_definition *offered,
			  struct hyfw_error **err)
{
	const char *key = hyfw_map_get(&adoption->facts, "password");
	const struct hyfw_map set = hyfw_pairs_map(adoption->set);
	HYFW_AUTO_FREE char *secret = key ? hyfw_dup_n(key, strlen(key) - strlen("_file")) : NULL;

	if (!key || hyfw_definition_get(offered, key) || hyfw_map_get(&set, key) || hyfw_map_get(&set, secret))
		return 0;
	return hyfw_fail(err, ENOKEY, "the password of its display stayed on the other host; give it with --set %s=FILE",
			 key);
}

/* ---- the section ---- */

static int set_key(struct hyfw_config *config, const char *name, const char *key, const char *text, const char *flag,
		   struct hyfw_error **err)
{
	return hyfw_config_set(config, "workload", name, key, text, flag, err);
}

static int set_names(const struct hyfw_definition *offered, struct hyfw_config *config, const char *name,
		     struct hyfw_error **err)
{
	const struct hyfw_map settings = hyfw_pairs_map(&offered->settings);
	const char *module;
	size_t i, cursor = 0;
	int result = set_key(config, name, "isolation", hyfw_definition_isolation(offered), FLAG, err);

	for (i = 0; result == 0 && i < offered->network_count; i++)
		result = set_key(config, name, "network", offered->networks[i].name, FLAG, err);
	for (i = 0; result == 0 && i < offered->disk_count; i++)
		if (!offered->disks[i].anonymous)
			result = set_key(config, name, "disk", offered->disks[i].name, FLAG, err);
	while (result == 0 && (module = hyfw_map_next(&settings, "security", &cursor)))
		result = set_key(config, name, "security", module, FLAG, err);
	return result;
}

static int make_section(const struct hyfw_adoption *adoption, const struct hyfw_definition *offered,
			struct hyfw_config *config, const char *name, struct hyfw_definition **ret_made,
			struct hyfw_error **err)
{
	size_t i;
	int result = set_names(offered, config, name, err);

	for (i = 0; result == 0 && i < adoption->set->count; i++)
		result = set_key(config, name, adoption->set->items[i].key, adoption->set->items[i].value, "--set", err);
	if (result == 0)
		result = hyfw_config_load_drivers_and_validate(config, err);
	return result < 0 ? result
			  : hyfw_definition_new(config, hyfw_config_find(config, "workload", name), ret_made, err);
}

/* ---- is it all here? ---- */

static bool is_same_file(const char *one, const char *other)
{
	struct stat a, b;

	return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A volume of that name may be another disk, or none yet: the next start would go on
 * with an empty one. */
static int check_volume(const struct hyfw_adoption *adoption, const struct hyfw_definition *definition, size_t disk,
			struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const struct hyfw_use *use = &definition->disks[disk];
	const struct hyfw_map settings = hyfw_pairs_map(&use->settings);
	const char *pool = hyfw_map_get(&settings, "pool"), *there, *here;
	const struct hyfw_pair arg = { "pool", pool };
	const struct hyfw_operation question = { .size = sizeof(question), .verb = "info", .input_fd = -1, .output_fd = -1,
						 .object = hyfw_arena_format(arena, "volume/%s", use->name),
						 .args = { pool ? 1 : 0, &arg }, .arena = arena };
	HYFW_AUTO_FREE char *name = hyfw_format("disk%zu", disk + 1);
	struct hyfw_map facts = { 0 };
	struct hyfw_driver *driver;
	int result = hyfw_definition_driver(definition, HYFW_KIND_STORAGE, use->driver, &driver, err);

	if (result == 0)
		result = hyfw_storage_operate(driver, &question, &facts, err);
	if (result < 0)
		return result;
	there = hyfw_map_get(&adoption->facts, name);
	here = hyfw_map_get(&facts, "path");
	if (there && here && !is_same_file(there, here))
		return hyfw_fail(err, EINVAL, "the volume %s of this host is %s, and the machine has %s", use->name, here,
				 there);
	return 0;
}

static int check_volumes(const struct hyfw_adoption *adoption, const struct hyfw_definition *offered,
			 const struct hyfw_definition *made, struct hyfw_error **err)
{
	size_t i, j;
	int result = 0;

	for (i = 0; result == 0 && i < made->disk_count; i++)
		for (j = 0; result == 0 && j < offered->disk_count; j++)
			if (!offered->disks[j].anonymous && strcmp(offered->disks[j].name, made->disks[i].name) == 0)
				result = check_volume(adoption, offered, j, err);
	return result;
}

/* What the drivers say of it, and nothing is done. */
static int check_plan(const struct hyfw_definition *definition, struct hyfw_error **err)
{
	struct hyfw_plan plan;
	int result;

	hyfw_plan_init(&plan);
	result = hyfw_plan_workload(&plan, definition, HYFW_ALL_LIFETIMES, err);
	hyfw_plan_finish(&plan);
	return result;
}

/* ---- all of it ---- */

/* The one that has moved away and comes back, or that a cut off adoption has left. */
static int find_known(struct hyfw_adoption *adoption, const char *name, const struct hyfw_definition *offered,
		      struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *stored = NULL;

	if (hyfw_store_definition(name, &stored, NULL) < 0)
		return 0;
	if (stored->created != offered->created || stored->transient)
		return hyfw_fail(err, EEXIST, "the name %s is taken here by another workload; --name gives it another", name);
	adoption->known = true;
	adoption->definition = HYFW_STEAL(stored);
	return 0;
}

/* Its drivers are set as they are now: it may have gone without a libvirtd, and come back
 * to one. */
static int renew(struct hyfw_adoption *adoption, struct hyfw_config *config, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *made = NULL;
	struct hyfw_definition *definition = adoption->definition;
	int result;

	if (adoption->set->count > 0)
		return hyfw_fail(err, EINVAL, "--set: it is a workload of this host that comes back, as it was; `hyfw update` "
				 "changes it");
	result = make_section(adoption, definition, config, definition->name, &made, err);
	if (result == 0)
		hyfw_adopt_plugins(definition, made);
	return result;
}

static int make(struct hyfw_adoption *adoption, struct hyfw_config *config, struct hyfw_definition *offered,
		const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *made = NULL;
	int result = check_offer(adoption, offered, err);

	if (result == 0)
		result = check_password(adoption, offered, err);
	if (result == 0)
		result = make_section(adoption, offered, config, name, &made, err);
	if (result == 0)
		hyfw_adopt_volumes(offered, made);
	if (result == 0)
		result = check_volumes(adoption, offered, made, err);
	if (result == 0)
		result = hyfw_adopt_merge(adoption, offered, made, err);
	return result < 0 ? result : check_plan(offered, err);
}

int hyfw_adopt_prepare(struct hyfw_adoption *adoption, struct hyfw_config *config, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *offered = NULL;
	HYFW_AUTO_FREE char *name = NULL;
	const char *text = hyfw_map_get(&adoption->facts, "definition");
	int result = hyfw_definition_from_json(text ? text : "", &offered, err);

	if (result < 0)
		return hyfw_wrap(err, "what came with it");
	name = name_of(adoption, offered);
	result = hyfw_check_name(name, err);
	if (result < 0)
		return hyfw_wrap(err, "the name %s", name);
	result = find_known(adoption, name, offered, err);
	if (result < 0 || adoption->known)
		return result < 0 ? result : renew(adoption, config, err);
	result = make(adoption, config, offered, name, err);
	if (result == 0)
		adoption->definition = HYFW_STEAL(offered);
	return result;
}
