/* SPDX-License-Identifier: BSD-3-Clause
 * Published ports: connections to a port of the host are led to a workload.
 *
 * A port is leased, which keeps other workloads off it, and tried with bind(),
 * which finds out whether a process of the host has it.  No socket is kept open
 * afterwards: a process of the host that takes the port later can bind it, but
 * is not reached by it until the workload is gone. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge.h"

#define RANDOM_TRIES 64
#define NOTE_TARGET "published_to" /* the address that the ports lead to */

static const char *arg(const struct hyfw_call *call, const char *key)
{
	return hyfw_map_get(&call->step->args, key);
}

/* ---- "ADDRESS|HOSTPORT|PORT|PROTO" ---------------------------------------- */

static bool port_parse(const char *text, unsigned lowest, unsigned *ret_port)
{
	char *end;
	unsigned long port;

	if (*text < '0' || *text > '9')
		return false;
	port = strtoul(text, &end, 10);
	if (*end || port < lowest || port > 65535)
		return false;
	*ret_port = (unsigned)port;
	return true;
}

static int publish_parse(const struct hyfw_host *host, struct hyfw_arena *arena, const char *text,
			 struct bridge_publication *ret_publication, struct hyfw_error **err)
{
	char *fields[4] = { host->format(arena, "%s", text) };
	struct bridge_publication parsed = { 0 };
	uint32_t address;
	size_t i;

	for (i = 1; i < 4; i++) {
		fields[i] = strchr(fields[i - 1], '|');
		if (!fields[i])
			return host->fail(err, EINVAL, "publish %s is not ADDRESS|HOSTPORT|PORT|PROTO", text);
		*fields[i]++ = '\0';
	}
	if (!port_parse(fields[1], 0, &parsed.port) || !port_parse(fields[2], 1, &parsed.to_port))
		return host->fail(err, EINVAL, "publish %s: a port must be from 1 to 65535", text);
	if (strcmp(fields[3], "tcp") != 0 && strcmp(fields[3], "udp") != 0)
		return host->fail(err, EINVAL, "publish %s: the protocol must be tcp or udp", text);
	if (strchr(fields[0], ':'))
		return host->fail(err, EOPNOTSUPP, "publish %s: a bridge network has IPv4 addresses only", fields[0]);
	if (*fields[0] && (strchr(fields[0], '/') || !net_address_parse(fields[0], &address)))
		return host->fail(err, EINVAL, "publish %s is not an IPv4 address", fields[0]);
	parsed.address = strcmp(fields[0], "0.0.0.0") == 0 ? "" : fields[0];
	parsed.protocol = fields[3];
	*ret_publication = parsed;
	return 0;
}

static int publish_list(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *map,
			struct bridge_publication **ret_list, size_t *ret_count, struct hyfw_error **err)
{
	struct bridge_publication *list = host->alloc(arena, (map->count + 1) * sizeof(*list));
	size_t cursor = 0, count = 0;
	const char *text;
	int r;

	while ((text = hyfw_map_next(map, "publish", &cursor))) {
		r = publish_parse(host, arena, text, &list[count++], err);
		if (r < 0)
			return r;
	}
	*ret_list = list;
	*ret_count = count;
	return 0;
}

/* check() has no arena: only what plan() would not find is looked at there. */
int bridge_publish_check(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	if (subject->index != 0 || !hyfw_map_get(&subject->settings, "publish"))
		return 0;
	if (hyfw_map_bool(&subject->network, "internal", false))
		return bridge->host->fail(err, EINVAL, "publish: network %s is internal, nothing outside may reach it",
					  subject->name);
	return 0;
}

/* ---- plan ----------------------------------------------------------------- */

