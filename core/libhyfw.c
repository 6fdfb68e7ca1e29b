/* SPDX-License-Identifier: BSD-3-Clause
 * The library's own functions: sdk/include/hyfw/libhyfw.h over the engine. */
#include <hyfw/libhyfw.h>

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/context.h"
#include "base/error.h"
#include "config/check.h"
#include "config/load.h"
#include "engine/apply.h"
#include "engine/control.h"
#include "engine/describe.h"
#include "engine/launch.h"
#include "engine/plan_stack.h"
#include "engine/recover.h"
#include "engine/stack.h"
#include "engine/store.h"
#include "engine/update.h"
#include "plugin/registry.h"

#define PUBLIC __attribute__((visibility("default")))

struct hyfw_instance {
	struct hyfw_context context;
	bool config_given;
};

/* ---- errors ---- */

PUBLIC const char *hyfw_error_message(const struct hyfw_error *err)
{
	return err ? err->message : "";
}

PUBLIC int hyfw_error_status(const struct hyfw_error *err)
{
	return err ? err->status : 0;
}

/* ---- life ---- */

PUBLIC int hyfw_instance_new(const struct hyfw_instance_options *options, struct hyfw_instance **ret_instance,
			     struct hyfw_error **err)
{
	struct hyfw_instance_options given = { 0 };
	struct hyfw_context_options context;
	struct hyfw_recovery recovery = { 0 };
	struct hyfw_instance *instance;
	int result;

	if (hyfw_context_current())
		return hyfw_fail(err, EBUSY, "there is an instance in this process already");
	if (options)
		memcpy(&given, options, options->size < sizeof(given) ? options->size : sizeof(given));
	context = (struct hyfw_context_options){ given.runtime, given.data, given.config_file,
						 given.plugin_path };
	instance = hyfw_new(sizeof(*instance));
	instance->config_given = given.config_file != NULL;
	result = hyfw_context_init(&instance->context, &context, err);
	if (result == 0) {
		hyfw_engine_init();
		if (hyfw_recover_needed())
			result = hyfw_recover(false, &recovery, err);
		hyfw_recovery_finish(&recovery);
	}
	if (result < 0) {
		hyfw_instance_free(instance);
		return result;
	}
	*ret_instance = instance;
	return 0;
}

PUBLIC void hyfw_instance_free(struct hyfw_instance *instance)
{
	if (!instance)
		return;
	hyfw_registry_close();
	hyfw_context_finish(&instance->context);
	free(instance);
}

/* ---- stacks ---- */

static int load(struct hyfw_instance *instance, const char *const *files, struct hyfw_config **ret_config,
		struct hyfw_error **err)
{
	struct hyfw_config *config = NULL;
	int result = hyfw_config_load(&instance->context, instance->config_given, files, &config, err);

	if (result == 0)
		result = hyfw_config_load_drivers_and_validate(config, err);
	if (result < 0)
		hyfw_config_free(config);
	else
		*ret_config = config;
	return result;
}

/* The stack of 'files', for 'action'. */
static int with_stack(struct hyfw_instance *instance, const char *const *files,
		      int (*action)(const struct hyfw_stack *stack, void *data, struct hyfw_error **err),
		      void *data, struct hyfw_error **err)
{
	struct hyfw_config *config = NULL;
	struct hyfw_stack stack;
	int result = load(instance, files, &config, err);

	if (result < 0)
		return result;
	result = hyfw_stack_new(config, &stack, err);
	if (result == 0) {
		result = action(&stack, data, err);
		hyfw_stack_finish(&stack);
	}
	hyfw_config_free(config);
	return result;
}

PUBLIC int hyfw_instance_check(struct hyfw_instance *instance, const char *const *files, struct hyfw_error **err)
{
	struct hyfw_config *config = NULL;
	int result = load(instance, files, &config, err);

	if (result < 0)
		return result;
	result = hyfw_config_require_drivers(config, err);
	hyfw_config_free(config);
	return result;
}

