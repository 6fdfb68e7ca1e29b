/* SPDX-License-Identifier: BSD-3-Clause
 * Ports of workloads: VLANs, trunks, rates, and what bypasses the switch. */
#include "ovs_fixture.h"

static const char *mac_of(const struct workload *workload)
{
	return journal_note(&workload->journal, HYFW_NOTE_MAC);
}

/* 't' is in VLAN 30 and has 10 and 20 with tags; 'a' and 'b' have one of these each. */
static void a_trunk_has_its_vlans(void **state)
{
	static const struct hyfw_pair ten[] = { { "vlan", "10" } }, twenty[] = { { "vlan", "20" } },
				      trunk[] = { { "vlan", "30" }, { "vlan_trunk", "10" }, { "vlan_trunk", "20" } };
	struct journal network;
	struct workload a, b, t;
	int ear_a, ear_b, ear_t;

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&a, "a", &(struct hyfw_map){ 1, ten }, NULL, &err));
	OK(ovs_workload_up(&b, "b", &(struct hyfw_map){ 1, twenty }, NULL, &err));
	OK(ovs_workload_up(&t, "t", &(struct hyfw_map){ 3, trunk }, NULL, &err));
	ear_a = ovs_frame_listen(a.netns);
	ear_b = ovs_frame_listen(b.netns);
	ear_t = ovs_frame_listen(t.netns);
	ovs_frame_send(t.netns, "eth0", mac_of(&t), 10, "to ten");
	assert_int_equal(ovs_frame_heard(ear_a, "to ten"), 0);
	assert_int_equal(ovs_frame_heard(ear_b, "to ten"), -1);
	ovs_frame_send(t.netns, "eth0", mac_of(&t), 20, "to twenty");
	assert_int_equal(ovs_frame_heard(ear_b, "to twenty"), 0);
	assert_int_equal(ovs_frame_heard(ear_a, "to twenty"), -1);
	ovs_frame_send(t.netns, "eth0", mac_of(&a), 10, "forged"); /* another's MAC */
	assert_int_equal(ovs_frame_heard(ear_a, "forged"), -1);
	/* Others say so by ARP, as only their own addresses pass. */
	assert_int_equal(traffic_ping(a.netns, "10.77.4.99"), 0);
	assert_int_equal(ovs_frame_heard(ear_b, "ever"), -1);
	close(ear_a);
	close(ear_b);
	close(ear_t);
	workload_down(&a);
	workload_down(&b);
	workload_down(&t);
	network_down(&network);
	ovs_assert_no_rows();
}

/* The answer to a trunk's question in VLAN 10 comes back with the tag. */
static void a_trunk_hears_answers(void **state)
{
	static const struct hyfw_pair ten[] = { { "vlan", "10" } },
				      trunk[] = { { "vlan", "30" }, { "vlan_trunk", "10" } };
	static const struct hyfw_pair bare[] = { { "driver", "ovs" }, { "datapath", "netdev" } };
	const struct hyfw_map net = { 2, bare };
	struct journal network;
	struct workload a, t;
	int ear;

	(void)state;
	OK(network_up(&network, "lan", &net, &err));
	OK(ovs_endpoint_up(&a, "a", &net, &(struct hyfw_map){ 1, ten }, NULL, false, &err));
	OK(ovs_endpoint_up(&t, "t", &net, &(struct hyfw_map){ 2, trunk }, NULL, false, &err));
	ear = ovs_frame_listen(t.netns);
	ovs_frame_send(a.netns, "eth0", mac_of(&a), 0, "from ten");
	assert_int_equal(ovs_frame_heard(ear, "from ten"), 10);
	ovs_frame_send(a.netns, "eth0", mac_of(&a), 10, "own tag"); /* an access port takes none */
	assert_int_equal(ovs_frame_heard(ear, "own tag"), -1);
	close(ear);
	workload_down(&a);
	workload_down(&t);
	network_down(&network);
}

