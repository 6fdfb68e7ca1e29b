/* SPDX-License-Identifier: BSD-3-Clause
 * plan() and check(): what will be made, in words and as an administrator would
 * type it, and what cannot work. */
#include "ns.h"


static const char *identity(const struct hyfw_host *host, struct hyfw_arena *arena,
			    const struct hyfw_idmap *idmap)
{
	if (!idmap->count)
		return "without a user namespace (root inside is root of this machine)";
	return host->format(arena, "uids 0-%u inside are %u-%u here", idmap->count - 1, idmap->host_uid,
			    idmap->host_uid + (idmap->count - 1));
}

static const char *mounts(const struct hyfw_host *host, struct hyfw_arena *arena,
			  const struct hyfw_map *settings)
{
	static const char *const keys[] = { "volume", "tmpfs" };
	const char *text = "", *value;
	size_t i, cursor;

	for (i = 0; i < NS_COUNT(keys); i++)
		for (cursor = 0; (value = hyfw_map_next(settings, keys[i], &cursor));)
			text = host->format(arena, "%s, %s %s", text, keys[i], value);
	if (ns_has_systemd(settings))
		text = host->format(arena, "%s, /run, /run/lock and /tmp in memory for its systemd", text);
	return text;
}

/* As a shell would have to be given it. */
static const char *quoted(const struct hyfw_host *host, struct hyfw_arena *arena, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:=,+@%";
	const char *text = "", *quote;

	if (*word && !word[strspn(word, plain)])
		return word;
	while ((quote = strchr(word, '\''))) {
		text = host->format(arena, "%s%.*s'\\''", text, (int)(quote - word), word);
		word = quote + 1;
	}
	return host->format(arena, "'%s%s'", text, word);
}

static const char *command_line(const struct hyfw_host *host, struct hyfw_arena *arena,
				const struct hyfw_map *settings)
{
	static const char *const keys[] = { "entrypoint", "command" };
	const char *text = "", *value;
	size_t i, cursor;

	for (i = 0; i < NS_COUNT(keys); i++)
		for (cursor = 0; (value = hyfw_map_next(settings, keys[i], &cursor));)
			text = host->format(arena, "%s %s", text, quoted(host, arena, value));
	return *text ? text : " COMMAND";
}

static const char *equivalent(const struct hyfw_host *host, struct hyfw_arena *arena,
			      const struct hyfw_subject *subject)
{
	const struct hyfw_idmap *idmap = &subject->idmap;
	const char *users = "", *root = hyfw_map_get(&subject->settings, "rootfs");

	if (idmap->count)
		users = host->format(arena, " --user --map-users=%u,0,%u --map-groups=%u,0,%u --setuid 0 --setgid 0",
				     idmap->host_uid, idmap->count, idmap->host_gid, idmap->count);
	return host->format(arena, "unshare --mount --pid --fork --kill-child --ipc --uts --net --cgroup "
			    "--time%s --mount-proc --root=%s%s", users, root ? quoted(host, arena, root) : "ROOT",
			    command_line(host, arena, &subject->settings));
}

int ns_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
	    struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = ((struct ns_instance *)instance)->host;
	bool read_only = hyfw_map_bool(&subject->settings, "read_only", false);
	struct hyfw_step create = {
		.size = sizeof(create), .verb = HYFW_VERB_CREATE, .lifetime = HYFW_LIFETIME_RUN,
	};
	struct hyfw_step start = {
		.size = sizeof(start), .verb = HYFW_VERB_START, .lifetime = HYFW_LIFETIME_RUN,
	};
	int r;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD)
		return 0;
	create.object = start.object = host->format(arena, "container %s", subject->name);
	create.summary = host->format(arena, "create container %s in %d new namespaces (%scgroup ipc mount net "
				      "pid time uts), %s%s%s", subject->name, subject->idmap.count ? 8 : 7,
				      subject->idmap.count ? "user " : "",
				      identity(host, arena, &subject->idmap),
				      read_only ? ", read-only root" : "",
				      mounts(host, arena, &subject->settings));
	create.commands = equivalent(host, arena, subject);
	start.summary = host->format(arena, "start the command of container %s", subject->name);
	r = host->plan_step(plan, &create, err);
	return r < 0 ? r : host->plan_step(plan, &start, err);
}

/* create() and start() are called in place of this. */
int ns_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	return ((struct ns_instance *)instance)->host->fail(err, ENOSYS, "step %s is done by create and start",
							     call->step->verb);
}

static bool bad_path(const char *path)
{
	return path && (path[0] != '/' || strlen(path) >= PATH_MAX);
}

int ns_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_host *host = ((struct ns_instance *)instance)->host;
	const char *hostname = hyfw_map_get(&subject->settings, "hostname");
	const char *workdir = hyfw_map_get(&subject->settings, "workdir");
	const struct hyfw_idmap *idmap = &subject->idmap;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD)
		return 0;
	if (ns_ordinary_check(host, subject, err) < 0)
		return -EPERM;
	if (hostname && strlen(hostname) > 64)
		return host->fail(err, EINVAL, "hostname %s is longer than 64 characters", hostname);
	if (bad_path(workdir))
		return host->fail(err, EINVAL, "workdir %s is not an absolute path", workdir);
	if (idmap->count && (idmap->host_uid > UINT32_MAX - idmap->count ||
			     idmap->host_gid > UINT32_MAX - idmap->count))
		return host->fail(err, ERANGE, "the id range %u+%u is beyond the last id", idmap->host_uid,
				  idmap->count);
	return 0;
}
