/* SPDX-License-Identifier: BSD-3-Clause
 * Published ports of workloads on a bridge of Open vSwitch, and what the host does not
 * carry for them. */
#include "ovs_fixture.h"

static const struct hyfw_pair tcp[] = { { "publish", "|8888|80|tcp" } };
static const struct hyfw_map publish = { 1, tcp };

static void a_port_is_reached_from_outside_alone(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state();
	int outside = traffic_outside_new("10.77.4.0/24");
	struct journal network;
	struct workload web, db;
	pid_t server;

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&web, "web", &publish, NULL, &err));
	OK(ovs_workload_up(&db, "db", NULL, NULL, &err));
	server = traffic_serve(web.netns, "0.0.0.0", 80);
	assert_int_equal(traffic_connect(-1, "127.0.0.1", 8888), 0);
	assert_int_equal(traffic_connect(-1, "192.0.2.1", 8888), 0);
	assert_int_equal(traffic_connect(-1, "10.77.4.1", 8888), 0);
	assert_int_equal(traffic_connect(outside, "192.0.2.1", 8888), 0);
	assert_int_not_equal(traffic_connect(outside, web.address, 80), 0);
	/* No way around links, nor around the absence of one. */
	assert_int_equal(traffic_connect(db.netns, "10.77.4.1", 8888), ECONNREFUSED);
	assert_int_not_equal(traffic_connect(db.netns, web.address, 80), 0);
	assert_false(traffic_ping(db.netns, web.address));

	traffic_stop(server);
	workload_down(&web);
	assert_int_equal(traffic_connect(-1, "127.0.0.1", 8888), ECONNREFUSED);
	workload_down(&db);
	network_down(&network);
	traffic_outside_remove(outside);
	assert_state(before);
	ovs_assert_no_rows();
}

static void a_port_is_there_again_after_a_restart(void **state)
{
	static const char *const running[] = { "web", NULL }, *const networks[] = { "lan", NULL },
				 *const none[] = { NULL };
	const struct hyfw_alive alive = { sizeof(alive), running, networks, none, running };
	struct journal network;
	struct workload web;
	pid_t server;

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&web, "web", &publish, NULL, &err));
	server = traffic_serve(web.netns, "0.0.0.0", 80);
	ovs_switch_kill();
	ovs_switch_start();
	OK(fixture.common->gc(fixture.instance, &alive, &err));
	assert_int_equal(traffic_connect(-1, "10.77.4.1", 8888), 0);
	assert_int_equal(traffic_connect(-1, "127.0.0.1", 8888), 0);
	traffic_stop(server);
	workload_down(&web);
	network_down(&network);
}

/* A UDP packet from a workload, by way of the gateway. */
static struct traffic_frame packet(const struct workload *from, const char *to)
{
	struct traffic_frame frame = { .interface = "eth0", .type = ETH_P_IP, .to = { 0x0a, 0x68, 10, 77, 4, 1 } };
	uint8_t head[28] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, [20] = 0x13, 0x88, 0x13, 0x88, 0, 8 };
	HYFW_AUTO_FREE char *address = hyfw_format("%.*s", (int)strcspn(from->address, "/"), from->address);
	uint16_t sum;

	inet_pton(AF_INET, address, head + 12);
	inet_pton(AF_INET, to, head + 16);
	sum = traffic_checksum(head, 20);
	memcpy(head + 10, &sum, 2);
	memcpy(frame.payload, head, sizeof(head));
	traffic_mac(journal_note(&from->journal, HYFW_NOTE_MAC), frame.from);
	return frame;
}

static void the_host_carries_nothing_for_workloads(void **state)
{
	int outside = traffic_outside_new("10.77.4.0/24"), ear = traffic_listen(outside), own, loopback;
	struct traffic_frame frame;
	struct journal network;
	struct workload web;

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&web, "web", &publish, NULL, &err)); /* which turns ip_forward on */
	own = traffic_udp_socket("10.77.4.1");
	loopback = traffic_udp_socket("127.0.0.1");
	frame = packet(&web, "10.77.4.1");
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	assert_true(traffic_udp_heard(own));
	frame = packet(&web, "192.0.2.9");
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	assert_false(traffic_udp_passed(ear, 5000));
	frame = packet(&web, "127.0.0.1"); /* route_localnet is on, too */
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	assert_false(traffic_udp_heard(loopback));
	close(own);
	close(loopback);
	close(ear);
	workload_down(&web);
	network_down(&network);
	traffic_outside_remove(outside);
}

/* 'network' keys beside those of ovs_net, 'keys' of the workload beside "publish". */
static void refused(const struct hyfw_map *network, const struct hyfw_pair *key, int error)
{
	const struct hyfw_pair pairs[] = { tcp[0], key ? *key : tcp[0] };
	struct hyfw_error *err = NULL;
	struct workload web;

	assert_int_equal(ovs_endpoint_up(&web, "web", network, &(struct hyfw_map){ key ? 2 : 1, pairs }, NULL, false, &err),
			 error);
	assert_non_null(strstr(err->message, "publish: "));
	hyfw_forget(&err);
	journal_finish(&web.journal);
	close(web.netns);
}

static void where_there_is_no_gateway_it_is_refused(void **state)
{
	static const struct hyfw_pair vlan = { "vlan", "10" }, internal = { "internal", "true" },
				      uplink = { "uplink", "eth9" }, bare[] = { { "driver", "ovs" } },
				      theirs[] = { { "driver", "ovs" }, { "bridge", "theirs" }, { "subnet", "10.77.4.0/24" } };
	const struct hyfw_map foreign = { 3, theirs };
	struct hyfw_pair room[8];
	struct hyfw_map net;
	struct journal network;
	struct workload web;
	struct hyfw_error *failure = NULL;

	(void)state;
	refused(&ovs_net, &vlan, -EOPNOTSUPP);
	refused(&(struct hyfw_map){ 1, bare }, NULL, -EOPNOTSUPP);
	net = ovs_net_with(room, &internal, 1);
	refused(&net, NULL, -EINVAL);
	net = ovs_net_with(room, &uplink, 1);
	refused(&net, NULL, -EOPNOTSUPP);

	ovs_vsctl("add-br theirs -- set Bridge theirs datapath_type=netdev");
	OK(network_up(&network, "lan", &foreign, &err));
	assert_int_equal(ovs_endpoint_up(&web, "web", &foreign, &publish, NULL, false, &failure), -EOPNOTSUPP);
	assert_non_null(strstr(failure->message, "bridge theirs is not ours"));
	hyfw_forget(&failure);
	workload_down(&web);
	network_down(&network);
	ovs_vsctl("del-br theirs");
}

int ovs_publish_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_is_reached_from_outside_alone),
		cmocka_unit_test(a_port_is_there_again_after_a_restart),
		cmocka_unit_test(the_host_carries_nothing_for_workloads),
		cmocka_unit_test(where_there_is_no_gateway_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
