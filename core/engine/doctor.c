/* SPDX-License-Identifier: BSD-3-Clause
 * The machine itself: kernel, control groups, labels, directories, room.  The
 * drivers are in doctor_drivers.c. */
#include "engine/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"

#define LEAST_ROOM ((uint64_t)1 << 30)
#define LEAST_PERCENT 5

void hyfw_doctor_add(struct hyfw_doctor *doctor, const char *area, const char *what, enum hyfw_health health,
		     char *text, char *remedy)
{
	struct hyfw_finding *finding;

	doctor->findings = hyfw_grow(doctor->findings, doctor->count + 1, sizeof(*doctor->findings));
	finding = &doctor->findings[doctor->count++];
	*finding = (struct hyfw_finding){ area, hyfw_dup(what), health, text, remedy };
}

void hyfw_doctor_finish(struct hyfw_doctor *doctor)
{
	size_t i;

	for (i = 0; i < doctor->count; i++) {
		free(doctor->findings[i].what);
		free(doctor->findings[i].text);
		free(doctor->findings[i].remedy);
	}
	free(doctor->findings);
	memset(doctor, 0, sizeof(*doctor));
}

enum hyfw_health hyfw_doctor_verdict(const struct hyfw_doctor *doctor)
{
	enum hyfw_health worst = HYFW_HEALTH_OK;
	size_t i;

	for (i = 0; i < doctor->count; i++)
		if (doctor->findings[i].health > worst)
			worst = doctor->findings[i].health;
	return worst;
}

