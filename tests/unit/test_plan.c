/* SPDX-License-Identifier: BSD-3-Clause
 * Plans of the fake drivers: their order, and what is refused in them. */
#include "engine_drivers.h"

#include <errno.h>

#include "engine/plan.h"

#define ALL (1u << HYFW_LIFETIME_RUN | 1u << HYFW_LIFETIME_WORKLOAD)

static struct hyfw_plan plan;
static struct hyfw_definition *definition;

static int set_up(void **state)
{
	if (drivers_clear(state) < 0)
		return -1;
	hyfw_plan_init(&plan);
	definition = drivers_definition("web", "front");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hyfw_plan_finish(&plan);
	hyfw_definition_free(HYFW_STEAL(definition));
	return 0;
}

/* "1 guard, 2 make-root, ..." */
static char *words(void)
{
	char *text = hyfw_dup("");
	size_t i;

	for (i = 0; i < plan.count; i++) {
		char *longer = hyfw_format("%s%s%u %s", text, i ? ", " : "", plan.steps[i].id,
					   plan.steps[i].step.verb);

		free(text);
		text = longer;
	}
	return text;
}

#define expect(text)                              \
	do {                                      \
		HYFW_AUTO_FREE char *got_ = words(); \
		assert_string_equal(got_, text);  \
	} while (0)

static void endpoints_stand_between_create_and_start(void **state)
{
	(void)state;
	drivers_need_root();
	must(hyfw_plan_workload(&plan, definition, ALL, err));
	expect("1 guard, 2 make-root, 3 create, 4 reserve, 5 attach, 6 start");
	assert_int_equal(plan.steps[0].kind, HYFW_KIND_SECURITY);
	assert_int_equal(plan.steps[3].kind, HYFW_KIND_NETWORK);
	assert_int_equal(plan.steps[3].about, HYFW_SUBJECT_ENDPOINT);
	assert_string_equal(plan.steps[3].subject, "front");
	assert_string_equal(plan.steps[3].workload, "web");
	assert_int_equal(plan.steps[5].kind, HYFW_KIND_ISOLATION);
	assert_int_equal(plan.steps[5].about, HYFW_SUBJECT_WORKLOAD);
	assert_string_equal(plan.steps[5].driver, "fake-isolation");
}

static void a_plan_changes_nothing(void **state)
{
	(void)state;
	drivers_need_root();
	must(hyfw_plan_workload(&plan, definition, ALL, err));
	assert_int_equal(drivers_traces(), 0);
	assert_false(drivers_trace_of("fake-isolation", "create.web"));
}

static void lifetimes_are_chosen(void **state)
{
	(void)state;
	drivers_need_root();
	must(hyfw_plan_workload(&plan, definition, 1u << HYFW_LIFETIME_WORKLOAD, err));
	expect("1 make-root");
	must(hyfw_plan_workload(&plan, definition, 1u << HYFW_LIFETIME_RUN, err)); /* and more of them */
	expect("1 make-root, 2 guard, 3 create, 4 reserve, 5 attach, 6 start");
	definition->transient = true;
	must(hyfw_plan_workload(&plan, definition, 1u << HYFW_LIFETIME_WORKLOAD, err));
	assert_int_equal(plan.count, 6);
}

static void shared_objects_have_plans_of_their_own(void **state)
{
	struct hyfw_use volume = { .name = (char *)"data", .driver = (char *)"fake-storage" };

	(void)state;
	drivers_need_root();
	must(hyfw_plan_network(&plan, definition, &definition->networks[0], err));
	must(hyfw_plan_volume(&plan, definition, &volume, err));
	expect("1 make-network, 2 make-volume");
	assert_null(plan.steps[0].workload);
	assert_int_equal(plan.steps[0].step.lifetime, HYFW_LIFETIME_SHARED);
}

