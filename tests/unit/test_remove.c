/* SPDX-License-Identifier: BSD-3-Clause
 * Creating and removing workloads of fake drivers: all or nothing, and by force
 * what cannot be undone. */
#include "engine_drivers.h"

#include <errno.h>

#include "engine/control.h"
#include "engine/store.h"
#include "engine/worker.h"

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
	hyfw_definition_free(HYFW_STEAL(definition));
	return 0;
}

static void drivers_set_two(struct hyfw_definition *of, const char *driver, const char *key, const char *value,
			    const char *other, const char *other_value)
{
	drivers_set(of, driver, key, value);
	hyfw_pairs_add(&of->plugin_settings[of->plugins.count - 1], other, other_value);
}

static bool exists(const char *name)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, name, NULL);

	return access(path, F_OK) == 0;
}

static bool root_is_made(void)
{
	return drivers_trace_of("fake-storage", "make-root.web");
}

static size_t marks(void)
{
	return count_names(drivers_file("busy"));
}

static void a_workload_is_created_and_removed(void **state)
{
	(void)state;
	drivers_need_root();
	must(hyfw_workload_create(definition, 0, err));
	assert_true(exists("web"));
	assert_true(root_is_made());
	must_fail(hyfw_workload_create(definition, 0, err), EEXIST, "the name web is taken; `hyfw rm web` frees it");
	assert_true(exists("web"));
	must(hyfw_workload_remove("web", false, err));
	assert_false(exists("web"));
	assert_false(root_is_made());
	must_fail(hyfw_workload_remove("web", false, err), ENOENT, "there is no workload web");
	must_fail(hyfw_workload_remove("web", true, err), ENOENT, "there is no workload web");
	must_fail(hyfw_workload_remove("../workloads", true, err), EINVAL, "not a workload name");
	must(hyfw_workload_take_down("web", err));
}

static void a_create_that_fails_leaves_nothing(void **state)
{
	(void)state;
	drivers_need_root();
	drivers_set(definition, "fake-storage", "fail_at", "1");
	must_fail(hyfw_workload_create(definition, 0, err), EIO, "step 1 failed as asked");
	assert_false(exists("web"));
	assert_false(root_is_made());
	assert_int_equal(marks(), 0);
}

/* Neither its journal nor the mark that leads to it. */
static void a_create_that_cannot_be_undone_is_not_forgotten(void **state)
{
	(void)state;
	drivers_need_root();
	drivers_set_two(definition, "fake-storage", "fail_at", "1", "fail_in", "undo");
	must_fail(hyfw_workload_create(definition, 0, err), EIO, "step 1 failed as asked");
	assert_true(root_is_made());
	assert_true(exists("web"));
	assert_int_equal(marks(), 1);
	must_fail(hyfw_workload_create(definition, 0, err), EEXIST, "the name web is taken");
	assert_int_equal(marks(), 1);
	/* The settings of its drivers are known although it was never created to its end. */
	must_fail(hyfw_workload_remove("web", true, err), EIO, "pretended web stays behind");
	assert_int_equal(marks(), 0);
	assert_false(exists("web"));
}

static void what_is_not_whole_does_not_start(void **state)
{
	const struct hyfw_launch launch = { .step_timeout_ms = 5000 };
	struct hyfw_launched launched = { .socket = -1 };

	(void)state;
	drivers_need_root();
	drivers_set_two(definition, "fake-storage", "fail_at", "1", "fail_in", "undo");
	must_fail(hyfw_workload_create(definition, 0, err), EIO, "step 1 failed as asked");
	must_fail(hyfw_launch(definition, &launch, &launched, err), EBUSY, "workload web is not whole");
	assert_int_equal(count_names(drivers_file("workloads")), 0);
}

static void what_cannot_be_undone_stays_until_force(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *kept = NULL;
	int i;

	(void)state;
	drivers_need_root();
	drivers_set(definition, "fake-storage", "fail_in", "undo");
	must(hyfw_workload_create(definition, 0, err));
	for (i = 0; i < 3; i++)
		must_fail(hyfw_workload_remove("web", false, err), EIO,
			  "workload web: undo pretended web: storage fake-storage: undo failed as asked");
	assert_true(exists("web"));
	must_fail(hyfw_workload_remove("web", true, err), EIO,
		  "workload web is removed, but pretended web stays behind (undo pretended web: storage "
		  "fake-storage: undo failed as asked); how it was made is in ");
	assert_false(exists("web"));
	assert_true(root_is_made());
	assert_int_equal(marks(), 0);
	kept = read_journal_at(drivers_file("quarantine/web-1"));
	assert_int_equal(hyfw_journal_live(kept), 1);
	assert_string_equal(kept->operation, "remove");
	assert_int_equal(kept->operations, 2);
}

static void a_damaged_definition_is_no_hindrance(void **state)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, "web", "definition.json");

	(void)state;
	drivers_need_root();
	must(hyfw_workload_create(definition, 0, err));
	must(hyfw_file_write(path, "{", 1, 0600, false, err));
	must_fail(hyfw_workload_remove("web", false, err), EINVAL, "definition.json is damaged");
	assert_true(exists("web"));
	must(hyfw_workload_remove("web", true, err));
	assert_false(exists("web"));
	assert_false(root_is_made());
}

static void a_journal_of_a_newer_hyfw_is_kept(void **state)
{
	static const char newer[] = "not read";
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, "web", "journal"), *text = NULL;

	(void)state;
	drivers_need_root();
	must(hyfw_workload_create(definition, 0, err));
	must(hyfw_file_write(path, newer, sizeof(newer) - 1, 0600, false, err));
	assert_int_equal(truncate(path, (16 << 20) + 1), 0); /* too large: not to be read either */
	must_fail(hyfw_workload_remove("web", false, err), EFBIG, "larger than");
	must_fail(hyfw_workload_remove("web", true, err), EIO,
		  "workload web is removed, but whatever its journal tells stays behind");
	assert_false(exists("web"));
	must(hyfw_file_read(AT_FDCWD, drivers_file("quarantine/web-1"), 32 << 20, &text, NULL, err));
	assert_string_equal(text, newer);
}

static bool holds_the_run(const char *argument)
{
	(void)argument;
	return hyfw_worker_remove("web", NULL) == -EBUSY;
}

static void what_was_just_started_is_not_removed(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	HYFW_AUTO_FREE char *directory = hyfw_path_runtime("web", NULL), *path = hyfw_path_runtime("web", "journal");

	(void)state;
	drivers_need_root();
	must(hyfw_workload_create(definition, 0, err));
	must(hyfw_make_directories(directory, 0700, err));
	journal = open_journal_at(path);
	assert_true(in_child(holds_the_run, NULL));
	assert_true(root_is_made());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_workload_is_created_and_removed),
		TEST(a_create_that_fails_leaves_nothing),
		TEST(a_create_that_cannot_be_undone_is_not_forgotten),
		TEST(what_is_not_whole_does_not_start),
		TEST(what_cannot_be_undone_stays_until_force),
		TEST(a_damaged_definition_is_no_hindrance),
		TEST(a_journal_of_a_newer_hyfw_is_kept),
		TEST(what_was_just_started_is_not_removed),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