static const char *publish_command(const struct hyfw_host *host, struct hyfw_arena *arena,
				   const struct bridge_publication *p, const char *workload)
{
	const char *map = *p->address ? "published_at" : "published",
		   *port = p->port ? host->format(arena, "%u", p->port) : "$PORT",
		   *key = host->format(arena, "%s%s%s . %s", p->address, *p->address ? " . " : "", p->protocol, port);

	return host->format(arena,
			    "nft add element inet %s %s_address '{ %s comment \"%s\" : $ADDRESS }'\n"
			    "nft add element inet %s %s_port '{ %s comment \"%s\" : %u }'",
			    host->owner, map, key, workload, host->owner, map, key, workload, p->to_port);
}

int bridge_publish_plan(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *master = bridge_name_network(bridge, arena, subject->name), *text = "", *commands = "", *value;
	struct hyfw_step step = { .size = sizeof(step), .verb = "publish", .lifetime = HYFW_LIFETIME_RUN };
	struct bridge_publication *list;
	struct hyfw_pair *args;
	size_t count, i, cursor = 0;
	int r = publish_list(host, arena, &subject->settings, &list, &count, err);

	if (r < 0 || count == 0 || subject->index != 0)
		return r;
	args = host->alloc(arena, (count + 3) * sizeof(*args));
	args[0] = (struct hyfw_pair){ "network", subject->name };
	args[1] = (struct hyfw_pair){ "master", master };
	args[2] = (struct hyfw_pair){ "host_interface",
				      bridge_name_endpoint(bridge, arena, subject->name, subject->workload) };
	for (i = 0; i < count; i++) {
		value = hyfw_map_next(&subject->settings, "publish", &cursor);
		args[i + 3] = (struct hyfw_pair){ "publish", value };
		text = host->format(arena, "%s%s%s%s%s as %u/%s", text, i ? ", " : "", list[i].address,
				    *list[i].address ? ":" : "",
				    list[i].port ? host->format(arena, "%u", list[i].port) : "a free port",
				    list[i].to_port, list[i].protocol);
		commands = host->format(arena, "%s%s%s", commands, i ? "\n" : "",
					publish_command(host, arena, &list[i], subject->workload));
	}
	step.object = host->format(arena, "ports of %s", subject->workload);
	step.summary = host->format(arena, "publish port %s of %s", text, subject->workload);
	step.commands = host->format(arena, "sysctl -w net.ipv4.conf.%s.route_localnet=1\n%s", master, commands);
	step.args = (struct hyfw_map){ count + 3, args };
	return host->plan_step(plan, &step, err);
}

/* ---- apply ---------------------------------------------------------------- */

/* Whether a socket of the host is in the way; with port 0 the kernel chooses a
 * free one.  0 and the port, or a negative errno. */
static int port_try(const struct bridge_publication *p, unsigned *ret_port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)p->port) };
	bool tcp = strcmp(p->protocol, "tcp") == 0;
	socklen_t length = sizeof(name);
	uint32_t address = INADDR_ANY;
	int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0), one = 1, r = 0;

	if (fd < 0)
		return -errno;
	if (*p->address)
		net_address_parse(p->address, &address);
	name.sin_addr.s_addr = htonl(address);
	/* Connections in TIME_WAIT are no hindrance, listeners still are. */
	if (tcp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || (tcp && listen(fd, 1) < 0) ||
	    getsockname(fd, (struct sockaddr *)&name, &length) < 0)
		r = -errno;
	close(fd);
	if (r >= 0)
		*ret_port = ntohs(name.sin_port);
	return r;
}

static const char *port_lease(const struct hyfw_host *host, struct hyfw_arena *arena,
			      const struct bridge_publication *p)
{
	return host->format(arena, "%s-%u", p->protocol, p->port);
}

static int port_fail(const struct hyfw_host *host, const struct bridge_publication *p, int r,
		     struct hyfw_error **err)
{
	if (r == -EADDRINUSE)
		return host->fail(err, EADDRINUSE, "port %u/%s is in use by a process of the host", p->port,
				  p->protocol);
	if (r == -EADDRNOTAVAIL)
		return host->fail(err, EADDRNOTAVAIL, "publish: %s is no address of this host", p->address);
	return host->fail(err, -r, "port %u/%s: %s", p->port, p->protocol, strerror(-r));
}

