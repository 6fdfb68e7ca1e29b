/* SPDX-License-Identifier: BSD-3-Clause
 * Networks and volumes of several users: made with the first, gone with the last,
 * whole after a crash. */
#include "engine_drivers.h"

#include <errno.h>

#include "engine/shared.h"
#include "engine/store.h"

static struct hyfw_definition *web, *db;

static int set_up(void **state)
{
	if (drivers_clear(state) < 0)
		return -1;
	web = drivers_definition("web", "front");
	db = drivers_definition("db", "front");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hyfw_definition_free(HYFW_STEAL(web));
	hyfw_definition_free(HYFW_STEAL(db));
	return 0;
}

static bool is_made(void)
{
	const bool trace = drivers_trace("make-network.front");

	assert_int_equal(access(drivers_file("shared/network/front/journal"), F_OK) == 0, trace);
	return trace;
}

static size_t users(void)
{
	return count_names(drivers_file("shared/network/front/users"));
}

static void the_first_makes_it_and_the_last_takes_it_away(void **state)
{
	(void)state;
	drivers_need_root();
	assert_false(is_made());
	must(hyfw_shared_acquire(web, "network", "front", err));
	assert_true(is_made());
	must(hyfw_shared_acquire(db, "network", "front", err));
	must(hyfw_shared_acquire(db, "network", "front", err)); /* again: the same user */
	assert_int_equal(users(), 2);
	must(hyfw_shared_release("network", "front", "web", err));
	assert_true(is_made());
	must(hyfw_shared_release("network", "front", "db", err));
	assert_false(is_made());
	must(hyfw_shared_release("network", "front", "db", err));
}

static void its_record_is_of_the_driver(void **state)
{
	struct hyfw_pairs record = { 0 };
	struct hyfw_map map;

	(void)state;
	drivers_need_root();
	must_fail(hyfw_shared_record("network", "front", &record, err), ENOENT, "front");
	must(hyfw_shared_acquire(web, "network", "front", err));
	must(hyfw_shared_record("network", "front", &record, err));
	map = hyfw_pairs_map(&record);
	assert_non_null(strstr(hyfw_map_get(&map, "trace"), "/make-network.front")); /* the note, not the argument */
	hyfw_pairs_finish(&record);
}

static void other_settings_are_refused(void **state)
{
	(void)state;
	drivers_need_root();
	must(hyfw_shared_acquire(web, "network", "front", err));
	hyfw_pairs_add(&db->networks[0].settings, "subnet", "10.0.0.0/24");
	must_fail(hyfw_shared_acquire(db, "network", "front", err), EEXIST,
		  "network front: it is in use by workload web with other settings");
	assert_int_equal(users(), 1);
	must_fail(hyfw_shared_acquire(db, "network", "back", err), EINVAL, "not one of workload db");
	must(hyfw_shared_release("network", "front", "web", err));
	must(hyfw_shared_acquire(db, "network", "front", err));
}

static void a_driver_that_fails_leaves_nothing(void **state)
{
	(void)state;
	drivers_need_root();
	drivers_set(web, "fake-network", "fail_at", "1");
	must_fail(hyfw_shared_acquire(web, "network", "front", err), EIO, "network front: network fake-network: step 1");
	assert_false(is_made());
	assert_int_equal(count_names(drivers_file("shared/network")), 0);
}

static bool dies_while_making(const char *argument)
{
	(void)argument;
	drivers_set(web, "fake-network", "die_at", "1");
	return hyfw_shared_acquire(web, "network", "front", NULL) == 0;
}

static void a_crash_in_the_middle_is_finished_by_the_next_user(void **state)
{
	(void)state;
	drivers_need_root();
	assert_false(in_child(dies_while_making, NULL));
	assert_true(is_made());
	assert_int_equal(users(), 0);
	must(hyfw_shared_acquire(db, "network", "front", err)); /* the fake refuses to make it twice */
	assert_true(is_made());
	assert_int_equal(users(), 1);
	must(hyfw_shared_release("network", "front", "db", err));
	assert_false(is_made());
}

