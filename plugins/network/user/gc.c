/* SPDX-License-Identifier: BSD-3-Clause
 * Orphans: processes and directories of workloads that do not run. */
#include "../common/files.h"
#include "user.h"

struct sweep {
	struct user *user;
	const struct hyfw_alive *alive;
	struct hyfw_arena *arena;
	int r;
	struct hyfw_error **err;
};

static void sweep_directory(void *context, const char *name)
{
	struct sweep *sweep = context;
	const char *plus = strchr(name, '+');

	if (!plus || hyfw_names_have(sweep->alive->running, plus + 1, strlen(plus + 1)) || sweep->r < 0)
		return;
	sweep->user->host->log(HYFW_LOG_INFO, "network user: removing what is left of %s", plus + 1);
	sweep->r = user_server_end(sweep->user, sweep->arena,
				   sweep->user->host->format(sweep->arena, "%s/%s",
							     sweep->user->host->directory("user", HYFW_DIRECTORY_RUNTIME),
							     name), sweep->err);
}

int user_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	struct sweep sweep = { .user = instance, .alive = alive, .err = err };
	const struct hyfw_host *host = sweep.user->host;

	sweep.arena = host->arena_new();
	net_file_each(host->directory("user", HYFW_DIRECTORY_RUNTIME), sweep_directory, &sweep);
	host->arena_free(sweep.arena);
	return sweep.r;
}
