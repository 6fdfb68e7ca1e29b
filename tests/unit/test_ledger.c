/* SPDX-License-Identifier: BSD-3-Clause
 * The ledger of a start: phases follow each other, and come back from the journal. */
#include "engine_fixture.h"

#include <json-c/json.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/ledger.h"
#include "engine/apply.h"
#include "engine/journal_format.h"
#include "plugin/host.h"

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
	hyfw_ledger_close();
	return engine_tear_down(state);
}

static uint64_t end_of(const struct hyfw_phase *phase)
{
	return phase->begin_us + phase->took_us;
}

static void nothing_is_kept_while_no_ledger_is_open(void **state)
{
	struct hyfw_phases taken = { 0 };

	(void)state;
	hyfw_ledger_phase("before", 0);
	assert_true(hyfw_ledger_open());
	assert_false(hyfw_ledger_open()); /* somebody else's */
	hyfw_ledger_phase("lost", 0);
	hyfw_ledger_close();
	hyfw_ledger_phase("behind", 0);
	hyfw_ledger_take(&taken);
	assert_int_equal(taken.count, 0);
	hyfw_phases_finish(&taken);
}

static void a_phase_begins_where_the_one_before_ended(void **state)
{
	struct hyfw_phases taken = { 0 };
	const uint64_t now = hyfw_host_table()->clock();

	(void)state;
	hyfw_ledger_open();
	hyfw_ledger_phase("one", now + 5000000);
	hyfw_ledger_phase("two", now + 12000000);
	hyfw_ledger_phase("earlier than it can be", now + 6000000);
	hyfw_ledger_phase("three", now + 20000000);
	hyfw_ledger_take(&taken);
	assert_int_equal(taken.count, 4);
	assert_string_equal(taken.items[0].name, "one");
	assert_in_range(taken.items[0].took_us, 1, 5000);
	assert_int_equal(end_of(&taken.items[0]), (now + 5000000) / 1000);
	assert_int_equal(taken.items[1].begin_us, end_of(&taken.items[0]));
	assert_int_equal(end_of(&taken.items[1]), (now + 12000000) / 1000);
	assert_int_equal(taken.items[2].took_us, 0);
	assert_int_equal(taken.items[3].begin_us, end_of(&taken.items[1]));
	hyfw_phases_finish(&taken);
}

static void what_lies_between_is_no_phase(void **state)
{
	struct hyfw_phases taken = { 0 };
	uint64_t before;

	(void)state;
	hyfw_ledger_open();
	usleep(2000);
	before = hyfw_now_us();
	hyfw_ledger_mark();
	hyfw_ledger_phase("short", 0);
	hyfw_ledger_since("long", before - 1000000);
	hyfw_ledger_since("not before it was opened", before + 1000000);
	hyfw_ledger_take(&taken);
	assert_int_equal(taken.count, 2);
	assert_true(taken.items[0].begin_us >= before);
	assert_int_equal(taken.items[1].begin_us, before - 1000000);
	assert_true(end_of(&taken.items[1]) < before); /* the ledger was opened then */
	hyfw_phases_finish(&taken);
}

static void there_is_room_for_so_many(void **state)
{
	struct hyfw_phases taken = { 0 };
	int i;

	(void)state;
	hyfw_ledger_open();
	for (i = 0; i < HYFW_PHASES_MOST + 10; i++)
		hyfw_ledger_phase("again", 0);
	hyfw_ledger_take(&taken);
	assert_int_equal(taken.count, HYFW_PHASES_MOST);
	hyfw_phases_finish(&taken);
}

static void *tell_one(void *data)
{
	(void)data;
	hyfw_ledger_phase("of a thread", 0);
	return NULL;
}

static void another_thread_has_another_ledger(void **state)
{
	struct hyfw_phases taken = { 0 };
	pthread_t thread;

	(void)state;
	hyfw_ledger_open();
	assert_int_equal(pthread_create(&thread, NULL, tell_one, NULL), 0);
	pthread_join(thread, NULL);
	hyfw_ledger_take(&taken);
	assert_int_equal(taken.count, 0);
}

/* ---- in the journal ---- */

static int tell_two(struct hyfw_call *call, void *data, struct hyfw_error **err)
{
	(void)call;
	(void)data;
	(void)err;
	hyfw_phase_tell(hyfw_host_table(), "clone", 0);
	hyfw_phase_tell(hyfw_host_table(), "mounts", 0);
	return 0;
}

static void apply(struct hyfw_journal *journal, hyfw_action action)
{
	const struct hyfw_planned planned = {
		.kind = HYFW_KIND_ISOLATION, .driver = "namespaces", .subject = "web", .workload = "web",
		.step = { .size = sizeof(planned.step), .verb = "create", .object = "container web" },
	};

	must(hyfw_apply(journal, NULL, &planned, action, NULL, err));
}

