/* SPDX-License-Identifier: BSD-3-Clause
 * Tries from inside a workload what a workload must not be able to do, and tells
 * what the kernel said.  Static, so that it runs in any root file system.
 *
 *     probe CALL...       a line "CALL ok" or "CALL ERRNO" for each; "probe list" names them
 *     probe all           all of them, each in a child of its own
 *     probe fds           open descriptors above 2 and what they are
 *     probe fork N MS     forks until it fails or N children sleep MS; "fork COUNT ERRNO"
 *     probe eat MB MS     touches MB of memory and keeps it for MS
 *     probe connect HOST PORT MS  "connect ok", "connect ECONNREFUSED", "connect ETIMEDOUT"
 *     probe connect PATH  the same for a socket in a file system
 *     probe kill SIGNAL   ends itself with SIGNAL
 */
#include "probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *name, bool worked)
{
	printf("%s %s\n", name, worked ? "ok" : strerrorname_np(errno));
	fflush(stdout);
}

/* In a child, so that what one attack changes is not there for the next. */
static void probe_one(size_t which)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		errno = 0;
		tell(probe_calls[which].name, probe_calls[which].call() >= 0);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		printf("%s no-child\n", probe_calls[which].name);
	else if (WIFSIGNALED(status))
		printf("%s SIG%s\n", probe_calls[which].name, sigabbrev_np(WTERMSIG(status)));
}

static int probe_named(int count, char **names)
{
	size_t i;
	int n;

	for (n = 0; n < count; n++) {
		for (i = 0; i < probe_call_count && strcmp(probe_calls[i].name, names[n]) != 0; i++)
			;
		if (i == probe_call_count) {
			fprintf(stderr, "probe: no call '%s'\n", names[n]);
			return 2;
		}
		probe_one(i);
	}
	return 0;
}

static int probe_all(bool only_list)
{
	size_t i;

	for (i = 0; i < probe_call_count; i++) {
		if (only_list)
			puts(probe_calls[i].name);
		else
			probe_one(i);
	}
	return 0;
}

static int list_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	char target[4096];
	ssize_t length;

	if (!directory)
		return 1;
	while ((entry = readdir(directory))) {
		int fd = atoi(entry->d_name);

		if (fd <= 2 || fd == dirfd(directory))
			continue;
		length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target));
		printf("fd %d %.*s\n", fd, (int)(length > 0 ? length : 0), target);
	}
	closedir(directory);
	return 0;
}

static void sleep_ms(long ms)
{
	poll(NULL, 0, (int)ms);
}

static int fork_many(long most, long ms)
{
	long count;

	for (count = 0; count < most; count++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (pid == 0) {
			sleep_ms(ms);
			_exit(0);
		}
	}
	printf("fork %ld %s\n", count, count < most ? strerrorname_np(errno) : "ok");
	fflush(stdout);
	sleep_ms(ms);
	return 0;
}

static int eat_memory(size_t megabytes, long ms)
{
	char *memory = malloc(megabytes << 20);

	if (!memory) {
		tell("eat", false);
		return 1;
	}
	memset(memory, 0x5a, megabytes << 20);
	tell("eat", memory[0] == 0x5a);
	sleep_ms(ms);
	free(memory);
	return 0;
}

/* A name by /etc/hosts; a static getaddrinfo() would want libraries. */
static bool look_up(const char *name, struct in_addr *ret_address)
{
	FILE *hosts = fopen("/etc/hosts", "re");
	char line[512], address[64], host[256];
	bool found = inet_pton(AF_INET, name, ret_address) == 1;

	while (hosts && !found && fgets(line, sizeof(line), hosts))
		found = sscanf(line, "%63s %255s", address, host) == 2 && strcmp(host, name) == 0 &&
			inet_pton(AF_INET, address, ret_address) == 1;
	if (hosts)
		fclose(hosts);
	return found;
}

static int try_connect_path(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	tell("connect", fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	return 0;
}

static int try_connect(const char *address, const char *port, long ms)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), failure = 0;
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(failure);

	if (fd < 0 || !look_up(address, &to.sin_addr))
		return 2;
	errno = 0;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EINPROGRESS) {
		if (poll(&ready, 1, (int)ms) == 1)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size);
		else
			failure = ETIMEDOUT;
		errno = failure;
	}
	tell("connect", errno == 0);
	return errno != 0;
}

int main(int argc, char **argv)
{
	/* Some of these would do harm where they are permitted. */
	if (access("/etc/hyfw-test-rootfs", F_OK) < 0) {
		fputs("probe: only inside the tests' root file system\n", stderr);
		return 2;
	}
	if (argc == 2 && strcmp(argv[1], "all") == 0)
		return probe_all(false);
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return probe_all(true);
	if (argc == 2 && strcmp(argv[1], "fds") == 0)
		return list_descriptors();
	if (argc == 4 && strcmp(argv[1], "fork") == 0)
		return fork_many(atol(argv[2]), atol(argv[3]));
	if (argc == 4 && strcmp(argv[1], "eat") == 0)
		return eat_memory((size_t)atol(argv[2]), atol(argv[3]));
	if (argc == 3 && strcmp(argv[1], "connect") == 0)
		return try_connect_path(argv[2]);
	if (argc == 5 && strcmp(argv[1], "connect") == 0)
		return try_connect(argv[2], argv[3], atol(argv[4]));
	if (argc == 3 && strcmp(argv[1], "kill") == 0)
		return raise(atoi(argv[2]));
	return probe_named(argc - 1, argv + 1);
}