static int port_take_fixed(const struct hyfw_host *host, struct hyfw_call *call,
			   const struct bridge_publication *p, struct hyfw_error **err)
{
	unsigned port;
	int r = host->lease_take("ports", port_lease(host, call->arena, p), call->workload, err);

	if (r < 0)
		return host->wrap(err, "port %u/%s", p->port, p->protocol);
	r = port_try(p, &port);
	return r < 0 ? port_fail(host, p, r, err) : 0;
}

/* A port that is noted and then turns out to be leased is replaced in the note
 * by the next one; undo drops leases only where we hold them. */
static int port_take_random(const struct hyfw_host *host, struct hyfw_call *call, struct bridge_publication *p,
			    struct hyfw_error **err)
{
	struct hyfw_arena *arena = call->arena;
	unsigned tries, port;
	int r;

	for (tries = 0; tries < RANDOM_TRIES; tries++) {
		p->port = 0;
		r = port_try(p, &port);
		if (r < 0)
			return port_fail(host, p, r, err);
		p->port = port;
		r = host->note(call, host->format(arena, "publish.%u/%s", p->to_port, p->protocol),
			       host->format(arena, "%u", port), err);
		if (r < 0)
			return r;
		r = host->lease_take("ports", port_lease(host, arena, p), call->workload, err);
		if (r != -EADDRINUSE)
			return r;
		host->forget(err);
	}
	return host->fail(err, EADDRINUSE, "no free port for %u/%s was found", p->to_port, p->protocol);
}

int bridge_publish_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	struct bridge_publication *list;
	const char *address = NULL;
	size_t count, i;
	int r = publish_list(host, call->arena, &call->step->args, &list, &count, err);

	if (r >= 0)
		r = bridge_endpoint_address(bridge, call, &address, err);
	if (r >= 0)
		r = host->note(call, NOTE_TARGET, address, err);
	for (i = 0; i < count && r >= 0; i++) {
		list[i].to = address;
		r = list[i].port ? port_take_fixed(host, call, &list[i], err)
				 : port_take_random(host, call, &list[i], err);
	}
	if (r >= 0)
		r = bridge_sysctl_localnet(bridge, arg(call, "master"), err);
	return r < 0 ? r : bridge_firewall_publish(bridge, call->workload, list, count, err);
}

/* ---- undo ----------------------------------------------------------------- */

static void port_recall(const struct hyfw_host *host, struct hyfw_call *call, struct bridge_publication *p)
{
	const char *key = host->format(call->arena, "publish.%u/%s", p->to_port, p->protocol),
		   *noted = hyfw_map_get(&call->record, key);

	if (p->port == 0 && noted)
		port_parse(noted, 1, &p->port);
}

/* Only with the lease in hand are the rules for a port ours to remove: apply()
 * may have failed because another workload has it. */
static int port_give_back(struct bridge *bridge, struct hyfw_call *call, struct bridge_publication *p,
			  struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *lease = port_lease(host, call->arena, p);
	int r = host->lease_take("ports", lease, call->workload, err);

	if (r == -EADDRINUSE) {
		host->forget(err);
		return 0;
	}
	if (r >= 0)
		r = bridge_firewall_unpublish(bridge, call->workload, p, 1, err);
	if (r >= 0)
		host->lease_drop("ports", lease, call->workload);
	return r;
}

int bridge_publish_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *address = hyfw_map_get(&call->record, NOTE_TARGET);
	struct bridge_publication *list;
	size_t count, i;
	int r;

	if (!address)
		return 0; /* nothing was begun */
	r = publish_list(host, call->arena, &call->step->args, &list, &count, err);
	for (i = 0; i < count && r >= 0; i++) {
		list[i].to = address;
		port_recall(host, call, &list[i]);
		if (list[i].port)
			r = port_give_back(bridge, call, &list[i], err);
	}
	return r;
}
