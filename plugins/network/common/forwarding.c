/* SPDX-License-Identifier: BSD-3-Clause
 * What the host carries between its interfaces. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "forwarding.h"

#define IP_FORWARD "/proc/sys/net/ipv4/ip_forward"
#define SHARED "forwarding" /* name of the lock, and of the directory with the record, of all drivers */

static int sysctl_write(const struct hyfw_host *host, const char *path, const char *value,
			struct hyfw_error **err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), saved = 0;

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		saved = errno;
	if (fd >= 0)
		close(fd);
	return saved ? host->fail(err, saved, "cannot write %s to %s: %s", value, path, strerror(saved)) : 0;
}

int net_sysctl_set(const struct hyfw_host *host, const char *family, const char *interface, const char *key,
		   const char *value, struct hyfw_error **err)
{
	char path[128];
	int length = snprintf(path, sizeof(path), "/proc/sys/net/%s/%s/%s", family, interface, key);

	if (length < 0 || (size_t)length >= sizeof(path))
		return host->fail(err, ENAMETOOLONG, "interface name %s is too long", interface);
	return sysctl_write(host, path, value, err);
}

int net_sysctl_localnet(const struct hyfw_host *host, const char *interface, struct hyfw_error **err)
{
	return net_sysctl_set(host, "ipv4/conf", interface, "route_localnet", "1", err);
}

static bool forwarding_is_on(void)
{
	char value = '0';
	int fd = open(IP_FORWARD, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, &value, 1) != 1)
			value = '0';
		close(fd);
	}
	return value == '1';
}

static int forwarding_record(const struct hyfw_host *host, char path[static 256])
{
	int length = snprintf(path, 256, "%s/ip_forward_was_off", host->directory(SHARED, HYFW_DIRECTORY_RUNTIME));

	return length > 0 && length < 256 ? 0 : -ENAMETOOLONG;
}

static int forwarding_enable(const struct hyfw_host *host, struct hyfw_error **err)
{
	char path[256];
	int fd;

	if (forwarding_is_on())
		return 0;
	if (forwarding_record(host, path) == 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return host->fail(err, errno, "cannot create %s: %s", path, strerror(errno));
		close(fd);
	}
	return sysctl_write(host, IP_FORWARD, "1", err);
}

int net_forwarding_enable(struct net_route *route, struct hyfw_error **err)
{
	int lock = route->host->lock(SHARED, err), r = lock;

	if (r >= 0)
		r = forwarding_enable(route->host, err);
	if (lock >= 0)
		close(lock);
	return r;
}

struct other_network {
	const char *except;
	bool found;
};

static void other_network_visit(void *context, const char *name, int index, const char *alias)
{
	struct other_network *other = context;

	(void)index;
	if ((strstr(alias, ":network:") || strstr(alias, ":ovs-bridge:")) && strcmp(name, other->except) != 0)
		other->found = true;
}

static int forwarding_restore(struct net_route *route, const char *path, const char *except,
			      struct hyfw_error **err)
{
	struct other_network other = { except, false };
	int r;

	r = net_link_each(route, "hyfw", other_network_visit, &other, err);
	if (r < 0 || other.found)
		return r;
	r = sysctl_write(route->host, IP_FORWARD, "0", err);
	if (r >= 0)
		unlink(path);
	return r;
}

int net_forwarding_restore(struct net_route *route, const char *except, struct hyfw_error **err)
{
	char path[256];
	int lock, r;

	if (forwarding_record(route->host, path) < 0 || access(path, F_OK) < 0)
		return 0;
	lock = r = route->host->lock(SHARED, err);
	if (r >= 0)
		r = forwarding_restore(route, path, except, err);
	if (lock >= 0)
		close(lock);
	return r;
}
