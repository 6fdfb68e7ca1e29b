/* SPDX-License-Identifier: BSD-3-Clause
 * Settings with their defaults, which check(), the XML and the limits share. */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kvm.h"

#define PASSWORD_FILE_MAX 4096

uint64_t kvm_memory(const struct hyfw_map *settings)
{
	return (uint64_t)hyfw_map_int(settings, "memory", (int64_t)KVM_DEFAULT_MEMORY);
}

uint64_t kvm_memory_max(const struct hyfw_map *settings)
{
	return (uint64_t)hyfw_map_int(settings, "memory_max", (int64_t)kvm_memory(settings));
}

uint32_t kvm_vcpus(const struct hyfw_map *settings)
{
	const int64_t milli = hyfw_map_int(settings, "cpus", 1000);

	return (uint32_t)hyfw_map_int(settings, "vcpus", (milli + 999) / 1000);
}

uint32_t kvm_vcpus_max(const struct hyfw_map *settings)
{
	return (uint32_t)hyfw_map_int(settings, "vcpus_max", kvm_vcpus(settings));
}

uint32_t kvm_topology(const char *topology, const char *word)
{
	const size_t length = strlen(word);

	while (*topology) {
		if (strncmp(topology, word, length) == 0 && topology[length] == '=')
			return (uint32_t)strtoul(topology + length + 1, NULL, 10);
		topology += strcspn(topology, ",");
		topology += strspn(topology, ", ");
	}
	return 1;
}

/* A port or WebSocket was asked for, so not a socket: this host's own address. */
const char *kvm_display_listen(const struct hyfw_map *settings)
{
	const char *display = hyfw_map_get(settings, "display");
	const bool spice = display && strcmp(display, "spice") == 0;
	const char *address = hyfw_map_get(settings, spice ? "spice_listen" : "vnc_listen");

	if (address && *address)
		return strcmp(address, "socket") == 0 ? NULL : address;
	if (hyfw_map_get(settings, spice ? "spice_port" : "vnc_port") ||
	    (!spice && hyfw_map_get(settings, "vnc_websocket")))
		return "127.0.0.1";
	return NULL;
}

/* Only its owner may be able to read it. */
static int check_secret_file(const struct hyfw_host *host, const char *path, int fd, struct hyfw_error **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return host->fail(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return host->fail(err, EINVAL, "%s is not a regular file", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 077))
		return host->fail(err, EPERM, "%s can be read by others; give it mode 0600", path);
	return 0;
}

static int read_line(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path,
		     const char **ret_line, struct hyfw_error **err)
{
	char *text = host->alloc(arena, PASSWORD_FILE_MAX);
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n;
	int result;

	if (fd < 0)
		return host->fail(err, errno, "%s: %s", path, strerror(errno));
	result = check_secret_file(host, path, fd, err);
	if (result == 0) {
		n = read(fd, text, PASSWORD_FILE_MAX - 1);
		if (n < 0)
			result = host->fail(err, errno, "%s: %s", path, strerror(errno));
		else
			text[strcspn(text, "\r\n")] = '\0';
	}
	close(fd);
	if (result == 0 && !*text)
		result = host->fail(err, EINVAL, "%s: its first line is empty", path);
	if (result == 0)
		*ret_line = text;
	return result;
}

int kvm_password(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *settings,
		 const char **ret_password, struct hyfw_error **err)
{
	const char *display = hyfw_map_get(settings, "display");
	const char *word, *path;

	*ret_password = NULL;
	if (!display || strcmp(display, "none") == 0)
		return 0;
	word = hyfw_map_get(settings, host->format(arena, "%s_password", display));
	path = hyfw_map_get(settings, host->format(arena, "%s_password_file", display));
	if (path)
		return read_line(host, arena, path, ret_password, err);
	if (word && *word)
		*ret_password = word;
	return 0;
}
