/* SPDX-License-Identifier: BSD-3-Clause
 * NOTIFY_SOCKET, sd_notify(3): the container gets a socket of its own, where crun has it when
 * that can be, else where runc has it, and whoever starts it hands its readiness on.  The service
 * manager's socket itself is not given, as whoever has it can say more than that, and is known
 * by its process. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/private.h"

#define SOCKET_NAME "notify"
#define RUNC_PLACE "/run/notify"
#define RUNC_NAME "notify.sock"

/* ---- the container's end ---- */

/* One way to write it, so that it can be compared: "/a/b". */
static bool is_plain(const char *path)
{
	size_t length;

	if (path[0] != '/')
		return false;
	for (; *path; path += length + 1) {
		length = strcspn(path + 1, "/");
		if (length == 0 || (path[1] == '.' && (length == 1 || (length == 2 && path[2] == '.'))))
			return false;
	}
	return true;
}

static bool is_below(const char *path, const char *directory)
{
	const size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 && path[length] == '/';
}

/* A client that has put something there itself, such as Podman with a socket of conmon's,
 * serves it itself. */
static bool is_taken(const struct hyfw_oci_config *config, const char *place)
{
	size_t i;

	for (i = 0; i < config->mount_count; i++)
		if (strcmp(config->mounts[i].target, place) == 0)
			return true;
	return false;
}

/* Whether a mount at 'path' would hide files of the kernel, devices, what systemd makes
 * there as the command, or mounts of the bundle. */
static bool is_in_the_way(const struct hyfw_oci_config *config, const char *path)
{
	static const char *const others[] = { "/proc", "/sys", "/dev", "/run/systemd" };
	size_t i;

	for (i = 0; i < HYFW_COUNT(others); i++)
		if (strcmp(path, others[i]) == 0 || is_below(path, others[i]))
			return true;
	for (i = 0; i < config->mount_count; i++) {
		const char *target = config->mounts[i].target;

		if (!is_plain(target) || is_below(target, path))
			return true;
		/* The directory would be made in what is bound, where the socket itself may be in the way. */
		if (config->mounts[i].bind && is_below(path, target))
			return true;
	}
	return false;
}

/* Whether the root has something else there, or above it. */
static bool is_no_directory(const struct hyfw_oci_config *config, const char *path)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	HYFW_AUTO_CLOSE int root = config->root ? open(config->root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	HYFW_AUTO_CLOSE int fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	struct stat status;

	if (root >= 0 && fd < 0)
		return errno != ENOENT;
	return fd >= 0 && fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode);
}

/* The caller's own path, a directory inside, as crun does it.  Not for an abstract socket, and not
 * where the container could not use it. */
static bool can_be_there(const struct hyfw_oci_config *config, const char *path)
{
	return is_plain(path) && strlen(path) + sizeof("/" SOCKET_NAME) <= sizeof(((struct sockaddr_un *)0)->sun_path) &&
	       !is_in_the_way(config, path) && !is_no_directory(config, path);
}

static void add_mount(struct hyfw_oci_container *container, const char *source, const char *target)
{
	struct hyfw_oci_config *config = &container->spec.config;
	static const char *const nothing[] = { NULL };
	struct hyfw_oci_mount *mounts = hyfw_arena_alloc(container->arena,
							 (config->mount_count + 1) * sizeof(*mounts));

	if (config->mount_count)
		memcpy(mounts, config->mounts, config->mount_count * sizeof(*mounts));
	mounts[config->mount_count++] = (struct hyfw_oci_mount){
		.target = target, .type = "bind", .source = source, .bind = true, .data = nothing,
		.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY,
	};
	config->mounts = mounts;
}

/* Its directory, on the host. */
static int make_directory(const char *path, bool as_runc, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *link = hyfw_format("%s/" RUNC_NAME, path);

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return hyfw_fail_errno(err, errno, "make %s", path);
	if (chmod(path, 0755) < 0) /* whatever the umask is: the container's users look into it */
		return hyfw_fail_errno(err, errno, "change the mode of %s", path);
	if (as_runc && symlink(SOCKET_NAME, link) < 0 && errno != EEXIST)
		return hyfw_fail_errno(err, errno, "make %s", link);
	return 0;
}

int oci_notify_prepare(struct hyfw_oci_container *container, const char *host, struct hyfw_error **err)
{
	const struct hyfw_oci_config *config = &container->spec.config;
	struct hyfw_arena *arena = container->arena;
	const char *directory = hyfw_arena_format(arena, "%s/notify", container->directory);
	const char *added[2] = { "NOTIFY_SOCKET=" RUNC_PLACE "/" RUNC_NAME, NULL };
	const bool there = can_be_there(config, host);
	int result;

	if (is_taken(config, RUNC_PLACE) || is_taken(config, host))
		return 0;
	result = make_directory(directory, !there, err);
	if (result < 0)
		return result;
	if (there)
		added[0] = hyfw_arena_format(arena, "NOTIFY_SOCKET=%s/" SOCKET_NAME, host);
	add_mount(container, directory, there ? hyfw_arena_dup(arena, host) : RUNC_PLACE);
	container->spec.command.envp = hyfw_oci_environment(arena, container->spec.command.envp, added);
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
		HYFW_AUTO_FREE char *text = hyfw_format("MAINPID=%d\n%s", (int)main_pid, line);

		tell(host, text);
	} else {
		tell(host, line);
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
