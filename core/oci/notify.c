/* SPDX-License-Identifier: BSD-3-Clause
 * NOTIFY_SOCKET, sd_notify(3): the container gets a socket of its own at /run/notify, and
 * whoever starts it hands its readiness on.  The service manager's socket itself is not
 * given, as whoever has it can say more than that, and is known by its process. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/private.h"

#define INSIDE "/run/notify"
#define SOCKET_NAME "notify.sock"

/* ---- the container's end ---- */

/* A client that has put something there itself, such as Podman with a socket of conmon's,
 * serves it itself. */
static bool is_taken(const struct hyfw_oci_config *config)
{
	size_t i;

	for (i = 0; i < config->mount_count; i++)
		if (strcmp(config->mounts[i].target, INSIDE) == 0)
			return true;
	return false;
}

static void add_mount(struct hyfw_oci_container *container, const char *source)
{
	struct hyfw_oci_config *config = &container->spec.config;
	static const char *const nothing[] = { NULL };
	struct hyfw_oci_mount *mounts = hyfw_arena_alloc(container->arena,
							 (config->mount_count + 1) * sizeof(*mounts));

	if (config->mount_count)
		memcpy(mounts, config->mounts, config->mount_count * sizeof(*mounts));
	mounts[config->mount_count++] = (struct hyfw_oci_mount){
		.target = INSIDE, .type = "bind", .source = source, .bind = true, .data = nothing,
		.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY,
	};
	config->mounts = mounts;
}

int oci_notify_prepare(struct hyfw_oci_container *container, struct hyfw_error **err)
{
	static const char *const added[] = { "NOTIFY_SOCKET=" INSIDE "/" SOCKET_NAME, NULL };
	const char *directory = hyfw_arena_format(container->arena, "%s/notify", container->directory);

	if (is_taken(&container->spec.config))
		return 0;
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return hyfw_fail_errno(err, errno, "make %s", directory);
	if (chmod(directory, 0755) < 0) /* whatever the umask is: the container's users look into it */
		return hyfw_fail_errno(err, errno, "change the mode of %s", directory);
	add_mount(container, directory);
	container->spec.command.envp = hyfw_oci_environment(container->arena, container->spec.command.envp, added);
	return 0;
}

/* A path that is longer than an address can be goes by its directory's descriptor. */
static int address_in(int directory, struct sockaddr_un *ret_address)
{
	HYFW_AUTO_FREE char *path = hyfw_format("/proc/self/fd/%d/" SOCKET_NAME, directory);

	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret_address->sun_path, path, strlen(path) + 1);
	return 0;
}

int hyfw_oci_notify_listen(const struct hyfw_oci_container *container, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = oci_store_path(container, "notify");
	HYFW_AUTO_CLOSE int directory = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	HYFW_AUTO_CLOSE int listener = -1;
	struct sockaddr_un address;
	int result;

	if (directory < 0)
		return errno == ENOENT ? -ENOENT : hyfw_fail_errno(err, errno, "%s", path);
	listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	result = listener < 0 ? -errno : address_in(directory, &address);
	if (result == 0 && unlinkat(directory, SOCKET_NAME, 0) < 0 && errno != ENOENT)
		result = -errno;
	if (result == 0 && bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
		result = -errno;
	if (result == 0 && fchmodat(directory, SOCKET_NAME, 0777, 0) < 0)
		result = -errno;
	return result < 0 ? hyfw_fail_errno(err, -result, "make the socket in %s", path) : hyfw_steal_fd(&listener);
}

/* ---- handing on ---- */

/* "@NAME" is an abstract one. */
static int host_address(const char *host, struct sockaddr_un *ret_address, socklen_t *ret_size)
{
	const size_t length = strlen(host);

	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((host[0] != '/' && host[0] != '@') || length >= sizeof(ret_address->sun_path))
		return -EINVAL;
	memcpy(ret_address->sun_path, host, length);
	if (host[0] == '@')
		ret_address->sun_path[0] = '\0';
	*ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (host[0] == '/'));
	return 0;
}

static void tell(const char *host, const char *text)
{
	HYFW_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	socklen_t size;

	if (fd >= 0 && host_address(host, &address, &size) == 0)
		(void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
}

/* The line "READY=..." of a message, NULL without one; 'message' is changed. */
static char *ready_line(char *message)
{
	char *line, *next = message;

	while ((line = strsep(&next, "\n")))
		if (strncmp(line, "READY=", 6) == 0)
			return line;
	return NULL;
}

bool hyfw_oci_notify_forward(int listener, const char *host, pid_t main_pid)
{
	char message[4096], *line;
	const ssize_t size = recv(listener, message, sizeof(message) - 1, MSG_DONTWAIT | MSG_TRUNC);

	if (size < 0)
		return errno != EAGAIN && errno != EINTR;
	if ((size_t)size >= sizeof(message)) /* nobody's readiness is that long */
		return false;
	message[size] = '\0';
	line = ready_line(message);
	if (!line)
		return false;
	if (main_pid > 0) {
		HYFW_AUTO_FREE char *text = hyfw_format("MAINPID=%d\n%s\n", (int)main_pid, line);

		tell(host, text);
	} else {
		HYFW_AUTO_FREE char *text = hyfw_format("%s\n", line);

		tell(host, text);
	}
	return true;
}

void hyfw_oci_notify_wait(int listener, const char *host, pid_t pid)
{
	HYFW_AUTO_CLOSE int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	struct pollfd fds[] = { { .fd = listener, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };

	if (hyfw_oci_notify_forward(listener, host, pid)) /* it may be gone already */
		return;
	while (pidfd >= 0) {
		if (poll(fds, HYFW_COUNT(fds), -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents && hyfw_oci_notify_forward(listener, host, pid))
			return;
		if (fds[1].revents && !fds[0].revents) /* what it said last counts */
			return;
	}
}