static void a_crash_in_the_middle_is_collected(void **state)
{
	(void)state;
	drivers_need_root();
	assert_false(in_child(dies_while_making, NULL));
	must(hyfw_shared_collect(err));
	assert_false(is_made());
	assert_int_equal(count_names(drivers_file("shared/network")), 0);
}

static void users_that_do_not_run_are_collected(void **state)
{
	(void)state;
	drivers_need_root();
	must(hyfw_shared_acquire(web, "network", "front", err));
	must(hyfw_shared_acquire(db, "network", "front", err));
	must(hyfw_make_directories(drivers_file("workloads/db"), 0700, err));
	must(hyfw_shared_collect(err));
	assert_int_equal(users(), 1);
	assert_true(is_made());
	must(hyfw_remove_tree(AT_FDCWD, drivers_file("workloads/db"), err));
	must(hyfw_shared_collect(err));
	assert_false(is_made());
}

static void an_undo_that_fails_keeps_it_until_it_is_given_up(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	HYFW_AUTO_FREE char *kept = NULL;
	int i;

	(void)state;
	drivers_need_root();
	drivers_set(web, "fake-network", "fail_in", "undo");
	must(hyfw_shared_acquire(web, "network", "front", err));
	for (i = 0; i < 4; i++)
		must_fail(hyfw_shared_release("network", "front", "web", err), EIO, "undo failed as asked");
	journal = read_journal_at(drivers_file("shared/network/front/journal"));
	assert_int_equal(journal->operations, 2); /* four attempts are one operation */
	drivers_set(db, "fake-network", "fail_in", "undo");
	must_fail(hyfw_shared_acquire(db, "network", "front", err), EIO, "finish what a crash left: undo pretended");
	must(hyfw_shared_abandon("network", "front", "web", &kept, err));
	assert_string_equal(kept, drivers_file("quarantine/front-1"));
	assert_int_equal(count_names(drivers_file("shared/network")), 0);
	assert_true(drivers_trace("make-network.front"));
}

static void what_others_use_is_not_given_up(void **state)
{
	char *kept = NULL;

	(void)state;
	drivers_need_root();
	must(hyfw_shared_acquire(web, "network", "front", err));
	must(hyfw_shared_acquire(db, "network", "front", err));
	must(hyfw_shared_abandon("network", "front", "web", &kept, err));
	assert_null(kept);
	assert_true(is_made());
	assert_int_equal(users(), 1);
	must(hyfw_shared_abandon("network", "elsewhere", "web", &kept, err));
	assert_null(kept);
}

/* A driver that collects knows everything that there is. */
static void nothing_appears_while_a_driver_collects(void **state)
{
	int gate, status;
	pid_t pid;

	(void)state;
	drivers_need_root();
	gate = hyfw_store_gate(true, NULL);
	assert_true(gate >= 0);
	pid = fork();
	if (pid == 0) {
		close(gate);
		_exit(hyfw_shared_acquire(web, "network", "front", NULL) == 0 ? 0 : 1);
	}
	usleep(100000);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(count_names(drivers_file("shared/network")), 0);
	close(gate);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(is_made());
}

static void several_make_things_at_once(void **state)
{
	const int gate = hyfw_store_gate(false, NULL);

	(void)state;
	drivers_need_root();
	must(hyfw_shared_acquire(web, "network", "front", err));
	assert_true(is_made());
	close(gate);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_makes_it_and_the_last_takes_it_away),
		TEST(its_record_is_of_the_driver),
		TEST(other_settings_are_refused),
		TEST(a_driver_that_fails_leaves_nothing),
		TEST(a_crash_in_the_middle_is_finished_by_the_next_user),
		TEST(a_crash_in_the_middle_is_collected),
		TEST(users_that_do_not_run_are_collected),
		TEST(an_undo_that_fails_keeps_it_until_it_is_given_up),
		TEST(what_others_use_is_not_given_up),
		TEST(nothing_appears_while_a_driver_collects),
		TEST(several_make_things_at_once),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
