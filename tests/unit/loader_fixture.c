/* SPDX-License-Identifier: BSD-3-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loader_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/files.h"

/* Not below /tmp or /run: the first is never trusted, the second may be noexec. */
char fixture_top[] = "/var/lib/hyfw-loader-XXXXXX";
char *fixture_plugins;
static char *proof;
struct hyfw_context fixture_context;

void fixture_put(const char *name, const char *data, size_t size)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", fixture_plugins, name);
	struct hyfw_error *err = NULL;

	unlink(path);
	assert_int_equal(hyfw_file_write(path, data, size, 0644, false, &err), 0);
}

void fixture_read_built(const char *built, char **ret_data, size_t *ret_size)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s.so", FAKE_DRIVERS, built);
	struct hyfw_error *err = NULL;

	assert_int_equal(hyfw_file_read(AT_FDCWD, path, 16u << 20, ret_data, ret_size, &err), 0);
}

/* tests/drivers/BUILT.so as NAME.so */
void fixture_copy_as(const char *built, const char *name)
{
	HYFW_AUTO_FREE char *file = hyfw_format("%s.so", name);
	HYFW_AUTO_FREE char *data = NULL;
	size_t size;

	fixture_read_built(built, &data, &size);
	fixture_put(file, data, size);
}

void fixture_copy(const char *built)
{
	fixture_copy_as(built, built);
}

int fixture_set_up(void **state)
{
	struct hyfw_context_options options = { 0 };
	HYFW_AUTO_FREE char *runtime = NULL, *data = NULL;
	struct hyfw_error *err = NULL;

	(void)state;
	if (geteuid() != 0)
		return 0;
	assert_non_null(mkdtemp(fixture_top));
	fixture_plugins = hyfw_format("%s/plugins", fixture_top);
	proof = hyfw_format("%s/proof", fixture_top);
	setenv("HYFW_PROOF", proof, 1);
	assert_int_equal(mkdir(fixture_plugins, 0755), 0);
	options.runtime = runtime = hyfw_format("%s/run", fixture_top);
	options.data = data = hyfw_format("%s/data", fixture_top);
	options.plugin_path = fixture_plugins;
	assert_int_equal(hyfw_context_init(&fixture_context, &options, &err), 0);
	return 0;
}

int fixture_tear_down(void **state)
{
	struct hyfw_error *err = NULL;

	(void)state;
	if (geteuid() != 0)
		return 0;
	hyfw_registry_close();
	hyfw_context_finish(&fixture_context);
	free(fixture_plugins);
	free(proof);
	return hyfw_remove_tree(AT_FDCWD, fixture_top, &err);
}

/* Each test starts with an empty plugin directory. */
int fixture_clear(void **state)
{
	struct hyfw_error *err = NULL;

	(void)state;
	if (geteuid() != 0)
		return 0;
	hyfw_registry_close();
	unlink(proof);
	assert_int_equal(hyfw_remove_tree(AT_FDCWD, fixture_plugins, &err), 0);
	assert_int_equal(mkdir(fixture_plugins, 0755), 0);
	return 0;
}

void fixture_need_root(void)
{
	if (geteuid() != 0) {
		print_message("skipped: needs root, to make a directory that is trusted\n");
		skip();
	}
}

bool fixture_ran(void)
{
	return access(proof, F_OK) == 0;
}

/* Loads NAME as a network driver and expects 'text' in the refusal. */
void fixture_refused(const char *name, const char *text)
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

struct hyfw_driver *fixture_get(enum hyfw_kind kind, const char *name)
{
	struct hyfw_driver *driver = NULL;
	struct hyfw_error *err = NULL;

	if (hyfw_registry_get(kind, name, &driver, &err) < 0)
		fail_msg("%s", err->message);
	return driver;
}
