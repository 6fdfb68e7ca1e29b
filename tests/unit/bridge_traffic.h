/* SPDX-License-Identifier: BSD-3-Clause
 * Traffic between namespaces, for tests of network drivers.  Everything runs in
 * a child process inside the namespace; -1 is the test's own. */
#ifndef BRIDGE_TRAFFIC_H
#define BRIDGE_TRAFFIC_H

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ip_icmp.h>

#include "bridge_fixture.h"

struct traffic_frame {
	const char *interface;
	uint8_t to[6], from[6];
	uint16_t type; /* ETH_P_... */
	uint8_t payload[28];
};

/* The exit status of 'work' in 'netns'. */
int traffic_run(int netns, int (*work)(const void *), const void *argument);
int traffic_connect(int netns, const char *address, unsigned port);
/* A server that sends "h" to each caller; kill it with traffic_stop(). */
pid_t traffic_serve(int netns, const char *address, unsigned port);
void traffic_stop(pid_t child);
uint16_t traffic_checksum(const void *data, size_t size); /* of IP headers, in network order */
bool traffic_ping(int netns, const char *address);
int traffic_send_work(const void *argument);
/* A packet socket that hears what comes in on any interface of 'netns'. */
int traffic_listen(int netns);
/* Whether a frame with 'payload' arrives within 200 ms. */
bool traffic_heard(int fd, const uint8_t *payload);
/* A UDP socket at port 5000 of the test's own namespace, and whether it gets something. */
int traffic_udp_socket(const char *address);
bool traffic_udp_heard(int fd);
bool traffic_udp_passed(int fd, uint16_t port);
void traffic_mac(const char *text, uint8_t ret_mac[6]);

/* A second machine, 192.0.2.9, behind the host's 192.0.2.1; it has a route to 'network'. */
int traffic_outside_new(const char *network);
void traffic_outside_remove(int netns);

/* Runs ip(8) with the words of 'text'; the test fails when it does. */
void traffic_ip(const char *text);

#endif