static void a_driver_that_refuses_is_named(void **state)
{
	(void)state;
	drivers_need_root();
	drivers_set(definition, "fake-network", "fail_in", "check");
	must_fail(hyfw_plan_workload(&plan, definition, ALL, err), EIO,
		  "workload web: network fake-network: check failed as asked");
}

static void there_is_no_such_driver(void **state)
{
	(void)state;
	drivers_need_root();
	hyfw_pairs_set(&definition->settings, "isolation", "fake-isolatoin");
	must_fail(hyfw_plan_workload(&plan, definition, ALL, err), ENOENT, "did you mean 'fake-isolation'?");
}

/* ---- single steps ---- */

static const struct hyfw_step good = { .size = sizeof(good), .verb = "v", .object = "o", .summary = "s" };

static void a_step_says_what_it_is(void **state)
{
	struct hyfw_step step;

	(void)state;
	step = good;
	step.verb = NULL;
	must_fail(hyfw_plan_add(&plan, &step, err), EINVAL, "a step needs a verb");
	step = good;
	step.object = NULL;
	must_fail(hyfw_plan_add(&plan, &step, err), EINVAL, "a step needs a verb");
	step = good;
	step.summary = NULL;
	must_fail(hyfw_plan_add(&plan, &step, err), EINVAL, "a step needs a verb");
	step = good;
	step.lifetime = (enum hyfw_lifetime)3;
	must_fail(hyfw_plan_add(&plan, &step, err), EINVAL, "lifetime");
	step.lifetime = (enum hyfw_lifetime)64;
	must_fail(hyfw_plan_add(&plan, &step, err), EINVAL, "lifetime");
	assert_int_equal(plan.count, 0);
	must(hyfw_plan_add(&plan, &good, err));
}

static void a_step_is_copied(void **state)
{
	char verb[] = "verb", object[] = "object", summary[] = "summary", commands[] = "true", key[] = "k",
	     value[] = "v";
	const struct hyfw_pair args[] = { { key, value } };
	const struct hyfw_step step = { .size = sizeof(step), .verb = verb, .object = object, .summary = summary,
					.commands = commands, .args = { 1, args } };

	(void)state;
	must(hyfw_plan_add(&plan, &step, err));
	verb[0] = object[0] = summary[0] = commands[0] = key[0] = value[0] = 'X';
	assert_string_equal(plan.steps[0].step.verb, "verb");
	assert_string_equal(plan.steps[0].step.object, "object");
	assert_string_equal(plan.steps[0].step.summary, "summary");
	assert_string_equal(plan.steps[0].step.commands, "true");
	assert_string_equal(hyfw_map_get(&plan.steps[0].step.args, "k"), "v");
}

/* The memory behind what it knew is not its own. */
static void a_step_of_an_older_driver_is_shorter(void **state)
{
	struct hyfw_step step = good;

	(void)state;
	step.size = offsetof(struct hyfw_step, lifetime);
	step.lifetime = (enum hyfw_lifetime)77;
	step.flags = 0xffff;
	step.args.count = 5;
	must(hyfw_plan_add(&plan, &step, err));
	assert_int_equal(plan.steps[0].step.lifetime, 0);
	assert_int_equal(plan.steps[0].step.flags, 0);
	assert_int_equal(plan.steps[0].step.args.count, 0);
	assert_int_equal(plan.steps[0].step.size, sizeof(step));
}

static void there_is_an_end_to_steps(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 10000; i++)
		must(hyfw_plan_add(&plan, &good, err));
	must_fail(hyfw_plan_add(&plan, &good, err), E2BIG, "more than 10000 steps");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(endpoints_stand_between_create_and_start),
		TEST(a_plan_changes_nothing),
		TEST(lifetimes_are_chosen),
		TEST(shared_objects_have_plans_of_their_own),
		TEST(a_driver_that_refuses_is_named),
		TEST(there_is_no_such_driver),
		TEST(a_step_says_what_it_is),
		TEST(a_step_is_copied),
		TEST(a_step_of_an_older_driver_is_shorter),
		TEST(there_is_an_end_to_steps),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
