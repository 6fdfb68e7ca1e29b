/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/plugin_show.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "plugin/needs.h"
#include "plugin/registry.h"

const char *hyfw_plugin_result_word(enum hyfw_probe_result result)
{
	static const char *const words[] = { "ok", "degraded", "no" };

	return (unsigned)result < HYFW_COUNT(words) ? words[result] : "unknown";
}

static const char *section_of(enum hyfw_option_scope scope)
{
	static const char *const sections[] = { "", "plugin", "workload", "network", "volume" };

	return sections[scope]; /* the loader has checked its range, and that of the type */
}

static const char *type_word(enum hyfw_option_type type)
{
	static const char *const words[] = { "",	 "text",     "yes/no", "number", "size",
					     "duration", "CPUs", "choice", "path",   "name" };

	return words[type];
}

static const char *need_word(const struct hyfw_need *need)
{
	static const char *const words[] = { "missing", "met", "see result" };

	return words[hyfw_need_look(need)];
}

/* ---- text ---- */

static void print_words(const char *title, const char *const *words)
{
	if (!words || !words[0])
		return;
	printf("%s\n", title);
	for (; *words; words++)
		printf("  %s\n", *words);
}

static void print_trail(const struct hyfw_trust_trail *trail)
{
	struct hyfw_table *table = hyfw_table_new(4);
	size_t i;

	puts("Trust");
	for (i = 0; i < trail->count; i++) {
		const struct hyfw_trust_step *step = &trail->steps[i];
		HYFW_AUTO_FREE char *path = hyfw_format("  %s", step->path);
		HYFW_AUTO_FREE char *owner = step->uid ? hyfw_format("user %u", step->uid) : hyfw_dup("root");
		HYFW_AUTO_FREE char *mode = hyfw_format("%04o", step->mode);

		hyfw_table_add(table, path);
		hyfw_table_add(table, owner);
		hyfw_table_add(table, mode);
		hyfw_table_add(table, step->refusal ? step->refusal : "trusted");
	}
	hyfw_table_print(table);
}

static void print_needs(const struct hyfw_need *needs)
{
	struct hyfw_table *table;

	if (!needs || !needs->name)
		return;
	puts("Needs");
	table = hyfw_table_new(3);
	for (; needs->name; needs++) {
		HYFW_AUTO_FREE char *what = hyfw_format("  %s %s", needs->kind, needs->name);

		hyfw_table_add(table, what);
		hyfw_table_add(table, needs->optional ? "optional" : "required");
		hyfw_table_add(table, need_word(needs));
	}
	hyfw_table_print(table);
}

/* What may be given: "1..10", "a|b"; free(). */
static char *values_of(const struct hyfw_option *option)
{
	const char *const *choice;
	char *text = NULL;

	if (option->type == HYFW_OPTION_CHOICE) {
		for (choice = option->choices; *choice; choice++) {
			char *more = text ? hyfw_format("%s|%s", text, *choice) : hyfw_dup(*choice);

			free(text);
			text = more;
		}
		return text;
	}
	if (option->min || option->max)
		return hyfw_format("%s %" PRId64 "..%" PRId64, type_word(option->type), option->min, option->max);
	return hyfw_format("%s%s", type_word(option->type), option->flags & HYFW_OPTION_LIST ? ", list" : "");
}

static void print_options(const struct hyfw_option *options)
{
	struct hyfw_table *table;

	if (!options || !options->name)
		return;
	puts("Options");
	table = hyfw_table_new(5);
	hyfw_table_add(table, "  SECTION");
	hyfw_table_add(table, "KEY");
	hyfw_table_add(table, "VALUES");
	hyfw_table_add(table, "DEFAULT");
	hyfw_table_add(table, "HELP");
	for (; options->name; options++) {
		HYFW_AUTO_FREE char *section = hyfw_format("  %s", section_of(options->scope));
		HYFW_AUTO_FREE char *values = values_of(options);

		hyfw_table_add(table, section);
		hyfw_table_add(table, options->name);
		hyfw_table_add(table, values);
		hyfw_table_add(table, options->fallback);
		hyfw_table_add(table, options->help);
	}
	hyfw_table_print(table);
}

static void print_head(const struct hyfw_plugin_view *view)
{
	const struct hyfw_plugin *plugin = view->plugin;

	printf("%s: %s\n", plugin->name, plugin->summary);
	printf("  kind     %s\n", hyfw_kind_name(plugin->kind));
	printf("  version  %s\n", plugin->version);
	printf("  vendor   %s\n", plugin->vendor);
	printf("  file     %s\n", view->path);
	printf("  API      %u.%u, works with hosts from %u.%u on\n", plugin->api_major, plugin->api_minor,
	       plugin->api_major, plugin->min_host_minor);
	printf("  records  %u to %u\n", plugin->state_version_min, plugin->state_version);
	printf("  result   %s%s%s\n", hyfw_plugin_result_word(view->probe.result), view->probe.reason ? ": " : "",
	       view->probe.reason ? view->probe.reason : "");
}

