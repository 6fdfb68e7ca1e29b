/* SPDX-License-Identifier: BSD-3-Clause
 * Bridges with uplinks, bonds, mirrors, controllers and spanning trees. */
#include "ovs_fixture.h"

#define PAIR(a, b) "link add " a " type veth peer name " b

static bool wait_for_text(char *(*look)(const char *words), const char *words, const char *wanted)
{
	int i;

	for (i = 0; i < 100; i++) {
		if (strstr(look(words), wanted))
			return true;
		usleep(100000);
	}
	return false;
}

/* A network that is refused or cannot be made, and what is said of it. */
static void refused(const struct hyfw_pair *keys, size_t count, const char *why)
{
	HYFW_AUTO_FREE char *before = hyfw_dup(ovs_vsctl("show"));
	struct hyfw_error *err = NULL;
	struct hyfw_pair room[16];
	const struct hyfw_map net = ovs_net_with(room, keys, count);
	struct journal network;

	assert_true(network_up(&network, "lan", &net, &err) < 0);
	if (!strstr(err->message, why))
		fail_msg("%s", err->message);
	hyfw_forget(&err);
	journal_finish(&network);
	assert_string_equal(ovs_vsctl("show"), before);
}

static void what_cannot_be_is_refused(void **state)
{
	HYFW_AUTO_FREE char *before = NULL;

	(void)state;
#define REFUSED(why, ...)                                                                              \
	do {                                                                                           \
		const struct hyfw_pair keys[] = { __VA_ARGS__ };                                       \
		refused(keys, HYFW_COUNT(keys), why);                                                  \
	} while (0)
	traffic_ip(PAIR("up0", "up1"));
	before = machine_state();
	REFUSED("is not there", { "uplink", "up9" });
	REFUSED("has an IPv4 address", { "uplink", "lo" });
	REFUSED("needs two uplinks", { "uplink", "up0" }, { "lacp", "active" });
	REFUSED("needs two uplinks", { "bond_mode", "balance-slb" });
	REFUSED("needs lacp", { "uplink", "up0" }, { "uplink", "up1" }, { "bond_mode", "balance-tcp" });
	REFUSED("exclude each other", { "uplink", "up0" }, { "internal", "true" });
	REFUSED("belong together", { "mirror", "m" });
	REFUSED("is an uplink", { "uplink", "up0" }, { "mirror", "m" }, { "mirror_output", "up0" });
	REFUSED("is not of the form", { "controller", "10.0.0.1" });
	REFUSED("is not of the form", { "controller", "tcp:\"10.0.0.1" });
	REFUSED("needs a controller", { "fail_mode", "standalone" });
	/* Found out only when it is made: nothing of it stays. */
	ovs_vsctl("add-br theirs -- set Bridge theirs datapath_type=netdev -- add-port theirs up0");
	REFUSED("port named up0", { "uplink", "up0" });
	REFUSED("is not ours", { "bridge", "theirs" }, { "stp", "rstp" });
	ovs_vsctl("del-br theirs");
	assert_state(before);
	traffic_ip("link delete up0");
#undef REFUSED
}

/* A container with a VLAN and one without, and who is at the other end of the cable. */
static void an_uplink_leads_outside(void **state)
{
	static const struct hyfw_pair ten[] = { { "vlan", "10" } }, keys[] = { { "uplink", "up0" }, { "stp", "rstp" } },
				      trunk[] = { { "vlan", "30" }, { "vlan_trunk", "10" } };
	struct hyfw_pair room[8];
	const struct hyfw_map net = ovs_net_with(room, keys, 2);
	struct journal network;
	struct workload a, b, t;
	int ear;

	(void)state;
	traffic_ip(PAIR("up0", "up1"));
	traffic_ip("address add 10.77.4.200/24 dev up1");
	traffic_ip("link set up1 up");
	OK(network_up(&network, "lan", &net, &err));
	assert_string_equal(ovs_vsctl("--bare --columns=rstp_enable,stp_enable,fail_mode list Bridge"),
			    "true\nfalse\nsecure\n");
	OK(ovs_endpoint_up(&a, "a", &net, &(struct hyfw_map){ 1, ten }, NULL, false, &err));
	OK(ovs_endpoint_up(&b, "b", &net, NULL, NULL, false, &err));
	/* RSTP lets the edge of the network forward after a while. */
	assert_true(wait_for_text(ovs_vsctl, "--bare --columns=rstp_status list Port up0", "Forwarding"));
	assert_true(traffic_ping(b.netns, "10.77.4.200"));
	assert_false(traffic_ping(a.netns, "10.77.4.200"));
	OK(ovs_endpoint_up(&t, "t", &net, &(struct hyfw_map){ 2, trunk }, NULL, false, &err));
	ear = ovs_frame_listen(-1);
	ovs_frame_send(t.netns, "eth0", journal_note(&t.journal, HYFW_NOTE_MAC), 10, "tagged");
	assert_int_equal(ovs_frame_heard_at(ear, "up1", "tagged"), 10);
	ovs_frame_send(a.netns, "eth0", journal_note(&a.journal, HYFW_NOTE_MAC), 0, "not IP");
	assert_int_equal(ovs_frame_heard_at(ear, "up1", "not IP"), -1); /* only its own addresses */
	close(ear);
	workload_down(&t);
	workload_down(&a);
	workload_down(&b);
	network_down(&network);
	traffic_ip("link delete up0");
	ovs_assert_no_rows();
}

