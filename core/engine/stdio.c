/* SPDX-License-Identifier: BSD-3-Clause
 * The standard files of a workload without a terminal: pipes, so that nothing of
 * the caller's (its terminal above all) gets inside. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/serve.h"

/* The workload may open /dev/stdout anew, as another user; only those who hold
 * the pipe can reach it at all. */
#define PIPE_MODE 0666

static int open_output(struct hyfw_stdio *stdio, int which)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	stdio->output[which] = ends[0];
	stdio->inside[which + 1] = ends[1];
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 || fchmod(ends[1], PIPE_MODE) < 0)
		return -errno;
	return 0;
}

/* With `keep` it stays open also where nobody writes to it, so that a command that
 * reads does not see its end. */
static int open_input(struct hyfw_stdio *stdio, bool keep)
{
	int ends[2];

	if (!keep && !stdio->interactive) {
		stdio->inside[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return stdio->inside[0] < 0 ? -errno : 0;
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	stdio->inside[0] = ends[0];
	stdio->input = ends[1];
	if (fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0 || fchmod(ends[0], PIPE_MODE) < 0)
		return -errno;
	return 0;
}

int hyfw_stdio_open(struct hyfw_stdio *stdio, const struct hyfw_definition *definition,
		    const struct hyfw_launch *launch, struct hyfw_error **err)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	int result;

	memset(stdio, 0, sizeof(*stdio));
	stdio->inside[0] = stdio->inside[1] = stdio->inside[2] = -1;
	stdio->output[0] = stdio->output[1] = stdio->input = -1;
	stdio->foreground = launch->foreground;
	stdio->interactive = launch->foreground && launch->interactive;
	if (hyfw_map_bool(&settings, "terminal", false))
		return 0;
	result = open_input(stdio, hyfw_map_bool(&settings, "interactive", false));
	if (result == 0)
		result = open_output(stdio, 0);
	if (result == 0)
		result = open_output(stdio, 1);
	if (result < 0) {
		hyfw_stdio_close(stdio);
		return hyfw_fail_errno(err, -result, "workload %s: pipes for its output", definition->name);
	}
	return 0;
}

static void close_all(int *fds, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

void hyfw_stdio_close_inside(struct hyfw_stdio *stdio)
{
	close_all(stdio->inside, 3);
}

void hyfw_stdio_close(struct hyfw_stdio *stdio)
{
	close_all(stdio->inside, 3);
	close_all(stdio->output, 2);
	close_all(&stdio->input, 1);
}
