/* SPDX-License-Identifier: BSD-3-Clause
 * For tests of the selinux module: a host table with directories and locks, and a directory
 * of the test's own. */
#ifndef HYFW_TEST_SELINUX_FIXTURE_H
#define HYFW_TEST_SELINUX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "fake_host.h"
#include "security/selinux/selinux.h"

static struct hyfw_host host;
static char here[64];

static int fake_lock(const char *name, struct hyfw_error **err)
{
	(void)name;
	(void)err;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static const char *fake_directory(const char *driver, enum hyfw_directory which)
{
	(void)driver;
	(void)which;
	return here;
}

static inline int begin(void **state)
{
	fake_host_begin(state);
	host = fake_host;
	host.lock = fake_lock;
	host.directory = fake_directory;
	host.arena_new = hyfw_arena_new;
	host.arena_free = hyfw_arena_free;
	/* Not /tmp: some hosts have a tmpfs there that takes no extended attributes. */
	snprintf(here, sizeof(here), "/var/tmp/hyfw-selinux-XXXXXX");
	return mkdtemp(here) ? 0 : -1;
}

static inline int end(void **state)
{
	char *const argv[] = { (char *)"rm", (char *)"-rf", here, NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execvp("rm", argv);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	return fake_host_end(state);
}

static inline const char *path(const char *name)
{
	return hyfw_arena_format(fake.arena, "%s/%s", here, name);
}

static inline void put(const char *name, const char *text)
{
	FILE *file = fopen(path(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

#define says(err, text)                                        \
	do {                                                   \
		assert_non_null(err);                          \
		if (!strstr((err)->message, text))             \
			fail_msg("%s", (err)->message);        \
		hyfw_forget(&(err));                           \
	} while (0)

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
