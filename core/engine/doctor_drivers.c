/* SPDX-License-Identifier: BSD-3-Clause
 * The drivers: what each says of this machine, and what it says that it needs. */
#include <string.h>

#include "base/cleanup.h"
#include "config/schema.h"
#include "engine/doctor.h"
#include "plugin/driver.h"
#include "plugin/needs.h"

/* ---- what a plain workload needs ---- */

static bool lists_word(const char *text, const char *word)
{
	const size_t length = strlen(word);

	for (; text && *text; text += strcspn(text, " "), text += strspn(text, " "))
		if (strncmp(text, word, length) == 0 && (text[length] == ' ' || text[length] == '\0'))
			return true;
	return false;
}

/* Whether the schema has it for those who ask for nothing else. */
static bool is_default(const struct hyfw_plugin *plugin)
{
	static const struct {
		enum hyfw_kind kind;
		const char *section, *key;
	} keys[] = {
		{ HYFW_KIND_ISOLATION, "workload", "isolation" }, { HYFW_KIND_NETWORK, "network", "driver" },
		{ HYFW_KIND_STORAGE, "workload", "storage" },     { HYFW_KIND_STORAGE, "volume", "driver" },
		{ HYFW_KIND_SECURITY, "workload", "security" },
	};
	size_t i;

	for (i = 0; i < HYFW_COUNT(keys); i++)
		if (keys[i].kind == plugin->kind &&
		    lists_word(hyfw_schema_key(keys[i].section, keys[i].key)->option.fallback, plugin->name))
			return true;
	return false;
}

/* ---- needs ---- */

/* "kvm needs program passt" for what is missing, with the package that has it. */
static void look_at_needs(struct hyfw_doctor *doctor, const struct hyfw_plugin *plugin)
{
	const struct hyfw_need *need;

	for (need = plugin->needs; need && need->name; need++) {
		const bool packaged = need[1].name && strcmp(need[1].kind, "package") == 0;
		HYFW_AUTO_FREE char *what = NULL;

		if (strcmp(need->kind, "package") == 0 || hyfw_need_look(need) != HYFW_NEED_MISSING)
			continue;
		what = hyfw_format("driver %s", plugin->name);
		hyfw_doctor_add(doctor, hyfw_kind_name(plugin->kind), what,
				!need->optional && is_default(plugin) ? HYFW_HEALTH_BAD : HYFW_HEALTH_NOTE,
				hyfw_format("%s %s is missing%s", need->kind, need->name,
					    need->optional ? "; part of the driver does without" : ""),
				packaged ? hyfw_format("apt-get install %s", need[1].name) : NULL);
	}
}

/* ---- facts and verdicts ---- */

/* What an isolation driver knows of the machine: acceleration, nesting. */
static void look_at_facts(struct hyfw_doctor *doctor, struct hyfw_driver *driver, struct hyfw_arena *arena)
{
	HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;
	const struct hyfw_map none = { 0 };
	struct hyfw_map facts = { 0 };
	size_t i;

	if (hyfw_isolation_describe(driver, &none, arena, &facts, &ignored) < 0)
		return;
	for (i = 0; i < facts.count; i++) {
		HYFW_AUTO_FREE char *what = hyfw_format("%s of %s", facts.items[i].key, hyfw_driver_name(driver));

		hyfw_doctor_add(doctor, "isolation", what, HYFW_HEALTH_OK, hyfw_dup(facts.items[i].value), NULL);
	}
}

static void look_at_driver(struct hyfw_doctor *doctor, const struct hyfw_plugin_report *report,
			   struct hyfw_arena *arena)
{
	HYFW_AUTO_FREE char *what = hyfw_format("driver %s", report->name);
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	const char *area = hyfw_kind_name(report->plugin->kind);
	struct hyfw_probe probe = { 0 };
	struct hyfw_driver *driver;

	if (hyfw_registry_get(report->plugin->kind, report->name, &driver, &err) < 0 ||
	    hyfw_driver_probe(driver, arena, &probe, &err) < 0) {
		hyfw_doctor_add(doctor, area, what, HYFW_HEALTH_BAD, hyfw_dup(err->message), NULL);
		return;
	}
	if (probe.result == HYFW_PROBE_OK)
		hyfw_doctor_add(doctor, area, what, HYFW_HEALTH_OK, hyfw_dup("works here"), NULL);
	else
		hyfw_doctor_add(doctor, area, what,
				probe.result == HYFW_PROBE_NO && is_default(report->plugin) ? HYFW_HEALTH_BAD : HYFW_HEALTH_NOTE,
				hyfw_format("%s: %s", probe.result == HYFW_PROBE_NO ? "cannot be used here" : "works in part",
					    probe.reason), NULL);
	look_at_needs(doctor, report->plugin);
	if (report->plugin->kind == HYFW_KIND_ISOLATION)
		look_at_facts(doctor, driver, arena);
}

void hyfw_doctor_drivers(struct hyfw_doctor *doctor)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_plugin_report *reports = NULL;
	size_t count = 0, i;
	int kind;

	if (hyfw_registry_scan(&reports, &count, &err) < 0) {
		hyfw_doctor_add(doctor, "drivers", "plugin path", HYFW_HEALTH_BAD, hyfw_dup(err->message),
				hyfw_dup("install hyfw, or name the directory with --plugin-path"));
		return;
	}
	for (kind = HYFW_KIND_ISOLATION; kind <= HYFW_KIND_SECURITY; kind++)
		for (i = 0; i < count; i++)
			if (reports[i].plugin && reports[i].plugin->kind == kind)
				look_at_driver(doctor, &reports[i], arena);
	for (i = 0; i < count; i++) {
		HYFW_AUTO_FREE char *what = hyfw_format("driver %s", reports[i].name);

		if (!reports[i].plugin)
			hyfw_doctor_add(doctor, "drivers", what, HYFW_HEALTH_BAD, hyfw_format("refused: %s", reports[i].refusal),
					hyfw_format("`hyfw plugin inspect %s` tells more", reports[i].name));
	}
	hyfw_plugin_reports_free(reports, count);
}
