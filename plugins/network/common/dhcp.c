/* SPDX-License-Identifier: BSD-3-Clause
 * What the DHCP and DNS server of a network is told: its machines and the names
 * they may know. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dhcp.h"
#include "files.h"

#define LEASE_TIME "12h" /* an address stays while its machine runs */

static const char *const parts[] = { "machines", "names", "addresses" };

static const char *dhcp_directory(const struct net_dhcp *dhcp, struct hyfw_arena *arena)
{
	return dhcp->host->format(arena, "%s/dhcp-%s", dhcp->host->directory(dhcp->driver, HYFW_DIRECTORY_RUNTIME),
				  dhcp->network);
}

static const char *dhcp_part(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *part)
{
	return dhcp->host->format(arena, "%s/%s", dhcp_directory(dhcp, arena), part);
}

static int dhcp_lock(const struct net_dhcp *dhcp, struct hyfw_arena *arena, struct hyfw_error **err)
{
	return dhcp->host->lock(dhcp->host->format(arena, "dhcp-%s", dhcp->network), err);
}

/* A process like the one before, which has read what there is now.  dnsmasq 2.90
 * dies of SIGHUP when a machine of a --dhcp-hostsdir has a lease. */
static int dhcp_again(const struct net_dhcp *dhcp, struct hyfw_arena *arena, struct hyfw_error **err)
{
	const char *directory = dhcp_directory(dhcp, arena), *text;
	const char **arguments;
	size_t size = 0, at, count = 0;
	int r = net_dhcp_end(dhcp, arena, directory, err);

	text = r < 0 ? NULL : net_file_read(dhcp->host, arena, directory, "arguments", &size);
	if (!text || size == 0)
		return r;
	arguments = dhcp->host->alloc(arena, (size + 1) * sizeof(*arguments));
	for (at = 0; at < size; at += strlen(text + at) + 1)
		arguments[count++] = text + at;
	return net_dhcp_start(dhcp, arena, directory, arguments, err);
}

/* ---- machines ------------------------------------------------------------- */

/* Whether dnsmasq takes 'name' in a line of its own for a host's name, not for a
 * time ("12h") or a word. */
static bool is_hostname(const char *name)
{
	static const char *const words[] = { "ignore", "infinite", "deprecated" };
	size_t digits = strspn(name, "0123456789"), i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(name, words[i]) == 0)
			return false;
	for (i = 0; name[i]; i++)
		if (!isalnum((unsigned char)name[i]) && (name[i] != '-' || i == 0))
			return false;
	return i < 64 && i > digits && !(digits > 0 && i - digits == 1);
}

/* 1 when the server may remember another owner of the address: it would not give
 * it to the new one before the old lease has run out. */
static int dhcp_remember(const struct net_dhcp *dhcp, struct hyfw_arena *arena,
			 const struct net_dhcp_machine *machine, struct hyfw_error **err)
{
	const char *directory = dhcp_part(dhcp, arena, "addresses");
	const char *before = net_file_read(dhcp->host, arena, directory, machine->address, NULL);
	int r;

	if (before && strcmp(before, machine->mac) == 0)
		return 0;
	r = net_file_write(dhcp->host, arena, directory, machine->address, machine->mac, strlen(machine->mac), err);
	return r < 0 ? r : before != NULL;
}

static int dhcp_write_machine(const struct net_dhcp *dhcp, struct hyfw_arena *arena,
			      const struct net_dhcp_machine *machine, struct hyfw_error **err)
{
	const char *name = machine->hostname ? machine->hostname : machine->workload, *line;

	name = is_hostname(name) ? dhcp->host->format(arena, "%s,", name) : "";
	line = dhcp->host->format(arena, "%s,%s%s,%s%s\n", machine->mac, machine->route ? "" : "set:beside,",
				  machine->address, name, LEASE_TIME);
	return net_file_write(dhcp->host, arena, dhcp_part(dhcp, arena, "machines"), machine->workload, line,
			      strlen(line), err);
}

static int dhcp_make_directories(const struct net_dhcp *dhcp, struct hyfw_arena *arena, struct hyfw_error **err)
{
	const char *above = dhcp->host->directory(dhcp->driver, HYFW_DIRECTORY_RUNTIME);
	int r;
	size_t i;

	/* The server, which is not root, has to walk through it. */
	if (chmod(above, 0711) < 0)
		return dhcp->host->fail(err, errno, "mode of %s: %s", above, strerror(errno));
	r = net_directory_make(dhcp->host, dhcp_directory(dhcp, arena), err);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]) && r >= 0; i++)
		r = net_directory_make(dhcp->host, dhcp_part(dhcp, arena, parts[i]), err);
	return r;
}

