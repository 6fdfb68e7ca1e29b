/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw recover` has drivers look for what belongs to nobody: with the settings of the
 * main configuration, and with those that workloads were made with. */
#include "engine_drivers.h"

#include "engine/control.h"
#include "engine/orphans.h"
#include "engine/store.h"

#define MANY 40

static void make_workload(const char *name, const char *place)
{
	struct hyfw_definition *definition = drivers_definition(name, NULL);

	if (place)
		drivers_set(definition, "fake-network", "fail_in", place);
	must(hyfw_workload_create(definition, 0, err));
	hyfw_definition_free(definition);
}

static size_t told_of(const struct hyfw_strings *failed, const char *text)
{
	size_t i, found = 0;

	for (i = 0; i < failed->count; i++)
		found += strstr(failed->items[i], text) != NULL;
	return found;
}

static void every_place_of_a_driver_is_looked_at(void **state)
{
	struct hyfw_strings failed = { 0 };
	size_t i;

	(void)state;
	drivers_need_root();
	for (i = 0; i < MANY; i++) {
		HYFW_AUTO_FREE char *name = hyfw_format("web%zu", i);
		HYFW_AUTO_FREE char *place = hyfw_format("gc of place %zu.", i);

		make_workload(name, place);
	}
	hyfw_orphans_collect(&failed);
	for (i = 0; i < MANY; i++) {
		HYFW_AUTO_FREE char *text = hyfw_format("network fake-network: gc of place %zu. failed as asked", i);

		assert_int_equal(told_of(&failed, text), 1);
	}
	assert_int_equal(failed.count, MANY);
	hyfw_strings_finish(&failed);
}

static void one_place_is_told_of_once(void **state)
{
	struct hyfw_strings failed = { 0 };

	(void)state;
	drivers_need_root();
	make_workload("one", "gc of the same place");
	make_workload("two", "gc of the same place");
	make_workload("three", NULL);
	hyfw_orphans_collect(&failed);
	assert_int_equal(failed.count, 1);
	assert_int_equal(told_of(&failed, "gc of the same place"), 1);
	hyfw_strings_finish(&failed);
}

#define TEST(name) cmocka_unit_test_setup(name, drivers_clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_place_of_a_driver_is_looked_at),
		TEST(one_place_is_told_of_once),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
