/* SPDX-License-Identifier: BSD-3-Clause
 * Published ports: reading them, and keeping other workloads off them. */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "ports.h"

#define RANDOM_TRIES 64

/* ---- "ADDRESS|HOSTPORT|PORT|PROTO", where a port may be "FIRST-LAST" ------------- */

static bool port_parse(const char *text, unsigned lowest, unsigned *ret_port, char **ret_end)
{
	unsigned long port;

	if (*text < '0' || *text > '9')
		return false;
	port = strtoul(text, ret_end, 10);
	if (port < lowest || port > 65535)
		return false;
	*ret_port = (unsigned)port;
	return true;
}

static bool range_parse(const char *text, unsigned lowest, unsigned *ret_first, unsigned *ret_span)
{
	unsigned last;
	char *end;

	if (!port_parse(text, lowest, ret_first, &end))
		return false;
	last = *ret_first;
	if (*end == '-' && (*ret_first == 0 || !port_parse(end + 1, *ret_first, &last, &end)))
		return false;
	*ret_span = last - *ret_first + 1;
	return *end == '\0';
}

static int publish_parse(const struct hyfw_host *host, struct hyfw_arena *arena, const char *text,
			 struct net_publication *ret_publication, struct hyfw_error **err)
{
	char *fields[4] = { host->format(arena, "%s", text) };
	struct net_publication parsed = { 0 };
	unsigned span;
	uint32_t address;
	size_t i;

	for (i = 1; i < 4; i++) {
		fields[i] = strchr(fields[i - 1], '|');
		if (!fields[i])
			return host->fail(err, EINVAL, "publish %s is not ADDRESS|HOSTPORT|PORT|PROTO", text);
		*fields[i]++ = '\0';
	}
	if (!range_parse(fields[1], 0, &parsed.port, &span) || !range_parse(fields[2], 1, &parsed.to_port, &parsed.span))
		return host->fail(err, EINVAL, "publish %s: a port must be from 1 to 65535", text);
	if (parsed.port && span != parsed.span)
		return host->fail(err, EINVAL, "publish %s: as many ports on both sides", text);
	if (strcmp(fields[3], "tcp") != 0 && strcmp(fields[3], "udp") != 0)
		return host->fail(err, EINVAL, "publish %s: the protocol must be tcp or udp", text);
	if (strchr(fields[0], ':'))
		return host->fail(err, EOPNOTSUPP, "publish %s: its network has IPv4 addresses only", fields[0]);
	if (*fields[0] && (strchr(fields[0], '/') || !net_address_parse(fields[0], &address)))
		return host->fail(err, EINVAL, "publish %s is not an IPv4 address", fields[0]);
	parsed.address = strcmp(fields[0], "0.0.0.0") == 0 ? "" : fields[0];
	parsed.protocol = fields[3];
	*ret_publication = parsed;
	return 0;
}

static void expand(const struct net_publication *range, struct net_publication *list)
{
	unsigned i;

	for (i = 0; i < range->span; i++) {
		list[i] = *range;
		list[i].port = range->port ? range->port + i : 0;
		list[i].to_port = range->to_port + i;
		list[i].span = i ? 0 : range->span;
	}
}

int net_publications(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *map,
		     struct net_publication **ret_list, size_t *ret_count, struct hyfw_error **err)
{
	struct net_publication *ranges = host->alloc(arena, (map->count + 1) * sizeof(*ranges)), *list;
	size_t cursor = 0, count = 0, all = 0, i;
	const char *text;
	int r;

	while ((text = hyfw_map_next(map, "publish", &cursor))) {
		r = publish_parse(host, arena, text, &ranges[count], err);
		if (r < 0)
			return r;
		all += ranges[count++].span;
		if (all > NET_PUBLICATIONS_MOST)
			return host->fail(err, E2BIG, "publish: more than %d ports", NET_PUBLICATIONS_MOST);
	}
	list = host->alloc(arena, (all + 1) * sizeof(*list));
	for (i = all = 0; i < count; i++) {
		expand(&ranges[i], list + all);
		all += ranges[i].span;
	}
	*ret_list = list;
	*ret_count = all;
	return 0;
}

void net_publications_copy(const struct hyfw_map *map, struct hyfw_pair *args, size_t *count)
{
	const char *value;
	size_t cursor = 0;

	while ((value = hyfw_map_next(map, "publish", &cursor)))
		args[(*count)++] = (struct hyfw_pair){ "publish", value };
}

/* ---- for people ------------------------------------------------------------ */

static const char *range_text(const struct hyfw_host *host, struct hyfw_arena *arena, unsigned first, unsigned span)
{
	return span > 1 ? host->format(arena, "%u-%u", first, first + span - 1) : host->format(arena, "%u", first);
}

const char *net_publication_port(const struct hyfw_host *host, struct hyfw_arena *arena,
				 const struct net_publication *p)
{
	return p->port ? range_text(host, arena, p->port, p->span) : "$PORT";
}

