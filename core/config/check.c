/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/check.h"

#include <string.h>

#include "config/private.h"
#include "plugin/driver.h"

struct check {
	const struct hyfw_config *config;
	const struct hyfw_config_section *section; /* that refusals are put down to */
	hyfw_config_report report;
	void *user;
	unsigned refusals;
};

static void ask(struct check *check, enum hyfw_kind kind, const char *name, const struct hyfw_subject *subject)
{
	HYFW_AUTO_ERROR struct hyfw_error *cause = NULL, *err = NULL;
	struct hyfw_driver *driver;

	if (hyfw_registry_get(kind, name, &driver, &cause) == 0 && hyfw_driver_check(driver, subject, &cause) == 0)
		return;
	hyfw_config_fail_section(&err, cause->errnum, check->section, "%s", cause->message);
	check->report(check->user, err);
	check->refusals++;
}

static struct hyfw_subject subject_of(enum hyfw_subject_kind kind, const struct hyfw_config_section *section)
{
	struct hyfw_subject subject = { .size = sizeof(subject), .kind = kind, .name = section->name,
					.settings = section->map };

	if (strcmp(section->type, "workload") == 0) {
		subject.workload = section->name;
		subject.isolation = hyfw_map_get(&section->map, "isolation");
		if (strcmp(hyfw_map_get(&section->map, "userns"), "auto") == 0)
			subject.idmap.count = 65536; /* where it will lie is decided when it starts */
	}
	return subject;
}

static void check_endpoints(struct check *check, const struct hyfw_config_section *workload)
{
	struct hyfw_subject subject = subject_of(HYFW_SUBJECT_ENDPOINT, workload);
	const char *name;
	size_t cursor = 0;

	for (; (name = hyfw_map_next(&workload->map, "network", &cursor)); subject.index++) {
		const struct hyfw_config_section *network = hyfw_config_find(check->config, "network", name);

		subject.name = name;
		subject.network = network->map;
		ask(check, HYFW_KIND_NETWORK, hyfw_map_get(&network->map, "driver"), &subject);
	}
}

static void check_workload(struct check *check, const struct hyfw_config_section *workload)
{
	struct hyfw_subject root = subject_of(HYFW_SUBJECT_ROOT, workload);
	struct hyfw_subject subject = subject_of(HYFW_SUBJECT_WORKLOAD, workload);
	const char *module;
	size_t cursor = 0;

	ask(check, HYFW_KIND_STORAGE, hyfw_map_get(&workload->map, "storage"), &root);
	check_endpoints(check, workload);
	ask(check, HYFW_KIND_ISOLATION, subject.isolation, &subject);
	while ((module = hyfw_map_next(&workload->map, "security", &cursor)))
		ask(check, HYFW_KIND_SECURITY, module, &subject);
}

unsigned hyfw_config_check_drivers(const struct hyfw_config *config,
				   hyfw_config_report report, void *user)
{
	struct check check = { .config = config, .report = report, .user = user };
	size_t i;

	for (i = 0; i < config->count; i++) {
		const struct hyfw_config_section *section = check.section = config->sections[i];
		bool network = strcmp(section->type, "network") == 0;
		struct hyfw_subject subject;

		if (strcmp(section->type, "workload") == 0) {
			check_workload(&check, section);
		} else if (network || strcmp(section->type, "volume") == 0) {
			subject = subject_of(network ? HYFW_SUBJECT_NETWORK : HYFW_SUBJECT_VOLUME, section);
			ask(&check, network ? HYFW_KIND_NETWORK : HYFW_KIND_STORAGE,
			    hyfw_map_get(&section->map, "driver"), &subject);
		}
	}
	return check.refusals;
}

static void keep_first(void *user, const struct hyfw_error *refusal)
{
	struct hyfw_error **first = user;

	if (!*first)
		hyfw_fail(first, refusal->errnum, "%s", refusal->message);
}

int hyfw_config_require_drivers(const struct hyfw_config *config, struct hyfw_error **err)
{
	struct hyfw_error *first = NULL;

	if (hyfw_config_check_drivers(config, keep_first, &first) == 0)
		return 0;
	*err = first;
	return -first->errnum;
}
