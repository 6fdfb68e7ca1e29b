/* SPDX-License-Identifier: BSD-3-Clause
 * The thread that renews a lease.  Nothing else touches the storage once it runs: it may
 * hang in the kernel for as long as the storage does. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/failover_parts.h"

/* Renewals in a period; several may fail before it is over. */
#define RENEWALS 8

struct renewal {
	struct hyfw_keeping *keeping;
	int news, stop;
	int64_t last; /* when the last one that succeeded began */
};

int64_t hyfw_keeping_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(const struct renewal *renewal, enum hyfw_keeper_word word, int64_t number, const char *text)
{
	struct hyfw_keeper_message message;

	memset(&message, 0, sizeof(message));
	message.word = word;
	message.number = number;
	snprintf(message.text, sizeof(message.text), "%s", text ? text : "");
	if (write(renewal->news, &message, sizeof(message)) != (ssize_t)sizeof(message))
		return; /* at most PIPE_BUF: whole or not at all; the guard is gone */
}

/* 1 when the lease is ours, 0 when it is not, with '*err' that says whose; else it
 * cannot be told. */
static int look(const struct hyfw_keeping *keeping, struct hyfw_error **err)
{
	struct hyfw_failover_lease now;
	HYFW_AUTO_CLOSE int other = -1;
	int result = hyfw_failover_lease_is_at(keeping->fd, keeping->path);

	if (result < 0)
		return hyfw_fail_errno(err, -result, "%s", keeping->path);
	if (result == 0) {
		other = hyfw_failover_lease_open(keeping->path, false, NULL);
		if (other < 0 || hyfw_failover_lease_read(other, &now, NULL) < 0 ||
		    hyfw_failover_lease_same(&now, &keeping->lease))
			hyfw_fail(err, ESTALE, "its lease was removed or replaced (%s)", keeping->path);
		else
			hyfw_fail(err, ESTALE, "host %s has its lease now (generation %llu)", now.host,
				  (unsigned long long)now.generation);
		return 0;
	}
	result = hyfw_failover_lease_read(keeping->fd, &now, err);
	if (result < 0 && result != -EBADMSG)
		return result;
	if (result == 0 && hyfw_failover_lease_same(&now, &keeping->lease))
		return 1;
	if (result == 0)
		hyfw_fail(err, ESTALE, "host %s has its lease now (generation %llu)", now.host,
			  (unsigned long long)now.generation);
	return 0;
}

/* False when there is nothing to be renewed any more: it is somebody else's, or given
 * back.  What cannot be given back is tried again until the guard's time is over, as it
 * would pass for lost, and another host start what was stopped. */
static bool renew(struct renewal *renewal, bool held)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_keeping *keeping = renewal->keeping;
	const int64_t begin = hyfw_keeping_now();
	int result = look(keeping, &err);

	if (result == 1 && hyfw_keeping_now() - renewal->last > hyfw_keeping_limit(keeping->lease.period_ms))
		result = hyfw_fail(&err, ETIME, "too late"); /* the guard ends the machine: nothing is to be written */
	if (result == 0) {
		tell(renewal, HYFW_KEEPER_LOST, 0, err->message);
		return false;
	}
	if (result == 1) {
		keeping->lease.counter++;
		keeping->lease.held = held;
		result = hyfw_failover_lease_write(keeping->fd, &keeping->lease, &err);
	}
	if (result >= 0)
		renewal->last = begin;
	tell(renewal, result < 0 ? HYFW_KEEPER_TROUBLE : HYFW_KEEPER_RENEWED, begin, err ? err->message : NULL);
	return held || result < 0;
}

static void *run(void *data)
{
	struct renewal *renewal = data;
	struct pollfd wait = { .fd = renewal->stop, .events = POLLIN };
	const int interval = (int)renewal->keeping->lease.period_ms / RENEWALS;
	bool stop = false;
	int ready;

	do {
		ready = poll(stop ? NULL : &wait, stop ? 0 : 1, interval);
		stop = stop || ready > 0;
	} while ((ready < 0 && errno == EINTR) || renew(renewal, !stop));
	close(renewal->news);
	return NULL;
}

int hyfw_keeping_renew(struct hyfw_keeping *keeping, int *ret_news, int *ret_stop, struct hyfw_error **err)
{
	static struct renewal renewal;
	int news[2], stop[2], result;
	pthread_t thread;

	if (pipe2(news, O_CLOEXEC) < 0 || pipe2(stop, O_CLOEXEC) < 0)
		return hyfw_fail_errno(err, errno, "pipe");
	renewal = (struct renewal){ keeping, news[1], stop[0], hyfw_keeping_now() };
	result = pthread_create(&thread, NULL, run, &renewal);
	if (result != 0)
		return hyfw_fail_errno(err, result, "thread for the lease");
	pthread_detach(thread);
	*ret_news = news[0];
	*ret_stop = stop[1];
	return 0;
}
