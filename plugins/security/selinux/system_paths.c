/* SPDX-License-Identifier: BSD-3-Clause
 * Directories whose labels the system needs as they are: a relabelled /etc is a host that
 * does not start again. */
#include "selinux.h"

/* With all below. */
static const char *const whole[] = { "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc",
				     "/root", "/sbin", "/sys", "/usr" };
/* Only themselves: what is below may be data. */
static const char *const alone[] = { "/", "/home", "/media", "/mnt", "/opt", "/run", "/srv", "/tmp", "/var",
				     "/var/cache", "/var/lib", "/var/lib/hyfw", "/var/lib/libvirt", "/var/log",
				     "/var/mail", "/var/opt", "/var/run", "/var/spool", "/var/tmp" };

bool path_is_systems(const char *path)
{
	size_t i, length;

	for (i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		length = strlen(whole[i]);
		if (strncmp(path, whole[i], length) == 0 && (path[length] == '\0' || path[length] == '/'))
			return true;
	}
	for (i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
		if (strcmp(path, alone[i]) == 0)
			return true;
	/* A user's whole home, with the keys that logging in needs. */
	return strncmp(path, "/home/", 6) == 0 && !strchr(path + 6, '/');
}
