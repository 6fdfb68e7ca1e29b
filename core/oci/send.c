/* SPDX-License-Identifier: BSD-3-Clause
 * Descriptors handed to a client's socket: the terminal's master side and the listener
 * of a system call filter. */
#include <errno.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/private.h"

static int send_over(int socket, int fd, const char *text)
{
	struct iovec data = { (void *)(uintptr_t)text, strlen(text) };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr head = { .msg_iov = &data, .msg_iovlen = 1,
			       .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&head);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	while (sendmsg(socket, &head, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}


static int connect_to(int socket_fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	return connect(socket_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

int hyfw_oci_send_fd(const char *path, int fd, const char *text, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = socket_fd < 0 ? -errno : connect_to(socket_fd, path);

	if (result == 0)
		result = send_over(socket_fd, fd, text);
	return result < 0 ? hyfw_fail_errno(err, -result, "send a descriptor to %s", path) : 0;
}

int hyfw_oci_send_pidfd(const char *path, pid_t pid, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int fd = pidfd_open(pid, 0);

	if (fd < 0)
		return hyfw_fail_errno(err, errno, "open process %d", (int)pid);
	return hyfw_oci_send_fd(path, fd, "pidfd", err);
}

/* "containerProcessState" of config-linux.md. */
int oci_send_listener(const struct hyfw_oci_container *container, int fd, int32_t pid, const char *status,
		      struct hyfw_error **err)
{
	const struct hyfw_oci_config *config = &container->spec.config;
	struct json_object *message = json_object_new_object(), *fds = json_object_new_array();
	int result;

	json_object_array_add(fds, json_object_new_string("seccompFd"));
	hyfw_json_add_text(message, "ociVersion", container->version);
	json_object_object_add(message, "fds", fds);
	hyfw_json_add_number(message, "pid", pid);
	if (config->seccomp_metadata)
		hyfw_json_add_text(message, "metadata", config->seccomp_metadata);
	json_object_object_add(message, "state", oci_state_object(container->version, container->id, status,
								  hyfw_oci_pid(container), container->bundle,
								  &config->annotations));
	result = hyfw_oci_send_fd(config->seccomp_listener, fd,
				  json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN), err);
	json_object_put(message);
	return result < 0 ? hyfw_wrap(err, "linux.seccomp.listenerPath: failed to connect with seccomp agent") : 0;
}
