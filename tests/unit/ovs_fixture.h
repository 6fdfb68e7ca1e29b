/* SPDX-License-Identifier: BSD-3-Clause
 * An Open vSwitch of the tests' own: both daemons run in the test's network
 * namespace and keep everything in its directory. */
#ifndef HYFW_TEST_OVS_FIXTURE_H
#define HYFW_TEST_OVS_FIXTURE_H

#include "bridge_traffic.h"

extern char ovs_db[64]; /* "unix:PATH" */

int ovs_fixture_begin(void); /* as main() shall return when it is not 0 */
void ovs_fixture_end(void);
void ovs_switch_start(void);
void ovs_switch_kill(void);

/* Output of a program, words between blanks; the test fails when it does. */
char *ovs_run_line(const char *line);
char *ovs_vsctl(const char *words);
char *ovs_ofctl(const char *verb, const char *bridge);
/* ovs-appctl to ovs-vswitchd. */
char *ovs_appctl(const char *words);

/* Network "lan", 10.77.4.0/24, datapath netdev, and the same with further keys. */
extern const struct hyfw_map ovs_net;
struct hyfw_map ovs_net_with(struct hyfw_pair *room, const struct hyfw_pair *keys, size_t count);

int ovs_endpoint_up(struct workload *workload, const char *name, const struct hyfw_map *network,
		    const struct hyfw_map *settings, const struct hyfw_map *peers, bool tap, struct hyfw_error **err);
/* A container on "lan". */
int ovs_workload_up(struct workload *workload, const char *name, const struct hyfw_map *settings,
		    const struct hyfw_map *peers, struct hyfw_error **err);
void ovs_mac(const char *interface, uint8_t ret_mac[6]);
const char *ovs_bridge_of(const struct journal *network);
void ovs_assert_no_rows(void);
bool ovs_reaches(const struct workload *from, const struct workload *to);

/* Sends a broadcast frame with 'mark' from eth0 of 'netns' (VLAN 0: no tag), and what
 * tag such a frame has when it comes; -1 when none does. */
void ovs_frame_send(int netns, const char *interface, const char *mac, unsigned vlan, const char *mark);
int ovs_frame_listen(int netns);
int ovs_frame_heard(int fd, const char *mark);
int ovs_frame_heard_at(int fd, const char *interface, const char *mark);
/* Whether an IPv4 packet from 'address' comes in on 'interface'. */
bool ovs_seen(int fd, const char *interface, const char *address);

int ovs_plan_tests(void);
int ovs_port_tests(void);
int ovs_bridge_tests(void);
int ovs_restart_tests(void);
int ovs_machine_tests(void);
int ovs_publish_tests(void);

#endif
