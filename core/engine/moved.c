/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/moved.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "engine/failover_place.h"
#include "engine/failover_read.h"
#include "engine/store.h"

#define PLACE_LONGEST 4096u

static char *mark_path(const char *name)
{
	return hyfw_path_workload(false, name, "moved");
}

bool hyfw_moved_by(const struct hyfw_operation *operation)
{
	return strcmp(operation->verb, "migrate") == 0 && hyfw_map_get(&operation->args, "to") &&
	       !hyfw_map_bool(&operation->args, "check", false);
}

int hyfw_moved_permit(const struct hyfw_definition *definition, const struct hyfw_operation *operation,
		      struct hyfw_error **err)
{
	int elsewhere;

	if (strcmp(operation->verb, "migrate") != 0)
		return 0;
	if (hyfw_failover_wanted(definition) && !hyfw_map_bool(&operation->args, "unsafe", false))
		return hyfw_fail(err, ENOTSUP, "it has failover, and its lease cannot move with it: then another host could start "
				 "it a second time; stop it and `hyfw failover %s` on the other host, or --unsafe",
				 definition->name);
	elsewhere = hyfw_failover_elsewhere(definition, err);
	return elsewhere > 0 ? hyfw_fail(err, EBUSY, "it has failover, and another host has it now") : elsewhere;
}

int hyfw_moved_mark(const struct hyfw_definition *definition, const struct hyfw_operation *operation,
		    struct hyfw_error **err)
{
	const char *place = hyfw_map_get(&operation->args, "to");

	if (definition->transient)
		return 0;
	return hyfw_moved_again(definition->name, place, err);
}

int hyfw_moved_again(const char *name, const char *place, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = mark_path(name);

	return hyfw_file_write(path, place, strlen(place), 0600, true, err);
}

void hyfw_moved_forget(const char *name)
{
	HYFW_AUTO_FREE char *path = mark_path(name);

	unlink(path);
}

char *hyfw_moved_to(const char *name)
{
	HYFW_AUTO_FREE char *path = mark_path(name);
	char *place = NULL;

	if (hyfw_file_read(AT_FDCWD, path, PLACE_LONGEST, &place, NULL, NULL) == 0)
		return place;
	/* One that cannot be read is a mark all the same. */
	return access(path, F_OK) < 0 && errno == ENOENT ? NULL : hyfw_dup("another host");
}

int hyfw_moved_check(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *place = hyfw_moved_to(name);

	if (!place)
		return 0;
	return hyfw_fail(err, EBUSY, "it has moved to %s; `hyfw rm %s` removes what stayed here, and `hyfw start --here "
			 "%s` starts it here when it does not run there any more", place, name, name);
}
