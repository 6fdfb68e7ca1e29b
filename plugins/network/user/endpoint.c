/* SPDX-License-Identifier: BSD-3-Clause
 * A workload's attachment: one step that takes its ports and starts its process,
 * which has to know them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../common/names.h"
#include "user.h"

static const char *arg(const struct hyfw_call *call, const char *key)
{
	return hyfw_map_get(&call->step->args, key);
}

int user_endpoint_check(struct user *user, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_host *host = user->host;

	if (!subject->takes_tap && subject->idmap.count == 0 && subject->isolation)
		return host->fail(err, EOPNOTSUPP, "network %s: driver user needs a workload with a user namespace: "
				  "userns = auto", subject->name);
	return 0;
}

/* ---- plan ----------------------------------------------------------------- */

int user_endpoint_plan(struct user *user, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		       struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = user->host;
	const char *uid = host->format(arena, "%u", subject->idmap.count ? subject->idmap.host_uid : geteuid()),
		   *inner = host->format(arena, "eth%u", subject->index), *w = subject->workload, *ports = "",
		   *program = subject->takes_tap ? "passt" : "pasta";
	struct net_publication *list;
	struct hyfw_pair *args;
	struct hyfw_step step = { .size = sizeof(step), .verb = program, .lifetime = HYFW_LIFETIME_RUN };
	size_t count, i, n = 3;
	int r = net_publications(host, arena, &subject->settings, &list, &count, err);

	if (r < 0)
		return r;
	if (subject->index != 0)
		count = 0;
	args = host->alloc(arena, (subject->settings.count + 4) * sizeof(*args));
	args[0] = (struct hyfw_pair){ "network", subject->name };
	args[1] = (struct hyfw_pair){ "interface", inner };
	args[2] = (struct hyfw_pair){ "uid", uid };
	if (count > 0)
		net_publications_copy(&subject->settings, args, &n);
	for (i = 0; i < count; i++)
		if (list[i].span > 0)
			ports = host->format(arena, "%s -%c %s%s%s:%s", ports, list[i].protocol[0], list[i].address,
					     *list[i].address ? "/" : "", net_publication_port(host, arena, &list[i]),
					     net_publication_to_port(host, arena, &list[i]));
	step.object = host->format(arena, "%s of %s", program, w);
	step.summary = host->format(arena, "connect %s by a process of user %s, which has no privileges", w, uid);
	step.commands = subject->takes_tap
		? host->format(arena, "passt --runas %s --socket %s --no-map-gw --one-off%s", uid,
			       user_socket(user, arena, user_directory(user, arena, subject->name, w)), ports)
		: host->format(arena, "pasta --config-net --netns %s --ns-ifname %s --no-map-gw -T none -U none%s", w,
			       inner, ports);
	step.args = (struct hyfw_map){ n, args };
	return host->plan_step(plan, &step, err);
}

/* ---- apply ---------------------------------------------------------------- */

/* A port that only root may bind is for passt, which root starts; pasta has no
 * rights on the host. */
static int check_low_ports(struct user *user, const struct net_publication *list, size_t count,
			   struct hyfw_error **err)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
	unsigned first = 1024;
	size_t i;

	if (file) {
		if (fscanf(file, "%u", &first) != 1)
			first = 1024;
		fclose(file);
	}
	for (i = 0; i < count; i++)
		if (list[i].port < first)
			return user->host->fail(err, EACCES, "port %u/%s: a process without privileges may take ports from %u "
						"(sysctl net.ipv4.ip_unprivileged_port_start)", list[i].port,
						list[i].protocol, first);
	return 0;
}

static int take_ports(struct user *user, struct hyfw_call *call, struct net_publication *list, size_t count,
		      struct hyfw_error **err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < count && r >= 0; i++)
		r = net_port_take(user->host, call, &list[i], err);
	return r >= 0 && call->netns_fd >= 0 ? check_low_ports(user, list, count, err) : r;
}

static int note_endpoint(struct user *user, struct hyfw_call *call, const char *directory, bool machine,
			 struct hyfw_error **err)
{
	const struct hyfw_host *host = user->host;
	const char *const texts[] = { host->owner, arg(call, "network"), call->workload, NULL };
	int r = host->note(call, "directory", directory, err);

	if (r < 0 || !machine)
		return r < 0 ? r : host->note(call, HYFW_NOTE_INTERFACE, arg(call, "interface"), err);
	r = host->note(call, HYFW_NOTE_MAC, net_digest_mac(host, call->arena, texts), err);
	return r < 0 ? r : host->note(call, HYFW_NOTE_USER_NETWORK,
				      host->format(call->arena, "passt %s", user_socket(user, call->arena, directory)),
				      err);
}

int user_endpoint_apply(struct user *user, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = user->host;
	const bool machine = strcmp(call->step->verb, "passt") == 0;
	struct user_server server = {
		.directory = user_directory(user, call->arena, arg(call, "network"), call->workload),
		.uid = (uint32_t)strtoul(arg(call, "uid"), NULL, 10),
		.netns_fd = machine ? -1 : call->netns_fd,
		.interface = arg(call, "interface"),
	};
	struct net_publication *list = NULL;
	int r;

	if (!machine && call->netns_fd < 0)
		return host->fail(err, EINVAL, "network %s: the workload has no network namespace", arg(call, "network"));
	r = net_publications(host, call->arena, &call->step->args, &list, &server.port_count, err);
	if (r >= 0)
		r = note_endpoint(user, call, server.directory, machine, err);
	if (r >= 0)
		r = take_ports(user, call, list, server.port_count, err);
	if (r >= 0)
		r = user_directory_make(user, server.directory, server.uid, err);
	server.ports = list;
	return r < 0 ? r : user_server_start(user, call->arena, &server, err);
}

int user_endpoint_undo(struct user *user, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *directory = hyfw_map_get(&call->record, "directory");
	struct net_publication *list;
	size_t count, i;
	int r;

	if (!directory)
		return 0; /* nothing was begun */
	r = user_server_end(user, call->arena, directory, err);
	if (r >= 0)
		r = net_publications(user->host, call->arena, &call->step->args, &list, &count, err);
	for (i = 0; r >= 0 && i < count; i++)
		net_port_drop(user->host, call, &list[i]);
	return r;
}
