/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/update.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/normalize.h"
#include "config/schema.h"
#include "engine/events.h"
#include "engine/failover_place.h"
#include "engine/reach.h"

/* What the running thing itself is asked for; the other keys are limits of the
 * processes, or the core's. */
static const struct {
	const char *key;
	bool inside;
	bool removable; /* without it there is no limit */
} keys[] = {
	{ "cpus", false, true },
	{ "cpuset", false, false },
	{ "cpu_shares", false, true },
	{ "memory", true, true },
	{ "memory_swap", false, true },
	{ "pids", false, true },
	{ "io_max", false, true }, /* all that are given take the place of those before */
	{ "restart", false, false },
	{ "autostart", false, false },
	{ "vcpus", true, false },
};

bool hyfw_update_knows(const char *key)
{
	size_t i;

	for (i = 0; i < HYFW_COUNT(keys); i++)
		if (strcmp(keys[i].key, key) == 0)
			return true;
	return false;
}

static bool is_inside(const char *key)
{
	size_t i;

	for (i = 0; i < HYFW_COUNT(keys); i++)
		if (strcmp(keys[i].key, key) == 0)
			return keys[i].inside;
	return false;
}

/* ---- values ---- */

/* "unlimited" is a value of memory_swap itself. */
static bool takes_limit_away(const struct hyfw_pair *change)
{
	size_t i;

	if (strcmp(change->value, "0") != 0 && strcmp(change->value, "-1") != 0 &&
	    (strcmp(change->value, "unlimited") != 0 || strcmp(change->key, "memory_swap") == 0))
		return false;
	for (i = 0; i < HYFW_COUNT(keys); i++)
		if (strcmp(keys[i].key, change->key) == 0)
			return keys[i].removable;
	return false;
}

static int remove_limit(struct hyfw_definition *definition, const char *key, struct hyfw_error **err)
{
	if (strcmp(key, "memory") == 0 && hyfw_subject_workload(definition).memory_overhead > 0)
		return hyfw_fail(err, EINVAL, "memory: a machine has always a limit; give it a size");
	hyfw_pairs_remove(&definition->settings, key);
	if (strcmp(key, "memory") == 0) /* it means nothing without */
		hyfw_pairs_remove(&definition->settings, "memory_swap");
	return 0;
}

static const struct hyfw_option *declared(struct hyfw_driver *driver, const char *key)
{
	const struct hyfw_option *option = hyfw_driver_plugin(driver)->options;

	for (; option && option->name; option++)
		if (option->scope == HYFW_SCOPE_WORKLOAD && strcmp(option->name, key) == 0)
			return option;
	return NULL;
}

/* Somebody who is to put it into effect; 'ret_option' where that is a key of its own. */
static bool honoured(const struct hyfw_definition *definition, enum hyfw_kind kind, const char *name,
		     const char *key, const struct hyfw_option **ret_option)
{
	HYFW_AUTO_FREE char *word = hyfw_format("workload.%s", key);
	struct hyfw_driver *driver;

	if (hyfw_definition_driver(definition, kind, name, &driver, NULL) < 0)
		return false;
	*ret_option = declared(driver, key);
	return *ret_option || hyfw_driver_honours(driver, word);
}

static bool anybody(const struct hyfw_definition *definition, const char *key,
		    const struct hyfw_option **ret_option)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char *module;
	size_t cursor = 0;

	if (honoured(definition, HYFW_KIND_ISOLATION, hyfw_definition_isolation(definition), key, ret_option))
		return true;
	while ((module = hyfw_map_next(&settings, "security", &cursor)))
		if (honoured(definition, HYFW_KIND_SECURITY, module, key, ret_option))
			return true;
	return false;
}

static int normalize(const struct hyfw_definition *definition, const struct hyfw_pair *change,
		     char **ret_normal, struct hyfw_error **err)
{
	const struct hyfw_key *key = hyfw_schema_key("workload", change->key);
	const struct hyfw_option *option = NULL;
	int result;

	if (!hyfw_update_knows(change->key))
		return hyfw_fail(err, EINVAL, "%s cannot be changed; make the workload anew", change->key);
	if (!(key && (key->flags & HYFW_KEY_CORE)) && !anybody(definition, change->key, &option))
		return hyfw_fail(err, EINVAL, "%s: no driver of this workload puts it into effect (isolation %s)",
				 change->key, hyfw_definition_isolation(definition));
	if (key && key->normalize)
		result = key->normalize(change->value, ret_normal, err);
	else
		result = hyfw_normalize_option(key ? &key->option : option, change->value, ret_normal, err);
	return result < 0 ? hyfw_wrap(err, "%s = %s", change->key, change->value) : 0;
}

/* Of a list the first one takes the place of all before, the others come behind it. */
static bool comes_behind(const struct hyfw_map *changes, size_t at)
{
	const struct hyfw_key *key = hyfw_schema_key("workload", changes->items[at].key);
	size_t i;

	for (i = 0; key && (key->option.flags & HYFW_OPTION_LIST) && i < at; i++)
		if (strcmp(changes->items[i].key, changes->items[at].key) == 0)
			return true;
	return false;
}

static int change_settings(struct hyfw_definition *definition, const struct hyfw_map *changes,
			   struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < changes->count; i++) {
		const bool away = takes_limit_away(&changes->items[i]);
		HYFW_AUTO_FREE char *normal = NULL;
		const int result = away ? remove_limit(definition, changes->items[i].key, err)
					: normalize(definition, &changes->items[i], &normal, err);

		if (result < 0)
			return result;
		if (!away && comes_behind(changes, i))
			hyfw_pairs_add(&definition->settings, changes->items[i].key, normal);
		else if (!away)
			hyfw_pairs_set(&definition->settings, changes->items[i].key, normal);
	}
	return 0;
}

