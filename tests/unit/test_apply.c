/* SPDX-License-Identifier: BSD-3-Clause
 * Steps with their journal: the change between intent and done, and the way back,
 * with the fake drivers of tests/drivers. */
#include "engine_drivers.h"

#include <errno.h>
#include <signal.h>

#include "engine/apply.h"

static struct hyfw_journal *journal;
static struct hyfw_definition *definition;

static int set_up(void **state)
{
	if (drivers_clear(state) < 0)
		return -1;
	if (geteuid() != 0)
		return 0;
	definition = drivers_definition("web", NULL);
	journal = open_journal_at(drivers_file("journal"));
	must(hyfw_journal_begin(journal, "run", err));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hyfw_journal_close(HYFW_STEAL(journal));
	hyfw_definition_free(HYFW_STEAL(definition));
	return 0;
}

static int by_driver(struct hyfw_call *call, void *data, struct hyfw_error **err)
{
	struct hyfw_driver *driver = NULL;

	(void)data;
	if (hyfw_definition_driver(definition, HYFW_KIND_NETWORK, "fake-network", &driver, err) < 0)
		return -EIO;
	return hyfw_driver_apply(driver, call, err);
}

static int apply(const char *verb, enum hyfw_lifetime lifetime, struct hyfw_error **err)
{
	const struct hyfw_pair args[] = { { "trace", verb } };
	const struct hyfw_planned planned = {
		.kind = HYFW_KIND_NETWORK,
		.driver = "fake-network",
		.subject = "front",
		.workload = "web",
		.step = { .size = sizeof(struct hyfw_step), .verb = verb, .object = verb, .summary = verb,
			  .lifetime = lifetime, .args = { 1, args } },
	};

	return hyfw_apply(journal, definition, &planned, by_driver, NULL, err);
}

static void do_three(void)
{
	must(apply("one", HYFW_LIFETIME_RUN, err));
	must(apply("two", HYFW_LIFETIME_RUN, err));
	must(apply("three", HYFW_LIFETIME_RUN, err));
}

/* The verbs of the records "undone" in the file, in their order. */
static char *undone_in_file(void)
{
	HYFW_AUTO_FREE char *text = NULL;
	char *out = hyfw_dup(""), *rest, *line;

	must(hyfw_file_read(AT_FDCWD, drivers_file("journal"), 1 << 20, &text, NULL, err));
	for (rest = text; (line = strsep(&rest, "\n"));) {
		const char *at = strstr(line, "\"r\":\"undone\"") ? strstr(line, "\"id\":") : NULL;
		char *longer;

		if (!at)
			continue;
		longer = hyfw_format("%s%d ", out, atoi(at + 5));
		free(out);
		out = longer;
	}
	return out;
}

static void a_step_leaves_its_trace_and_its_notes(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *read = NULL;
	struct hyfw_map notes;

	(void)state;
	drivers_need_root();
	must(apply("one", HYFW_LIFETIME_WORKLOAD, err));
	assert_true(drivers_trace("one"));
	read = read_journal_at(drivers_file("journal"));
	assert_int_equal(read->count, 1);
	assert_int_equal(read->entries[0].state, HYFW_ENTRY_DONE);
	assert_int_equal(read->entries[0].lifetime, HYFW_LIFETIME_WORKLOAD);
	assert_string_equal(read->entries[0].workload, "web");
	notes = hyfw_pairs_map(&read->entries[0].notes);
	assert_non_null(strstr(hyfw_map_get(&notes, "trace"), "/one"));
}

static void undo_goes_backwards(void **state)
{
	HYFW_AUTO_FREE char *order = NULL;

	(void)state;
	drivers_need_root();
	do_three();
	must(hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 0, err));
	order = undone_in_file();
	assert_string_equal(order, "3 2 1 ");
	assert_int_equal(drivers_traces(), 0);
	must(hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 0, err)); /* nothing more to do */
	free(order);
	order = undone_in_file();
	assert_string_equal(order, "3 2 1 ");
}

static void a_failing_undo_goes_on_and_keeps_the_entry(void **state)
{
	(void)state;
	drivers_need_root();
	drivers_set(definition, "fake-network", "undo_fail_at", "2");
	do_three();
	must_fail(hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 0, err), EIO,
		  "undo two: network fake-network: undo 2 failed as asked");
	assert_true(drivers_trace("two"));
	assert_int_equal(drivers_traces(), 1);
	assert_int_equal(hyfw_journal_live(journal), 1);
	must(hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 0, err));
	assert_int_equal(drivers_traces(), 0);
	assert_int_equal(hyfw_journal_live(journal), 0);
}

static void the_first_failure_is_told(void **state)
{
	(void)state;
	drivers_need_root();
	drivers_set(definition, "fake-network", "fail_in", "undo");
	do_three();
	must_fail(hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 0, err), EIO, "undo three: network");
	assert_int_equal(hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 0, NULL), -EIO);
	assert_int_equal(hyfw_journal_live(journal), 3);
}

static void a_step_that_fails_is_undone_at_once(void **state)
{
	(void)state;
	drivers_need_root();
	drivers_set(definition, "fake-network", "fail_at", "2");
	must(apply("one", HYFW_LIFETIME_RUN, err));
	must_fail(apply("two", HYFW_LIFETIME_RUN, err), EIO, "network fake-network: step 2 failed as asked");
	assert_true(drivers_trace("one"));
	assert_false(drivers_trace("two"));
	assert_int_equal(journal->entries[1].state, HYFW_ENTRY_UNDONE);
	assert_int_equal(hyfw_journal_live(journal), 1);
}

