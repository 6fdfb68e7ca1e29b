/* SPDX-License-Identifier: BSD-3-Clause
 * Sysctls: those of one bridge, which go with it, and net.ipv4.ip_forward, which
 * is the machine's.  Traffic that comes back from outside arrives on an
 * interface that is not ours, so forwarding has to be on for all of them, as
 * other container tools do it.  When it was off before, that is remembered on
 * tmpfs and it is turned off again once no hyfw network of any instance is left. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge.h"

#define IP_FORWARD "/proc/sys/net/ipv4/ip_forward"

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

static int sysctl_set(const struct hyfw_host *host, const char *family, const char *interface, const char *key,
		      const char *value, struct hyfw_error **err)
{
	char path[128];
	int length = snprintf(path, sizeof(path), "/proc/sys/net/%s/%s/%s", family, interface, key);

	if (length < 0 || (size_t)length >= sizeof(path))
		return host->fail(err, ENAMETOOLONG, "interface name %s is too long", interface);
	return sysctl_write(host, path, value, err);
}

/* For neighbours on isolated ports (networking/ip-sysctl.rst): the host answers
 * ARP for them at once, routes between them, and never tells them to go direct.
 * No IPv6: the network gives none, and link-local is a way around the rules. */
int bridge_sysctl_interface(struct bridge *bridge, const char *interface, struct hyfw_error **err)
{
	static const char *const settings[][3] = {
		{ "ipv4/conf", "forwarding", "1" },     { "ipv4/conf", "proxy_arp_pvlan", "1" },
		{ "ipv4/neigh", "proxy_delay", "0" },   { "ipv4/conf", "send_redirects", "0" },
		{ "ipv4/conf", "accept_redirects", "0" }, { "ipv4/conf", "rp_filter", "1" },
	};
	size_t i;
	int r;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		r = sysctl_set(bridge->host, settings[i][0], interface, settings[i][1], settings[i][2], err);
		if (r < 0)
			return r;
	}
	if (access("/proc/sys/net/ipv6", F_OK) < 0)
		return 0;
	return sysctl_set(bridge->host, "ipv6/conf", interface, "disable_ipv6", "1", err);
}

/* Lets connections to 127.0.0.1 of the host be led to a workload.  That workloads
 * do not reach the host's own 127.0.0.1 this way is up to chain "martians". */
int bridge_sysctl_localnet(struct bridge *bridge, const char *interface, struct hyfw_error **err)
{
	return sysctl_set(bridge->host, "ipv4/conf", interface, "route_localnet", "1", err);
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

static int forwarding_record(struct bridge *bridge, char path[static 256])
{
	const char *directory = bridge->host->directory("bridge", HYFW_DIRECTORY_RUNTIME);
	int length = snprintf(path, 256, "%s/ip_forward_was_off", directory);

	return length > 0 && length < 256 ? 0 : -ENAMETOOLONG;
}

int bridge_forwarding_enable(struct bridge *bridge, struct hyfw_error **err)
{
	char path[256];
	int fd;

	if (forwarding_is_on())
		return 0;
	if (forwarding_record(bridge, path) == 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return bridge->host->fail(err, errno, "cannot create %s: %s", path, strerror(errno));
		close(fd);
	}
	return sysctl_write(bridge->host, IP_FORWARD, "1", err);
}

struct other_network {
	const char *except;
	bool found;
};

static void other_network_visit(void *context, const char *name, int index, const char *alias)
{
	struct other_network *other = context;

	(void)index;
	if (strstr(alias, ":network:") && strcmp(name, other->except) != 0)
		other->found = true;
}

int bridge_forwarding_restore(struct bridge *bridge, const char *except, struct hyfw_error **err)
{
	struct other_network other = { except, false };
	char path[256];
	int r;

	if (forwarding_record(bridge, path) < 0 || access(path, F_OK) < 0)
		return 0;
	r = net_link_each(&bridge->route, "hyfw", other_network_visit, &other, err);
	if (r < 0 || other.found)
		return r;
	r = sysctl_write(bridge->host, IP_FORWARD, "0", err);
	if (r >= 0)
		unlink(path);
	return r;
}
