/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

#define FIRST_NAMESPACE 0xEFFFFFFDu /* USER_NS_INIT_INO of linux/nsfs.h, the same in all kernels */
#define OVERFLOW_ID 65534

bool hyfw_in_user_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino != FIRST_NAMESPACE;
}

/* What stat(2) gives for ids that have no number here. */
static uid_t overflow_id(void)
{
	HYFW_AUTO_CLOSE int fd = open("/proc/sys/kernel/overflowuid", O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (size <= 0)
		return OVERFLOW_ID;
	text[size] = '\0';
	return (uid_t)strtoul(text, NULL, 10);
}

/* With these a file of any id that is mapped could be opened as its owner. */
static bool is_privileged(void)
{
	const unsigned needed = 1u << CAP_FOWNER | 1u << CAP_DAC_READ_SEARCH;
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & needed) == needed;
}

/* O_NOATIME is for the owner, and for CAP_FOWNER where the owner is mapped (open(2)). */
bool hyfw_owner_is_outside(int fd, const struct stat *st)
{
	HYFW_AUTO_FREE char *handle = NULL;
	HYFW_AUTO_CLOSE int opened = -1;

	if (!hyfw_in_user_namespace() || st->st_uid != overflow_id() || !is_privileged())
		return false;
	if (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode))
		return false;
	handle = hyfw_format("/proc/self/fd/%d", fd);
	opened = open(handle, O_RDONLY | O_NOATIME | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return opened < 0 && (errno == EPERM || errno == EACCES);
}