static void only_those_lifetimes_are_undone(void **state)
{
	(void)state;
	drivers_need_root();
	must(apply("one", HYFW_LIFETIME_RUN, err));
	must(apply("two", HYFW_LIFETIME_WORKLOAD, err));
	must(apply("three", HYFW_LIFETIME_SHARED, err));
	must(hyfw_undo(journal, definition, 1u << HYFW_LIFETIME_RUN | 1u << HYFW_LIFETIME_SHARED, 0, err));
	assert_true(drivers_trace("two"));
	assert_int_equal(drivers_traces(), 1);
	must(hyfw_undo(journal, definition, 1u << HYFW_LIFETIME_WORKLOAD, 0, err));
	assert_int_equal(drivers_traces(), 0);
}

static void only_later_operations_are_undone(void **state)
{
	(void)state;
	drivers_need_root();
	must(apply("one", HYFW_LIFETIME_RUN, err));
	must(hyfw_journal_begin(journal, "run", err));
	must(apply("two", HYFW_LIFETIME_RUN, err));
	must(hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 2, err));
	assert_true(drivers_trace("one"));
	assert_int_equal(drivers_traces(), 1);
	must(hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 1, err));
	assert_int_equal(drivers_traces(), 0);
}

static void a_note_of_a_plan_is_no_step(void **state)
{
	const struct hyfw_planned planned = { .kind = HYFW_KIND_NETWORK, .driver = "nobody",
					      .step = { .verb = "v", .object = "o", .summary = "s",
							.flags = HYFW_STEP_NOTE } };

	(void)state;
	drivers_need_root();
	must(hyfw_apply(journal, definition, &planned, by_driver, NULL, err));
	assert_int_equal(journal->count, 0);
}

/* ---- by another process ---- */

/* Dies in its second step, as asked. */
static bool dies(const char *argument)
{
	(void)argument;
	hyfw_journal_close(journal);
	drivers_set(definition, "fake-network", "die_at", "2");
	journal = open_journal_at(drivers_file("journal"));
	apply("one", HYFW_LIFETIME_RUN, NULL);
	apply("two", HYFW_LIFETIME_RUN, NULL);
	return true;
}

static void what_a_crash_left_is_undone_by_its_notes(void **state)
{
	(void)state;
	drivers_need_root();
	hyfw_journal_close(HYFW_STEAL(journal));
	assert_false(in_child(dies, NULL));
	assert_int_equal(drivers_traces(), 2);
	journal = open_journal_at(drivers_file("journal"));
	assert_true(hyfw_journal_unfinished(journal));
	assert_int_equal(journal->entries[0].state, HYFW_ENTRY_DONE);
	assert_int_equal(journal->entries[1].state, HYFW_ENTRY_INTENT);
	must(hyfw_undo(journal, NULL, HYFW_ALL_LIFETIMES, 0, err)); /* the definition is lost as well */
	assert_int_equal(drivers_traces(), 0);
}

static int wants_its_note(struct hyfw_call *call, void *data, struct hyfw_error **err)
{
	assert_int_equal(hyfw_apply_note(call, "colour", "red", err), 0);
	assert_int_equal(hyfw_apply_note(call, "colour", "blue", err), 0);
	assert_string_equal(hyfw_map_get(&call->record, "colour"), "blue");
	assert_int_equal(call->netns_fd, -1);
	assert_string_equal(call->workload, "web");
	assert_string_equal(call->step->verb, "three");
	*(bool *)data = true;
	return hyfw_fail(err, EPERM, "it may not");
}

static void notes_are_in_the_record_at_once(void **state)
{
	const struct hyfw_planned planned = {
		.kind = HYFW_KIND_NETWORK, .driver = "fake-network", .subject = "front", .workload = "web",
		.step = { .verb = "three", .object = "three", .summary = "three" },
	};
	struct hyfw_call outside = { .size = sizeof(outside) };
	bool called = false;

	(void)state;
	drivers_need_root();
	must_fail(hyfw_apply(journal, definition, &planned, wants_its_note, &called, err), EPERM, "it may not");
	assert_true(called);
	assert_int_equal(journal->entries[0].state, HYFW_ENTRY_UNDONE);
	must_fail(hyfw_apply_note(&outside, "a", "b", err), EINVAL, "outside of a step");
}

static void a_driver_that_is_gone_keeps_the_entry(void **state)
{
	(void)state;
	drivers_need_root();
	do_three();
	hyfw_registry_close();
	drivers_remove("fake-network");
	must_fail(hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 0, err), ENOENT,
		  "undo three: there is no network driver");
	assert_int_equal(hyfw_journal_live(journal), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_step_leaves_its_trace_and_its_notes),
		TEST(undo_goes_backwards),
		TEST(a_failing_undo_goes_on_and_keeps_the_entry),
		TEST(the_first_failure_is_told),
		TEST(a_step_that_fails_is_undone_at_once),
		TEST(only_those_lifetimes_are_undone),
		TEST(only_later_operations_are_undone),
		TEST(a_note_of_a_plan_is_no_step),
		TEST(what_a_crash_left_is_undone_by_its_notes),
		TEST(notes_are_in_the_record_at_once),
		TEST(a_driver_that_is_gone_keeps_the_entry),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
