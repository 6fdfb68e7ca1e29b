/* SPDX-License-Identifier: BSD-3-Clause
 * Journals: what is written is what is read, over any number of owners. */
#include "engine_fixture.h"

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

static const char *note_of(const struct hyfw_entry *entry, const char *key)
{
	const struct hyfw_map notes = hyfw_pairs_map(&entry->notes);

	return hyfw_map_get(&notes, key);
}

static void every_record_comes_back(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path), *read = NULL;
	const struct hyfw_entry *entry;

	(void)state;
	must(hyfw_journal_begin(journal, "run", err));
	put_intent(journal, "attach", "front");
	must(hyfw_journal_note(journal, 0, "mac", "52:54", err));
	must(hyfw_journal_note(journal, 0, "mac", "52:55", err));
	must(hyfw_journal_done(journal, 0, err));
	put_intent(journal, "publish", "front");
	must(hyfw_journal_undone(journal, 1, err));
	must(hyfw_journal_exit(journal, 137, true, err));
	read = read_journal_at(path);
	assert_string_equal(read->operation, "run");
	assert_int_equal(read->operations, 1);
	assert_int_equal(read->begin_us, journal->begin_us);
	assert_int_equal(read->begin_time, journal->begin_time);
	assert_false(read->committed);
	assert_false(read->damaged);
	assert_true(read->exited);
	assert_int_equal(read->exit_status, 137);
	assert_int_equal(read->exit_time, journal->exit_time);
	assert_true(read->oom_killed);
	assert_int_equal(read->count, 2);
	entry = &read->entries[0];
	assert_int_equal(entry->id, 1);
	assert_int_equal(entry->kind, HYFW_KIND_NETWORK);
	assert_int_equal(entry->lifetime, HYFW_LIFETIME_WORKLOAD);
	assert_int_equal(entry->state, HYFW_ENTRY_DONE);
	assert_int_equal(entry->operation, 1);
	assert_string_equal(entry->driver, "bridge");
	assert_string_equal(entry->subject, "front");
	assert_string_equal(entry->workload, "web");
	assert_string_equal(entry->verb, "attach");
	assert_string_equal(entry->object, "interface eth0");
	assert_int_equal(entry->args.count, 3);
	assert_string_equal(entry->args.items[1].value, "again");
	assert_string_equal(entry->args.items[2].value, "\"\\\n\xc3\xa4");
	assert_int_equal(entry->notes.count, 1);
	assert_string_equal(note_of(entry, "mac"), "52:55");
	assert_in_range(entry->done_us, entry->intent_us, UINT64_MAX - 1);
	assert_int_equal(read->entries[1].state, HYFW_ENTRY_UNDONE);
}

static void a_commit_ends_what_is_unfinished(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path), *read = NULL;

	(void)state;
	assert_false(hyfw_journal_unfinished(journal)); /* nothing was begun */
	must(hyfw_journal_begin(journal, "create", err));
	assert_true(hyfw_journal_unfinished(journal));
	put_intent(journal, "make", "web");
	must(hyfw_journal_commit(journal, err));
	assert_false(hyfw_journal_unfinished(journal));
	read = read_journal_at(path);
	assert_true(read->committed);
	assert_false(hyfw_journal_unfinished(read));
	must(hyfw_journal_begin(journal, "remove", err));
	hyfw_journal_close(read);
	read = read_journal_at(path);
	assert_true(hyfw_journal_unfinished(read));
	assert_int_equal(hyfw_journal_live(read), 1);
}

static void an_attempt_made_again_adds_nothing(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path);
	int i;

	(void)state;
	for (i = 0; i < 5; i++)
		must(hyfw_journal_resume(journal, "remove", err));
	assert_int_equal(journal->operations, 1);
	must(hyfw_journal_resume(journal, "create", err));
	must(hyfw_journal_commit(journal, err));
	must(hyfw_journal_resume(journal, "create", err));
	assert_int_equal(journal->operations, 3);
}

static void the_next_owner_goes_on_with_the_numbers(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path);

	(void)state;
	must(hyfw_journal_begin(journal, "run", err));
	put_intent(journal, "attach", "front");
	hyfw_journal_close(journal);
	journal = open_journal_at(path);
	must(hyfw_journal_begin(journal, "run", err));
	put_intent(journal, "attach", "back");
	assert_int_equal(journal->entries[1].id, 2);
	assert_int_equal(journal->entries[1].operation, 2);
	must(hyfw_journal_note(journal, 0, "old", "note", err));
	must(hyfw_journal_note(journal, 1, "new", "note", err));
	hyfw_journal_close(journal);
	journal = read_journal_at(path);
	assert_false(journal->damaged);
	assert_int_equal(journal->entries[0].operation, 1);
	assert_string_equal(note_of(&journal->entries[0], "old"), "note");
	assert_string_equal(note_of(&journal->entries[1], "new"), "note");
}

