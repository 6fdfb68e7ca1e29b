/* SPDX-License-Identifier: BSD-3-Clause
 * The dnsmasq process of a network: how it is started, found again and ended. */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dhcp.h"
#include "files.h"
#include "process.h"

#define PID_FILE "--pid-file="
#define START_PAUSE_MS 800 /* the longest pause before it is tried again; half of all of them */

struct words {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char *list[48];
	size_t count;
};

static void word(struct words *words, const char *name, const char *value)
{
	words->list[words->count++] = words->host->format(words->arena, "--%s%s%s", name, value ? "=" : "",
							  value ? value : "");
}

/* The user of Debian's package, else nobody.  Neither owns a file. */
static const struct passwd *server_user(void)
{
	const struct passwd *user = getpwnam("dnsmasq");

	return user ? user : getpwnam("nobody");
}

static void words_identity(struct words *words)
{
	const struct passwd *user = server_user();
	const struct group *group = user ? getgrgid(user->pw_gid) : NULL;

	word(words, "user", user ? user->pw_name : "nobody");
	if (group)
		word(words, "group", group->gr_name);
}

/* Only machines that we told it of get an address, and none can take a name. */
static void words_dhcp(struct words *words, const char *directory, const struct net_dhcp_server *server)
{
	static const char *const flags[] = { "dhcp-authoritative", "dhcp-ignore-names", "leasefile-ro", "no-ping",
					     "quiet-dhcp" };
	const struct hyfw_host *host = words->host;
	struct hyfw_arena *arena = words->arena;
	uint32_t mask = 0xffffffffu << (32 - server->subnet.prefix);
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		word(words, flags[i], NULL);
	word(words, "dhcp-range",
	     host->format(arena, "%s,static,%s", net_address_text(host, arena, server->subnet.base),
			  net_address_text(host, arena, mask)));
	word(words, "dhcp-lease-max", "65536");
	word(words, "dhcp-hostsdir", host->format(arena, "%s/machines", directory));
	/* An empty option is not sent. */
	word(words, "dhcp-option", server->internal ? "option:router" : "tag:beside,option:router");
	if (server->mtu)
		word(words, "dhcp-option", host->format(arena, "option:mtu,%u", server->mtu));
}

static void words_dns(struct words *words, const char *directory, const struct net_dhcp_server *server)
{
	word(words, "hostsdir", words->host->format(words->arena, "%s/names", directory));
	word(words, "no-hosts", NULL);
	word(words, "domain-needed", NULL);
	if (server->internal)
		word(words, "no-resolv", NULL);
}

const char *const *net_dhcp_arguments(const struct net_dhcp *dhcp, struct hyfw_arena *arena,
				      const char *directory, const struct net_dhcp_server *server)
{
	struct words words = { .host = dhcp->host, .arena = arena, .list = { "dnsmasq" }, .count = 1 };
	const char **copy;

	word(&words, "conf-file", "/dev/null");
	word(&words, "pid-file", dhcp->host->format(arena, "%s/pid", directory));
	words_identity(&words);
	word(&words, "bind-interfaces", NULL);
	word(&words, "interface", server->interface);
	word(&words, "except-interface", "lo");
	words_dhcp(&words, directory, server);
	words_dns(&words, directory, server);
	copy = dhcp->host->alloc(arena, (words.count + 1) * sizeof(*copy));
	memcpy(copy, words.list, words.count * sizeof(*copy));
	return copy;
}

/* ---- finding it ----------------------------------------------------------- */

/* What marks the process of 'directory'. */
static const char *process_word(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory)
{
	return host->format(arena, PID_FILE "%s/pid", directory);
}

int net_dhcp_process(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *directory)
{
	char *pid = net_file_read(dhcp->host, arena, directory, "pid", NULL);

	if (!pid || !isdigit((unsigned char)*pid))
		return -1;
	pid[strspn(pid, "0123456789")] = '\0';
	return net_process_open(dhcp->host, arena, pid, "dnsmasq", process_word(dhcp->host, arena, directory));
}

/* ---- start and end -------------------------------------------------------- */

