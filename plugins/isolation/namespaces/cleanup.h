/* SPDX-License-Identifier: BSD-3-Clause
 * Cleanup attributes of this driver. */
#ifndef NS_CLEANUP_H
#define NS_CLEANUP_H

#include <errno.h>
#include <unistd.h>

static inline void ns_cleanup_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}
#define NS_AUTO_CLOSE __attribute__((cleanup(ns_cleanup_close)))

static inline int ns_steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#endif
