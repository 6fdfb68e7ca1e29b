/* SPDX-License-Identifier: BSD-3-Clause
 * Filters are judged by what the kernel does with them: each is loaded in a
 * child that then makes the calls. */
#ifndef HYFW_TEST_SECCOMP_FIXTURE_H
#define HYFW_TEST_SECCOMP_FIXTURE_H

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_host.h"
#include "security/seccomp/filter.h"

#define SETTINGS(...)                                                              \
	{                                                                          \
		sizeof((struct hyfw_pair[]){ __VA_ARGS__ }) / sizeof(struct hyfw_pair), \
			(struct hyfw_pair[]){ __VA_ARGS__ }                         \
	}

/* The errno (0 for success) of the call under the filter; -1 when it killed. */
static int errno_of(const struct filter *filter, long number, long a, long b, long c, long d)
{
	struct sock_fprog program = { (unsigned short)filter->count, (struct sock_filter *)filter->program };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* 200..: the test's own trouble. */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			_exit(200);
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program) < 0)
			_exit(201);
		errno = 0;
		/* Not _exit(): a sanitizer's does more than the filter may permit. */
		syscall(SYS_exit_group, syscall(number, a, b, c, d, 0, 0) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return -1;
	assert_true(WEXITSTATUS(status) < 200);
	return WEXITSTATUS(status);
}

#endif