/* First line of a small file; NULL when it cannot be read; free(). */
static char *line_of(const char *path)
{
	char *text = NULL;

	if (hyfw_file_read(AT_FDCWD, path, 4096, &text, NULL, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* ---- kernel ---- */

static void look_at_kernel(struct hyfw_doctor *doctor)
{
	HYFW_AUTO_FREE char *users = line_of("/proc/sys/user/max_user_namespaces");
	struct utsname name;

	uname(&name);
	hyfw_doctor_add(doctor, "kernel", "release", HYFW_HEALTH_OK, hyfw_format("%s (%s)", name.release, name.machine),
			NULL);
	if (users && strcmp(users, "0") != 0)
		hyfw_doctor_add(doctor, "kernel", "user namespaces", HYFW_HEALTH_OK, hyfw_format("at most %s", users), NULL);
	else
		hyfw_doctor_add(doctor, "kernel", "user namespaces", HYFW_HEALTH_BAD,
				hyfw_dup(users ? "none may be made" : "the kernel has none"),
				hyfw_dup(users ? "sysctl user.max_user_namespaces=15000, or userns = host" : "userns = host"));
}

static void look_at_cgroups(struct hyfw_doctor *doctor)
{
	HYFW_AUTO_FREE char *controllers = line_of("/sys/fs/cgroup/cgroup.controllers");
	struct statfs at = { 0 };
	struct stat status;

	if (statfs("/sys/fs/cgroup", &at) == 0 && at.f_type == CGROUP2_SUPER_MAGIC)
		hyfw_doctor_add(doctor, "kernel", "cgroups", HYFW_HEALTH_OK,
				hyfw_format("version 2: %s", controllers ? controllers : "no controllers"), NULL);
	else if (stat("/sys/fs/cgroup/memory", &status) == 0)
		hyfw_doctor_add(doctor, "kernel", "cgroups", HYFW_HEALTH_OK,
				hyfw_dup(stat("/sys/fs/cgroup/unified", &status) == 0 ? "version 1, beside version 2" : "version 1"),
				NULL);
	else
		hyfw_doctor_add(doctor, "kernel", "cgroups", HYFW_HEALTH_BAD, hyfw_dup("none at /sys/fs/cgroup"),
				hyfw_dup("mount -t cgroup2 cgroup2 /sys/fs/cgroup; see also [plugin cgroups] mount"));
}

static void look_at_labels(struct hyfw_doctor *doctor)
{
	HYFW_AUTO_FREE char *enforce = line_of("/sys/fs/selinux/enforce");

	if (!enforce)
		hyfw_doctor_add(doctor, "kernel", "SELinux", HYFW_HEALTH_OK, hyfw_dup("off"), NULL);
	else
		hyfw_doctor_add(doctor, "kernel", "SELinux", HYFW_HEALTH_OK,
				hyfw_dup(strcmp(enforce, "1") == 0 ? "enforcing" : "permissive"), NULL);
}

/* ---- directories ---- */

/* The nearest directory above that is there; free(). */
static char *existing(const char *path)
{
	char *at = hyfw_dup(path), *slash;

	while (access(at, F_OK) < 0 && (slash = strrchr(at, '/')) && slash != at)
		*slash = '\0';
	if (access(at, F_OK) == 0)
		return at;
	free(at);
	return hyfw_dup("/");
}

static void look_at_room(struct hyfw_doctor *doctor, const char *what, const char *path)
{
	HYFW_AUTO_FREE char *name = hyfw_format("room for %s", what);
	struct statvfs at;
	uint64_t free_bytes, percent;

	if (statvfs(path, &at) < 0)
		return;
	free_bytes = (uint64_t)at.f_bavail * at.f_frsize;
	percent = at.f_blocks ? (uint64_t)at.f_bavail * 100 / at.f_blocks : 100;
	hyfw_doctor_add(doctor, "directories", name,
			free_bytes < LEAST_ROOM || percent < LEAST_PERCENT ? HYFW_HEALTH_NOTE : HYFW_HEALTH_OK,
			hyfw_format("%llu MiB free (%llu %%)", (unsigned long long)(free_bytes >> 20),
				    (unsigned long long)percent),
			free_bytes < LEAST_ROOM || percent < LEAST_PERCENT ?
				hyfw_format("`hyfw image list` and `hyfw volume list` show what takes it; or move it with --%s",
					    strcmp(what, "data") == 0 ? "root" : "state") : NULL);
}

static void look_at_directory(struct hyfw_doctor *doctor, const char *what, const char *path)
{
	HYFW_AUTO_FREE char *there = existing(path);
	struct stat status;

	if (stat(there, &status) < 0)
		return;
	if (status.st_uid != geteuid() && status.st_uid != 0)
		hyfw_doctor_add(doctor, "directories", what, HYFW_HEALTH_BAD,
				hyfw_format("%s belongs to user %u, who could change what is run", there, status.st_uid),
				hyfw_format("chown %u %s", geteuid(), there));
	else if (strcmp(there, path) == 0 && (status.st_mode & 022))
		hyfw_doctor_add(doctor, "directories", what, HYFW_HEALTH_BAD,
				hyfw_format("%s may be written to by others (mode %04o)", path, status.st_mode & 07777),
				hyfw_format("chmod go-w %s", path));
	else if (access(there, W_OK) < 0)
		hyfw_doctor_add(doctor, "directories", what, HYFW_HEALTH_BAD,
				hyfw_format("%s: %s", there, strerror(errno)),
				hyfw_dup("run hyfw as root, or give directories of your own with --root and --state"));
	else
		hyfw_doctor_add(doctor, "directories", what, HYFW_HEALTH_OK,
				hyfw_format("%s%s", path, strcmp(there, path) == 0 ? "" : " (made when it is needed)"), NULL);
	look_at_room(doctor, what, there);
}

static void look_at_configuration(struct hyfw_doctor *doctor)
{
	const char *file = hyfw_context_current()->config_file;

	if (!file || access(file, R_OK) == 0)
		hyfw_doctor_add(doctor, "directories", "configuration", HYFW_HEALTH_OK, hyfw_dup(file ? file : "none"), NULL);
	else
		hyfw_doctor_add(doctor, "directories", "configuration", errno == ENOENT ? HYFW_HEALTH_OK : HYFW_HEALTH_BAD,
				hyfw_format("%s: %s%s", file, strerror(errno), errno == ENOENT ? "; the defaults apply" : ""),
				errno == ENOENT ? NULL : hyfw_format("chmod a+r %s", file));
}

void hyfw_doctor_examine(struct hyfw_doctor *doctor)
{
	const struct hyfw_context *context = hyfw_context_current();

	memset(doctor, 0, sizeof(*doctor));
	look_at_kernel(doctor);
	look_at_cgroups(doctor);
	look_at_labels(doctor);
	look_at_directory(doctor, "data", context->data);
	look_at_directory(doctor, "runtime", context->runtime);
	look_at_configuration(doctor);
	hyfw_doctor_drivers(doctor);
}