const char *net_publication_to_port(const struct hyfw_host *host, struct hyfw_arena *arena,
				    const struct net_publication *p)
{
	return range_text(host, arena, p->to_port, p->span);
}

const char *net_publications_text(const struct hyfw_host *host, struct hyfw_arena *arena,
				  const struct net_publication *list, size_t count)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < count; i++) {
		const struct net_publication *p = &list[i];

		if (p->span > 0)
			text = host->format(arena, "%s%s%s%s%s as %s/%s", text, i ? ", " : "", p->address,
					    *p->address ? ":" : "",
					    p->port ? net_publication_port(host, arena, p) : "a free port",
					    net_publication_to_port(host, arena, p), p->protocol);
	}
	return text;
}

/* "8000" as the port of a line, or "$((8000 + i))" in a loop. */
static const char *line_port(const struct hyfw_host *host, struct hyfw_arena *arena, unsigned port, bool loop)
{
	if (port == 0)
		return "$PORT";
	return host->format(arena, loop ? "$((%u + i))" : "%u", port);
}

/* What the shell is to replace in a loop is in double quotes. */
static const char *element_line(const struct hyfw_host *host, struct hyfw_arena *arena, bool loop, const char *set,
				const char *key, const char *workload, const char *value)
{
	return loop ? host->format(arena, "\n\tnft add element inet %s \"{ %s comment \\\"%s\\\" : %s }\"", set, key,
				   workload, value)
		    : host->format(arena, "\nnft add element inet %s '{ %s comment \"%s\" : %s }'", set, key, workload,
				   value);
}

static const char *commands_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *table,
			       const char *workload, const struct net_publication *p)
{
	const bool loop = p->span > 1;
	const char *map = *p->address ? "published_at" : "published",
		   *key = host->format(arena, "%s%s%s . %s", p->address, *p->address ? " . " : "", p->protocol,
				       line_port(host, arena, p->port, loop)),
		   *address = element_line(host, arena, loop, host->format(arena, "%s %s_address", table, map), key,
					   workload, "$ADDRESS"),
		   *port = element_line(host, arena, loop, host->format(arena, "%s %s_port", table, map), key, workload,
					line_port(host, arena, p->to_port, loop));

	return loop ? host->format(arena, "\nfor i in $(seq 0 %u); do%s%s\ndone", p->span - 1, address, port)
		    : host->format(arena, "%s%s", address, port);
}

const char *net_publications_commands(const struct hyfw_host *host, struct hyfw_arena *arena, const char *table,
				      const char *workload, const struct net_publication *list, size_t count)
{
	const char *commands = "";
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i].span > 0)
			commands = host->format(arena, "%s%s", commands, commands_of(host, arena, table, workload, &list[i]));
	return commands;
}

/* ---- taking them ---------------------------------------------------------- */

/* Whether a socket of the host is in the way; with port 0 the kernel chooses a
 * free one.  0 and the port, or a negative errno. */
static int port_try(const struct net_publication *p, unsigned *ret_port)
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

const char *net_port_lease(const struct hyfw_host *host, struct hyfw_arena *arena,
			      const struct net_publication *p)
{
	return host->format(arena, "%s-%u", p->protocol, p->port);
}

static int port_fail(const struct hyfw_host *host, const struct net_publication *p, int r,
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
			   const struct net_publication *p, struct hyfw_error **err)
{
	unsigned port;
	int r = host->lease_take("ports", net_port_lease(host, call->arena, p), call->workload, err);

	if (r < 0)
		return host->wrap(err, "port %u/%s", p->port, p->protocol);
	r = port_try(p, &port);
	return r < 0 ? port_fail(host, p, r, err) : 0;
}

/* A port that is noted and then turns out to be leased is replaced in the note
 * by the next one; undo drops leases only where we hold them. */
static int port_take_random(const struct hyfw_host *host, struct hyfw_call *call, struct net_publication *p,
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
		r = host->lease_take("ports", net_port_lease(host, arena, p), call->workload, err);
		if (r != -EADDRINUSE)
			return r;
		host->forget(err);
	}
	return host->fail(err, EADDRINUSE, "no free port for %u/%s was found", p->to_port, p->protocol);
}

int net_port_take(const struct hyfw_host *host, struct hyfw_call *call, struct net_publication *p,
		  struct hyfw_error **err)
{
	return p->port ? port_take_fixed(host, call, p, err) : port_take_random(host, call, p, err);
}

void net_port_recall(const struct hyfw_host *host, struct hyfw_call *call, struct net_publication *p)
{
	const char *key = host->format(call->arena, "publish.%u/%s", p->to_port, p->protocol),
		   *noted = hyfw_map_get(&call->record, key);
	char *end;

	if (p->port == 0 && noted && !port_parse(noted, 1, &p->port, &end))
		p->port = 0;
}

void net_port_drop(const struct hyfw_host *host, struct hyfw_call *call, struct net_publication *p)
{
	net_port_recall(host, call, p);
	if (p->port)
		host->lease_drop("ports", net_port_lease(host, call->arena, p), call->workload);
}
