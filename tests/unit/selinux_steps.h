/* SPDX-License-Identifier: BSD-3-Clause
 * For tests of the selinux module's steps, with a policy that the test plays: these
 * functions stand before those of libselinux. */
#ifndef HYFW_TEST_SELINUX_STEPS_H
#define HYFW_TEST_SELINUX_STEPS_H

#include <selinux/selinux.h>

#include "selinux_fixture.h"

static struct {
	int enabled, enforcing;
	const char *unknown;  /* no label with this in it is valid */
	const char *closed;   /* nor is there a way to one with this in it */
	const char *reads, *writes; /* files whose label has this in it may be used so */
	bool no_execmem;
} policy;

enum { PROCESS = 2, FILES = 3 };
enum { TRANSITION = 4, EXECMEM = 8, READ = 16, WRITE = 32 };

int is_selinux_enabled(void)
{
	return policy.enabled;
}

int security_getenforce(void)
{
	return policy.enforcing;
}

int is_selinux_mls_enabled(void)
{
	return 1;
}

int security_check_context_raw(const char *label)
{
	return policy.unknown && strstr(label, policy.unknown) ? -1 : 0;
}

security_class_t string_to_security_class(const char *name)
{
	return strcmp(name, "process") == 0 ? PROCESS : strcmp(name, "file") == 0 ? FILES : 0;
}

access_vector_t string_to_av_perm(security_class_t class, const char *name)
{
	if (class == PROCESS)
		return strcmp(name, "transition") == 0 ? TRANSITION : strcmp(name, "execmem") == 0 ? EXECMEM : 0;
	return strcmp(name, "write") == 0 ? WRITE : strcmp(name, "entrypoint") == 0 ? 0 : READ;
}

int security_compute_av_raw(const char *from, const char *to, security_class_t class, access_vector_t wanted,
			    struct av_decision *decision)
{
	(void)from;
	(void)wanted;
	memset(decision, 0, sizeof(*decision));
	if (class == FILES)
		decision->allowed = (policy.writes && strstr(to, policy.writes) ? READ | WRITE : 0) |
				    (policy.reads && strstr(to, policy.reads) ? READ : 0);
	else
		decision->allowed = policy.closed && strstr(to, policy.closed) ? 0 :
				    TRANSITION | (policy.no_execmem ? 0 : EXECMEM);
	return 0;
}

int getcon_raw(char **label)
{
	*label = strdup("unconfined_u:unconfined_r:unconfined_t:s0");
	return *label ? 0 : -1;
}

static inline int enforcing(void **state)
{
	memset(&policy, 0, sizeof(policy));
	policy.enabled = policy.enforcing = 1;
	return begin(state);
}

static inline const struct hyfw_plugin *module(void)
{
	return hyfw_plugin_entry_v1();
}

static inline const struct hyfw_security_ops *ops(void)
{
	return module()->ops;
}

static inline void *instance_new(const char *categories)
{
	const struct hyfw_pair pair = { "categories", categories };
	const struct hyfw_map settings = { categories ? 1 : 0, &pair };
	struct hyfw_error *err = NULL;
	void *instance = NULL;

	assert_int_equal(module()->common->open(&host, &settings, &instance, &err), 0);
	return instance;
}

#define SUBJECT(name_, transient_, ...)                                                              \
	{                                                                                            \
		.size = sizeof(struct hyfw_subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = name_,    \
		.transient = transient_, .settings = {                                                \
			sizeof((struct hyfw_pair[]){ __VA_ARGS__ }) / sizeof(struct hyfw_pair),       \
			(struct hyfw_pair[]){ __VA_ARGS__ } }                                         \
	}

static inline void plan(void *instance, const struct hyfw_subject *subject)
{
	struct hyfw_error *err = NULL;

	fake.step_count = 0;
	if (module()->common->plan(instance, subject, NULL, fake.arena, &err) < 0)
		fail_msg("%s", err->message);
}

/* Each step's notes are its own. */
static struct hyfw_map records[4];

static inline struct hyfw_call call_of(size_t step, const struct hyfw_map *volumes)
{
	struct hyfw_call call = { .size = sizeof(call), .step = &fake.steps[step], .arena = fake.arena, .netns_fd = -1,
				  .record = records[step] };

	if (volumes)
		call.volumes = *volumes;
	return call;
}

static inline int apply(void *instance, size_t step, const struct hyfw_map *volumes, struct hyfw_error **err)
{
	struct hyfw_call call = call_of(step, volumes);
	struct hyfw_map notes;
	int result;

	hyfw_pairs_finish(&fake.notes);
	memset(&fake.notes, 0, sizeof(fake.notes));
	result = module()->common->apply(instance, &call, err);
	notes = hyfw_pairs_map(&fake.notes);
	records[step] = hyfw_arena_map(fake.arena, &notes);
	return result;
}

static inline void apply_all(void *instance, const struct hyfw_map *volumes)
{
	struct hyfw_error *err = NULL;
	size_t i;

	memset(records, 0, sizeof(records));
	for (i = 0; i < fake.step_count; i++)
		if (apply(instance, i, volumes, &err) < 0)
			fail_msg("%s", err->message);
}

static inline void undo(void *instance, size_t step)
{
	struct hyfw_call call = call_of(step, NULL);
	struct hyfw_error *err = NULL;

	if (module()->common->undo(instance, &call, &err) < 0)
		fail_msg("%s", err->message);
}

static inline bool label_is(const char *name, const char *part)
{
	char label[256] = "";

	getxattr(path(name), LABEL_ATTRIBUTE, label, sizeof(label) - 1);
	return strstr(label, part) != NULL;
}

static inline bool make_volume(void)
{
	static const char old[] = "system_u:object_r:var_t:s0";

	mkdir(path("data"), 0755);
	put("data/file", "");
	return setxattr(path("data"), LABEL_ATTRIBUTE, old, sizeof(old), 0) == 0 &&
	       setxattr(path("data/file"), LABEL_ATTRIBUTE, old, sizeof(old), 0) == 0;
}

#define ENFORCING(name) cmocka_unit_test_setup_teardown(name, enforcing, end)

#endif