/* 1 when the server was started for something else. */
static int dhcp_write_arguments(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *const *arguments,
				struct hyfw_error **err)
{
	const char *directory = dhcp_directory(dhcp, arena), *before;
	size_t size = 0, before_size = 0, i;
	char *text;
	int r;

	for (i = 0; arguments[i]; i++)
		size += strlen(arguments[i]) + 1;
	text = dhcp->host->alloc(arena, size);
	for (size = 0, i = 0; arguments[i]; i++) {
		memcpy(text + size, arguments[i], strlen(arguments[i]) + 1);
		size += strlen(arguments[i]) + 1;
	}
	before = net_file_read(dhcp->host, arena, directory, "arguments", &before_size);
	if (before && before_size == size && memcmp(before, text, size) == 0)
		return 0;
	r = net_file_write(dhcp->host, arena, directory, "arguments", text, size, err);
	return r < 0 ? r : before != NULL;
}

static int dhcp_add(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const struct net_dhcp_server *server,
		    const struct net_dhcp_machine *machine, struct hyfw_error **err)
{
	const char *directory = dhcp_directory(dhcp, arena);
	const char *const *arguments = net_dhcp_arguments(dhcp, arena, directory, server);
	int process, stale = 0, r = dhcp_make_directories(dhcp, arena, err);

	if (r >= 0)
		r = dhcp_write_arguments(dhcp, arena, arguments, err);
	if (r >= 0) {
		stale = r;
		r = dhcp_remember(dhcp, arena, machine, err);
	}
	if (r >= 0) {
		stale |= r;
		r = dhcp_write_machine(dhcp, arena, machine, err);
	}
	if (r >= 0 && stale)
		r = net_dhcp_end(dhcp, arena, directory, err);
	if (r < 0)
		return r;
	process = net_dhcp_process(dhcp, arena, directory);
	if (process < 0)
		return net_dhcp_start(dhcp, arena, directory, arguments, err);
	close(process);
	return 0;
}

int net_dhcp_add(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const struct net_dhcp_server *server,
		 const struct net_dhcp_machine *machine, struct hyfw_error **err)
{
	int lock = dhcp_lock(dhcp, arena, err), r;

	if (lock < 0)
		return lock;
	r = dhcp_add(dhcp, arena, server, machine, err);
	close(lock);
	return r < 0 ? dhcp->host->wrap(err, "network %s: DHCP", dhcp->network) : 0;
}

/* ---- names ---------------------------------------------------------------- */

/* Which of the files in names/ go. */
struct forget {
	const char *directory;
	const struct net_dhcp *dhcp;
	struct hyfw_arena *arena;
	const char *workload; /* whose they are */
	const char *address;  /* NULL: every one */
};

static void forget_name(void *context, const char *name)
{
	const struct forget *forget = context;
	const struct hyfw_host *host = forget->dhcp->host;
	size_t length = strlen(forget->workload);
	const char *line;

	if (strncmp(name, forget->workload, length) != 0 || name[length] != '+')
		return;
	line = forget->address ? net_file_read(host, forget->arena, forget->directory, name, NULL) : NULL;
	length = forget->address ? strlen(forget->address) : 0;
	if (!forget->address || (line && strncmp(line, forget->address, length) == 0 && line[length] == '\t'))
		unlink(host->format(forget->arena, "%s/%s", forget->directory, name));
}

static void dhcp_forget(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *workload,
			const char *address)
{
	struct forget forget = { dhcp_part(dhcp, arena, "names"), dhcp, arena, workload, address };

	net_file_each(forget.directory, forget_name, &forget);
}

static void dhcp_remove(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *workload)
{
	unlink(dhcp->host->format(arena, "%s/%s", dhcp_part(dhcp, arena, "machines"), workload));
	dhcp_forget(dhcp, arena, workload, NULL);
}

static void count_machine(void *context, const char *name)
{
	(void)name;
	++*(size_t *)context;
}

int net_dhcp_remove(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *workload,
		    struct hyfw_error **err)
{
	size_t left = 0;
	int lock, r = 0;

	if (access(dhcp_directory(dhcp, arena), F_OK) < 0)
		return 0;
	lock = dhcp_lock(dhcp, arena, err);
	if (lock < 0)
		return lock;
	dhcp_remove(dhcp, arena, workload);
	net_file_each(dhcp_part(dhcp, arena, "machines"), count_machine, &left);
	if (left) /* the others; the last one's goes with the network */
		r = dhcp_again(dhcp, arena, err);
	close(lock);
	return r;
}