static void no_vlan_is_not_all_vlans(void **state)
{
	static const struct hyfw_pair trunk[] = { { "vlan_trunk", "10" } };
	static const struct hyfw_pair bare[] = { { "driver", "ovs" }, { "datapath", "netdev" } };
	const struct hyfw_map net = { 2, bare };
	struct journal network;
	struct workload a, t;
	int ear, ear_a;

	(void)state;
	OK(network_up(&network, "lan", &net, &err));
	OK(ovs_endpoint_up(&a, "a", &net, NULL, NULL, false, &err));
	OK(ovs_endpoint_up(&t, "t", &net, &(struct hyfw_map){ 1, trunk }, NULL, false, &err));
	ear = ovs_frame_listen(t.netns);
	ear_a = ovs_frame_listen(a.netns);
	ovs_frame_send(a.netns, "eth0", mac_of(&a), 10, "hop");
	assert_int_equal(ovs_frame_heard(ear, "hop"), -1);
	ovs_frame_send(t.netns, "eth0", mac_of(&t), 10, "leak");
	assert_int_equal(ovs_frame_heard(ear_a, "leak"), -1);
	ovs_frame_send(t.netns, "eth0", mac_of(&t), 0, "plain"); /* it has no VLAN for these */
	assert_int_equal(ovs_frame_heard(ear_a, "plain"), -1);
	close(ear);
	close(ear_a);
	workload_down(&a);
	workload_down(&t);
	network_down(&network);
}

static void refused(const struct hyfw_map *network, const struct hyfw_map *settings, bool tap, const char *why)
{
	struct hyfw_error *err = NULL;
	struct workload a;

	assert_true(ovs_endpoint_up(&a, "a", network, settings, NULL, tap, &err) < 0);
	if (!strstr(err->message, why))
		fail_msg("%s", err->message);
	hyfw_forget(&err);
	journal_finish(&a.journal);
	if (!tap)
		close(a.netns);
}

static void keys_that_cannot_work_are_refused(void **state)
{
	static const struct hyfw_pair trunk[] = { { "vlan_trunk", "10" } }, burst[] = { { "network_burst", "10" } },
				      burst_in[] = { { "network_burst_in", "10" } },
				      both[] = { { "vlan", "3" }, { "vlan_trunk", "10" }, { "links", "b" } };
	struct hyfw_pair room[8];
	const struct hyfw_map uplink = ovs_net_with(room, &(struct hyfw_pair){ "uplink", "lo" }, 1);

	(void)state;
	refused(&ovs_net, &(struct hyfw_map){ 1, trunk }, false, "vlan_trunk without vlan");
	refused(&ovs_net, &(struct hyfw_map){ 1, burst }, false, "needs a network_rate ");
	refused(&ovs_net, &(struct hyfw_map){ 1, burst_in }, false, "needs a network_rate_in ");
	refused(&ovs_net, &(struct hyfw_map){ 3, both }, false, "cannot have links");
	refused(&uplink, NULL, true, "leave subnet out");
}

/* ---- rates --------------------------------------------------------------------- */

static int flood(const void *argument)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), i;
	char data[1400] = "";

	inet_pton(AF_INET, argument, &name.sin_addr);
	for (i = 0; i < 400; i++)
		(void)sendto(fd, data, sizeof(data), 0, (struct sockaddr *)&name, sizeof(name));
	return 0;
}

/* "N" of the last "packet_count:N" of the meter, which is the band's.  The switch may count
 * later, and its socket lose some before. */
static long dropped(const char *bridge)
{
	long count = 0;
	int i;

	for (i = 0; i < 30 && count < 10; i++, usleep(100000)) {
		const char *text = ovs_ofctl("meter-stats", bridge), *next;

		for (next = text; (next = strstr(next, "packet_count:")); next++)
			count = strtol(next + strlen("packet_count:"), NULL, 10);
	}
	return count;
}

