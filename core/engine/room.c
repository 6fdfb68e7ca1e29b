/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/room.h"

#include <errno.h>

#include "base/cleanup.h"

/* What a machine may hold in its memory, which goes into its first disk. */
static int64_t memory_of(const struct hyfw_definition *definition)
{
	const struct hyfw_subject subject = hyfw_subject_workload(definition);

	return hyfw_map_int(&subject.settings, "memory", 0) + (int64_t)subject.memory_overhead;
}

static int ask(const struct hyfw_definition *definition, const char *storage, const char *verb, const char *object,
	       const struct hyfw_pairs *args, struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const struct hyfw_operation operation = { .size = sizeof(operation), .verb = verb, .object = object,
						  .args = args ? hyfw_pairs_map(args) : (struct hyfw_map){ 0 },
						  .input_fd = -1, .output_fd = -1, .arena = arena };
	struct hyfw_map nothing = { 0 };
	struct hyfw_error *why = NULL;
	struct hyfw_driver *driver;
	int result = hyfw_definition_driver(definition, HYFW_KIND_STORAGE, storage, &driver, err);

	if (result < 0)
		return result;
	result = hyfw_storage_operate(driver, &operation, &nothing, &why);
	if (result == 0)
		return 0;
	/* It bounds nothing; and a disk that is not there is told by who wants it. */
	if (result == -ENOTSUP || result == -EOPNOTSUPP || result == -ENOENT) {
		hyfw_error_free(why);
		return 0;
	}
	if (err)
		*err = why;
	else
		hyfw_error_free(why);
	return result;
}

static int reserve(const struct hyfw_definition *definition, const char *storage, const char *object, const char *pool,
		   bool external, int64_t *memory, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *bytes = hyfw_format("%lld", (long long)*memory);
	struct hyfw_pairs args = { 0 };
	int result;

	hyfw_pairs_set(&args, "memory", bytes);
	if (external)
		hyfw_pairs_set(&args, "overlay", "true");
	if (pool)
		hyfw_pairs_set(&args, "pool", pool);
	result = ask(definition, storage, "reserve", object, &args, err);
	hyfw_pairs_finish(&args);
	*memory = 0;
	return result;
}

int hyfw_room_reserve(const struct hyfw_state *state, const struct hyfw_operation *operation,
		      struct hyfw_error **err)
{
	const struct hyfw_definition *definition = state->definition;
	const char *root = hyfw_definition_storage(definition);
	const bool external = hyfw_map_bool(&operation->args, "external", false);
	const bool with_memory = hyfw_status_is_up(state->status) &&
				 !hyfw_map_bool(&operation->args, "disk_only", false);
	int64_t memory = with_memory ? memory_of(definition) : 0;
	int result = 0;
	size_t i;

	if (root) {
		HYFW_AUTO_FREE char *object = hyfw_format("workload/%s", definition->name);

		result = reserve(definition, root, object, NULL, external, &memory, err);
	}
	for (i = 0; result == 0 && i < definition->disk_count; i++) {
		const struct hyfw_use *use = &definition->disks[i];
		const struct hyfw_map settings = hyfw_pairs_map(&use->settings);
		HYFW_AUTO_FREE char *object = hyfw_format("%s%s", use->anonymous ? "" : "volume/", use->name);

		if (!use->read_only)
			result = reserve(definition, use->driver, object, hyfw_map_get(&settings, "pool"), external, &memory,
					 err);
	}
	return result;
}

void hyfw_room_release(const struct hyfw_state *state)
{
	const struct hyfw_definition *definition = state->definition;
	const char *root = hyfw_definition_storage(definition);
	size_t i;

	if (root)
		ask(definition, root, "release", "", NULL, NULL);
	for (i = 0; i < definition->disk_count; i++)
		ask(definition, definition->disks[i].driver, "release", "", NULL, NULL);
}