void hyfw_plugin_print(const struct hyfw_plugin_view *view)
{
	if (view->refusal) {
		printf("%s\n  result   refused: %s\n", view->path, view->refusal);
		print_trail(view->trail);
		return;
	}
	print_head(view);
	print_trail(view->trail);
	print_needs(view->plugin->needs);
	print_words("Capabilities", view->plugin->capabilities);
	print_options(view->plugin->options);
	print_words("Honours", view->plugin->honours);
}

/* ---- JSON ---- */

static struct json_object *words_json(const char *const *words)
{
	struct json_object *array = json_object_new_array();

	for (; words && *words; words++)
		json_object_array_add(array, json_object_new_string(*words));
	return array;
}

static struct json_object *trail_json(const struct hyfw_trust_trail *trail)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < trail->count; i++) {
		struct json_object *step = json_object_new_object();
		HYFW_AUTO_FREE char *mode = hyfw_format("%04o", trail->steps[i].mode);

		hyfw_json_add_text(step, "path", trail->steps[i].path);
		hyfw_json_add_number(step, "uid", trail->steps[i].uid);
		hyfw_json_add_text(step, "mode", mode);
		hyfw_json_add_bool(step, "trusted", !trail->steps[i].refusal);
		hyfw_json_add_text(step, "refusal", trail->steps[i].refusal);
		json_object_array_add(array, step);
	}
	return array;
}

static struct json_object *needs_json(const struct hyfw_need *needs)
{
	struct json_object *array = json_object_new_array();

	for (; needs && needs->name; needs++) {
		struct json_object *need = json_object_new_object();
		enum hyfw_need_state state = hyfw_need_look(needs);

		hyfw_json_add_text(need, "kind", needs->kind);
		hyfw_json_add_text(need, "name", needs->name);
		hyfw_json_add_bool(need, "optional", needs->optional);
		json_object_object_add(need, "met", state == HYFW_NEED_UNKNOWN ? NULL :
						    json_object_new_boolean(state == HYFW_NEED_MET));
		json_object_array_add(array, need);
	}
	return array;
}

static struct json_object *options_json(const struct hyfw_option *options)
{
	struct json_object *array = json_object_new_array();

	for (; options && options->name; options++) {
		struct json_object *option = json_object_new_object();

		hyfw_json_add_text(option, "section", section_of(options->scope));
		hyfw_json_add_text(option, "key", options->name);
		hyfw_json_add_text(option, "type", type_word(options->type));
		hyfw_json_add_text(option, "default", options->fallback);
		if (options->min || options->max) {
			hyfw_json_add_number(option, "min", options->min);
			hyfw_json_add_number(option, "max", options->max);
		}
		if (options->choices)
			json_object_object_add(option, "choices", words_json(options->choices));
		hyfw_json_add_bool(option, "list", options->flags & HYFW_OPTION_LIST);
		hyfw_json_add_bool(option, "secret", options->flags & HYFW_OPTION_SECRET);
		hyfw_json_add_text(option, "help", options->help);
		json_object_array_add(array, option);
	}
	return array;
}

static void add_descriptor(struct json_object *object, const struct hyfw_plugin *plugin)
{
	HYFW_AUTO_FREE char *api = hyfw_format("%u.%u", plugin->api_major, plugin->api_minor);

	hyfw_json_add_text(object, "kind", hyfw_kind_name(plugin->kind));
	hyfw_json_add_text(object, "version", plugin->version);
	hyfw_json_add_text(object, "vendor", plugin->vendor);
	hyfw_json_add_text(object, "summary", plugin->summary);
	hyfw_json_add_text(object, "api", api);
	hyfw_json_add_number(object, "min_host_minor", plugin->min_host_minor);
	json_object_object_add(object, "capabilities", words_json(plugin->capabilities));
	json_object_object_add(object, "needs", needs_json(plugin->needs));
	json_object_object_add(object, "options", options_json(plugin->options));
	json_object_object_add(object, "honours", words_json(plugin->honours));
}

struct json_object *hyfw_plugin_json(const struct hyfw_plugin_view *view)
{
	struct json_object *object = json_object_new_object();

	hyfw_json_add_text(object, "name", view->plugin ? view->plugin->name : NULL);
	hyfw_json_add_text(object, "path", view->path);
	hyfw_json_add_text(object, "result",
			   view->refusal ? "refused" : hyfw_plugin_result_word(view->probe.result));
	hyfw_json_add_text(object, "reason", view->refusal ? view->refusal : view->probe.reason);
	if (view->plugin)
		add_descriptor(object, view->plugin);
	json_object_object_add(object, "trust", trail_json(view->trail));
	return object;
}