static void rates_are_kept(void **state)
{
	static const struct hyfw_pair rates[] = { { "network_rate", "400" }, { "network_burst", "200" },
						  { "network_rate_in", "3000" }, { "network_burst_in", "500" } };
	static const struct hyfw_pair links[] = { { "links", "b" }, { "network_rate", "400" } };
	struct journal network;
	struct workload a, b, c;
	struct hyfw_pair peer[] = { { "b", NULL } };
	const char *bridge, *queues;

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	bridge = ovs_bridge_of(&network);
	OK(ovs_workload_up(&a, "a", &(struct hyfw_map){ 4, rates }, NULL, &err));
	assert_non_null(strstr(ovs_ofctl("dump-meters", bridge), "rate=400 burst_size=200"));
	assert_true(traffic_ping(a.netns, "10.77.4.1"));
	traffic_run(a.netns, flood, "10.77.4.1");
	assert_true(dropped(bridge) >= 10);
	queues = ovs_run_line(hyfw_host_table()->format(fixture.arena, "tc -s class show dev %s",
						     journal_note(&a.journal, HYFW_NOTE_HOST_INTERFACE)));
	if (!strstr(queues, "ceil 3Mbit burst 62"))
		fail_msg("%s", queues);
	assert_string_equal(ovs_vsctl("--bare --columns=other_config list Queue"), "burst=500000 max-rate=3000000\n");
	workload_down(&a);
	assert_string_equal(ovs_vsctl("list Queue"), "");
	assert_string_equal(ovs_vsctl("list QoS"), "");
	assert_null(strstr(ovs_ofctl("dump-meters", bridge), "rate"));

	/* Over a link as well. */
	OK(ovs_workload_up(&b, "b", NULL, NULL, &err));
	peer[0].value = b.address;
	OK(ovs_workload_up(&c, "c", &(struct hyfw_map){ 2, links }, &(struct hyfw_map){ 1, peer }, &err));
	assert_true(traffic_ping(c.netns, b.address));
	traffic_run(c.netns, flood, "10.77.4.2");
	assert_true(dropped(bridge) >= 10);
	workload_down(&c);
	workload_down(&b);
	network_down(&network);
	ovs_assert_no_rows();
}

/* ---- beside the switch ----------------------------------------------------------- */

/* The host hears a datagram for one of its addresses at port 5000. */
static void hears(const struct workload *from, const uint8_t *to_mac, const char *source, const char *to, bool expected)
{
	uint8_t wire[28] = { 0x45, 0, 0, 29, 0, 0, 0, 0, 64, IPPROTO_UDP };
	struct traffic_frame frame = { .interface = "eth0", .type = ETH_P_IP };
	int ear = traffic_udp_socket(to);
	uint16_t sum;

	memcpy(frame.to, to_mac, 6);
	traffic_mac(mac_of(from), frame.from);
	inet_pton(AF_INET, source, wire + 12);
	inet_pton(AF_INET, to, wire + 16);
	sum = traffic_checksum(wire, 20);
	memcpy(wire + 10, &sum, 2);
	wire[21] = wire[23] = 0x88;
	wire[20] = wire[22] = 0x13; /* 5000 */
	wire[25] = 9;
	memcpy(frame.payload, wire, sizeof(wire));
	assert_int_equal(traffic_run(from->netns, traffic_send_work, &frame), 0);
	assert_int_equal(traffic_udp_heard(ear), expected);
	close(ear);
}

static void nothing_passes_beside_the_switch(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state();
	struct journal network;
	struct workload a;
	uint8_t mac[6];

	(void)state;
	traffic_ip("link add beside type veth peer name beside1");
	traffic_ip("link set beside1 up");
	traffic_ip("address add 10.99.0.1/24 dev beside");
	traffic_ip("link set beside up");
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&a, "a", NULL, NULL, &err));
	/* By the switch, from its own address to the host's on this network. */
	ovs_mac(ovs_bridge_of(&network), mac);
	hears(&a, mac, "10.77.4.2", "10.77.4.1", true);
	hears(&a, mac, "10.77.4.9", "10.77.4.1", false);
	hears(&a, mac, "10.77.4.2", "10.99.0.1", false);
	/* The interface that is the port has a MAC as well. */
	ovs_mac(journal_note(&a.journal, HYFW_NOTE_HOST_INTERFACE), mac);
	hears(&a, mac, "10.77.4.2", "10.99.0.1", false);
	hears(&a, mac, "10.77.4.9", "10.99.0.1", false);
	workload_down(&a);
	network_down(&network);
	traffic_ip("link delete beside");
	assert_state(before);
}

int ovs_port_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trunk_has_its_vlans),
		cmocka_unit_test(a_trunk_hears_answers),
		cmocka_unit_test(no_vlan_is_not_all_vlans),
		cmocka_unit_test(keys_that_cannot_work_are_refused),
		cmocka_unit_test(rates_are_kept),
		cmocka_unit_test(nothing_passes_beside_the_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