static char *bond_look(const char *words)
{
	return ovs_appctl(words);
}

/* The other end is a second bridge, whose bond asks for LACP as well. */
static void a_bond_negotiates(void **state)
{
	static const struct hyfw_pair keys[] = { { "uplink", "left0" }, { "uplink", "left1" },
						 { "bond_mode", "balance-tcp" }, { "lacp", "active" } };
	struct hyfw_pair room[8];
	const struct hyfw_map net = ovs_net_with(room, keys, 4);
	HYFW_AUTO_FREE char *show = NULL;
	struct journal network;
	struct workload a;
	const char *name;
	int tries;

	(void)state;
	traffic_ip(PAIR("left0", "right0"));
	traffic_ip(PAIR("left1", "right1"));
	/* The host itself, which has no guard there, shall not answer for that bridge. */
	traffic_ip("link set right0 arp off up");
	traffic_ip("link set right1 arp off up");
	ovs_vsctl("add-br far -- set Bridge far datapath_type=netdev -- add-bond far farbond right0 right1 lacp=active "
		  "bond_mode=balance-tcp");
	OK(network_up(&network, "lan", &net, &err));
	traffic_ip("address add 10.77.4.200/24 dev far");
	traffic_ip("link set far up");
	OK(ovs_endpoint_up(&a, "a", &net, NULL, NULL, false, &err));
	name = ovs_vsctl("--bare --columns=name find Port lacp=active external_ids:hyfw-network=lan");
	show = hyfw_format("bond/show %.*s", (int)strcspn(name, "\n"), name);
	assert_true(wait_for_text(bond_look, show, "lacp_status: negotiated"));
	assert_true(wait_for_text(bond_look, show, "member left0: enabled"));
	assert_true(wait_for_text(bond_look, show, "member left1: enabled"));
	assert_true(traffic_ping(a.netns, "10.77.4.200"));
	traffic_ip("link set left0 down"); /* the other one carries on */
	assert_true(wait_for_text(bond_look, show, "member left0: disabled"));
	for (tries = 0; tries < 20 && !traffic_ping(a.netns, "10.77.4.200");) /* once the other end saw it */
		tries++;
	assert_true(tries < 20);
	workload_down(&a);
	network_down(&network);
	ovs_vsctl("del-br far");
	traffic_ip("link delete left0");
	traffic_ip("link delete left1");
	ovs_assert_no_rows();
}

/* One mirror of everything, one of workload 'a'. */
static void a_mirror_shows(const struct hyfw_pair *keys, size_t count, bool all)
{
	struct hyfw_pair room[8];
	const struct hyfw_map net = ovs_net_with(room, keys, count);
	struct journal network;
	struct workload a, b;
	int ear;

	OK(network_up(&network, "lan", &net, &err));
	OK(ovs_endpoint_up(&a, "a", &net, NULL, NULL, false, &err));
	OK(ovs_endpoint_up(&b, "b", &net, NULL, NULL, false, &err));
	ear = ovs_frame_listen(-1);
	assert_true(traffic_ping(a.netns, "10.77.4.1"));
	assert_true(ovs_seen(ear, "tap1", "10.77.4.2"));
	close(ear);
	ear = ovs_frame_listen(-1);
	assert_true(traffic_ping(b.netns, "10.77.4.1"));
	assert_int_equal(ovs_seen(ear, "tap1", "10.77.4.3"), all);
	close(ear);
	workload_down(&a);
	workload_down(&b);
	network_down(&network);
	ovs_assert_no_rows();
	assert_string_equal(ovs_vsctl("list Mirror"), "");
}

