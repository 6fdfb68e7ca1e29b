/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/why.h"

#include "base/cleanup.h"
#include "plugin/driver.h"

static int ask_module(const struct hyfw_why *why, const char *module, const struct hyfw_subject *subject,
		      struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const struct hyfw_operation operation = { .size = sizeof(operation), .verb = "explain", .object = subject->name,
						  .args = why->args, .input_fd = -1, .output_fd = -1, .arena = arena };
	struct hyfw_pairs record = { 0 };
	struct hyfw_map map, rows = { 0 };
	struct hyfw_driver *driver;
	int result = hyfw_definition_driver(why->state->definition, HYFW_KIND_SECURITY, module, &driver, err);

	if (result == 0 && why->state->journal)
		hyfw_journal_record(why->state->journal, HYFW_KIND_SECURITY, module, NULL, &record);
	map = hyfw_pairs_map(&record);
	if (result == 0)
		result = hyfw_security_explain(driver, subject, &map, &operation, &rows, err);
	if (result == 0)
		why->take(why->data, module, &rows);
	hyfw_pairs_finish(&record);
	return result;
}

int hyfw_why_ask(const struct hyfw_why *why, struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_workload(why->state->definition);
	const char *module;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (module = hyfw_map_next(&subject.settings, "security", &cursor)))
		result = ask_module(why, module, &subject, err);
	return result;
}
