/* SPDX-License-Identifier: BSD-3-Clause
 * Another name for a workload of fake drivers: all that goes by it follows, what is in
 * the way is named, and wherever a crash comes it has one of the two names, whole. */
#include "engine_drivers.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/control.h"
#include "engine/ids.h"
#include "engine/recover.h"
#include "engine/rename.h"
#include "engine/store.h"

#define POINTS 200 /* more than there are */

static struct hyfw_definition *definition;

static int set_up(void **state)
{
	if (drivers_clear(state) < 0)
		return -1;
	definition = drivers_definition("web", NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unsetenv("HYFW_CRASH_AT");
	hyfw_definition_free(HYFW_STEAL(definition));
	return 0;
}

static bool exists(const char *name)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, name, NULL);

	return access(path, F_OK) == 0;
}

static bool has_root(const char *name)
{
	HYFW_AUTO_FREE char *trace = hyfw_format("make-root.%s", name);

	return drivers_trace_of("fake-storage", trace);
}

/* Under this name alone, and it can be used and removed by it. */
static void assert_whole(const char *name, const char *other)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *stored = NULL;
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, name, "journal");
	struct hyfw_pairs record = { 0 };
	struct hyfw_map map;

	must(hyfw_store_definition(name, &stored, err));
	assert_false(exists(other));
	assert_true(has_root(name));
	assert_false(has_root(other));
	must(hyfw_journal_read(path, &journal, err));
	assert_true(journal->committed);
	assert_false(hyfw_journal_unfinished(journal));
	hyfw_journal_record(journal, HYFW_KIND_STORAGE, "fake-storage", name, &record);
	map = hyfw_pairs_map(&record);
	assert_non_null(hyfw_map_get(&map, "trace"));
	hyfw_pairs_finish(&record);
	assert_false(hyfw_rename_pending());
}

static void everything_follows(void **state)
{
	(void)state;
	drivers_need_root();
	must(hyfw_workload_create(definition, 0, err));
	must(hyfw_workload_rename("web", "shop", err));
	assert_whole("shop", "web");
	must(hyfw_workload_remove("shop", false, err));
	assert_false(has_root("shop"));
	assert_int_equal(count_names(drivers_file("busy")), 0);
}

static void what_is_in_the_way_is_named(void **state)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *other = NULL;

	(void)state;
	drivers_need_root();
	must_fail(hyfw_workload_rename("web", "shop", err), ENOENT, "there is no workload web");
	must(hyfw_workload_create(definition, 0, err));
	must_fail(hyfw_workload_rename("web", "../shop", err), EINVAL, "shop");
	other = drivers_definition("shop", NULL);
	hyfw_pairs_add(&other->settings, "links", "web");
	must(hyfw_workload_create(other, 0, err));
	must_fail(hyfw_workload_rename("web", "shop", err), EEXIST, "the name shop is taken");
	must_fail(hyfw_workload_rename("web", "front", err), EBUSY, "workload shop names it in links");
	must(hyfw_workload_remove("shop", false, err));
	assert_whole("web", "shop");
}

static void one_of_a_stack_keeps_its_name(void **state)
{
	(void)state;
	drivers_need_root();
	definition->stack = hyfw_dup("front");
	must(hyfw_workload_create(definition, 0, err));
	must_fail(hyfw_workload_rename("web", "shop", err), EBUSY, "it belongs to the stack front");
	assert_whole("web", "shop");
}

static void a_driver_that_fails_changes_nothing(void **state)
{
	(void)state;
	drivers_need_root();
	drivers_set(definition, "fake-storage", "fail_in", "rename");
	must(hyfw_workload_create(definition, 0, err));
	must_fail(hyfw_workload_rename("web", "shop", err), EIO, "rename failed as asked");
	assert_whole("web", "shop");
	assert_false(exists("shop"));
}

