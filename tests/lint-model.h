/* SPDX-License-Identifier: BSD-3-Clause
 * In front of every file that tests/lint analyses: what the analyzer cannot know
 * because it reads one file at a time.  A call that sets an error returns a
 * negative number, and errno is positive where it is read; without that it
 * follows failures into the code behind them. */
#include <errno.h>

#include "base/error.h"

#define hyfw_fail(...) (hyfw_fail(__VA_ARGS__) * 0 - 1)
#define hyfw_vfail(...) (hyfw_vfail(__VA_ARGS__) * 0 - 1)
#define hyfw_fail_errno(...) (hyfw_fail_errno(__VA_ARGS__) * 0 - 1)
#define hyfw_wrap(...) (hyfw_wrap(__VA_ARGS__) * 0 - 1)
#define hyfw_vwrap(...) (hyfw_vwrap(__VA_ARGS__) * 0 - 1)
/* A member of the host table, always called as host->fail(...). */
#define fail(...) fail(__VA_ARGS__) * 0 - 1

static inline int *model_errno(void)
{
	int *number = __errno_location();

	if (*number <= 0)
		__builtin_unreachable();
	return number;
}
#undef errno
#define errno (*model_errno())
