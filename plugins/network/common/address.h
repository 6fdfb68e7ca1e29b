/* SPDX-License-Identifier: BSD-3-Clause
 * IPv4 subnets, addresses from them and MAC addresses made of those, for network
 * drivers that hand out addresses. */
#ifndef HYFW_NETWORK_ADDRESS_H
#define HYFW_NETWORK_ADDRESS_H

#include <hyfw/host.h>

struct net_subnet {
	uint32_t base;    /* host byte order, as all below */
	uint32_t gateway;
	unsigned prefix;
};

int net_subnet_parse(const struct hyfw_host *host, const char *subnet, const char *gateway,
		     struct net_subnet *ret_subnet, struct hyfw_error **err);
bool net_subnet_overlaps(const struct net_subnet *subnet, uint32_t address, unsigned prefix);
const char *net_subnet_text(const struct hyfw_host *host, struct hyfw_arena *arena,
			    const struct net_subnet *subnet); /* "10.89.0.0/24" */
const char *net_address_text(const struct hyfw_host *host, struct hyfw_arena *arena, uint32_t address);
bool net_address_parse(const char *text, uint32_t *ret_address); /* "/24" after it is ignored */
const char *net_mac_text(const struct hyfw_host *host, struct hyfw_arena *arena, uint32_t address);
void net_mac_print(uint32_t address, char ret_text[18]);
void net_mac(uint32_t address, uint8_t ret_mac[6]);

/* Leases the lowest free address of 'network' to 'workload'. */
int net_address_take(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network,
		     const char *workload, const struct net_subnet *subnet, uint32_t *ret_address,
		     struct hyfw_error **err);
/* Whether 'address' is leased to 'workload', or free and now leased to it: 1 or 0. */
int net_address_claim(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network,
		      const char *workload, uint32_t address, struct hyfw_error **err);
void net_address_drop(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network,
		      const char *workload, uint32_t address);
/* Gives back whatever 'workload' holds of 'subnet', when it is not known what. */
void net_address_drop_all(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network,
			  const char *workload, const struct net_subnet *subnet);

#endif
