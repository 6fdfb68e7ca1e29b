/* SPDX-License-Identifier: BSD-3-Clause
 * For tests of the services of the host table: an instance with directories of its own. */
#ifndef HYFW_TEST_HOST_FIXTURE_H
#define HYFW_TEST_HOST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"
#include "plugin/host.h"

static struct hyfw_context context;
static const struct hyfw_host *host;
static char top[] = "/tmp/hyfw-host-XXXXXX";

static inline int set_up(void **state)
{
	struct hyfw_context_options options = { 0 };
	HYFW_AUTO_FREE char *runtime = NULL, *data = NULL;
	struct hyfw_error *err = NULL;

	(void)state;
	umask(077);
	assert_non_null(mkdtemp(top));
	options.runtime = runtime = hyfw_format("%s/run", top);
	options.data = data = hyfw_format("%s/data", top);
	assert_int_equal(hyfw_context_init(&context, &options, &err), 0);
	host = hyfw_host_table();
	return 0;
}

static inline int tear_down(void **state)
{
	struct hyfw_error *err = NULL;

	(void)state;
	assert_int_equal(hyfw_remove_tree(AT_FDCWD, top, &err), 0);
	hyfw_context_finish(&context);
	return 0;
}

static inline bool exists(const char *base, const char *below)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", base, below);

	return access(path, F_OK) == 0;
}

#endif
