/* SPDX-License-Identifier: BSD-3-Clause
 * Workloads for the control group driver, files of our own making in place of the kernel's,
 * and the control groups of this machine. */
#ifndef HYFW_TEST_CGROUPS_FIXTURE_H
#define HYFW_TEST_CGROUPS_FIXTURE_H

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "fake_host.h"
#include "security/cgroups/cgroups.h"

#define SETTINGS(...)                                                              \
	{                                                                          \
		sizeof((struct hyfw_pair[]){ __VA_ARGS__ }) / sizeof(struct hyfw_pair), \
			(struct hyfw_pair[]){ __VA_ARGS__ }                         \
	}
#define WORKLOAD(name_, ...)                                                                 \
	{                                                                                    \
		.size = sizeof(struct hyfw_subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = (name_), \
		.idmap = { 100000, 100000, 65536 }, .settings = SETTINGS(__VA_ARGS__)          \
	}

static inline void put(const char *path, const char *text)
{
	assert_int_equal(hyfw_file_write(path, text, strlen(text), 0600, false, NULL), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fake_host_begin, fake_host_end)

#endif
