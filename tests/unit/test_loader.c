/* SPDX-License-Identifier: BSD-3-Clause
 * Trust, note, loading, contract: with the plugins of tests/drivers, copied into a
 * directory that only root can write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"
#include "plugin/driver.h"
#include "plugin/host.h"
#include "plugin/inspect.h"
#include "plugin/registry.h"

/* Not below /tmp or /run: the first is never trusted, the second may be noexec. */
static char top[] = "/var/lib/hyfw-loader-XXXXXX";
static char *plugins, *proof;
static struct hyfw_context context;

static void put(const char *name, const char *data, size_t size)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", plugins, name);
	struct hyfw_error *err = NULL;

	unlink(path);
	assert_int_equal(hyfw_file_write(path, data, size, 0644, false, &err), 0);
}

static void read_built(const char *built, char **ret_data, size_t *ret_size)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s.so", FAKE_DRIVERS, built);
	struct hyfw_error *err = NULL;

	assert_int_equal(hyfw_file_read(AT_FDCWD, path, 16u << 20, ret_data, ret_size, &err), 0);
}

/* tests/drivers/BUILT.so as NAME.so */
static void copy_as(const char *built, const char *name)
{
	HYFW_AUTO_FREE char *file = hyfw_format("%s.so", name);
	HYFW_AUTO_FREE char *data = NULL;
	size_t size;

	read_built(built, &data, &size);
	put(file, data, size);
}

static void copy(const char *built)
{
	copy_as(built, built);
}

static int set_up(void **state)
{
	struct hyfw_context_options options = { 0 };
	HYFW_AUTO_FREE char *runtime = NULL, *data = NULL;
	struct hyfw_error *err = NULL;

	(void)state;
	if (geteuid() != 0)
		return 0;
	assert_non_null(mkdtemp(top));
	plugins = hyfw_format("%s/plugins", top);
	proof = hyfw_format("%s/proof", top);
	setenv("HYFW_PROOF", proof, 1);
	assert_int_equal(mkdir(plugins, 0755), 0);
	options.runtime = runtime = hyfw_format("%s/run", top);
	options.data = data = hyfw_format("%s/data", top);
	options.plugin_path = plugins;
	assert_int_equal(hyfw_context_init(&context, &options, &err), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct hyfw_error *err = NULL;

	(void)state;
	if (geteuid() != 0)
		return 0;
	hyfw_registry_close();
	hyfw_context_finish(&context);
	free(plugins);
	free(proof);
	return hyfw_remove_tree(AT_FDCWD, top, &err);
}

/* Each test starts with an empty plugin directory. */
static int clear(void **state)
{
	struct hyfw_error *err = NULL;

	(void)state;
	if (geteuid() != 0)
		return 0;
	hyfw_registry_close();
	unlink(proof);
	assert_int_equal(hyfw_remove_tree(AT_FDCWD, plugins, &err), 0);
	assert_int_equal(mkdir(plugins, 0755), 0);
	return 0;
}

static void need_root(void)
{
	if (geteuid() != 0) {
		print_message("skipped: needs root, to make a directory that is trusted\n");
		skip();
	}
}

static bool ran(void)
{
	return access(proof, F_OK) == 0;
}

/* Loads NAME as a network driver and expects 'text' in the refusal. */
static void refused(const char *name, const char *text)
{
	struct hyfw_driver *driver = NULL;
	struct hyfw_error *err = NULL;

	assert_true(hyfw_registry_get(HYFW_KIND_NETWORK, name, &driver, &err) < 0);
	assert_null(driver);
	if (!strstr(err->message, text))
		fail_msg("refused %s with \"%s\", not \"%s\"", name, err->message, text);
	assert_int_equal(err->status, 125);
	hyfw_forget(&err);
}

static struct hyfw_driver *get(enum hyfw_kind kind, const char *name)
{
	struct hyfw_driver *driver = NULL;
	struct hyfw_error *err = NULL;

	if (hyfw_registry_get(kind, name, &driver, &err) < 0)
		fail_msg("%s", err->message);
	return driver;
}

/* ---- trust ---- */

static void owner_and_mode_of_the_file_are_judged(void **state)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/fake-network.so", plugins);

	(void)state;
	need_root();
	copy("fake-network");
	assert_int_equal(chmod(path, 0666), 0);
	refused("fake-network", "is writable by everybody");
	assert_int_equal(chmod(path, 0664), 0);
	refused("fake-network", "is writable by group 0");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chown(path, 1000, 0), 0);
	refused("fake-network", "is owned by user 1000");
	assert_int_equal(chown(path, 0, 0), 0);
	get(HYFW_KIND_NETWORK, "fake-network");
}