static void a_range_of_ids_changes_hands_once(void **state)
{
	HYFW_AUTO_FREE char *directory = hyfw_format("%s/ids", fixture_context.data), *owner = NULL;
	HYFW_AUTO_FREE char *path = hyfw_format("%s/7", directory);

	(void)state;
	drivers_need_root();
	must(hyfw_make_directories(directory, 0755, err));
	must(hyfw_file_write(path, "web", 3, 0600, false, err));
	must(hyfw_ids_rename("7", "web", "shop", err));
	must(hyfw_ids_rename("7", "web", "shop", err));
	must(hyfw_file_read(AT_FDCWD, path, 256, &owner, NULL, err));
	assert_string_equal(owner, "shop");
	must_fail(hyfw_ids_rename("7", "web", "front", err), EINVAL, "range 7 is not of web");
}

/* True when it was killed at the N-th crash point. */
static bool dies_at(const char *directory, unsigned point)
{
	HYFW_AUTO_FREE char *at = hyfw_format("%s/at", directory), *count = hyfw_format("%s/count", directory);
	HYFW_AUTO_FREE char *number = hyfw_format("%u", point);
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	int result;

	unlink(count);
	assert_int_equal(hyfw_file_write(at, number, strlen(number), 0600, false, NULL), 0);
	setenv("HYFW_CRASH_AT", directory, 1);
	result = hyfw_workload_rename("web", "shop", &err);
	unsetenv("HYFW_CRASH_AT");
	assert_true(result == 0 || result == -ECHILD);
	return result < 0;
}

static void wherever_a_crash_comes_it_has_one_name(void **state)
{
	HYFW_AUTO_FREE char *directory = hyfw_format("%s/crash", fixture_context.runtime);
	unsigned point, renamed = 0;
	bool died = true;

	(void)state;
	drivers_need_root();
	for (point = 1; died && point < POINTS; point++) {
		struct hyfw_recovery recovery = { 0 };

		must(hyfw_make_directories(directory, 0700, err));
		must(hyfw_workload_create(definition, 0, err));
		died = dies_at(directory, point);
		if (died && hyfw_recover_needed())
			must(hyfw_recover(false, &recovery, err));
		assert_int_equal(recovery.failed.count, 0);
		hyfw_recovery_finish(&recovery);
		assert_whole(exists("shop") ? "shop" : "web", exists("shop") ? "web" : "shop");
		renamed += exists("shop");
		must(hyfw_workload_remove(exists("shop") ? "shop" : "web", false, err));
	}
	assert_false(died);
	assert_true(point > 10);
	assert_true(renamed > 5);
}

static void recover_and_expect(size_t failures)
{
	struct hyfw_recovery recovery = { 0 };

	must(hyfw_recover(false, &recovery, err));
	assert_int_equal(recovery.failed.count, failures);
	hyfw_recovery_finish(&recovery);
}

static void set_stored(const char *fail_in)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *stored = NULL;

	must(hyfw_store_definition("web", &stored, err));
	if (stored->plugins.count == 0)
		drivers_set(stored, "fake-storage", "fail_in", fail_in);
	else
		hyfw_pairs_set(&stored->plugin_settings[0], "fail_in", fail_in);
	must(hyfw_store_save(stored, err));
}

/* Killed when its root has the new name already; then the driver fails for a while. */
static void what_cannot_be_finished_yet_is_not_forgotten(void **state)
{
	HYFW_AUTO_FREE char *directory = hyfw_format("%s/crash", fixture_context.runtime);
	unsigned point;

	(void)state;
	drivers_need_root();
	must(hyfw_make_directories(directory, 0700, err));
	for (point = 1; !has_root("shop") || !exists("web"); point++) {
		if (exists("web") || exists("shop")) {
			recover_and_expect(0);
			must(hyfw_workload_remove(exists("shop") ? "shop" : "web", false, err));
		}
		must(hyfw_workload_create(definition, 0, err));
		assert_true(dies_at(directory, point));
	}
	set_stored("rename");
	recover_and_expect(1);
	assert_true(hyfw_rename_pending());
	recover_and_expect(1);
	set_stored("none");
	recover_and_expect(0);
	assert_whole("shop", "web");
	must(hyfw_workload_remove("shop", false, err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_follows),
		TEST(what_is_in_the_way_is_named),
		TEST(one_of_a_stack_keeps_its_name),
		TEST(a_driver_that_fails_changes_nothing),
		TEST(a_range_of_ids_changes_hands_once),
		TEST(wherever_a_crash_comes_it_has_one_name),
		TEST(what_cannot_be_finished_yet_is_not_forgotten),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