/* It reads its directories as a user that is not root. */
static int check_walk(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory,
		      struct hyfw_error **err)
{
	const struct passwd *user = server_user();
	char *path = host->format(arena, "%s/", directory), *slash = path;
	struct stat st;

	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		if (stat(path, &st) < 0)
			return host->fail(err, errno, "%s: %s", path, strerror(errno));
		if (!(st.st_mode & S_IXOTH) && !(user && st.st_uid == user->pw_uid && st.st_mode & S_IXUSR))
			return host->fail(err, EACCES, "user %s of dnsmasq cannot walk through %s: chmod o+x it, or "
					  "move the directory of --state", user ? user->pw_name : "nobody", path);
		*slash = '/';
	}
	return 0;
}

int net_dhcp_end(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *directory,
		 struct hyfw_error **err)
{
	int process = net_dhcp_process(dhcp, arena, directory), r = 0;

	if (process >= 0) {
		r = net_process_end(process);
		close(process);
	}
	if (r < 0)
		return dhcp->host->fail(err, -r, "dnsmasq does not end");
	unlink(dhcp->host->format(arena, "%s/pid", directory));
	return 0;
}

struct strays {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char *prefix; /* "--pid-file=PARENT/dhcp-" */
	const char *held;   /* directory of the network whose lock the caller has; NULL: none */
};

/* Under the lock of its network: it may be one that is just being started. */
static void end_unknown(const struct strays *strays, const char *pid, const char *directory)
{
	const struct hyfw_host *host = strays->host;
	struct hyfw_error *err = NULL;
	const bool held = strays->held && strcmp(strays->held, directory) == 0;
	int lock = held ? -1 : host->lock(strrchr(directory, '/') + 1, &err), process;
	const char *known = net_file_read(host, strays->arena, directory, "pid", NULL);

	process = (lock < 0 && !held) || (known && strtol(known, NULL, 10) == strtol(pid, NULL, 10))
			  ? -1 : net_process_open(host, strays->arena, pid, "dnsmasq",
					      process_word(host, strays->arena, directory));
	if (process >= 0) {
		host->log(HYFW_LOG_INFO, "ending a dnsmasq that was left behind: %s", directory);
		net_process_end(process);
		close(process);
	}
	if (lock >= 0)
		close(lock);
	host->forget(&err);
}

static void end_stray(void *context, const char *pid)
{
	const struct strays *strays = context;
	const char *mark = isdigit((unsigned char)*pid) ? net_process_word(strays->host, strays->arena, pid, "dnsmasq",
									     PID_FILE) : NULL;
	char *directory;

	if (!mark || strncmp(mark, strays->prefix, strlen(strays->prefix)) != 0)
		return;
	directory = strays->host->format(strays->arena, "%s", mark + strlen(PID_FILE));
	*strrchr(directory, '/') = '\0';
	end_unknown(strays, pid, directory);
}

void net_dhcp_end_strays(const struct hyfw_host *host, struct hyfw_arena *arena, const char *parent)
{
	struct strays strays = { host, arena, host->format(arena, PID_FILE "%s/dhcp-", parent), NULL };

	net_file_each("/proc", end_stray, &strays);
}

/* dnsmasq returns when its sockets are open and it has left for the background.  The
 * first failure may come of a process of this network that its directory does not know
 * of; the next ones of a killed one: while it exits it has no command line to be found
 * by, but its sockets still. */
int net_dhcp_start(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *directory,
		   const char *const *arguments, struct hyfw_error **err)
{
	const struct hyfw_program program = { .size = sizeof(program), .argv = arguments, .timeout_ms = 10000 };
	struct strays own = { dhcp->host, arena, process_word(dhcp->host, arena, directory), directory };
	int r = check_walk(dhcp->host, arena, directory, err);
	unsigned pause_ms;

	if (r >= 0)
		r = dhcp->host->run(arena, &program, NULL, err);
	for (pause_ms = 0; r == -EIO && pause_ms <= START_PAUSE_MS; pause_ms = pause_ms ? pause_ms * 2 : 50) {
		dhcp->host->forget(err);
		usleep(pause_ms * 1000);
		net_file_each("/proc", end_stray, &own);
		r = dhcp->host->run(arena, &program, NULL, err);
	}
	if (r == -ENOENT)
		return dhcp->host->wrap(err, "machines on a network of addresses need it (Debian: dnsmasq-base)");
	return r;
}
