/* SPDX-License-Identifier: BSD-3-Clause
 * Cleanup attributes: what a function makes is freed on every way out of it,
 * unless it is handed on with HYFW_STEAL. */
#ifndef HYFW_BASE_CLEANUP_H
#define HYFW_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void hyfw_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void hyfw_cleanup_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void hyfw_cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define HYFW_AUTO_FREE __attribute__((cleanup(hyfw_cleanup_free)))
#define HYFW_AUTO_CLOSE __attribute__((cleanup(hyfw_cleanup_close)))
#define HYFW_AUTO_DIR __attribute__((cleanup(hyfw_cleanup_dir)))

#define HYFW_STEAL(pointer)                        \
	({                                          \
		__typeof__(pointer) stolen_ = (pointer); \
		(pointer) = NULL;                   \
		stolen_;                            \
	})

static inline int hyfw_steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#define HYFW_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
