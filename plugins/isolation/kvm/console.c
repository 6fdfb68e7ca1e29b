/* SPDX-License-Identifier: BSD-3-Clause */
#include "console.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM 4096

/* What was taken from one side and not given to the other yet. */
struct kept {
	char text[ROOM];
	size_t from, size;
};

struct kvm_console {
	bool made;
	pthread_mutex_t lock; /* callbacks run in the thread of libvirt/loop.c */
	virStreamPtr stream;  /* NULL while there is no connection */
	int fd, watch;        /* our end of the socket; -1 */
	struct kept to_guest, to_core;
};

static void watch_both(struct kvm_console *console);

/* ---- under the lock ---- */

static void end_stream(struct kvm_console *console)
{
	if (!console->stream)
		return;
	virStreamEventRemoveCallback(console->stream);
	virStreamAbort(console->stream);
	virStreamFree(console->stream);
	console->stream = NULL;
}

/* False when the stream is at its end. */
static bool from_guest(struct kvm_console *console)
{
	struct kept *kept = &console->to_core;
	int got;

	while (kept->size == 0) {
		got = virStreamRecv(console->stream, kept->text, ROOM);
		if (got == -2)
			return true;
		if (got <= 0)
			return false;
		kept->from = 0;
		kept->size = (size_t)got;
		while (kept->size > 0) {
			ssize_t sent = send(console->fd, kept->text + kept->from, kept->size, MSG_NOSIGNAL | MSG_DONTWAIT);

			if (sent < 0)
				return errno == EAGAIN || errno == EINTR;
			kept->from += (size_t)sent;
			kept->size -= (size_t)sent;
		}
	}
	return true;
}

static bool give_guest(struct kvm_console *console)
{
	struct kept *kept = &console->to_guest;
	int sent;

	while (kept->size > 0) {
		sent = virStreamSend(console->stream, kept->text + kept->from, kept->size);
		if (sent == -2)
			return true;
		if (sent < 0)
			return false;
		kept->from += (size_t)sent;
		kept->size -= (size_t)sent;
	}
	return true;
}

static void give_core(struct kvm_console *console)
{
	struct kept *kept = &console->to_core;

	while (kept->size > 0) {
		ssize_t sent = send(console->fd, kept->text + kept->from, kept->size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return;
		kept->from += (size_t)sent;
		kept->size -= (size_t)sent;
	}
}

/* ---- callbacks ---- */

static void on_stream(virStreamPtr stream, int events, void *data)
{
	struct kvm_console *console = data;
	bool good = true;

	pthread_mutex_lock(&console->lock);
	if (stream == console->stream) {
		if (events & VIR_STREAM_EVENT_READABLE)
			good = from_guest(console);
		if (good && (events & VIR_STREAM_EVENT_WRITABLE))
			good = give_guest(console);
		if (!good || (events & (VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP)))
			end_stream(console);
		watch_both(console);
	}
	pthread_mutex_unlock(&console->lock);
}

static void on_socket(int watch, int fd, int events, void *data)
{
	struct kvm_console *console = data;
	struct kept *kept = &console->to_guest;
	ssize_t got;

	pthread_mutex_lock(&console->lock);
	if (watch == console->watch) {
		if (events & VIR_EVENT_HANDLE_WRITABLE)
			give_core(console);
		if ((events & VIR_EVENT_HANDLE_READABLE) && kept->size == 0) {
			got = recv(fd, kept->text, ROOM, MSG_DONTWAIT);
			kept->from = 0;
			kept->size = got > 0 ? (size_t)got : 0;
		}
		if (console->stream && !give_guest(console))
			end_stream(console);
		if (events & (VIR_EVENT_HANDLE_HANGUP | VIR_EVENT_HANDLE_ERROR)) {
			virEventRemoveHandle(console->watch); /* the core has let go */
			console->watch = -1;
		}
		watch_both(console);
	}
	pthread_mutex_unlock(&console->lock);
}

/* Each side is listened to when there is room for what it says. */
static void watch_both(struct kvm_console *console)
{
	int socket = 0, stream = VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP;

	if (console->to_guest.size == 0)
		socket |= VIR_EVENT_HANDLE_READABLE;
	else
		stream |= VIR_STREAM_EVENT_WRITABLE;
	if (console->to_core.size == 0)
		stream |= VIR_STREAM_EVENT_READABLE;
	else
		socket |= VIR_EVENT_HANDLE_WRITABLE;
	if (console->watch >= 0)
		virEventUpdateHandle(console->watch, socket);
	if (console->stream)
		virStreamEventUpdateCallback(console->stream, stream);
}

/* ---- its life ---- */

static int open_stream(struct kvm_run *run, struct kvm_console *console)
{
	virStreamPtr stream = virStreamNew(run->connection, VIR_STREAM_NONBLOCK);

	if (!stream)
		return -1;
	if (virDomainOpenConsole(run->domain, NULL, stream, VIR_DOMAIN_CONSOLE_FORCE) < 0 ||
	    virStreamEventAddCallback(stream, VIR_STREAM_EVENT_READABLE, on_stream, console, NULL) < 0) {
		virStreamFree(stream);
		return -1;
	}
	pthread_mutex_lock(&console->lock);
	console->stream = stream;
	watch_both(console);
	pthread_mutex_unlock(&console->lock);
	return 0;
}

/* Made once for the process: a callback of the last one may just wait for its lock. */
static struct kvm_console *get(struct kvm_run *run)
{
	if (!run->console)
		run->console = calloc(1, sizeof(*run->console));
	if (run->console && !run->console->made) {
		pthread_mutex_init(&run->console->lock, NULL);
		run->console->fd = run->console->watch = -1;
		run->console->made = true;
	}
	return run->console;
}

int kvm_console_open(struct kvm_run *run, int *ret_fd, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	struct kvm_console *console = get(run);
	int pair[2], watch;

	if (!console || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return host->fail(err, errno, "the serial console: %s", strerror(errno));
	pthread_mutex_lock(&console->lock);
	console->fd = pair[0];
	console->to_guest.size = console->to_core.size = 0;
	watch = console->watch = virEventAddHandle(pair[0], VIR_EVENT_HANDLE_READABLE, on_socket, console, NULL);
	pthread_mutex_unlock(&console->lock);
	if (watch < 0 || open_stream(run, console) < 0) {
		close(pair[1]);
		kvm_console_close(console);
		return kvm_fail_libvirt(host, err, "the serial console");
	}
	*ret_fd = pair[1];
	return 0;
}

void kvm_console_again(struct kvm_run *run)
{
	struct kvm_console *console = run->console;

	if (!console)
		return;
	pthread_mutex_lock(&console->lock);
	end_stream(console);
	pthread_mutex_unlock(&console->lock);
	pthread_mutex_lock(&run->lock); /* before that of the console, always */
	if (run->domain && !run->ended && console->fd >= 0 && open_stream(run, console) < 0)
		run->kvm->host->log(HYFW_LOG_WARNING, "the serial console is not reached any more");
	pthread_mutex_unlock(&run->lock);
}

void kvm_console_close(struct kvm_console *console)
{
	if (!console)
		return;
	pthread_mutex_lock(&console->lock);
	end_stream(console);
	if (console->watch >= 0)
		virEventRemoveHandle(console->watch);
	if (console->fd >= 0)
		close(console->fd);
	console->watch = console->fd = -1;
	pthread_mutex_unlock(&console->lock);
}
