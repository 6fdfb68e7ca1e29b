/* SPDX-License-Identifier: BSD-3-Clause
 * Loading, the contract, the scan that survives crashes, and the fakes themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "loader_fixture.h"
#include "plugin/host.h"
#include "plugin/inspect.h"

/* ---- after loading ---- */

static void descriptors_are_held_to_the_contract(void **state)
{
	(void)state;
	fixture_need_root();
	fixture_copy("bad-descriptor");
	fixture_refused("bad-descriptor", "wrong magic in its descriptor");
	fixture_copy("bad-apply");
	fixture_refused("bad-apply", "has no undo(), which is mandatory");
	fixture_copy_as("fake-network", "another-name");
	fixture_refused("another-name", "calls itself 'fake-network'");
	fixture_copy("fake-storage");
	fixture_refused("fake-storage", "is a driver for storage, not for network");
}

static void an_older_driver_works(void **state)
{
	struct hyfw_driver *driver;
	struct hyfw_map none = { 0 };
	struct hyfw_stats stats = { .size = sizeof(stats) };
	struct hyfw_error *err = NULL;

	(void)state;
	fixture_need_root();
	fixture_copy("odd-old");
	driver = fixture_get(HYFW_KIND_NETWORK, "odd-old");
	hyfw_stats_init(&stats);
	assert_int_equal(hyfw_network_stats(driver, &none, &stats, &err), 0);
	assert_true(stats.net_rx_bytes == HYFW_STAT_NONE);
	assert_int_equal(hyfw_network_link(driver, "n", &none, &none, true, &err), -EOPNOTSUPP);
	assert_string_equal(err->message, "network odd-old: cannot link workloads");
	hyfw_forget(&err);
}

static void a_newer_driver_is_cut(void **state)
{
	const struct hyfw_plugin *plugin;

	(void)state;
	fixture_need_root();
	fixture_copy("odd-newer");
	plugin = hyfw_driver_plugin(fixture_get(HYFW_KIND_NETWORK, "odd-newer"));
	assert_int_equal(plugin->option_stride, sizeof(struct hyfw_option));
	assert_string_equal(plugin->options[0].name, "first");
	assert_string_equal(plugin->options[1].name, "second");
	assert_int_equal(plugin->options[1].type, HYFW_OPTION_BOOL);
	assert_null(plugin->options[2].name);
}

static void a_driver_that_breaks_its_word_is_told_so(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	struct hyfw_driver *driver;
	struct hyfw_probe probe;

	(void)state;
	fixture_need_root();
	fixture_copy("odd-silent");
	driver = fixture_get(HYFW_KIND_NETWORK, "odd-silent");
	assert_int_equal(hyfw_driver_probe(driver, arena, &probe, &err), -EIO);
	assert_string_equal(err->message, "network odd-silent: probe() failed without saying why: Input/output error");
	hyfw_forget(&err);
}

/* ---- the scan ---- */

static const struct hyfw_plugin_report *find(const struct hyfw_plugin_report *reports, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(reports[i].name, name) == 0)
			return &reports[i];
	fail_msg("no report of %s", name);
	return NULL;
}

