/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/autostart.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/moved.h"
#include "plugin/host.h"

static bool comes_back(const struct hyfw_definition *definition)
{
	const char *restart = hyfw_definition_get(definition, "restart");

	return restart && (strcmp(restart, "always") == 0 || strcmp(restart, "unless-stopped") == 0);
}

void hyfw_autostart_mark(const struct hyfw_definition *definition)
{
	HYFW_AUTO_FREE char *path = NULL;
	HYFW_AUTO_CLOSE int fd = -1;

	if (definition->transient || !comes_back(definition))
		return;
	path = hyfw_path_workload(false, definition->name, "up");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "workload %s: %s: %s; it will not be started with the host",
				       definition->name, path, strerror(errno));
}

void hyfw_autostart_forget(const char *name)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, name, "up");

	unlink(path);
}

bool hyfw_autostart_wants(const struct hyfw_state *state)
{
	const struct hyfw_definition *definition = state->definition;
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	HYFW_AUTO_FREE char *mark = hyfw_path_workload(false, definition->name, "up");
	HYFW_AUTO_FREE char *moved = hyfw_moved_to(definition->name);

	if (definition->transient || moved || (state->status != HYFW_STATUS_CREATED && state->status != HYFW_STATUS_EXITED))
		return false;
	if (hyfw_map_get(&settings, "autostart"))
		return hyfw_map_bool(&settings, "autostart", false);
	return comes_back(definition) && access(mark, F_OK) == 0;
}
