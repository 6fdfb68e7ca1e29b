/* SPDX-License-Identifier: BSD-3-Clause
 * Taps, and the hardware addresses of machines. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "names.h"
#include "tap.h"

/* The flags that whoever opens it has to give too: a frame comes with the header
 * that says what of it is left to the receiver (virtio_net_hdr). */
static int tap_create(const struct net_tap *tap)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), saved = 0;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", tap->name);
	if (ioctl(fd, TUNSETIFF, &request) < 0 ||
	    (tap->uid != (uint32_t)-1 && ioctl(fd, TUNSETOWNER, (unsigned long)tap->uid) < 0) ||
	    ioctl(fd, TUNSETPERSIST, 1ul) < 0)
		saved = errno;
	close(fd);
	return -saved;
}

/* With an address of its own: a bridge takes what is sent to the address of a port
 * for itself. */
static struct nl_msg *tap_message(const struct net_tap *tap)
{
	struct nl_msg *message = net_message_link(0, 0, false);
	uint8_t mac[6];

	if (!message)
		return NULL;
	memcpy(mac, tap->mac, 6);
	mac[0] = 0xfe;
	nla_put_string(message, IFLA_IFNAME, tap->name);
	nla_put_string(message, IFLA_IFALIAS, tap->alias);
	nla_put(message, IFLA_ADDRESS, 6, mac);
	if (tap->master)
		nla_put_u32(message, IFLA_MASTER, (uint32_t)tap->master);
	return message;
}

int net_tap_make(struct net_route *route, const struct net_tap *tap, struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = net_route_socket(route, &socket, err);

	if (r < 0)
		return r;
	r = tap_create(tap);
	if (r == -ENOENT)
		return route->host->fail(err, ENOENT, "interface %s: /dev/net/tun is not there: modprobe tun", tap->name);
	if (r >= 0)
		r = net_message_send(socket, tap_message(tap));
	if (r >= 0)
		r = net_link_port(route, tap->name, tap->alias, tap->master);
	return r < 0 ? net_link_fail(route, err, r, "make the tap", tap->name) : 0;
}

/* ---- hardware addresses --------------------------------------------------- */

#define MAC_TRIES 16u

static const char *mac_pool(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network)
{
	return host->format(arena, "mac-%s", network);
}

static const char *mac_candidate(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network,
				 const char *workload, unsigned attempt)
{
	const char *const texts[] = { network, workload, host->format(arena, "%u", attempt), NULL };

	return net_digest_mac(host, arena, texts);
}

int net_mac_take(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network, const char *workload,
		 const char **ret_mac, struct hyfw_error **err)
{
	unsigned attempt;

	for (attempt = 0; attempt < MAC_TRIES; attempt++) {
		const char *mac = mac_candidate(host, arena, network, workload, attempt);
		int r = host->lease_take(mac_pool(host, arena, network), mac, workload, err);

		if (r == -EADDRINUSE) {
			host->forget(err);
			continue;
		}
		if (r < 0)
			return r;
		*ret_mac = mac;
		return 0;
	}
	return host->fail(err, EADDRNOTAVAIL, "no hardware address is free on network %s", network);
}

void net_mac_drop(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network, const char *workload)
{
	unsigned attempt;

	for (attempt = 0; attempt < MAC_TRIES; attempt++)
		host->lease_drop(mac_pool(host, arena, network),
				 mac_candidate(host, arena, network, workload, attempt), workload);
}

bool net_mac_parse(const char *text, uint8_t ret_mac[6])
{
	unsigned bytes[6], i;
	int length = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
		   &bytes[5], &length) != 6 || text[length])
		return false;
	for (i = 0; i < 6; i++)
		ret_mac[i] = (uint8_t)bytes[i];
	return true;
}