static void the_scan_survives_and_reports_all(void **state)
{
	static const struct {
		const char *name, *refusal;
	} expected[] = {
		{ "bad-crash", "its constructor crashed with SIGSEGV" },
		{ "bad-exit", "its constructor ended the process with status 0" },
		{ "bad-hang", "its constructor did not return within 5 seconds" },
		{ "bad-probe", "its probe() crashed with SIGSEGV" },
		{ "bad-ops", "has no attachment(), which is mandatory" },
		{ "bad-magic", "wrong magic 12345678 in its note, must be 48594657" },
		{ "fake-isolation", NULL },
		{ "fake-network", NULL },
		{ "fake-security", NULL },
		{ "fake-storage", NULL },
	};
	struct hyfw_plugin_report *reports;
	struct hyfw_error *err = NULL;
	size_t count, i;

	(void)state;
	fixture_need_root();
	for (i = 0; i < HYFW_COUNT(expected); i++)
		fixture_copy(expected[i].name);
	fixture_put("README", "not a plugin", 12);
	fixture_put("fake-network.so.dpkg-new", "half a file", 11);
	assert_int_equal(hyfw_registry_scan(&reports, &count, &err), 0);
	assert_int_equal(count, HYFW_COUNT(expected));
	for (i = 0; i < HYFW_COUNT(expected); i++) {
		const struct hyfw_plugin_report *report = find(reports, count, expected[i].name);

		if (i > 0)
			assert_true(strcmp(reports[i - 1].name, reports[i].name) < 0);
		if (expected[i].refusal)
			assert_string_equal(report->refusal, expected[i].refusal);
		else
			assert_string_equal(report->plugin->name, expected[i].name);
		assert_true(!report->plugin == !!report->refusal);
	}
	hyfw_plugin_reports_free(reports, count);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void inspection_tells_each_step_of_trust(void **state)
{
	HYFW_AUTO_FREE char *wanted = hyfw_format("%s/fake-network.so", fixture_plugins);
	HYFW_AUTO_FREE char *path = NULL;
	struct hyfw_trust_trail trail = { 0 };
	struct hyfw_driver *driver = NULL;
	struct hyfw_error *err = NULL;

	(void)state;
	fixture_need_root();
	fixture_copy("fake-network");
	assert_int_equal(hyfw_plugin_inspect(wanted, &trail, &path, &driver, &err), 0);
	assert_string_equal(path, wanted);
	assert_int_equal(trail.count, 6); /* "/", var, lib, hyfw-loader-, fixture_plugins, the file */
	assert_string_equal(trail.steps[0].path, "/");
	assert_string_equal(trail.steps[3].path, fixture_top);
	assert_string_equal(trail.steps[5].path, wanted);
	assert_int_equal(trail.steps[5].mode, 0644);
	assert_null(trail.steps[5].refusal);
	hyfw_trust_trail_finish(&trail);
	free(HYFW_STEAL(path));
	assert_int_equal(chmod(wanted, 0646), 0);
	assert_int_equal(hyfw_plugin_inspect("fake-network", &trail, &path, &driver, &err), -EPERM);
	assert_string_equal(trail.steps[5].refusal, "is writable by everybody");
	hyfw_trust_trail_finish(&trail);
	hyfw_forget(&err);
}

/* ---- the fakes themselves ---- */

static int planned;
static int count_step(struct hyfw_plan *plan, const struct hyfw_step *step, struct hyfw_error **err)
{
	(void)plan;
	(void)step;
	(void)err;
	planned++;
	return 0;
}
static int ignore_note(struct hyfw_call *call, const char *key, const char *value, struct hyfw_error **err)
{
	(void)call;
	(void)key;
	(void)value;
	(void)err;
	return 0;
}

static void fakes_fail_where_they_are_told_and_leave_traces(void **state)
{
	static const struct hyfw_host_hooks hooks = { count_step, ignore_note };
	static const struct hyfw_pair settings[] = { { "fail_at", "2" } };
	static const struct hyfw_pair args[] = { { "trace", "guard.web" } };
	HYFW_AUTO_FREE char *trace = hyfw_format("%s/run/drivers/fake-security/guard.web", fixture_top);
	struct hyfw_step step = { .size = sizeof(step), .verb = "guard", .args = { 1, args } };
	struct hyfw_call call = { .size = sizeof(call), .step = &step };
	struct hyfw_subject subject = { .size = sizeof(subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = "web" };
	struct hyfw_map map = { 1, settings };
	struct hyfw_error *err = NULL;
	struct hyfw_driver *driver;

	(void)state;
	fixture_need_root();
	fixture_copy("fake-security");
	hyfw_host_set_hooks(&hooks);
	driver = fixture_get(HYFW_KIND_SECURITY, "fake-security");
	hyfw_driver_configure(driver, &map);
	assert_int_equal(hyfw_driver_plan(driver, &subject, NULL, NULL, &err), 0);
	assert_int_equal(planned, 1);
	assert_int_equal(hyfw_driver_apply(driver, &call, &err), 0);
	assert_int_equal(access(trace, F_OK), 0);
	assert_int_equal(hyfw_driver_undo(driver, &call, &err), 0);
	assert_int_equal(access(trace, F_OK), -1);
	assert_int_equal(hyfw_driver_undo(driver, &call, &err), 0);
	assert_int_equal(hyfw_driver_apply(driver, &call, &err), -EIO);
	assert_string_equal(err->message, "security fake-security: step 2 failed as asked");
	hyfw_forget(&err);
	assert_int_equal(access(trace, F_OK), 0);
	step.flags = HYFW_STEP_NOTE;
	assert_int_equal(hyfw_driver_undo(driver, &call, &err), 0);
	assert_int_equal(access(trace, F_OK), 0); /* a note is never undone */
}

static void loading_is_quick(void **state)
{
	static const enum hyfw_kind kinds[] = { HYFW_KIND_ISOLATION, HYFW_KIND_NETWORK, HYFW_KIND_STORAGE,
						HYFW_KIND_SECURITY };
	uint64_t start, took;
	size_t i;

	(void)state;
	fixture_need_root();
	for (i = 0; i < HYFW_COUNT(kinds); i++) {
		HYFW_AUTO_FREE char *name = hyfw_format("fake-%s", hyfw_kind_name(kinds[i]));

		fixture_copy(name);
	}
	start = hyfw_host_table()->clock();
	for (i = 0; i < HYFW_COUNT(kinds); i++) {
		HYFW_AUTO_FREE char *name = hyfw_format("fake-%s", hyfw_kind_name(kinds[i]));

		fixture_get(kinds[i], name);
	}
	took = hyfw_host_table()->clock() - start;
	print_message("four drivers in %llu us\n", (unsigned long long)took / 1000);
	assert_true(took < 100000000u); /* sanitizers and busy machines included */
}

#define TEST(name) cmocka_unit_test_setup(name, fixture_clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(loading_is_quick), /* first: nothing is loaded yet */
		TEST(descriptors_are_held_to_the_contract),
		TEST(an_older_driver_works),
		TEST(a_newer_driver_is_cut),
		TEST(a_driver_that_breaks_its_word_is_told_so),
		TEST(the_scan_survives_and_reports_all),
		TEST(inspection_tells_each_step_of_trust),
		TEST(fakes_fail_where_they_are_told_and_leave_traces),
	};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
