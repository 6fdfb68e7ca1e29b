/* SPDX-License-Identifier: BSD-3-Clause
 * The passt or pasta process of a workload. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/files.h"
#include "../common/process.h"
#include "user.h"

#define PID_FILE "--pid="

const char *user_directory(const struct user *user, struct hyfw_arena *arena, const char *network,
			   const char *workload)
{
	return user->host->format(arena, "%s/%s+%s", user->host->directory("user", HYFW_DIRECTORY_RUNTIME), network,
				  workload);
}

const char *user_socket(const struct user *user, struct hyfw_arena *arena, const char *directory)
{
	return user->host->format(arena, "%s/socket", directory);
}

/* The process makes its files as the user that it has become. */
int user_directory_make(const struct user *user, const char *directory, uint32_t uid, struct hyfw_error **err)
{
	const struct hyfw_host *host = user->host;
	const char *above = host->directory("user", HYFW_DIRECTORY_RUNTIME);

	if (chmod(above, 0711) < 0)
		return host->fail(err, errno, "mode of %s: %s", above, strerror(errno));
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return host->fail(err, errno, "cannot create %s: %s", directory, strerror(errno));
	if (uid != geteuid() && chown(directory, uid, uid) < 0)
		return host->fail(err, errno, "cannot give %s to user %u: %s", directory, uid, strerror(errno));
	return 0;
}

/* ---- words of the command line -------------------------------------------- */

struct words {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char **list;
	size_t count;
};

static void word(struct words *words, const char *text)
{
	words->list[words->count++] = text;
}

/* "ADDRESS/PORT:TO"; a protocol without ports says "none", else passt forwards UDP
 * where it forwards TCP. */
static void words_ports(struct words *words, const struct user_server *server, const char *protocol,
			const char *flag)
{
	const struct hyfw_host *host = words->host;
	bool any = false;
	size_t i, more;

	for (i = 0; i < server->port_count; i += more + 1) {
		const struct net_publication *p = &server->ports[i];
		const char *from = host->format(words->arena, "%s%s%u", p->address, *p->address ? "/" : "", p->port);

		/* Of a range, those that follow on both sides: they were chosen one by one, maybe. */
		for (more = 0; i + more + 1 < server->port_count && p[more + 1].span == 0; more++)
			if (p[more + 1].port != p->port + more + 1)
				break;
		if (strcmp(p->protocol, protocol) != 0)
			continue;
		word(words, flag);
		word(words, more ? host->format(words->arena, "%s-%zu:%u-%zu", from, p->port + more, p->to_port,
						p->to_port + more)
				 : host->format(words->arena, "%s:%u", from, p->to_port));
		any = true;
	}
	if (any)
		return;
	word(words, flag);
	word(words, "none");
}

/* pasta would by default forward every port of the host's 127.0.0.1 that somebody
 * listens on, and both lead the gateway's address there. */
static const char *const *server_words(const struct user *user, struct hyfw_arena *arena,
				       const struct user_server *server)
{
	const struct hyfw_host *host = user->host;
	struct words words = { .host = host, .arena = arena };
	const bool pasta = server->netns_fd >= 0;

	words.list = host->alloc(arena, (24 + 2 * server->port_count) * sizeof(*words.list));
	word(&words, pasta ? "pasta" : "passt");
	word(&words, "--quiet");
	word(&words, "--no-map-gw");
	word(&words, host->format(arena, PID_FILE "%s/pid", server->directory));
	if (pasta) {
		word(&words, "--config-net");
		word(&words, "--netns=/proc/self/fd/0");
		word(&words, "--no-netns-quit");
		word(&words, host->format(arena, "--ns-ifname=%s", server->interface));
		word(&words, "--tcp-ns=none");
		word(&words, "--udp-ns=none");
	} else {
		word(&words, host->format(arena, "--socket=%s", user_socket(user, arena, server->directory)));
		word(&words, "--one-off");
		if (geteuid() == 0)
			word(&words, host->format(arena, "--runas=%u:%u", server->uid, server->uid));
	}
	words_ports(&words, server, "tcp", "-t");
	words_ports(&words, server, "udp", "-u");
	return words.list;
}

/* ---- start and end -------------------------------------------------------- */

int user_server_start(const struct user *user, struct hyfw_arena *arena, const struct user_server *server,
		      struct hyfw_error **err)
{
	const char *const *argv = server_words(user, arena, server);
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv, .timeout_ms = 10000 };
	int r;

	unlink(user_socket(user, arena, server->directory));
	r = server->netns_fd >= 0 ? user_pasta_run(user, server->netns_fd, argv, err)
				  : user->host->run(arena, &program, NULL, err);
	return r == -ENOENT ? user->host->wrap(err, "driver user needs it (Debian: passt)") : r;
}

static int server_process(const struct user *user, struct hyfw_arena *arena, const char *directory)
{
	const char *pid = net_file_read(user->host, arena, directory, "pid", NULL),
		   *mark = user->host->format(arena, PID_FILE "%s/pid", directory);
	int process = pid ? net_process_open(user->host, arena, pid, "passt", mark) : -1;

	return pid && process < 0 ? net_process_open(user->host, arena, pid, "pasta", mark) : process;
}

int user_server_end(const struct user *user, struct hyfw_arena *arena, const char *directory,
		    struct hyfw_error **err)
{
	int process = server_process(user, arena, directory), r = 0;

	if (process >= 0) {
		r = net_process_end(process);
		close(process);
	}
	if (r < 0)
		return user->host->fail(err, -r, "passt of %s does not end", directory);
	return net_directory_remove(user->host, directory, err);
}
