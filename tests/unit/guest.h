/* SPDX-License-Identifier: BSD-3-Clause
 * A guest put together by hand: it has a tap open as a hypervisor would, and writes
 * and reads frames. */
#ifndef HYFW_TEST_GUEST_H
#define HYFW_TEST_GUEST_H

#include <netinet/ip.h>
#include <netinet/udp.h>

#include "bridge_traffic.h"

struct guest {
	int fd;
	bool stream;      /* a socket of passt: a length before each frame */
	uint8_t mac[6];
	uint32_t address; /* host byte order; 0 before DHCP */
};

/* Opens 'tap' with the privileges of 'uid'; -1 with errno when it may not. */
int guest_open(const char *tap, uid_t uid);
void guest_begin(struct guest *guest, const struct workload *machine);
void guest_end(struct guest *guest);

/* Sends a frame from 'from' (NULL: its own MAC). */
void guest_send(struct guest *guest, const uint8_t *to, const uint8_t *from, uint16_t type, const void *data,
		size_t size);
/* The next frame of 'type' without its header, while ARP for the guest's address is
 * answered; 0 when none comes within 'ms'. */
size_t guest_receive(struct guest *guest, uint16_t type, void *data, size_t size, int ms);

struct guest_datagram {
	uint32_t from, to;
	uint16_t from_port, to_port;
	const void *data;
	size_t size;
};
void guest_send_udp(struct guest *guest, const uint8_t *to, const uint8_t *from, const struct guest_datagram *datagram);
/* The data of the next UDP packet to 'port'; '*ret_datagram' points into 'buffer'. */
bool guest_receive_udp(struct guest *guest, uint16_t port, uint8_t buffer[2048],
		       struct guest_datagram *ret_datagram, int ms);

struct guest_lease {
	uint32_t address, server, mask, router, dns;
	uint16_t mtu;
	char hostname[64];
};
/* DISCOVER to ACK, with patience; false when nothing is offered within three seconds. */
bool guest_dhcp(struct guest *guest, struct guest_lease *ret_lease);
/* Asks 'server' for the address of 'name'; 0 when there is none. */
uint32_t guest_lookup(struct guest *guest, uint32_t server, const char *name);
/* Asks by ARP who has 'address', saying it is 'sender'; false without an answer. */
bool guest_arp(struct guest *guest, uint32_t sender, uint32_t address, uint8_t ret_mac[6]);

#endif
