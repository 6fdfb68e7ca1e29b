/* SPDX-License-Identifier: BSD-3-Clause
 * What of the kernel is missing.  Nothing is made: calls that must fail tell by
 * how they fail. */
#include "ns.h"

#include <linux/openat2.h>

static bool has_call(long number)
{
	/* Arguments that no call accepts: a size or descriptor that cannot be. */
	return !(syscall(number, -1, NULL, 0, 0, 0) < 0 && errno == ENOSYS);
}

static const char *missing_call(void)
{
	static const struct {
		long number;
		const char *name;
	} calls[] = {
		{ SYS_clone3, "clone3" },         { SYS_openat2, "openat2" },
		{ SYS_open_tree, "open_tree" },   { SYS_move_mount, "move_mount" },
		{ SYS_fsopen, "fsopen" },         { SYS_mount_setattr, "mount_setattr (Linux 5.12)" },
		{ SYS_close_range, "close_range" }, { SYS_pidfd_open, "pidfd_open" },
	};
	size_t i;

	for (i = 0; i < NS_COUNT(calls); i++)
		if (!has_call(calls[i].number))
			return calls[i].name;
	return NULL;
}

static long read_number(const char *path)
{
	char text[32] = "";
	NS_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	return strtol(text, NULL, 10);
}

int ns_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
	     struct hyfw_error **err)
{
	static const char *const kinds[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
	const char *call = missing_call();
	char path[64];
	size_t i;

	(void)err;
	ret_probe->result = HYFW_PROBE_NO;
	if (call) {
		ret_probe->reason = host->format(arena, "this kernel has no %s", call);
		return 0;
	}
	for (i = 0; i < NS_COUNT(kinds); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		if (access(path, F_OK) < 0) {
			ret_probe->reason = host->format(arena, "this kernel has no %s namespaces", kinds[i]);
			return 0;
		}
	}
	ret_probe->result = HYFW_PROBE_DEGRADED;
	if (read_number("/proc/sys/user/max_user_namespaces") == 0)
		ret_probe->reason = "user namespaces are switched off: raise user.max_user_namespaces "
				    "with sysctl, or set userns = no";
	else
		ret_probe->result = HYFW_PROBE_OK;
	return 0;
}
