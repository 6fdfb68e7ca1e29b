/* SPDX-License-Identifier: BSD-3-Clause
 * The child in which libguestfs and its programs run, and its report: records of a
 * type, two lengths and two texts, over a pipe.
 *
 * How it ends early: the child is told with SIGTERM, which it looks at between two
 * steps, and its own children (the appliance's QEMU, programs) are killed, so that what
 * it waits for fails and it cleans up.  What is not gone after that is killed. */
#include "guestfs_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_MOST (64u << 20)   /* bytes of all texts */
#define TEXT_MOST (1u << 20)      /* of one */
#define LOOK_EVERY_MS 200
#define CLEANUP_MS 8000u
#define MESSAGE_MOST 2000

struct record {
	char type; /* 'P'air, 'E'rror (errno, message), 'G': progress (done, total) */
	uint32_t first, second;
};

/* ---- the child ---- */

static volatile sig_atomic_t told_to_stop;
static pid_t parent;

/* Without a parent nobody would end our children. */
static void on_stop(int signal_number)
{
	(void)signal_number;
	told_to_stop = 1;
	if (getppid() != parent)
		kill(0, SIGKILL);
}

bool gf_stopped(void)
{
	return told_to_stop != 0;
}

static void write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t done = write(fd, at, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return; /* nobody listens any more */
		at += done;
		size -= (size_t)done;
	}
}

static void send_record(const struct gf_worker *worker, char type, const char *first, const char *second)
{
	struct record head;

	memset(&head, 0, sizeof(head));
	head.type = type;
	head.first = (uint32_t)strnlen(first, TEXT_MOST);
	head.second = (uint32_t)strnlen(second, TEXT_MOST);
	write_all(worker->report, &head, sizeof(head));
	write_all(worker->report, first, head.first);
	write_all(worker->report, second, head.second);
}

void gf_report(struct gf_worker *worker, const char *key, const char *value)
{
	send_record(worker, 'P', key, value ? value : "");
}

void gf_report_number(struct gf_worker *worker, const char *key, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	gf_report(worker, key, text);
}

void gf_report_progress(struct gf_worker *worker, uint64_t done, uint64_t total)
{
	char first[24], second[24];

	snprintf(first, sizeof(first), "%llu", (unsigned long long)done);
	snprintf(second, sizeof(second), "%llu", (unsigned long long)total);
	send_record(worker, 'G', first, second);
}

int gf_fail(struct gf_worker *worker, int errnum, const char *format, ...)
{
	char message[MESSAGE_MOST], number[16];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	snprintf(number, sizeof(number), "%d", errnum > 0 ? errnum : EIO);
	send_record(worker, 'E', number, message);
	return -1;
}

/* Nothing of the caller's environment: LIBGUESTFS_* and PATH decide what runs. */
static void set_environment(const struct gf_job *job)
{
	clearenv();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("HOME", "/nonexistent", 1);
	setenv("LIBGUESTFS_BACKEND", "direct", 1);
	if (gf_force_tcg())
		setenv("LIBGUESTFS_BACKEND_SETTINGS", "force_tcg", 1);
	if (job->work) {
		setenv("TMPDIR", job->work, 1);
		setenv("LIBGUESTFS_TMPDIR", job->work, 1);
	}
}

#ifdef QCOW2_WITH_GUESTFS
static int in_appliance(struct gf_worker *worker)
{
	int result = gf_session_begin(worker);

	if (result == 0)
		result = worker->job->task(worker);
	if (worker->g && result == 0)
		result = gf_session_end(worker);
	else if (worker->g)
		gf_session_abandon(worker);
	return result;
}
#else
static int in_appliance(struct gf_worker *worker)
{
	return gf_fail(worker, ENOTSUP, "needs libguestfs, which hyfw was built without");
}
#endif

