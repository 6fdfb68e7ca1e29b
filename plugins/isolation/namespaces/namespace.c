/* SPDX-License-Identifier: BSD-3-Clause
 * A namespace of a process, as a descriptor to join it by. */
#include "ns.h"

#include <sys/ioctl.h>

/* linux/pidfd.h of 6.11 */
#define GET_NET_NAMESPACE _IO(0xFF, 4)
#define GET_USER_NAMESPACE _IO(0xFF, 9)

int ns_namespace_open(int pidfd, pid_t pid, enum ns_kind kind)
{
	int fd = ioctl(pidfd, kind == NS_KIND_NET ? GET_NET_NAMESPACE : GET_USER_NAMESPACE, 0);
	char path[64];

	if (fd < 0) { /* before 6.11 */
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid,
			 kind == NS_KIND_NET ? "net" : "user");
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}