/* ---- drivers ---- */

struct update {
	const struct hyfw_state *state; /* as it is */
	struct hyfw_definition *wanted;
	const struct hyfw_map *changes;
	struct hyfw_strings updated;    /* security modules that have the new settings */
};

static int check(const struct hyfw_definition *definition, struct hyfw_error **err)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const struct hyfw_subject subject = hyfw_subject_workload(definition);
	struct hyfw_driver *driver;
	const char *module;
	size_t cursor = 0;
	int result = hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, hyfw_definition_isolation(definition),
					    &driver, err);

	if (result == 0)
		result = hyfw_driver_check(driver, &subject, err);
	while (result == 0 && (module = hyfw_map_next(&settings, "security", &cursor))) {
		result = hyfw_definition_driver(definition, HYFW_KIND_SECURITY, module, &driver, err);
		if (result == 0)
			result = hyfw_driver_check(driver, &subject, err);
	}
	return result;
}

static int update_module(const struct update *update, const struct hyfw_definition *definition,
			 const char *module, struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_workload(definition);
	struct hyfw_pairs record = { 0 };
	struct hyfw_driver *driver;
	struct hyfw_map map;
	int result = hyfw_definition_driver(definition, HYFW_KIND_SECURITY, module, &driver, err);

	if (result < 0)
		return result;
	hyfw_journal_record(update->state->journal, HYFW_KIND_SECURITY, module, NULL, &record);
	map = hyfw_pairs_map(&record);
	result = hyfw_security_update(driver, &subject, &map, err);
	hyfw_pairs_finish(&record);
	return result;
}

static int update_modules(struct update *update, struct hyfw_error **err)
{
	const struct hyfw_map settings = hyfw_pairs_map(&update->wanted->settings);
	const char *module;
	size_t cursor = 0;

	while ((module = hyfw_map_next(&settings, "security", &cursor))) {
		struct hyfw_error *failure = NULL;
		const int result = update_module(update, update->wanted, module, &failure);

		if (result == 0) {
			hyfw_strings_add(&update->updated, module);
		} else if (result != -EOPNOTSUPP) { /* that one has nothing to change */
			*err = failure;
			return result;
		}
		hyfw_forget(&failure);
	}
	return 0;
}

static void back(struct update *update)
{
	size_t i;

	for (i = update->updated.count; i > 0; i--)
		update_module(update, update->state->definition, update->updated.items[i - 1], NULL);
}

/* What only the driver of the running thing can do: a machine's processors, its balloon. */
static int update_inside(const struct update *update, struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_operation operation = { .verb = "update", .input_fd = -1, .output_fd = -1, .arena = arena };
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	struct hyfw_pairs args = { 0 };
	struct hyfw_map result_map;
	int result = 0;
	size_t i;

	for (i = 0; i < update->changes->count; i++) {
		const char *key = update->changes->items[i].key;

		if (is_inside(key) && hyfw_definition_get(update->wanted, key))
			hyfw_pairs_set(&args, key, hyfw_definition_get(update->wanted, key));
	}
	operation.args = hyfw_pairs_map(&args);
	if (args.count > 0)
		result = hyfw_reach_operate(update->wanted->name, &operation, &result_map, &failure);
	hyfw_pairs_finish(&args);
	if (result == -EOPNOTSUPP) /* a container has no inside of its own */
		return 0;
	if (result < 0)
		*err = HYFW_STEAL(failure);
	return result;
}

static int put_into_effect(struct update *update, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	/* First, as it is what fails most (no room) and is taken back most surely. */
	int result = hyfw_store_save(update->wanted, err);

	if (result < 0)
		return result;
	result = update_modules(update, err);
	if (result == 0)
		result = update_inside(update, err);
	if (result < 0) {
		back(update);
		if (hyfw_store_save(update->state->definition, &failure) < 0)
			hyfw_wrap(err, "and the definition stays changed, as %s", failure->message);
	} else
		hyfw_reach_reload(update->wanted->name, NULL);
	return result;
}

static int update_loaded(const struct hyfw_state *state, const struct hyfw_map *changes, struct hyfw_error **err)
{
	struct update update = { .state = state, .changes = changes };
	int result = hyfw_store_definition(state->definition->name, &update.wanted, err);

	if (result == 0)
		result = change_settings(update.wanted, changes, err);
	if (result == 0)
		result = check(update.wanted, err);
	if (result == 0)
		result = hyfw_status_is_up(state->status) ? put_into_effect(&update, err)
							  : hyfw_store_save(update.wanted, err);
	if (result == 0)
		hyfw_failover_refresh(update.wanted);
	hyfw_strings_finish(&update.updated);
	hyfw_definition_free(update.wanted);
	return result;
}

int hyfw_workload_update(const char *name, const struct hyfw_map *changes, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("workload", name, err);
	HYFW_AUTO_FREE char *prefix = hyfw_format("workload %s", name);
	struct hyfw_state state;
	int result;

	if (lock < 0)
		return lock;
	result = hyfw_state_load(name, &state, err);
	if (result == 0) {
		result = update_loaded(&state, changes, &failure);
		if (result < 0 && strncmp(failure->message, prefix, strlen(prefix)) != 0)
			hyfw_wrap(&failure, "%s", prefix);
		if (result < 0 && err)
			*err = HYFW_STEAL(failure);
	}
	hyfw_state_finish(&state);
	if (result == 0)
		hyfw_event(name, "update", NULL, NULL);
	return result;
}
