/* SPDX-License-Identifier: BSD-3-Clause
 * The mark of a workload that has moved to another host: two must never run the same. */
#include "engine_fixture.h"

#include <errno.h>

#include "engine/autostart.h"
#include "engine/moved.h"
#include "engine/store.h"

static struct hyfw_definition definition;

static int set_up(void **state)
{
	HYFW_AUTO_FREE char *directory = NULL;

	if (engine_set_up(state) < 0)
		return -1;
	memset(&definition, 0, sizeof(definition));
	definition.name = hyfw_dup("vm");
	directory = hyfw_path_workload(false, "vm", NULL);
	return hyfw_make_directories(directory, 0700, NULL);
}

static int tear_down(void **state)
{
	hyfw_pairs_finish(&definition.settings);
	free(definition.name);
	return engine_tear_down(state);
}

static struct hyfw_operation migrate(const struct hyfw_map args)
{
	return (struct hyfw_operation){ .size = sizeof(struct hyfw_operation), .verb = "migrate", .object = "vm",
					.input_fd = -1, .output_fd = -1, .args = args };
}

static void only_a_migration_that_is_meant_moves_it(void **state)
{
	static const struct hyfw_pair to[] = { { "to", "qemu+ssh://b/system" } };
	static const struct hyfw_pair check[] = { { "to", "qemu+ssh://b/system" }, { "check", "true" } };
	struct hyfw_operation operation = migrate((struct hyfw_map){ 1, to });

	(void)state;
	assert_true(hyfw_moved_by(&operation));
	operation.verb = "save";
	assert_false(hyfw_moved_by(&operation));
	operation = migrate((struct hyfw_map){ 2, check });
	assert_false(hyfw_moved_by(&operation));
	operation = migrate((struct hyfw_map){ 0 });
	assert_false(hyfw_moved_by(&operation));
}

static void the_mark_names_the_place_and_keeps_it_from_starting(void **state)
{
	static const struct hyfw_pair to[] = { { "to", "qemu+ssh://b/system" } };
	const struct hyfw_operation operation = migrate((struct hyfw_map){ 1, to });
	HYFW_AUTO_FREE char *none = hyfw_moved_to("vm"), *place = NULL, *after = NULL;

	(void)state;
	assert_null(none);
	must(hyfw_moved_check("vm", err));
	must(hyfw_moved_mark(&definition, &operation, err));
	place = hyfw_moved_to("vm");
	assert_string_equal(place, "qemu+ssh://b/system");
	must_fail(hyfw_moved_check("vm", err), EBUSY, "it has moved to qemu+ssh://b/system; `hyfw rm vm`");
	hyfw_moved_forget("vm");
	after = hyfw_moved_to("vm");
	assert_null(after);
	must(hyfw_moved_check("vm", err));
}

/* It ends with its run, and leaves nothing that could start. */
static void a_transient_one_has_no_mark(void **state)
{
	static const struct hyfw_pair to[] = { { "to", "qemu+ssh://b/system" } };
	const struct hyfw_operation operation = migrate((struct hyfw_map){ 1, to });
	HYFW_AUTO_FREE char *place = NULL;

	(void)state;
	definition.transient = true;
	must(hyfw_moved_mark(&definition, &operation, err));
	place = hyfw_moved_to("vm");
	assert_null(place);
}

static void a_mark_that_cannot_be_read_is_one(void **state)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, "vm", "moved"), *place = NULL;

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	place = hyfw_moved_to("vm");
	assert_string_equal(place, "another host");
	must_fail(hyfw_moved_check("vm", err), EBUSY, "it has moved to another host");
}

/* Whatever its restart policy and autostart say. */
static void it_does_not_start_with_the_host(void **state)
{
	struct hyfw_state stands = { .definition = &definition, .status = HYFW_STATUS_EXITED };

	(void)state;
	hyfw_pairs_add(&definition.settings, "restart", "always");
	hyfw_autostart_mark(&definition);
	assert_true(hyfw_autostart_wants(&stands));
	must(hyfw_moved_again("vm", "qemu+ssh://b/system", err));
	assert_false(hyfw_autostart_wants(&stands));
	hyfw_pairs_add(&definition.settings, "autostart", "true");
	assert_false(hyfw_autostart_wants(&stands));
	hyfw_moved_forget("vm");
	assert_true(hyfw_autostart_wants(&stands));
}

static void one_with_failover_moves_only_when_it_must(void **state)
{
	static const struct hyfw_pair args[] = { { "to", "qemu+ssh://b/system" }, { "unsafe", "true" } };
	struct hyfw_operation operation = migrate((struct hyfw_map){ 1, args });

	(void)state;
	must(hyfw_moved_permit(&definition, &operation, err));
	hyfw_pairs_add(&definition.settings, "failover", "b");
	must_fail(hyfw_moved_permit(&definition, &operation, err), ENOTSUP, "its lease cannot move with it");
	operation.args.count = 2;
	must(hyfw_moved_permit(&definition, &operation, err));
	operation.verb = "save";
	operation.args.count = 1;
	must(hyfw_moved_permit(&definition, &operation, err));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(only_a_migration_that_is_meant_moves_it),
		CASE(the_mark_names_the_place_and_keeps_it_from_starting),
		CASE(a_transient_one_has_no_mark),
		CASE(a_mark_that_cannot_be_read_is_one),
		CASE(it_does_not_start_with_the_host),
		CASE(one_with_failover_moves_only_when_it_must),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
