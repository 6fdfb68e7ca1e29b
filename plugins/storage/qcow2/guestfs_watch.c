/* SPDX-License-Identifier: BSD-3-Clause
 * The parent of a child of guestfs_worker.c: starts it, takes its report, ends it. */
#include "guestfs_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guestfs_report.h"

#define REPORT_MOST (64u << 20)   /* bytes of all texts */
#define LOOK_EVERY_MS 200
#define CLEANUP_MS 8000u

struct watch {
	struct qcow2 *qcow2;
	const struct hyfw_operation *operation;
	pid_t child;
	int fd;
	char *data;             /* of a record that is not whole yet */
	size_t size, room, total;
	struct hyfw_pair *pairs;
	size_t count, pair_room;
	int errnum;
	char *message;          /* in the operation's arena */
};

static char *text_of(const struct watch *watch, const char *text, size_t size)
{
	char *copy = watch->qcow2->host->alloc(watch->operation->arena, size + 1);

	memcpy(copy, text, size);
	return copy;
}

static void take_pair(struct watch *watch, char *key, char *value)
{
	if (watch->count == watch->pair_room) {
		size_t room = watch->pair_room ? watch->pair_room * 2 : 64;
		struct hyfw_pair *pairs = watch->qcow2->host->alloc(watch->operation->arena, room * sizeof(*pairs));

		if (watch->count)
			memcpy(pairs, watch->pairs, watch->count * sizeof(*pairs));
		watch->pairs = pairs;
		watch->pair_room = room;
	}
	watch->pairs[watch->count++] = (struct hyfw_pair){ key, value };
}

static void take_record(struct watch *watch, const struct gf_record *head, const char *texts)
{
	char *first = text_of(watch, texts, head->first), *second;

	second = text_of(watch, texts + head->first, head->second);
	if (head->type == 'P') {
		take_pair(watch, first, second);
	} else if (head->type == 'E' && !watch->message) {
		watch->errnum = atoi(first);
		watch->message = second;
	} else if (head->type == 'G') {
		hyfw_operation_tell(watch->operation, strtoull(first, NULL, 10), strtoull(second, NULL, 10));
	}
}

/* All whole records that are there; -EPROTO for what is none. */
static int take_records(struct watch *watch)
{
	size_t at = 0;

	while (watch->size - at >= sizeof(struct gf_record)) {
		struct gf_record head;

		memcpy(&head, watch->data + at, sizeof(head));
		if (head.first > GF_TEXT_MOST || head.second > GF_TEXT_MOST)
			return -EPROTO;
		if (watch->size - at < sizeof(head) + head.first + head.second)
			break;
		take_record(watch, &head, watch->data + at + sizeof(head));
		at += sizeof(head) + head.first + head.second;
	}
	memmove(watch->data, watch->data + at, watch->size - at);
	watch->size -= at;
	return 0;
}

/* 1: there may be more; 0: the end; or a negative errno. */
static int read_some(struct watch *watch)
{
	ssize_t got;

	if (watch->room - watch->size < 65536) {
		char *grown = realloc(watch->data, watch->room + 262144);

		if (!grown)
			return -ENOMEM;
		watch->data = grown;
		watch->room += 262144;
	}
	got = read(watch->fd, watch->data + watch->size, watch->room - watch->size);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -errno;
	watch->size += (size_t)got;
	watch->total += (size_t)got;
	if (watch->total > REPORT_MOST)
		return -EFBIG;
	return got == 0 ? 0 : take_records(watch) < 0 ? -EPROTO : 1;
}

/* Kills what the child waits for, see guestfs_worker.c. */
static void kill_children_of(pid_t child)
{
	char path[64];
	FILE *list;
	int pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)child, (int)child);
	list = fopen(path, "re");
	while (list && fscanf(list, "%d", &pid) == 1)
		if (getpgid(pid) == child)
			kill(pid, SIGKILL);
	if (list)
		fclose(list);
}

static void stop_child(struct watch *watch)
{
	const struct hyfw_host *host = watch->qcow2->host;
	uint64_t until = host->clock() + (uint64_t)CLEANUP_MS * 1000000u;

	kill(watch->child, SIGTERM);
	while (host->clock() < until) {
		struct pollfd end = { watch->fd, POLLIN, 0 };

		kill_children_of(watch->child);
		poll(&end, 1, LOOK_EVERY_MS);
		if (end.revents && read_some(watch) <= 0)
			return;
	}
}

/* Until the report ends.  0, -ECANCELED, -ETIMEDOUT, or what is wrong with it. */
static int listen_to(struct watch *watch, uint64_t timeout_ms)
{
	const struct hyfw_host *host = watch->qcow2->host;
	uint64_t until = host->clock() + timeout_ms * 1000000u;
	int result = 1;

	while (result > 0) {
		struct pollfd end = { watch->fd, POLLIN, 0 };

		poll(&end, 1, LOOK_EVERY_MS);
		if (end.revents)
			result = read_some(watch);
		else if (hyfw_operation_is_cancelled(watch->operation))
			result = -ECANCELED;
		else if (host->clock() > until)
			result = -ETIMEDOUT;
	}
	if (result < 0)
		stop_child(watch);
	return result;
}

static int verdict(const struct watch *watch, int listened, int status, struct hyfw_error **err)
{
	const struct hyfw_host *host = watch->qcow2->host;
	const char *verb = watch->operation->verb, *object = watch->operation->object;

	if (listened == -ECANCELED)
		return host->fail(err, ECANCELED, "%s %s: cancelled; it is as it was", verb, object);
	if (listened == -ETIMEDOUT)
		return host->fail(err, ETIMEDOUT, "%s %s: not done in time, given up", verb, object);
	if (listened < 0)
		return host->fail(err, -listened, "%s %s: its result cannot be read: %s", verb, object,
				  strerror(-listened));
	if (watch->message)
		return host->fail(err, watch->errnum > 0 ? watch->errnum : EIO, "%s %s: %s", verb, object,
				  watch->message);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return host->fail(err, EIO, "%s %s: its process ended%s", verb, object,
				  WIFSIGNALED(status) ? " by a signal" : " without a reason");
	return 0;
}

static int watch_child(struct watch *watch, const struct gf_job *job, struct hyfw_map *ret_result,
		       struct hyfw_error **err)
{
	int listened = listen_to(watch, job->timeout_ms ? job->timeout_ms : GF_MINUTES(10)), status = 0, result;

	if (listened < 0)
		kill(-watch->child, SIGKILL);
	while (waitpid(watch->child, &status, 0) < 0 && errno == EINTR)
		;
	result = verdict(watch, listened, status, err);
	if (result == 0 && ret_result)
		*ret_result = (struct hyfw_map){ watch->count, watch->pairs };
	free(watch->data);
	return result;
}

int gf_run(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct gf_job *job,
	   struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct gf_worker worker = { .qcow2 = qcow2, .operation = operation, .job = job };
	struct watch watch = { .qcow2 = qcow2, .operation = operation };
	pid_t self = getpid();
	int ends[2], result;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return qcow2->host->fail(err, errno, "%s: %s", operation->verb, strerror(errno));
	worker.report = ends[1];
	watch.child = fork();
	if (watch.child == 0)
		gf_child_main(&worker, self);
	close(ends[1]);
	watch.fd = ends[0];
	if (watch.child < 0) {
		close(ends[0]);
		return qcow2->host->fail(err, errno, "%s: %s", operation->verb, strerror(errno));
	}
	setpgid(watch.child, watch.child);
	result = watch_child(&watch, job, ret_result, err);
	close(ends[0]);
	return result;
}
