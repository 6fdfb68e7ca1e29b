/* SPDX-License-Identifier: BSD-3-Clause
 * What is left when ovs-vswitchd, or the machine, is started anew. */
#include "ovs_fixture.h"

static const char *const none[] = { NULL };

static void nothing_passes_until_flows_are_back(void **state)
{
	static const struct hyfw_pair links[] = { { "links", "db" }, { "network_rate", "90000" } };
	struct journal network;
	struct workload store, web, late, other;
	struct hyfw_pair peer[] = { { "db", NULL } };

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&store, "db", NULL, NULL, &err));
	peer[0].value = store.address;
	OK(ovs_workload_up(&web, "web", &(struct hyfw_map){ 2, links }, &(struct hyfw_map){ 1, peer }, &err));
	assert_true(ovs_reaches(&web, &store));
	ovs_switch_kill();
	ovs_switch_start();
	assert_false(traffic_ping(web.netns, store.address));
	assert_false(traffic_ping(web.netns, "10.77.4.1"));

	OK(ovs_workload_up(&late, "late", NULL, NULL, &err));
	assert_true(traffic_ping(late.netns, "10.77.4.1"));
	assert_true(traffic_ping(-1, web.address));
	assert_true(ovs_reaches(&web, &store));
	assert_false(ovs_reaches(&store, &web));
	assert_non_null(strstr(ovs_ofctl("dump-meters", ovs_bridge_of(&network)), "rate=90000"));

	/* The same by `hyfw recover`, with which everything is alive. */
	ovs_switch_kill();
	ovs_switch_start();
	assert_false(ovs_reaches(&web, &store));
	{
		static const char *const running[] = { "db", "web", "late", NULL }, *const networks[] = { "lan", NULL };
		const struct hyfw_alive alive = { sizeof(alive), running, networks, none, running };

		OK(fixture.common->gc(fixture.instance, &alive, &err));
	}
	assert_true(ovs_reaches(&web, &store));
	assert_false(ovs_reaches(&store, &web));
	OK(ovs_workload_up(&other, "other", NULL, NULL, &err));
	workload_down(&other);
	workload_down(&late);
	workload_down(&web);
	workload_down(&store);
	network_down(&network);
	ovs_assert_no_rows();
}

/* On somebody else's bridge neighbours stay apart meanwhile. */
static void a_foreign_bridge_is_restored(void **state)
{
	static const struct hyfw_pair keys[] = { { "driver", "ovs" }, { "bridge", "theirs" },
						 { "subnet", "10.77.4.0/24" } };
	static const char *const running[] = { "a", "b", NULL }, *const networks[] = { "lan", NULL };
	const struct hyfw_alive alive = { sizeof(alive), running, networks, none, running };
	const struct hyfw_map net = { 3, keys };
	struct journal network;
	struct workload a, b;

	(void)state;
	ovs_vsctl("add-br theirs -- set Bridge theirs datapath_type=netdev external_ids:whose=theirs");
	OK(network_up(&network, "lan", &net, &err));
	OK(ovs_endpoint_up(&a, "a", &net, NULL, NULL, false, &err));
	OK(ovs_endpoint_up(&b, "b", &net, NULL, NULL, false, &err));
	ovs_switch_kill();
	ovs_switch_start();
	assert_false(traffic_ping(a.netns, b.address));
	assert_null(strstr(ovs_ofctl("dump-flows", "theirs"), "nw_src=10.77.4.2"));
	OK(fixture.common->gc(fixture.instance, &alive, &err));
	assert_non_null(strstr(ovs_ofctl("dump-flows", "theirs"), "nw_src=10.77.4.2"));
	assert_false(traffic_ping(a.netns, b.address));
	assert_string_equal(ovs_vsctl("--bare --columns=external_ids list Bridge theirs"), "whose=theirs\n");
	workload_down(&a);
	workload_down(&b);
	network_down(&network);
	assert_string_equal(ovs_vsctl("list-ports theirs"), "");
	assert_null(strstr(ovs_ofctl("dump-flows", "theirs"), "nw_src"));
	ovs_vsctl("del-br theirs");
}

/* After a reboot rows are there, and nothing else of ours. */
static void a_reboot(struct journal *network, struct workload *workload)
{
	HYFW_AUTO_FREE char *run = hyfw_format("%s/run/drivers/ovs/run", fixture.directory);

	traffic_ip(hyfw_host_table()->format(fixture.arena, "link delete %s",
					       journal_note(&workload->journal, HYFW_NOTE_HOST_INTERFACE)));
	close(workload->netns);
	journal_finish(&workload->journal);
	journal_finish(network);
	assert_int_equal(unlink(run), 0);
}

static void rows_go_after_a_reboot(void **state)
{
	static const struct hyfw_pair rates[] = { { "network_rate_in", "3000" } };
	const struct hyfw_alive alive = { sizeof(alive), none, none, none, none };
	struct journal network;
	struct workload a;

	(void)state;
	ovs_vsctl("add-br theirs -- set Bridge theirs datapath_type=netdev external_ids:hyfw=hyfw-00000000");
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&a, "a", &(struct hyfw_map){ 1, rates }, NULL, &err));
	a_reboot(&network, &a);
	OK(network_up(&network, "other", &ovs_net, &err));
	assert_string_equal(ovs_vsctl("list-br"), hyfw_host_table()->format(fixture.arena, "%s\ntheirs\n",
									       ovs_bridge_of(&network)));
	assert_string_equal(ovs_vsctl("list Queue"), "");
	network_down(&network);

	/* The same when `hyfw recover` comes first. */
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&a, "a", &(struct hyfw_map){ 1, rates }, NULL, &err));
	a_reboot(&network, &a);
	OK(fixture.common->gc(fixture.instance, &alive, &err));
	assert_string_equal(ovs_vsctl("list-br"), "theirs\n");
	assert_string_equal(ovs_vsctl("list QoS"), "");
	ovs_vsctl("del-br theirs");
	ovs_assert_no_rows();
}

int ovs_restart_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_passes_until_flows_are_back),
		cmocka_unit_test(a_foreign_bridge_is_restored),
		cmocka_unit_test(rows_go_after_a_reboot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
