/* SPDX-License-Identifier: BSD-3-Clause
 * What drivers are asked about, from a definition. */
#include "engine/definition.h"

static struct hyfw_subject subject_new(enum hyfw_subject_kind kind, const struct hyfw_definition *definition,
				       const char *name)
{
	struct hyfw_subject subject = { .size = sizeof(subject), .kind = kind, .name = name };

	if (definition) {
		subject.workload = definition->name;
		subject.settings = hyfw_pairs_map(&definition->settings);
		subject.idmap = definition->idmap;
		subject.transient = definition->transient;
		subject.isolation = hyfw_definition_isolation(definition);
	}
	return subject;
}

/* What the isolation driver tells of it; nothing when it does not. */
static void ask_isolation(const struct hyfw_definition *definition, struct hyfw_subject *subject)
{
	struct hyfw_driver *isolation;

	if (hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, hyfw_definition_isolation(definition), &isolation,
				   NULL) < 0)
		return;
	hyfw_isolation_overhead(isolation, &subject->settings, &subject->memory_overhead, NULL);
	subject->emulated = hyfw_isolation_emulates(isolation, &subject->settings);
}

struct hyfw_subject hyfw_subject_workload(const struct hyfw_definition *definition)
{
	struct hyfw_subject subject = subject_new(HYFW_SUBJECT_WORKLOAD, definition, definition->name);

	ask_isolation(definition, &subject);
	return subject;
}

struct hyfw_subject hyfw_subject_labelled(const struct hyfw_definition *definition, const struct hyfw_subject *disk)
{
	struct hyfw_subject subject = hyfw_subject_workload(definition);

	subject.kind = disk->kind;
	subject.name = disk->name;
	subject.index = disk->index;
	subject.disk = disk->disk;
	return subject;
}

struct hyfw_subject hyfw_subject_root(const struct hyfw_definition *definition)
{
	return subject_new(HYFW_SUBJECT_ROOT, definition, definition->name);
}

struct hyfw_subject hyfw_subject_network(const struct hyfw_use *use)
{
	struct hyfw_subject subject = subject_new(HYFW_SUBJECT_NETWORK, NULL, use->name);

	subject.settings = hyfw_pairs_map(&use->settings);
	return subject;
}

struct hyfw_subject hyfw_subject_volume(const struct hyfw_definition *definition, const struct hyfw_use *use)
{
	struct hyfw_subject subject = subject_new(HYFW_SUBJECT_VOLUME, NULL, use->name);

	subject.settings = hyfw_pairs_map(&use->settings);
	if (definition)
		subject.idmap = definition->idmap;
	return subject;
}

struct hyfw_subject hyfw_subject_disk(const struct hyfw_definition *definition, size_t disk)
{
	const struct hyfw_use *use = &definition->disks[disk];
	struct hyfw_subject subject = subject_new(HYFW_SUBJECT_DISK, definition, use->name);

	subject.index = (uint32_t)disk;
	subject.settings = hyfw_pairs_map(&use->settings);
	subject.disk = hyfw_pairs_map(&use->options);
	return subject;
}

struct hyfw_subject hyfw_subject_endpoint(const struct hyfw_definition *definition, size_t network)
{
	const struct hyfw_use *use = &definition->networks[network];
	struct hyfw_subject subject = subject_new(HYFW_SUBJECT_ENDPOINT, definition, use->name);

	subject.index = (uint32_t)network;
	subject.network = hyfw_pairs_map(&use->settings);
	subject.takes_tap = hyfw_definition_takes(definition, HYFW_TAKES_TAP) &&
			    !hyfw_definition_takes(definition, HYFW_TAKES_INTERFACE);
	return subject;
}
