/* SPDX-License-Identifier: BSD-3-Clause
 * The status of a workload, from what lies in its directories; and the store. */
#include "engine_fixture.h"

#include <errno.h>

#include "engine/store.h"

static struct hyfw_state shown;

static void save(const char *name, bool transient)
{
	struct hyfw_definition definition = { .name = (char *)name, .transient = transient };
	HYFW_AUTO_FREE char *directory = hyfw_path_workload(transient, name, NULL);

	must(hyfw_make_directories(directory, 0700, err));
	must(hyfw_store_save(&definition, err));
}

static struct hyfw_journal *run(const char *name)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_runtime(name, NULL), *path = hyfw_path_runtime(name, "journal");
	struct hyfw_journal *journal;

	must(hyfw_make_directories(directory, 0700, err));
	journal = open_journal_at(path);
	must(hyfw_journal_begin(journal, "run", err));
	return journal;
}

static size_t step(struct hyfw_journal *journal, const char *verb)
{
	const struct hyfw_entry entry = { .kind = HYFW_KIND_ISOLATION, .driver = (char *)"namespaces",
					  .subject = (char *)"web", .verb = (char *)verb, .object = (char *)"o" };
	size_t index = 0;

	must(hyfw_journal_intent(journal, &entry, &index, err));
	return index;
}

static void load(const char *name)
{
	hyfw_state_finish(&shown);
	must(hyfw_state_load(name, &shown, err));
}

static int set_up(void **state)
{
	memset(&shown, 0, sizeof(shown));
	return engine_set_up(state);
}

static int tear_down(void **state)
{
	hyfw_state_finish(&shown);
	return engine_tear_down(state);
}

static void a_run_goes_through_its_statuses(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	size_t create, start;

	(void)state;
	save("web", false);
	load("web");
	assert_int_equal(shown.status, HYFW_STATUS_CREATED);
	assert_null(shown.journal);
	journal = run("web");
	create = step(journal, "create");
	must(hyfw_journal_note(journal, create, HYFW_NOTE_PID, "4711", err));
	must(hyfw_journal_done(journal, create, err));
	start = step(journal, "start");
	load("web");
	assert_int_equal(shown.status, HYFW_STATUS_STARTING);
	assert_int_equal(shown.monitor, getpid());
	must(hyfw_journal_done(journal, start, err));
	load("web");
	assert_int_equal(shown.status, HYFW_STATUS_RUNNING);
	assert_int_equal(shown.pid, 4711);
	assert_int_equal(shown.started, journal->begin_time);
	assert_int_equal(shown.restarts, 0);
	must(hyfw_journal_exit(journal, 3, false, err));
	load("web");
	assert_int_equal(shown.status, HYFW_STATUS_STOPPING);
}

static void without_its_monitor_it_is_dead(void **state)
{
	struct hyfw_journal *journal;

	(void)state;
	save("web", false);
	journal = run("web");
	must(hyfw_journal_done(journal, step(journal, "start"), err));
	hyfw_journal_close(journal);
	load("web");
	assert_int_equal(shown.status, HYFW_STATUS_DEAD);
	assert_int_equal(shown.monitor, 0);
}

static void the_last_run_is_remembered(void **state)
{
	(void)state;
	save("web", false);
	must(hyfw_store_save_last("web", 1000, 2000, 137, true, 4, err));
	load("web");
	assert_int_equal(shown.status, HYFW_STATUS_EXITED);
	assert_int_equal(shown.exit_status, 137);
	assert_int_equal(shown.started, 1000);
	assert_int_equal(shown.finished, 2000);
	assert_true(shown.oom_killed);
	assert_int_equal(shown.restarts, 4);
}

static void damage_of_the_last_run_harms_nobody(void **state)
{
	static const char *const texts[] = { "", "[]", "{", "{\"status\":", "5", "null" };
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, "web", "last.json");
	size_t i;

	(void)state;
	save("web", false);
	for (i = 0; i < HYFW_COUNT(texts); i++) {
		must(hyfw_file_write(path, texts[i], strlen(texts[i]), 0600, false, err));
		load("web");
		assert_int_equal(shown.status, HYFW_STATUS_CREATED);
	}
}

static void restarts_are_counted(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

	(void)state;
	save("web", true);
	journal = run("web");
	hyfw_journal_clear(journal);
	must(hyfw_journal_begin(journal, "run", err));
	hyfw_journal_clear(journal);
	must(hyfw_journal_begin(journal, "run", err));
	load("web");
	assert_int_equal(shown.restarts, 2);
	assert_true(shown.definition->transient);
}

static void names_are_sorted_and_single(void **state)
{
	struct hyfw_strings names = { 0 };

	(void)state;
	must(hyfw_store_workloads(&names, err)); /* nothing yet, not even the directories */
	assert_int_equal(names.count, 0);
	save("web", false);
	save("db", true);
	save("app", false);
	hyfw_journal_close(run("web"));
	must(hyfw_store_workloads(&names, err));
	assert_int_equal(names.count, 3);
	assert_string_equal(names.items[0], "app");
	assert_string_equal(names.items[1], "db");
	assert_string_equal(names.items[2], "web");
	assert_null(names.items[3]);
	hyfw_strings_finish(&names);
	must_fail(hyfw_state_load("ap", &shown, err), ENOENT, "there is no workload ap; did you mean app?");
	must_fail(hyfw_state_load("zzzzz", &shown, err), ENOENT, "`hyfw ps -a` lists them");
	must_fail(hyfw_state_load("", &shown, err), EINVAL, "not a workload name");
	must_fail(hyfw_state_load("a/b", &shown, err), EINVAL, "not a workload name");
}

static void marks_come_and_go(void **state)
{
	HYFW_AUTO_FREE char *busy = engine_path("run/busy");

	(void)state;
	hyfw_busy_remove("stack", "shop"); /* there is none */
	hyfw_busy_add("stack", "shop", NULL);
	hyfw_busy_add("stack", "shop", NULL);
	hyfw_busy_add("workload", "shop", NULL);
	assert_int_equal(count_names(busy), 2);
	hyfw_busy_remove("stack", "shop");
	assert_int_equal(count_names(busy), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_run_goes_through_its_statuses),
		TEST(without_its_monitor_it_is_dead),
		TEST(the_last_run_is_remembered),
		TEST(damage_of_the_last_run_harms_nobody),
		TEST(restarts_are_counted),
		TEST(names_are_sorted_and_single),
		TEST(marks_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
