/* SPDX-License-Identifier: BSD-3-Clause
 * What is refused before any of its code runs: by owner, mode and path, by the note
 * and by the form of the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "loader_fixture.h"

/* ---- trust ---- */

static void owner_and_mode_of_the_file_are_judged(void **state)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/fake-network.so", fixture_plugins);

	(void)state;
	fixture_need_root();
	fixture_copy("fake-network");
	assert_int_equal(chmod(path, 0666), 0);
	fixture_refused("fake-network", "is writable by everybody");
	assert_int_equal(chmod(path, 0664), 0);
	fixture_refused("fake-network", "is writable by group 0");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chown(path, 1000, 0), 0);
	fixture_refused("fake-network", "is owned by user 1000");
	assert_int_equal(chown(path, 0, 0), 0);
	fixture_get(HYFW_KIND_NETWORK, "fake-network");
}

static void links_and_other_files_are_refused(void **state)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/fake-network.so", fixture_plugins);
	HYFW_AUTO_FREE char *other = hyfw_format("%s/other.so", fixture_plugins);

	(void)state;
	fixture_need_root();
	fixture_copy_as("fake-network", "other");
	assert_int_equal(symlink(other, path), 0);
	fixture_refused("fake-network", "is a symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	fixture_refused("fake-network", "not a regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	fixture_refused("fake-network", "not a regular file");
}

static void every_directory_on_the_way_is_judged(void **state)
{
	HYFW_AUTO_FREE char *link_to = hyfw_format("%s/link", fixture_top);
	char *kept = fixture_context.plugin_path;

	(void)state;
	fixture_need_root();
	fixture_copy("fake-network");
	assert_int_equal(chmod(fixture_top, 01777), 0); /* as /tmp */
	fixture_refused("fake-network", "is writable by everybody");
	assert_int_equal(chmod(fixture_top, 0755), 0);
	assert_int_equal(chown(fixture_plugins, 1000, 0), 0);
	fixture_refused("fake-network", "is owned by user 1000");
	assert_int_equal(chown(fixture_plugins, 0, 0), 0);
	assert_int_equal(symlink(fixture_plugins, link_to), 0);
	fixture_context.plugin_path = link_to;
	fixture_refused("fake-network", "is a symbolic link");
	fixture_context.plugin_path = (char[]){ "relative" };
	fixture_refused("fake-network", "must be an absolute path");
	fixture_context.plugin_path = hyfw_format("%s/../%s", fixture_plugins, "plugins");
	fixture_refused("fake-network", "must not contain '..'");
	free(fixture_context.plugin_path);
	fixture_context.plugin_path = hyfw_format("%s/missing", fixture_top);
	fixture_refused("fake-network", "No such file or directory");
	free(fixture_context.plugin_path);
	fixture_context.plugin_path = kept;
	unlink(link_to);
	fixture_get(HYFW_KIND_NETWORK, "fake-network");
}

static void names_cannot_lead_elsewhere(void **state)
{
	(void)state;
	fixture_need_root();
	fixture_copy("fake-network");
	fixture_refused("../plugins/fake-network", "cannot be a driver's name");
	fixture_refused("Fake", "cannot be a driver's name");
	fixture_refused("", "cannot be a driver's name");
	fixture_refused("fake-netwrk", "did you mean 'fake-network'?");
	fixture_refused("zzzzzzzz", "`hyfw plugin list` shows all");
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
	fixture_need_root();
	for (i = 0; i < HYFW_COUNT(bad); i++) {
		fixture_copy(bad[i].name);
		fixture_refused(bad[i].name, bad[i].text);
		assert_false(fixture_ran());
	}
	fixture_copy("odd-old"); /* the proof proves something */
	fixture_get(HYFW_KIND_NETWORK, "odd-old");
	assert_true(fixture_ran());
}

static void what_is_not_elf_is_refused(void **state)
{
	HYFW_AUTO_FREE char *data = NULL;
	size_t size;

	(void)state;
	fixture_need_root();
	fixture_put("text.so", "#!/bin/sh\nexit 0\n", 17);
	fixture_refused("text", "not an ELF file");
	fixture_put("empty.so", "", 0);
	fixture_refused("empty", "not an ELF file");
	fixture_read_built("odd-old", &data, &size);
	data[4] = 1; /* EI_CLASS: 32 bits */
	fixture_put("narrow.so", data, size);
	fixture_refused("narrow", "another class");
	data[4] = 2;
	data[18] = 8; /* e_machine: MIPS */
	data[19] = 0;
	fixture_put("mips.so", data, size);
	fixture_refused("mips", "another machine");
	assert_false(fixture_ran());
}

/* Cut at many lengths, and with every byte of its headers changed: never a crash of
 * what reads the file.  It has no note, so the dynamic loader, which trusts what it
 * maps, never sees it. */
static void damaged_files_do_not_harm_the_reader(void **state)
{
	HYFW_AUTO_FREE char *data = NULL;
	size_t size, at;

	(void)state;
	fixture_need_root();
	fixture_read_built("bad-note", &data, &size); /* never gets as far as dlopen */
	for (at = 0; at < size; at += at < 1024 ? 7 : 511) {
		fixture_put("cut.so", data, at);
		fixture_refused("cut", "");
	}
	for (at = 16; at < 1024 && at < size; at++) {
		char kept = data[at];

		data[at] = (char)~kept;
		fixture_put("flip.so", data, size);
		fixture_refused("flip", "");
		data[at] = kept;
	}
	assert_false(fixture_ran());
}

#define TEST(name) cmocka_unit_test_setup(name, fixture_clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(owner_and_mode_of_the_file_are_judged),
		TEST(links_and_other_files_are_refused),
		TEST(every_directory_on_the_way_is_judged),
		TEST(names_cannot_lead_elsewhere),
		TEST(a_bad_file_is_refused_before_its_constructor_runs),
		TEST(what_is_not_elf_is_refused),
		TEST(damaged_files_do_not_harm_the_reader),
	};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
