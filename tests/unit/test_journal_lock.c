/* SPDX-License-Identifier: BSD-3-Clause
 * Who owns a journal: one process, for as long as it lives or wants to. */
#include "engine_fixture.h"

#include <errno.h>

static char *path;

static int set_up(void **state)
{
	const int result = engine_set_up(state);

	path = engine_path("journal");
	return result;
}

static int tear_down(void **state)
{
	free(path);
	return engine_tear_down(state);
}

static bool can_open(const char *argument)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

	return hyfw_journal_open(argument, false, &journal, NULL) == 0;
}

static bool is_told_the_owner(const char *argument)
{
	HYFW_AUTO_FREE char *expected = hyfw_format("process %d is working on it", (int)getppid());
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

	return hyfw_journal_open(argument, false, &journal, &err) == -EBUSY &&
	       strstr(err->message, expected) && hyfw_journal_owner(argument) == getppid();
}

static void another_process_is_kept_out(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path);

	(void)state;
	assert_true(in_child(is_told_the_owner, path));
	hyfw_journal_close(HYFW_STEAL(journal));
	assert_true(in_child(can_open, path));
	assert_int_equal(hyfw_journal_owner(path), 0);
}

/* fcntl(2): closing any descriptor of a file drops the locks of its process. */
static void looking_at_ones_own_journal_keeps_it(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path), *read = NULL, *again = NULL;

	(void)state;
	must(hyfw_journal_begin(journal, "run", err));
	read = read_journal_at(path);
	assert_string_equal(read->operation, "run");
	hyfw_journal_close(HYFW_STEAL(read));
	assert_true(in_child(is_told_the_owner, path));
	assert_int_equal(hyfw_journal_owner(path), getpid());
	assert_true(in_child(is_told_the_owner, path));
	must_fail(hyfw_journal_open(path, false, &again, err), EBUSY, "this very process");
	assert_true(in_child(is_told_the_owner, path));
	must(hyfw_journal_begin(journal, "run", err)); /* its descriptor is still open */
}

static bool reads_while_owned(const char *argument)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

	return hyfw_journal_read(argument, &journal, NULL) == 0 && journal->operations == 1;
}

static void anybody_may_read(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path);

	(void)state;
	must(hyfw_journal_begin(journal, "run", err));
	assert_true(in_child(reads_while_owned, path));
	assert_true(in_child(is_told_the_owner, path));
}

static bool dies_as_owner(const char *argument)
{
	struct hyfw_journal *journal = NULL;

	return hyfw_journal_open(argument, false, &journal, NULL) == 0 &&
	       hyfw_journal_begin(journal, "run", NULL) == 0;
}

static void death_gives_it_back(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

	(void)state;
	assert_true(in_child(dies_as_owner, path));
	assert_int_equal(hyfw_journal_owner(path), 0);
	journal = open_journal_at(path);
	assert_true(hyfw_journal_unfinished(journal));
}

/* A monitor is forked with the launcher's journals in its memory. */
static bool child_is_no_owner(const char *argument)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

	return hyfw_journal_owner(argument) == getppid() &&
	       hyfw_journal_open(argument, false, &journal, NULL) == -EBUSY;
}

static void a_child_inherits_no_ownership(void **state)
{
	struct hyfw_journal *journal = open_journal_at(path);

	(void)state;
	assert_true(in_child(child_is_no_owner, path));
	assert_int_equal(hyfw_journal_owner(path), getpid());
	assert_true(in_child(is_told_the_owner, path));
	hyfw_journal_close(journal);
}

static bool lets_go(const char *argument)
{
	const size_t before = count_names("/proc/self/fd");

	(void)argument;
	hyfw_journal_let_go();
	return count_names("/proc/self/fd") == before - 1;
}

static void a_child_may_let_go(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path);

	(void)state;
	assert_true(in_child(lets_go, path));
	assert_true(in_child(is_told_the_owner, path));
	hyfw_journal_let_go(); /* not of one's own */
	must(hyfw_journal_begin(journal, "run", err));
	assert_int_equal(hyfw_journal_owner(path), getpid());
}

static void a_descriptor_reads_a_journal_that_was_removed(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path), *read = NULL;
	HYFW_AUTO_CLOSE int fd = -1;

	(void)state;
	must(hyfw_journal_exit(journal, 5, false, err));
	hyfw_journal_close(HYFW_STEAL(journal));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(unlink(path), 0);
	must(hyfw_journal_read_fd(fd, &read, err));
	assert_true(read->exited);
	assert_int_equal(read->exit_status, 5);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC); /* not taken over */
}

static size_t open_descriptors(void)
{
	return count_names("/proc/self/fd");
}

static void no_descriptor_stays_open(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path);
	struct hyfw_journal *other = NULL;
	const size_t before = open_descriptors();

	(void)state;
	must(hyfw_journal_begin(journal, "run", err));
	hyfw_journal_close(read_journal_at(path));
	hyfw_journal_owner(path);
	hyfw_journal_open(path, false, &other, NULL);
	hyfw_journal_read("/nonexistent/journal", &other, NULL);
	hyfw_journal_read(engine_top, &other, NULL);
	assert_int_equal(open_descriptors(), before);
	hyfw_journal_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(another_process_is_kept_out),
		TEST(looking_at_ones_own_journal_keeps_it),
		TEST(anybody_may_read),
		TEST(death_gives_it_back),
		TEST(a_child_inherits_no_ownership),
		TEST(a_child_may_let_go),
		TEST(a_descriptor_reads_a_journal_that_was_removed),
		TEST(no_descriptor_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