static void links_and_other_files_are_refused(void **state)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/fake-network.so", plugins);
	HYFW_AUTO_FREE char *other = hyfw_format("%s/other.so", plugins);

	(void)state;
	need_root();
	copy_as("fake-network", "other");
	assert_int_equal(symlink(other, path), 0);
	refused("fake-network", "is a symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	refused("fake-network", "not a regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	refused("fake-network", "not a regular file");
}

static void every_directory_on_the_way_is_judged(void **state)
{
	HYFW_AUTO_FREE char *link_to = hyfw_format("%s/link", top);
	char *kept = context.plugin_path;

	(void)state;
	need_root();
	copy("fake-network");
	assert_int_equal(chmod(top, 01777), 0); /* as /tmp */
	refused("fake-network", "is writable by everybody");
	assert_int_equal(chmod(top, 0755), 0);
	assert_int_equal(chown(plugins, 1000, 0), 0);
	refused("fake-network", "is owned by user 1000");
	assert_int_equal(chown(plugins, 0, 0), 0);
	assert_int_equal(symlink(plugins, link_to), 0);
	context.plugin_path = link_to;
	refused("fake-network", "is a symbolic link");
	context.plugin_path = (char[]){ "relative" };
	refused("fake-network", "must be an absolute path");
	context.plugin_path = hyfw_format("%s/../%s", plugins, "plugins");
	refused("fake-network", "must not contain '..'");
	free(context.plugin_path);
	context.plugin_path = hyfw_format("%s/missing", top);
	refused("fake-network", "No such file or directory");
	free(context.plugin_path);
	context.plugin_path = kept;
	unlink(link_to);
	get(HYFW_KIND_NETWORK, "fake-network");
}

static void names_cannot_lead_elsewhere(void **state)
{
	(void)state;
	need_root();
	copy("fake-network");
	refused("../plugins/fake-network", "cannot be a driver's name");
	refused("Fake", "cannot be a driver's name");
	refused("", "cannot be a driver's name");
	refused("fake-netwrk", "did you mean 'fake-network'?");
	refused("zzzzzzzz", "`hyfw plugin list` shows all");
}

/* ---- before any code runs ---- */

static void a_bad_file_is_refused_before_its_constructor_runs(void **state)
{
	static const struct {
		const char *name, *text;
	} bad[] = {
		{ "bad-magic", "wrong magic 12345678 in its note" },
		{ "bad-new", "too new: needs driver API 1.999" },
		{ "bad-major", "built for driver API 7.0, this hyfw has 1.0" },
		{ "bad-note", "not a hyfw plugin" },
		{ "bad-note-kind", "kind 9" },
		{ "bad-two", "hyfw_tests_second_symbol" },
		{ "bad-runpath", "$ORIGIN" },
		{ "bad-undefined", "undefined symbol: hyfw_tests_nobody_has_this" },
	};
	size_t i;

	(void)state;
	need_root();
	for (i = 0; i < HYFW_COUNT(bad); i++) {
		copy(bad[i].name);
		refused(bad[i].name, bad[i].text);
		assert_false(ran());
	}
	copy("odd-old"); /* the proof proves something */
	get(HYFW_KIND_NETWORK, "odd-old");
	assert_true(ran());
}

static void what_is_not_elf_is_refused(void **state)
{
	HYFW_AUTO_FREE char *data = NULL;
	size_t size;

	(void)state;
	need_root();
	put("text.so", "#!/bin/sh\nexit 0\n", 17);
	refused("text", "not an ELF file");
	put("empty.so", "", 0);
	refused("empty", "not an ELF file");
	read_built("odd-old", &data, &size);
	data[4] = 1; /* EI_CLASS: 32 bits */
	put("narrow.so", data, size);
	refused("narrow", "another class");
	data[4] = 2;
	data[18] = 8; /* e_machine: MIPS */
	data[19] = 0;
	put("mips.so", data, size);
	refused("mips", "another machine");
	assert_false(ran());
}

/* Cut at many lengths, and with every byte of its headers changed: never a crash of
 * what reads the file.  It has no note, so the dynamic loader, which trusts what it
 * maps, never sees it. */
static void damaged_files_do_not_harm_the_reader(void **state)
{
	HYFW_AUTO_FREE char *data = NULL;
	size_t size, at;

	(void)state;
	need_root();
	read_built("bad-note", &data, &size); /* never gets as far as dlopen */
	for (at = 0; at < size; at += at < 1024 ? 7 : 511) {
		put("cut.so", data, at);
		refused("cut", "");
	}
	for (at = 16; at < 1024 && at < size; at++) {
		char kept = data[at];

		data[at] = (char)~kept;
		put("flip.so", data, size);
		refused("flip", "");
		data[at] = kept;
	}
	assert_false(ran());
}

