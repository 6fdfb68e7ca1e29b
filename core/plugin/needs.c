/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/needs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/files.h"

/* By number, as in linux/capability.h; without "CAP_". */
static const char *const capability_names[] = {
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
};

static enum hyfw_need_state look_capability(const char *name)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	size_t i;

	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (i = 0; i < HYFW_COUNT(capability_names); i++)
		if (strcasecmp(capability_names[i], name) == 0)
			break;
	if (i == HYFW_COUNT(capability_names) || syscall(SYS_capget, &header, data) < 0)
		return HYFW_NEED_UNKNOWN;
	return data[i / 32].effective & (1u << i % 32) ? HYFW_NEED_MET : HYFW_NEED_MISSING;
}

static enum hyfw_need_state look_program(const char *name)
{
	static const char *const directories[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };
	size_t i;

	if (name[0] == '/')
		return access(name, X_OK) == 0 ? HYFW_NEED_MET : HYFW_NEED_MISSING;
	for (i = 0; i < HYFW_COUNT(directories); i++) {
		HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", directories[i], name);

		if (access(path, X_OK) == 0)
			return HYFW_NEED_MET;
	}
	return HYFW_NEED_MISSING;
}

/* A file system or module by its name.  What is neither may still be built in. */
static enum hyfw_need_state look_kernel(const char *name)
{
	HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;
	HYFW_AUTO_FREE char *module = NULL, *systems = NULL, *line = NULL;

	if (strchr(name, '/') || strchr(name, ' '))
		return HYFW_NEED_UNKNOWN;
	module = hyfw_format("/sys/module/%s", name);
	if (access(module, F_OK) == 0)
		return HYFW_NEED_MET;
	line = hyfw_format("\t%s\n", name);
	if (hyfw_file_read(AT_FDCWD, "/proc/filesystems", 64u << 10, &systems, NULL, &ignored) == 0 &&
	    strstr(systems, line))
		return HYFW_NEED_MET;
	return HYFW_NEED_UNKNOWN;
}

/* dpkg(1) keeps a list of files for each installed package. */
static enum hyfw_need_state look_package(const char *name)
{
	HYFW_AUTO_FREE char *plain = NULL, *multi = NULL;

	if (strchr(name, '/') || access("/var/lib/dpkg/info", F_OK) < 0)
		return HYFW_NEED_UNKNOWN;
	plain = hyfw_format("/var/lib/dpkg/info/%s.list", name);
	multi = hyfw_format("/var/lib/dpkg/info/%s:amd64.list", name);
	return access(plain, F_OK) == 0 || access(multi, F_OK) == 0 ? HYFW_NEED_MET : HYFW_NEED_MISSING;
}

enum hyfw_need_state hyfw_need_look(const struct hyfw_need *need)
{
	if (strcmp(need->kind, "device") == 0)
		return access(need->name, F_OK) == 0 ? HYFW_NEED_MET : HYFW_NEED_MISSING;
	if (strcmp(need->kind, "program") == 0)
		return look_program(need->name);
	if (strcmp(need->kind, "capability") == 0)
		return look_capability(need->name);
	if (strcmp(need->kind, "kernel") == 0)
		return look_kernel(need->name);
	if (strcmp(need->kind, "package") == 0)
		return look_package(need->name);
	return HYFW_NEED_UNKNOWN;
}
