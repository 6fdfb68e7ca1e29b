/* SPDX-License-Identifier: BSD-3-Clause
 * IPv4 subnets, and the addresses in them that workloads are given.  Leases of
 * the core keep two workloads from getting the same one. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "address.h"

static uint32_t prefix_mask(unsigned prefix)
{
	return prefix ? 0xffffffffu << (32 - prefix) : 0;
}

static bool prefix_parse(const char *text, unsigned *ret_prefix)
{
	char *end;
	unsigned long prefix;

	if (*text < '0' || *text > '9')
		return false;
	prefix = strtoul(text, &end, 10);
	if (*end || prefix > 32)
		return false;
	*ret_prefix = (unsigned)prefix;
	return true;
}

bool net_address_parse(const char *text, uint32_t *ret_address)
{
	char copy[INET_ADDRSTRLEN];
	size_t length = strcspn(text, "/");
	struct in_addr address;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (inet_pton(AF_INET, copy, &address) != 1)
		return false;
	*ret_address = ntohl(address.s_addr);
	return true;
}

static int gateway_parse(const struct hyfw_host *host, const char *text, struct net_subnet *subnet,
			 struct hyfw_error **err)
{
	uint32_t last = subnet->base | ~prefix_mask(subnet->prefix);

	if (!text) {
		subnet->gateway = subnet->base + 1;
		return 0;
	}
	if (strchr(text, '/') || !net_address_parse(text, &subnet->gateway))
		return host->fail(err, EINVAL, "gateway %s is not an IPv4 address", text);
	if (subnet->gateway <= subnet->base || subnet->gateway >= last)
		return host->fail(err, EINVAL, "gateway %s is not an address for a host in the subnet", text);
	return 0;
}

int net_subnet_parse(const struct hyfw_host *host, const char *subnet, const char *gateway,
		     struct net_subnet *ret_subnet, struct hyfw_error **err)
{
	const char *slash = strchr(subnet, '/');
	struct net_subnet parsed = { 0 };
	struct in_addr base;
	int r;

	if (!slash || !prefix_parse(slash + 1, &parsed.prefix) || !net_address_parse(subnet, &parsed.base))
		return host->fail(err, EINVAL, "subnet %s is not of the form 10.1.0.0/24", subnet);
	if (parsed.prefix < 8 || parsed.prefix > 30)
		return host->fail(err, EINVAL, "subnet %s: the prefix must be from 8 to 30", subnet);
	base.s_addr = htonl(parsed.base & prefix_mask(parsed.prefix));
	if (ntohl(base.s_addr) != parsed.base)
		return host->fail(err, EINVAL, "subnet %s has bits behind its prefix: did you mean %s/%u", subnet,
				  inet_ntoa(base), parsed.prefix);
	r = gateway_parse(host, gateway, &parsed, err);
	if (r < 0)
		return host->wrap(err, "subnet %s", subnet);
	*ret_subnet = parsed;
	return 0;
}

bool net_subnet_overlaps(const struct net_subnet *subnet, uint32_t address, unsigned prefix)
{
	uint32_t mask = prefix_mask(prefix < subnet->prefix ? prefix : subnet->prefix);

	return (subnet->base & mask) == (address & mask);
}

const char *net_address_text(const struct hyfw_host *host, struct hyfw_arena *arena, uint32_t address)
{
	return host->format(arena, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
			    address & 255);
}

const char *net_subnet_text(const struct hyfw_host *host, struct hyfw_arena *arena,
			    const struct net_subnet *subnet)
{
	return host->format(arena, "%s/%u", net_address_text(host, arena, subnet->base), subnet->prefix);
}

/* Locally administered; the same address always has the same one, so that no
 * neighbour table is wrong when an address is given to the next workload. */
void net_mac(uint32_t address, uint8_t ret_mac[6])
{
	ret_mac[0] = 0x0a;
	ret_mac[1] = 0x68;
	ret_mac[2] = (uint8_t)(address >> 24);
	ret_mac[3] = (uint8_t)(address >> 16);
	ret_mac[4] = (uint8_t)(address >> 8);
	ret_mac[5] = (uint8_t)address;
}

void net_mac_print(uint32_t address, char ret_text[18])
{
	uint8_t mac[6];

	net_mac(address, mac);
	snprintf(ret_text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

const char *net_mac_text(const struct hyfw_host *host, struct hyfw_arena *arena, uint32_t address)
{
	char text[18];

	net_mac_print(address, text);
	return host->format(arena, "%s", text);
}

/* "net-NAME"; names of networks are file names already. */
static const char *address_pool(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network)
{
	return host->format(arena, "net-%s", network);
}

int net_address_take(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network,
		     const char *workload, const struct net_subnet *subnet, uint32_t *ret_address,
		     struct hyfw_error **err)
{
	const char *pool = address_pool(host, arena, network);
	uint32_t last = subnet->base | ~prefix_mask(subnet->prefix), address;

	for (address = subnet->base + 1; address < last; address++) {
		int r;

		if (address == subnet->gateway)
			continue;
		r = host->lease_take(pool, net_address_text(host, arena, address), workload, err);
		if (r == -EADDRINUSE) {
			host->forget(err);
			continue;
		}
		if (r < 0)
			return r;
		*ret_address = address;
		return 0;
	}
	return host->fail(err, EADDRNOTAVAIL, "no address is free in %s",
			  net_subnet_text(host, arena, subnet));
}

int net_address_claim(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network,
		      const char *workload, uint32_t address, struct hyfw_error **err)
{
	int r = host->lease_take(address_pool(host, arena, network), net_address_text(host, arena, address),
				 workload, err);

	if (r == -EADDRINUSE) {
		host->forget(err);
		return 0;
	}
	return r < 0 ? r : 1;
}

void net_address_drop(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network,
		      const char *workload, uint32_t address)
{
	host->lease_drop(address_pool(host, arena, network), net_address_text(host, arena, address), workload);
}

void net_address_drop_all(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network,
			  const char *workload, const struct net_subnet *subnet)
{
	const char *pool = address_pool(host, arena, network);
	uint32_t last = subnet->base | ~prefix_mask(subnet->prefix), address;
	char item[INET_ADDRSTRLEN];

	for (address = subnet->base + 1; address < last; address++) {
		struct in_addr in = { htonl(address) };

		host->lease_drop(pool, inet_ntop(AF_INET, &in, item, sizeof(item)), workload);
	}
}