/* ---- after loading ---- */

static void descriptors_are_held_to_the_contract(void **state)
{
	(void)state;
	need_root();
	copy("bad-descriptor");
	refused("bad-descriptor", "wrong magic in its descriptor");
	copy("bad-apply");
	refused("bad-apply", "has no undo(), which is mandatory");
	copy_as("fake-network", "another-name");
	refused("another-name", "calls itself 'fake-network'");
	copy("fake-storage");
	refused("fake-storage", "is a driver for storage, not for network");
}

static void an_older_driver_works(void **state)
{
	struct hyfw_driver *driver;
	struct hyfw_map none = { 0 };
	struct hyfw_stats stats = { .size = sizeof(stats) };
	struct hyfw_error *err = NULL;

	(void)state;
	need_root();
	copy("odd-old");
	driver = get(HYFW_KIND_NETWORK, "odd-old");
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
	need_root();
	copy("odd-newer");
	plugin = hyfw_driver_plugin(get(HYFW_KIND_NETWORK, "odd-newer"));
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
	need_root();
	copy("odd-silent");
	driver = get(HYFW_KIND_NETWORK, "odd-silent");
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
	need_root();
	for (i = 0; i < HYFW_COUNT(expected); i++)
		copy(expected[i].name);
	put("README", "not a plugin", 12);
	put("fake-network.so.dpkg-new", "half a file", 11);
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
	HYFW_AUTO_FREE char *wanted = hyfw_format("%s/fake-network.so", plugins);
	HYFW_AUTO_FREE char *path = NULL;
	struct hyfw_trust_trail trail = { 0 };
	struct hyfw_driver *driver = NULL;
	struct hyfw_error *err = NULL;

	(void)state;
	need_root();
	copy("fake-network");
	assert_int_equal(hyfw_plugin_inspect(wanted, &trail, &path, &driver, &err), 0);
	assert_string_equal(path, wanted);
	assert_int_equal(trail.count, 6); /* "/", var, lib, hyfw-loader-, plugins, the file */
	assert_string_equal(trail.steps[0].path, "/");
	assert_string_equal(trail.steps[3].path, top);
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
	HYFW_AUTO_FREE char *trace = hyfw_format("%s/run/drivers/fake-security/guard.web", top);
	struct hyfw_step step = { .size = sizeof(step), .verb = "guard", .args = { 1, args } };
	struct hyfw_call call = { .size = sizeof(call), .step = &step };
	struct hyfw_subject subject = { .size = sizeof(subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = "web" };
	struct hyfw_map map = { 1, settings };
	struct hyfw_error *err = NULL;
	struct hyfw_driver *driver;

	(void)state;
	need_root();
	copy("fake-security");
	hyfw_host_set_hooks(&hooks);
	driver = get(HYFW_KIND_SECURITY, "fake-security");
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
	need_root();
	for (i = 0; i < HYFW_COUNT(kinds); i++) {
		HYFW_AUTO_FREE char *name = hyfw_format("fake-%s", hyfw_kind_name(kinds[i]));

		copy(name);
	}
	start = hyfw_host_table()->clock();
	for (i = 0; i < HYFW_COUNT(kinds); i++) {
		HYFW_AUTO_FREE char *name = hyfw_format("fake-%s", hyfw_kind_name(kinds[i]));

		get(kinds[i], name);
	}
	took = hyfw_host_table()->clock() - start;
	print_message("four drivers in %llu us\n", (unsigned long long)took / 1000);
	assert_true(took < 100000000u); /* sanitizers and busy machines included */
}

#define TEST(name) cmocka_unit_test_setup(name, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(loading_is_quick),
		TEST(owner_and_mode_of_the_file_are_judged),
		TEST(links_and_other_files_are_refused),
		TEST(every_directory_on_the_way_is_judged),
		TEST(names_cannot_lead_elsewhere),
		TEST(a_bad_file_is_refused_before_its_constructor_runs),
		TEST(what_is_not_elf_is_refused),
		TEST(damaged_files_do_not_harm_the_reader),
		TEST(descriptors_are_held_to_the_contract),
		TEST(an_older_driver_works),
		TEST(a_newer_driver_is_cut),
		TEST(a_driver_that_breaks_its_word_is_told_so),
		TEST(the_scan_survives_and_reports_all),
		TEST(inspection_tells_each_step_of_trust),
		TEST(fakes_fail_where_they_are_told_and_leave_traces),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