static void mirrors_show_what_they_shall(void **state)
{
	static const struct hyfw_pair keys[] = { { "mirror", "watch" }, { "mirror_output", "tap0" },
						 { "mirror_ports", "a" } };

	(void)state;
	traffic_ip(PAIR("tap0", "tap1"));
	traffic_ip("link set tap1 up");
	a_mirror_shows(keys, 2, true);
	a_mirror_shows(keys, 3, false);
	traffic_ip("link delete tap0");
}

static void a_controller_is_named(void **state)
{
	static const struct hyfw_pair keys[] = { { "controller", "tcp:127.0.0.1:6653" }, { "controller", "unix:/tmp/none" },
						 { "fail_mode", "standalone" }, { "stp", "stp" } };
	struct hyfw_pair room[8];
	struct hyfw_map net = ovs_net_with(room, keys, 2);
	struct journal network;
	struct workload a, b;

	(void)state;
	OK(network_up(&network, "lan", &net, &err));
	assert_int_equal(network.count, 1); /* the note on what it means is nothing to be done */
	assert_non_null(strstr(ovs_vsctl("--bare --columns=target list Controller"), "tcp:127.0.0.1:6653"));
	assert_non_null(strstr(ovs_vsctl("--bare --columns=target list Controller"), "unix:/tmp/none"));
	OK(ovs_endpoint_up(&a, "a", &net, NULL, NULL, false, &err));
	OK(ovs_endpoint_up(&b, "b", &net, NULL, NULL, false, &err));
	assert_true(traffic_ping(a.netns, "10.77.4.1")); /* the flows stay without it */
	assert_false(traffic_ping(a.netns, b.address));
	workload_down(&b);
	workload_down(&a);
	network_down(&network);
	assert_string_equal(ovs_vsctl("list Controller"), "");
	net = ovs_net_with(room, keys, 4);
	OK(network_up(&network, "lan", &net, &err));
	assert_string_equal(ovs_vsctl("--bare --columns=rstp_enable,stp_enable,fail_mode list Bridge"),
			    "false\ntrue\nstandalone\n");
	network_down(&network);
	ovs_assert_no_rows();
}

/* Each row that is made says whose it is. */
static void rows_are_marked(void **state)
{
	static const char *const tables[] = { "Bridge", "Port", "Interface", "QoS", "Queue", "Mirror", "Controller" };
	static const struct hyfw_pair keys[] = { { "uplink", "left0" }, { "uplink", "left1" }, { "mirror", "m" },
						 { "mirror_output", "right0" }, { "controller", "unix:/tmp/none" } },
				      rates[] = { { "network_rate_in", "3000" } };
	struct hyfw_pair room[8];
	const struct hyfw_map net = ovs_net_with(room, keys, 5);
	struct journal network;
	struct workload a;
	size_t i;

	(void)state;
	traffic_ip(PAIR("left0", "right0"));
	traffic_ip(PAIR("left1", "right1"));
	OK(network_up(&network, "lan", &net, &err));
	OK(ovs_endpoint_up(&a, "a", &net, &(struct hyfw_map){ 1, rates }, NULL, false, &err));
	for (i = 0; i < HYFW_COUNT(tables); i++) {
		HYFW_AUTO_FREE char *all = hyfw_format("--columns=_uuid list %s", tables[i]),
				    *ours = hyfw_format("--columns=_uuid find %s external_ids:hyfw=%s "
							"external_ids:hyfw-network=lan", tables[i],
							hyfw_host_table()->owner);

		assert_true(*ovs_vsctl(all));
		assert_string_equal(ovs_vsctl(all), ovs_vsctl(ours));
	}
	workload_down(&a);
	network_down(&network);
	traffic_ip("link delete left0");
	traffic_ip("link delete left1");
	ovs_assert_no_rows();
}

int ovs_bridge_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(an_uplink_leads_outside),
		cmocka_unit_test(a_bond_negotiates),
		cmocka_unit_test(mirrors_show_what_they_shall),
		cmocka_unit_test(a_controller_is_named),
		cmocka_unit_test(rows_are_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