static void child_main(struct gf_worker *worker, pid_t above)
{
	struct sigaction stop = { .sa_handler = on_stop };
	int result;

	parent = above;
	setpgid(0, 0);
	sigaction(SIGTERM, &stop, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	set_environment(worker->job);
	result = worker->job->appliance ? in_appliance(worker) : worker->job->task(worker);
	_exit(result == 0 ? 0 : 1);
}

/* ---- programs ---- */

static void exec_program(const char *const *argv, int complaints)
{
	int null = open("/dev/null", O_RDWR);

	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	prctl(PR_CAPBSET_DROP, 27 /* CAP_MKNOD: an archive of a stranger makes no devices here */);
	dup2(null, 0);
	dup2(null, 1);
	dup2(complaints, 2);
	close_range(3, ~0u, 0);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* The end of what comes from 'fd', as one line. */
static void read_end(int fd, char *ret_text, size_t room)
{
	char piece[1024];
	size_t size = 0, i;
	ssize_t got;

	while ((got = read(fd, piece, sizeof(piece))) > 0 || (got < 0 && errno == EINTR)) {
		for (i = 0; got > 0 && i < (size_t)got; i++) {
			if (size == room - 1) {
				memmove(ret_text, ret_text + room / 2, room - 1 - room / 2);
				size = room - 1 - room / 2;
			}
			ret_text[size++] = (unsigned char)piece[i] < ' ' ? ' ' : piece[i];
		}
	}
	while (size > 0 && ret_text[size - 1] == ' ')
		size--;
	ret_text[size] = '\0';
}

int gf_program(struct gf_worker *worker, const char *const *argv)
{
	char complaint[1200];
	int ends[2], status = 0;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return gf_fail(worker, errno, "%s: %s", argv[0], strerror(errno));
	child = fork();
	if (child == 0)
		exec_program(argv, ends[1]);
	close(ends[1]);
	if (child > 0)
		read_end(ends[0], complaint, sizeof(complaint));
	close(ends[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0)
		return gf_fail(worker, errno, "%s: cannot be started", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && !*complaint)
		return gf_fail(worker, ENOENT, "%s: program not found; is the package %s installed?", argv[0],
			       strncmp(argv[0], "virt-", 5) == 0 ? "guestfs-tools" : argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return gf_fail(worker, EIO, "%s: %s", argv[0], *complaint ? complaint : "failed");
	return 0;
}

/* ---- the parent ---- */

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

static void take_record(struct watch *watch, const struct record *head, const char *texts)
{
	char *first = text_of(watch, texts, head->first), *second;

	second = text_of(watch, texts + head->first, head->second);
	if (head->type == 'P') {
		take_pair(watch, first, second);
	} else if (head->type == 'E' && !watch->message) {
		watch->errnum = atoi(first);
		watch->message = second;
	} else if (head->type == 'G' && watch->operation->progress) {
		watch->operation->progress(watch->operation, strtoull(first, NULL, 10), strtoull(second, NULL, 10));
	}
}

/* All whole records that are there; -EPROTO for what is none. */
static int take_records(struct watch *watch)
{
	size_t at = 0;

	while (watch->size - at >= sizeof(struct record)) {
		struct record head;

		memcpy(&head, watch->data + at, sizeof(head));
		if (head.first > TEXT_MOST || head.second > TEXT_MOST)
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

/* Kills what the child waits for, see the top. */
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
		else if (watch->operation->cancelled && watch->operation->cancelled(watch->operation))
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
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return qcow2->host->fail(err, errno, "%s: %s", operation->verb, strerror(errno));
	worker.report = ends[1];
	watch.child = fork();
	if (watch.child == 0)
		child_main(&worker, self);
	close(ends[1]);
	watch.fd = ends[0];
	if (watch.child < 0) {
		close(ends[0]);
		return qcow2->host->fail(err, errno, "%s: %s", operation->verb, strerror(errno));
	}
	setpgid(watch.child, watch.child);
	{
		int result = watch_child(&watch, job, ret_result, err);

		close(ends[0]);
		return result;
	}
}
