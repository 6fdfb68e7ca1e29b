/* SPDX-License-Identifier: BSD-3-Clause
 * Ranges of ids: one each, whoever asks at the same time. */
#include "engine_fixture.h"

#include <errno.h>
#include <signal.h>

#include "engine/apply.h"
#include "engine/core_steps.h"
#include "engine/ids.h"
#include "engine/store.h"

#define TAKERS 24

static char *ids;

static int set_up(void **state)
{
	const int result = engine_set_up(state);

	ids = engine_path("data/ids");
	return result;
}

static int tear_down(void **state)
{
	free(ids);
	return engine_tear_down(state);
}

/* Takes a range for 'name' and returns the journal that has it. */
static struct hyfw_journal *take(const char *name)
{
	struct hyfw_definition definition = { .name = (char *)name };
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s.journal", engine_top, name);
	struct hyfw_journal *journal = open_journal_at(path);

	must(hyfw_journal_begin(journal, "create", err));
	must(hyfw_apply_core(journal, &definition, HYFW_CORE_IDS, name, "what", "ids", HYFW_LIFETIME_RUN, err));
	return journal;
}

static const char *range_of(const struct hyfw_journal *journal)
{
	const struct hyfw_map notes = hyfw_pairs_map(&journal->entries[journal->count - 1].notes);

	return hyfw_map_get(&notes, "range");
}

static char *owner_of(const char *range)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", ids, range);
	char *owner = NULL;

	hyfw_file_read(AT_FDCWD, path, 4096, &owner, NULL, NULL);
	return owner;
}

static void a_range_is_taken_and_given_back(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = take("web");
	HYFW_AUTO_FREE char *owner = owner_of(range_of(journal));
	const struct hyfw_idmap map = hyfw_ids_map((unsigned)strtoul(range_of(journal), NULL, 10));

	(void)state;
	assert_string_equal(owner, "web");
	assert_int_equal(map.count, 65536);
	assert_int_equal(map.host_uid, map.host_gid);
	assert_int_equal(map.host_uid % 65536, 0);
	assert_in_range(map.host_uid, 1879048192u, 0x7fffffffu - 65536);
	must(hyfw_undo(journal, NULL, HYFW_ALL_LIFETIMES, 0, err));
	assert_int_equal(count_names(ids), 0);
	must(hyfw_ids_drop(range_of(journal), "web", err)); /* again */
}

static void the_preview_is_what_will_be_taken(void **state)
{
	const struct hyfw_idmap before = hyfw_ids_preview("web");
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = take("web"), *again = NULL;
	struct hyfw_idmap after = hyfw_ids_preview("web"), taken;

	(void)state;
	taken = hyfw_ids_map((unsigned)strtoul(range_of(journal), NULL, 10));
	assert_int_equal(before.host_uid, taken.host_uid);
	assert_int_not_equal(after.host_uid, taken.host_uid);
	again = take("web-again");
	assert_string_not_equal(range_of(again), range_of(journal));
}

static void only_its_owner_gives_a_range_back(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = take("web");
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", ids, range_of(journal));

	(void)state;
	must(hyfw_ids_drop(range_of(journal), "we", err));
	must(hyfw_ids_drop(range_of(journal), "webb", err));
	must(hyfw_ids_drop(NULL, "web", err));
	assert_int_equal(count_names(ids), 1);
	must_fail(hyfw_ids_drop("../web.journal", "web", err), EINVAL, "not a range");
	must_fail(hyfw_ids_drop("", "web", err), EINVAL, "not a range");
	/* Nobody's: not ours, whatever made it. */
	assert_int_equal(truncate(path, 0), 0);
	must(hyfw_ids_drop(range_of(journal), "web", err));
	assert_int_equal(count_names(ids), 1);
}

/* All at once, for the same first choice, while somebody looks on: no range twice,
 * no file that is empty at any moment. */
static void takers_at_once_get_one_each(void **state)
{
	pid_t takers[TAKERS];
	struct hyfw_strings names = { 0 };
	size_t i, ended = 0;
	int go[2];

	(void)state;
	assert_int_equal(pipe(go), 0);
	for (i = 0; i < TAKERS; i++) {
		takers[i] = fork();
		if (takers[i] == 0) {
			HYFW_AUTO_FREE char *name = hyfw_format("w%zu", i);
			char byte;

			close(go[1]);
			(void)!read(go[0], &byte, 1);
			hyfw_journal_close(take(name));
			_exit(0);
		}
	}
	close(go[1]);
	close(go[0]);
	while (ended < TAKERS) {
		int status;

		hyfw_strings_finish(&names);
		must(hyfw_store_names(ids, &names, err));
		for (i = 0; i < names.count; i++) {
			HYFW_AUTO_FREE char *owner = owner_of(names.items[i]);

			assert_non_null(owner);
			assert_string_not_equal(owner, "");
		}
		while (waitpid(-1, &status, WNOHANG) > 0) {
			assert_int_equal(status, 0);
			ended++;
		}
	}
	assert_int_equal(count_names(ids), TAKERS);
	hyfw_strings_finish(&names);
}

static void make_workload(const char *room, const char *name)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s/workloads/%s", engine_top, room, name);

	must(hyfw_make_directories(path, 0700, err));
}

static void ranges_of_workloads_that_are_gone_are_collected(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *stays = take("stays"), *runs = take("runs"), *gone = take("gone");
	HYFW_AUTO_FREE char *empty = engine_path("data/ids/5"), *owner = NULL;

	(void)state;
	make_workload("data", "stays");
	make_workload("run", "runs");
	must(hyfw_file_write(empty, "", 0, 0600, false, err)); /* of an older hyfw */
	must(hyfw_ids_collect(err));
	assert_int_equal(count_names(ids), 2);
	owner = owner_of(range_of(gone));
	assert_null(owner);
	owner = owner_of(range_of(runs));
	assert_string_equal(owner, "runs");
	free(owner);
	owner = owner_of(range_of(stays));
	assert_string_equal(owner, "stays");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_range_is_taken_and_given_back),
		TEST(the_preview_is_what_will_be_taken),
		TEST(only_its_owner_gives_a_range_back),
		TEST(takers_at_once_get_one_each),
		TEST(ranges_of_workloads_that_are_gone_are_collected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
