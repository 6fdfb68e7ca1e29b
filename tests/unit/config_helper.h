/* SPDX-License-Identifier: BSD-3-Clause
 * INI text to a configuration, for the tests of core/config. */
#ifndef HYFW_TEST_CONFIG_HELPER_H
#define HYFW_TEST_CONFIG_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "config/config.h"

/* Group setup: a directory of its own, which becomes the working directory, so
 * that messages begin with the bare file name. */
static char helper_directory[] = "/tmp/hyfw-test-XXXXXX";

static int helper_setup(void **state)
{
	(void)state;
	umask(022);
	return mkdtemp(helper_directory) && chdir(helper_directory) == 0 ? 0 : -1;
}

static int helper_teardown(void **state)
{
	(void)state;
	return chdir("/") == 0 && hyfw_remove_tree(AT_FDCWD, helper_directory, NULL) == 0 ? 0 : -1;
}

static inline void put_bytes(const char *path, const void *data, size_t size)
{
	assert_int_equal(hyfw_file_write(path, data, size, 0644, false, NULL), 0);
}

static inline void put_file(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

/* Reads the stack files and validates; NULL and '*err' when that fails. */
static inline struct hyfw_config *read_stack(const char *const *paths, struct hyfw_error **err)
{
	struct hyfw_config *config = hyfw_config_new();
	int result = 0;

	for (; result == 0 && *paths; paths++)
		result = hyfw_config_read_stack(config, *paths, err);
	if (result == 0)
		result = hyfw_config_validate(config, err);
	if (result < 0) {
		assert_non_null(*err);
		assert_int_equal(-result, (*err)->errnum);
		hyfw_config_free(config);
		return NULL;
	}
	assert_null(*err);
	return config;
}

static inline struct hyfw_config *read_text(const char *text, struct hyfw_error **err)
{
	const char *const paths[] = { "web.ini", NULL };

	put_file(paths[0], text);
	return read_stack(paths, err);
}

#endif