int net_dhcp_name(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *workload, const char *peer,
		  const char *address, struct hyfw_error **err)
{
	const char *line = dhcp->host->format(arena, "%s\t%s\n", address, peer);
	int lock, r = 0;

	if (access(dhcp_directory(dhcp, arena), F_OK) < 0)
		return 0;
	lock = dhcp_lock(dhcp, arena, err);
	if (lock < 0)
		return lock;
	if (access(dhcp_part(dhcp, arena, "names"), F_OK) == 0)
		r = net_file_write(dhcp->host, arena, dhcp_part(dhcp, arena, "names"),
				   dhcp->host->format(arena, "%s+%s", workload, peer), line, strlen(line), err);
	close(lock);
	return r;
}

int net_dhcp_unname(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *workload,
		    const char *address, struct hyfw_error **err)
{
	int lock;

	if (access(dhcp_directory(dhcp, arena), F_OK) < 0)
		return 0;
	lock = dhcp_lock(dhcp, arena, err);
	if (lock < 0)
		return lock;
	dhcp_forget(dhcp, arena, workload, address);
	close(lock);
	return 0;
}

/* ---- the end -------------------------------------------------------------- */

static int dhcp_stop(const struct net_dhcp *dhcp, struct hyfw_arena *arena, struct hyfw_error **err)
{
	const char *directory = dhcp_directory(dhcp, arena);
	int r = net_dhcp_end(dhcp, arena, directory, err);
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]) && r >= 0; i++)
		r = net_directory_remove(dhcp->host, dhcp_part(dhcp, arena, parts[i]), err);
	return r < 0 ? r : net_directory_remove(dhcp->host, directory, err);
}

int net_dhcp_stop(const struct net_dhcp *dhcp, struct hyfw_arena *arena, struct hyfw_error **err)
{
	int lock, r;

	if (access(dhcp_directory(dhcp, arena), F_OK) < 0)
		return 0;
	lock = dhcp_lock(dhcp, arena, err);
	if (lock < 0)
		return lock;
	r = dhcp_stop(dhcp, arena, err);
	close(lock);
	return r < 0 ? dhcp->host->wrap(err, "network %s: DHCP", dhcp->network) : 0;
}

/* ---- orphans -------------------------------------------------------------- */

struct sweep {
	struct net_dhcp dhcp;
	struct hyfw_arena *arena;
	const struct hyfw_alive *alive;
	size_t machines, removed; /* that stay, and that do not */
	int r;
	struct hyfw_error **err;
};

static void sweep_machine(void *context, const char *name)
{
	struct sweep *sweep = context;

	if (hyfw_names_have(sweep->alive->running, name, strlen(name))) {
		sweep->machines++;
	} else {
		sweep->removed++;
		dhcp_remove(&sweep->dhcp, sweep->arena, name);
	}
}

/* As it was started before; a server that runs and knows nobody else is left alone. */
static int sweep_revive(struct sweep *sweep)
{
	const char *directory = dhcp_directory(&sweep->dhcp, sweep->arena);
	int process = net_dhcp_process(&sweep->dhcp, sweep->arena, directory);

	if (process >= 0)
		close(process);
	if (!sweep->machines || (process >= 0 && !sweep->removed))
		return 0;
	sweep->dhcp.host->log(HYFW_LOG_INFO, "network %s: starting its DHCP server again", sweep->dhcp.network);
	return dhcp_again(&sweep->dhcp, sweep->arena, sweep->err);
}

static void sweep_network(void *context, const char *name)
{
	struct sweep *sweep = context;
	int lock, r;

	if (strncmp(name, "dhcp-", 5) != 0 || sweep->r < 0)
		return;
	sweep->dhcp.network = name + 5;
	sweep->machines = sweep->removed = 0;
	if (!hyfw_names_have(sweep->alive->networks, sweep->dhcp.network, strlen(sweep->dhcp.network))) {
		sweep->r = net_dhcp_stop(&sweep->dhcp, sweep->arena, sweep->err);
		return;
	}
	lock = dhcp_lock(&sweep->dhcp, sweep->arena, sweep->err);
	if (lock < 0) {
		sweep->r = lock;
		return;
	}
	net_file_each(dhcp_part(&sweep->dhcp, sweep->arena, "machines"), sweep_machine, sweep);
	r = sweep_revive(sweep);
	close(lock);
	if (r < 0)
		sweep->r = r;
}

int net_dhcp_gc(const struct hyfw_host *host, const char *driver, const struct hyfw_alive *alive,
		struct hyfw_error **err)
{
	struct sweep sweep = { .dhcp = { host, driver, "" }, .alive = alive, .err = err };
	const char *parent = host->directory(driver, HYFW_DIRECTORY_RUNTIME);

	sweep.arena = host->arena_new();
	net_dhcp_end_strays(host, sweep.arena, parent);
	net_file_each(parent, sweep_network, &sweep);
	host->arena_free(sweep.arena);
	return sweep.r;
}