static void clearing_keeps_the_count_of_operations(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path), *read = NULL;
	struct stat st;

	(void)state;
	must(hyfw_journal_begin(journal, "run", err));
	put_intent(journal, "attach", "front");
	must(hyfw_journal_exit(journal, 1, false, err));
	must(hyfw_journal_undone(journal, 0, err));
	hyfw_journal_clear(journal);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	must(hyfw_journal_begin(journal, "run", err));
	put_intent(journal, "attach", "front");
	read = read_journal_at(path);
	assert_int_equal(read->operations, 2);
	assert_int_equal(read->count, 1);
	assert_int_equal(read->entries[0].id, 1);
	assert_int_equal(read->entries[0].operation, 2);
	assert_false(read->exited);
}

static void clearing_keeps_what_is_not_undone(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path), *read = NULL;

	(void)state;
	must(hyfw_journal_begin(journal, "run", err));
	put_intent(journal, "attach", "front");
	put_intent(journal, "attach", "back");
	must(hyfw_journal_undone(journal, 0, err));
	hyfw_journal_clear(journal);
	read = read_journal_at(path);
	assert_int_equal(hyfw_journal_live(read), 1);
	assert_int_equal(hyfw_journal_live(journal), 1);
}

static void the_newest_live_entry_is_found(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path);
	struct hyfw_entry *entry;

	(void)state;
	must(hyfw_journal_begin(journal, "run", err));
	put_intent(journal, "attach", "front");
	put_intent(journal, "attach", "back");
	put_intent(journal, "publish", "front");
	entry = journal->entries;
	assert_ptr_equal(hyfw_journal_find(journal, HYFW_KIND_NETWORK, "bridge", NULL, "attach"), &entry[1]);
	assert_ptr_equal(hyfw_journal_find(journal, HYFW_KIND_NETWORK, NULL, "front", NULL), &entry[2]);
	assert_ptr_equal(hyfw_journal_find(journal, HYFW_KIND_NETWORK, "bridge", "front", "attach"), &entry[0]);
	assert_null(hyfw_journal_find(journal, HYFW_KIND_STORAGE, "bridge", "front", "attach"));
	assert_null(hyfw_journal_find(journal, HYFW_KIND_NETWORK, "ovs", NULL, NULL));
	must(hyfw_journal_undone(journal, 1, err));
	assert_ptr_equal(hyfw_journal_find(journal, HYFW_KIND_NETWORK, "bridge", NULL, "attach"), &entry[0]);
}

/* The newest first, and notes before arguments: what was noted last wins. */
static void the_record_is_of_live_entries(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path);
	struct hyfw_pairs record = { 0 };
	struct hyfw_map map;

	(void)state;
	must(hyfw_journal_begin(journal, "run", err));
	put_intent(journal, "attach", "front");
	put_intent(journal, "publish", "front");
	put_intent(journal, "attach", "back");
	must(hyfw_journal_note(journal, 0, "port", "1", err));
	must(hyfw_journal_note(journal, 1, "port", "2", err));
	must(hyfw_journal_note(journal, 1, "key", "noted", err));
	must(hyfw_journal_note(journal, 2, "port", "3", err));
	hyfw_journal_record(journal, HYFW_KIND_NETWORK, "bridge", "front", &record);
	map = hyfw_pairs_map(&record);
	assert_int_equal(map.count, 3 + 2 * 3);
	assert_string_equal(hyfw_map_get(&map, "port"), "2");
	assert_string_equal(hyfw_map_get(&map, "key"), "noted");
	hyfw_pairs_finish(&record);
	must(hyfw_journal_undone(journal, 1, err));
	hyfw_journal_record(journal, HYFW_KIND_NETWORK, NULL, "front", &record);
	map = hyfw_pairs_map(&record);
	assert_string_equal(hyfw_map_get(&map, "port"), "1");
	assert_string_equal(hyfw_map_get(&map, "key"), "value of verb");
	hyfw_pairs_finish(&record);
}

/* ---- power failures ---- */

static int syncs;

/* Instead of that of the C library. */
int fdatasync(int fd)
{
	syncs++;
	return fsync(fd);
}

static void only_what_outlives_a_reboot_is_synced(void **state)
{
	HYFW_AUTO_FREE char *lasting = engine_path("lasting");
	HYFW_AUTO_JOURNAL struct hyfw_journal *fleeting = open_journal_at(path), *journal = NULL;

	(void)state;
	syncs = 0;
	must(hyfw_journal_begin(fleeting, "run", err));
	put_intent(fleeting, "attach", "front");
	assert_int_equal(syncs, 0);
	must(hyfw_journal_open(lasting, true, &journal, err));
	must(hyfw_journal_begin(journal, "create", err));
	assert_int_equal(syncs, 1);
	put_intent(journal, "make", "root");
	must(hyfw_journal_note(journal, 0, "key", "value", err));
	must(hyfw_journal_done(journal, 0, err));
	must(hyfw_journal_commit(journal, err));
	assert_int_equal(syncs, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_record_comes_back),
		TEST(a_commit_ends_what_is_unfinished),
		TEST(an_attempt_made_again_adds_nothing),
		TEST(the_next_owner_goes_on_with_the_numbers),
		TEST(clearing_keeps_the_count_of_operations),
		TEST(clearing_keeps_what_is_not_undone),
		TEST(the_newest_live_entry_is_found),
		TEST(the_record_is_of_live_entries),
		TEST(only_what_outlives_a_reboot_is_synced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