static void phases_of_a_step_come_back(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path), *read = NULL;
	size_t i;

	(void)state;
	must(hyfw_journal_begin(journal, "run", err));
	apply(journal, tell_two);
	apply(journal, tell_two);
	hyfw_ledger_phase("of no step", 0);
	must(hyfw_journal_commit(journal, err));
	read = read_journal_at(path);
	assert_false(read->damaged);
	assert_int_equal(read->count, 2);
	assert_int_equal(read->phases.count, 4);
	for (i = 0; i < 4; i++) {
		const struct hyfw_phase *phase = &read->phases.items[i];
		const struct hyfw_entry *entry = &read->entries[i / 2];

		assert_string_equal(phase->name, i % 2 ? "mounts" : "clone");
		assert_in_range(phase->begin_us, entry->intent_us, entry->done_us);
		assert_true(end_of(phase) <= entry->done_us);
		assert_int_equal(phase->begin_us, journal->phases.items[i].begin_us);
		assert_int_equal(phase->took_us, journal->phases.items[i].took_us);
	}
	assert_in_range(read->commit_us, read->entries[1].done_us, hyfw_now_us());
}

static void what_is_told_around_steps_counts_where_a_ledger_is_open(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(path), *read = NULL;

	(void)state;
	hyfw_ledger_open();
	hyfw_ledger_phase("read config.json", 0);
	must(hyfw_journal_begin(journal, "create", err));
	apply(journal, tell_two);
	hyfw_ledger_phase("hand over", 0);
	must(hyfw_journal_commit(journal, err));
	must(hyfw_journal_commit(journal, err));
	read = read_journal_at(path);
	assert_int_equal(read->phases.count, 4);
	assert_string_equal(read->phases.items[0].name, "read config.json");
	assert_string_equal(read->phases.items[3].name, "hand over");
	assert_true(end_of(&read->phases.items[0]) <= read->entries[0].intent_us);
	assert_true(read->phases.items[3].begin_us >= read->entries[0].done_us);
}

/* What somebody else wrote into it is damage. */
static void append_line(const char *json)
{
	struct json_object *record = json_tokener_parse(json);
	HYFW_AUTO_FREE char *line = hyfw_journal_line(record);
	HYFW_AUTO_CLOSE int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_non_null(record);
	assert_int_equal(hyfw_write_all(fd, line, strlen(line)), 0);
	json_object_put(record);
}

static void phases_are_checked_when_they_are_read(void **state)
{
	static const char *const bad[] = {
		"{\"r\":\"commit\",\"phases\":[\"clone\",1]}", "{\"r\":\"commit\",\"phases\":\"clone\"}",
		"{\"r\":\"commit\",\"phases\":[1,1,1]}",	 "{\"r\":\"commit\",\"phases\":[\"clone\",-1,1]}",
		"{\"r\":\"commit\",\"phases\":[\"clone\",1,-1]}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(bad); i++) {
		HYFW_AUTO_JOURNAL struct hyfw_journal *read = NULL;

		append_line("{\"r\":\"commit\",\"t\":7,\"phases\":[\"clone\",1,2]}");
		append_line(bad[i]);
		read = read_journal_at(path);
		assert_true(read->damaged);
		assert_int_equal(read->phases.count, 1);
		assert_int_equal(read->phases.items[0].took_us, 2);
		assert_int_equal(unlink(path), 0);
	}
}

/* zlib's crc32() of the text. */
static void lines_have_the_checksum_of_the_standard(void **state)
{
	struct json_object *record = json_tokener_parse("{\"r\":\"exit\",\"status\":137}");
	HYFW_AUTO_FREE char *line = hyfw_journal_line(record);

	(void)state;
	assert_string_equal(line, "44bec76a {\"r\":\"exit\",\"status\":137}\n");
	json_object_put(record);
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_PLACE(nothing_is_kept_while_no_ledger_is_open),
		IN_A_PLACE(a_phase_begins_where_the_one_before_ended),
		IN_A_PLACE(what_lies_between_is_no_phase),
		IN_A_PLACE(there_is_room_for_so_many),
		IN_A_PLACE(another_thread_has_another_ledger),
		IN_A_PLACE(phases_of_a_step_come_back),
		IN_A_PLACE(what_is_told_around_steps_counts_where_a_ledger_is_open),
		IN_A_PLACE(phases_are_checked_when_they_are_read),
		IN_A_PLACE(lines_have_the_checksum_of_the_standard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
