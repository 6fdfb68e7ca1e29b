/* SPDX-License-Identifier: BSD-3-Clause
 * DATA/renames: workloads that are just getting another name. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crash_point.h"
#include "base/files.h"
#include "config/normalize.h"
#include "engine/rename_parts.h"
#include "engine/store.h"

#define NAME_LONGEST 256u

static char *record_path(const char *name)
{
	return hyfw_format("%s/renames%s%s", hyfw_context_current()->data, name ? "/" : "", name ? name : "");
}

int hyfw_rename_sync(const char *path, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? hyfw_fail_errno(err, errno, "%s", path) : 0;
}

int hyfw_rename_record(const struct renaming *renaming, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = record_path(NULL), *path = record_path(renaming->from);
	int result = hyfw_make_directories(directory, 0700, err);

	if (result == 0)
		result = hyfw_file_write(path, renaming->to, strlen(renaming->to), 0600, true, err);
	hyfw_crash_point();
	return result;
}

void hyfw_rename_forget(const struct renaming *renaming)
{
	HYFW_AUTO_FREE char *directory = record_path(NULL), *path = record_path(renaming->from);

	/* After a reboot it must not speak of another workload that has the old name by then. */
	if (unlink(path) == 0)
		hyfw_rename_sync(directory, NULL);
	rmdir(directory); /* stays while there are others */
}

bool hyfw_rename_pending(void)
{
	HYFW_AUTO_FREE char *directory = record_path(NULL);

	return access(directory, F_OK) == 0;
}

void hyfw_rename_list(struct hyfw_strings *ret_names)
{
	HYFW_AUTO_FREE char *directory = record_path(NULL);

	hyfw_store_names(directory, ret_names, NULL);
}

char *hyfw_rename_target(const char *from)
{
	HYFW_AUTO_FREE char *path = record_path(from);
	char *to = NULL;

	if (hyfw_file_read(AT_FDCWD, path, NAME_LONGEST, &to, NULL, NULL) < 0)
		return NULL;
	if (hyfw_check_name(to, NULL) == 0)
		return to;
	free(to);
	return NULL;
}

void hyfw_rename_names(struct hyfw_strings *names)
{
	struct hyfw_strings old = { 0 };
	size_t i;

	hyfw_rename_list(&old);
	for (i = 0; i < old.count; i++) {
		HYFW_AUTO_FREE char *to = hyfw_rename_target(old.items[i]);

		hyfw_strings_add(names, old.items[i]);
		if (to)
			hyfw_strings_add(names, to);
	}
	hyfw_strings_finish(&old);
}