static char *json_text(struct json_object *object)
{
	char *text = hyfw_dup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
								      JSON_C_TO_STRING_NOSLASHESCAPE));

	json_object_put(object);
	return text;
}

static int plan(const struct hyfw_stack *stack, void *data, struct hyfw_error **err)
{
	struct hyfw_plan steps;
	int result;

	hyfw_plan_init(&steps);
	result = hyfw_plan_stack(&steps, stack, err);
	if (result == 0)
		*(char **)data = json_text(hyfw_plan_to_json(stack, &steps));
	hyfw_plan_finish(&steps);
	return result;
}

PUBLIC int hyfw_instance_plan(struct hyfw_instance *instance, const char *const *files, char **ret_json,
			      struct hyfw_error **err)
{
	return with_stack(instance, files, plan, ret_json, err);
}

static int up(const struct hyfw_stack *stack, void *data, struct hyfw_error **err)
{
	(void)data;
	return hyfw_stack_up(stack, NULL, err);
}

PUBLIC int hyfw_instance_up(struct hyfw_instance *instance, const char *const *files, struct hyfw_error **err)
{
	return with_stack(instance, files, up, NULL, err);
}

PUBLIC int hyfw_instance_down(struct hyfw_instance *instance, const char *stack, struct hyfw_error **err)
{
	(void)instance;
	return hyfw_stack_down(stack, NULL, err);
}

PUBLIC int hyfw_instance_list(struct hyfw_instance *instance, char **ret_json, struct hyfw_error **err)
{
	struct json_object *array;
	struct hyfw_strings names = { 0 };
	size_t i;

	(void)instance;
	if (hyfw_store_workloads(&names, err) < 0)
		return -EIO;
	array = json_object_new_array();
	for (i = 0; i < names.count; i++) {
		struct hyfw_state state;

		if (hyfw_state_load(names.items[i], &state, NULL) == 0)
			json_object_array_add(array, hyfw_describe_json(names.items[i], &state));
		hyfw_state_finish(&state);
	}
	hyfw_strings_finish(&names);
	*ret_json = json_text(array);
	return 0;
}

/* ---- workloads ---- */

PUBLIC int hyfw_instance_start(struct hyfw_instance *instance, const char *workload, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	const struct hyfw_launch launch = { 0 };
	struct hyfw_launched launched = { .socket = -1 };
	int result = hyfw_store_definition(workload, &definition, err);

	(void)instance;
	if (result == 0)
		result = hyfw_launch(definition, &launch, &launched, err);
	hyfw_launched_close(&launched);
	return result;
}

PUBLIC int hyfw_instance_stop(struct hyfw_instance *instance, const char *workload, int timeout_ms,
			      struct hyfw_error **err)
{
	(void)instance;
	return hyfw_workload_stop(workload, timeout_ms, err);
}

PUBLIC int hyfw_instance_signal(struct hyfw_instance *instance, const char *workload, int signal,
				struct hyfw_error **err)
{
	(void)instance;
	return hyfw_workload_signal(workload, signal, err);
}

PUBLIC int hyfw_instance_pause(struct hyfw_instance *instance, const char *workload, bool paused,
			       struct hyfw_error **err)
{
	(void)instance;
	return hyfw_workload_pause(workload, paused, err);
}

PUBLIC int hyfw_instance_update(struct hyfw_instance *instance, const char *workload,
				const struct hyfw_map *changes, struct hyfw_error **err)
{
	(void)instance;
	return hyfw_workload_update(workload, changes, err);
}

PUBLIC int hyfw_instance_wait(struct hyfw_instance *instance, const char *workload, int *ret_status,
			      struct hyfw_error **err)
{
	(void)instance;
	return hyfw_workload_wait(workload, ret_status, err);
}

PUBLIC int hyfw_instance_remove(struct hyfw_instance *instance, const char *workload, bool force,
				struct hyfw_error **err)
{
	(void)instance;
	return hyfw_workload_remove(workload, force, err);
}
