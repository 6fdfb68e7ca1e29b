/* SPDX-License-Identifier: BSD-3-Clause
 * The module's plan, and its steps for containers. */
#include "selinux_steps.h"

static void a_plan_has_the_pair_and_the_label(void **state)
{
	const struct hyfw_subject kept = SUBJECT("web", false, { "selinux", "auto" }), gone = SUBJECT("web", true, { "selinux", "auto" });
	const struct hyfw_subject level = SUBJECT("web", false, { "selinux_level", "s0:c1,c2" });
	void *instance = instance_new(NULL);

	(void)state;
	plan(instance, &kept);
	assert_int_equal(fake.step_count, 2);
	assert_string_equal(fake.steps[0].verb, "categories");
	assert_int_equal(fake.steps[0].lifetime, HYFW_LIFETIME_WORKLOAD);
	assert_int_equal(fake.steps[1].lifetime, HYFW_LIFETIME_RUN);
	assert_non_null(strstr(fake.steps[1].summary, "system_u:system_r:container_t:s0"));
	plan(instance, &gone);
	assert_int_equal(fake.steps[0].lifetime, HYFW_LIFETIME_RUN);
	plan(instance, &level);
	assert_int_equal(fake.step_count, 1);
	module()->common->close(instance);
}

static void without_selinux_there_is_only_a_note(void **state)
{
	const struct hyfw_subject subject = SUBJECT("web", false, { "selinux", "auto" }), no = SUBJECT("web", false, { "selinux", "no" });
	const struct hyfw_subject yes = SUBJECT("web", false, { "selinux", "yes" });
	struct hyfw_confinement confinement = { .size = sizeof(confinement) };
	const struct hyfw_map none = { 0 };
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);

	(void)state;
	plan(instance, &no);
	assert_int_equal(fake.steps[0].flags, HYFW_STEP_NOTE);
	policy.enabled = 0;
	plan(instance, &subject);
	assert_int_equal(fake.step_count, 1);
	assert_int_equal(fake.steps[0].flags, HYFW_STEP_NOTE);
	assert_int_equal(ops()->confine(instance, &subject, &none, fake.arena, &confinement, &err), 0);
	assert_null(confinement.process_label);
	assert_int_equal(module()->common->check(instance, &yes, &err), -ENOTSUP);
	says(err, "SELinux is off on this host");
	module()->common->close(instance);
}

static void what_the_policy_lacks_is_refused(void **state)
{
	const struct hyfw_subject subject = SUBJECT("web", false, { "selinux", "auto" });
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);

	(void)state;
	policy.unknown = "container_t";
	assert_int_equal(module()->common->plan(instance, &subject, NULL, fake.arena, &err), -EINVAL);
	says(err, "the SELinux policy has no label system_u:system_r:container_t:s0:c0,c1");
	policy.unknown = NULL;
	policy.closed = ":system_r:"; /* our own role, then */
	plan(instance, &subject);
	assert_non_null(strstr(fake.steps[1].summary, "system_u:unconfined_r:container_t:s0"));
	policy.closed = "container_t";
	assert_int_equal(module()->common->plan(instance, &subject, NULL, fake.arena, &err), -EACCES);
	says(err, "does not let hyfw, which runs as unconfined_u:unconfined_r:unconfined_t:s0, start a process as");
	module()->common->close(instance);
}

static void a_run_and_its_end(void **state)
{
	const char *volume = hyfw_arena_format(fake.arena, "data|/data|rw|Z"), *pair;
	const struct hyfw_subject subject = SUBJECT("web", false, { "selinux", "auto" }, { "volume", volume });
	struct hyfw_confinement confinement = { .size = sizeof(confinement) };
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);
	const struct hyfw_pair where = { "data", path("data") };
	const struct hyfw_map volumes = { 1, &where };

	(void)state;
	if (!make_volume())
		skip();
	plan(instance, &subject);
	apply_all(instance, &volumes);
	pair = hyfw_map_get(&records[0], "categories");
	assert_non_null(pair);
	assert_string_equal(hyfw_map_get(&records[1], "mode"), "enforcing");
	assert_int_equal(ops()->confine(instance, &subject, &records[1], fake.arena, &confinement, &err), 0);
	assert_string_equal(confinement.process_label,
			    hyfw_arena_format(fake.arena, "system_u:system_r:container_t:s0:%s", pair));
	assert_string_equal(confinement.mount_label,
			    hyfw_arena_format(fake.arena, "system_u:object_r:container_file_t:s0:%s", pair));
	assert_true(label_is("data/file", pair));
	undo(instance, 1); /* it stops */
	assert_true(label_is("data/file", pair));
	apply_all(instance, &volumes); /* and starts: the same pair */
	assert_string_equal(hyfw_map_get(&records[1], "categories"), pair);
	undo(instance, 1);
	undo(instance, 0); /* it is removed */
	assert_true(label_is("data/file", "var_t"));
	assert_true(label_is("data", "var_t"));
	assert_int_equal(pairs_count(here), 0);
	undo(instance, 0);
	module()->common->close(instance);
}

/* A workload that was made while SELinux was off: its pair goes with the run. */
static void a_pair_that_the_run_took_goes_with_it(void **state)
{
	const struct hyfw_subject subject = SUBJECT("web", false, { "selinux", "auto" });
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);

	(void)state;
	plan(instance, &subject);
	memset(records, 0, sizeof(records));
	assert_int_equal(apply(instance, 1, NULL, &err), 0);
	assert_int_equal(pairs_count(here), 1);
	undo(instance, 1);
	assert_int_equal(pairs_count(here), 0);
	module()->common->close(instance);
}

static void a_system_directory_stops_the_start(void **state)
{
	const struct hyfw_subject subject = SUBJECT("web", true, { "selinux", "auto" }, { "volume", "/etc|/x|rw|Z" });
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);

	(void)state;
	plan(instance, &subject);
	memset(records, 0, sizeof(records));
	assert_int_equal(apply(instance, 0, NULL, &err), 0);
	assert_int_equal(apply(instance, 1, NULL, &err), -EPERM);
	says(err, "/etc belongs to the system");
	undo(instance, 1);
	undo(instance, 0);
	assert_int_equal(pairs_count(here), 0);
	module()->common->close(instance);
}

static void another_mode_is_told_once(void **state)
{
	const struct hyfw_subject subject = SUBJECT("web", true, { "selinux", "auto" });
	struct hyfw_error *err = NULL;
	struct hyfw_stats stats = { .size = sizeof(stats) };
	void *instance = instance_new(NULL);

	(void)state;
	plan(instance, &subject);
	apply_all(instance, NULL);
	assert_int_equal(ops()->stats(instance, &records[1], &stats, &err), 0);
	assert_int_equal(fake.warnings, 0);
	policy.enforcing = 0;
	assert_int_equal(ops()->stats(instance, &records[1], &stats, &err), 0);
	assert_int_equal(ops()->stats(instance, &records[1], &stats, &err), 0);
	assert_int_equal(fake.warnings, 1);
	module()->common->close(instance);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENFORCING(a_plan_has_the_pair_and_the_label),
		ENFORCING(without_selinux_there_is_only_a_note),
		ENFORCING(what_the_policy_lacks_is_refused),
		ENFORCING(a_run_and_its_end),
		ENFORCING(a_pair_that_the_run_took_goes_with_it),
		ENFORCING(a_system_directory_stops_the_start),
		ENFORCING(another_mode_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
