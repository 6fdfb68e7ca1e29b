/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/check.h"

#include <string.h>

#include "base/cleanup.h"
#include "config/disks.h"
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

static bool takes(const char *isolation, const char *capability)
{
	struct hyfw_driver *driver;

	return hyfw_registry_get(HYFW_KIND_ISOLATION, isolation, &driver, NULL) == 0 && hyfw_driver_can(driver, capability);
}

static void check_endpoints(struct check *check, const struct hyfw_config_section *workload)
{
	struct hyfw_subject subject = subject_of(HYFW_SUBJECT_ENDPOINT, workload);
	const char *name;
	size_t cursor = 0;

	subject.takes_tap = takes(subject.isolation, HYFW_TAKES_TAP) && !takes(subject.isolation, HYFW_TAKES_INTERFACE);
	for (; (name = hyfw_map_next(&workload->map, "network", &cursor)); subject.index++) {
		const struct hyfw_config_section *network = hyfw_config_find(check->config, "network", name);

		subject.name = name;
		subject.network = network->map;
		ask(check, HYFW_KIND_NETWORK, hyfw_map_get(&network->map, "driver"), &subject);
	}
}

static void check_disk(struct check *check, const struct hyfw_config_section *workload, const char *normal,
		       uint32_t index)
{
	struct hyfw_subject subject = subject_of(HYFW_SUBJECT_DISK, workload);
	HYFW_AUTO_FREE char *name = hyfw_disk_volume(normal);
	const struct hyfw_config_section *volume = name ? hyfw_config_find(check->config, "volume", name) : NULL;
	struct hyfw_pairs disk = { 0 };

	hyfw_disk_pairs(normal, &disk);
	subject.disk = hyfw_pairs_map(&disk);
	subject.name = hyfw_map_get(&subject.disk, "source");
	subject.settings = volume ? volume->map : (struct hyfw_map){ 0 };
	subject.index = index;
	ask(check, HYFW_KIND_STORAGE, volume ? hyfw_map_get(&volume->map, "driver") : HYFW_DISK_DRIVER, &subject);
	hyfw_pairs_finish(&disk);
}

static void check_disks(struct check *check, const struct hyfw_config_section *workload)
{
	const char *cdrom = hyfw_map_get(&workload->map, "cdrom"), *disk;
	HYFW_AUTO_FREE char *of_cdrom = cdrom ? hyfw_disk_of_cdrom(cdrom) : NULL;
	uint32_t index = 0;
	size_t cursor = 0;

	while ((disk = hyfw_map_next(&workload->map, "disk", &cursor)))
		check_disk(check, workload, disk, index++);
	if (of_cdrom)
		check_disk(check, workload, of_cdrom, index);
}

/* Of a machine, with what its hypervisor needs. */
static void add_overhead(struct hyfw_subject *subject)
{
	struct hyfw_driver *driver;

	if (hyfw_registry_get(HYFW_KIND_ISOLATION, subject->isolation, &driver, NULL) < 0)
		return;
	hyfw_isolation_overhead(driver, &subject->settings, &subject->memory_overhead, NULL);
	subject->emulated = hyfw_isolation_emulates(driver, &subject->settings);
}

static void check_workload(struct check *check, const struct hyfw_config_section *workload)
{
	struct hyfw_subject root = subject_of(HYFW_SUBJECT_ROOT, workload);
	struct hyfw_subject subject = subject_of(HYFW_SUBJECT_WORKLOAD, workload);
	const char *module;
	size_t cursor = 0;

	add_overhead(&subject);
	if (!workload->no_command || hyfw_config_has_root(workload))
		ask(check, HYFW_KIND_STORAGE, hyfw_map_get(&workload->map, "storage"), &root);
	check_disks(check, workload);
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
