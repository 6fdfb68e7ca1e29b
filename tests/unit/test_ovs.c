/* SPDX-License-Identifier: BSD-3-Clause
 * The ovs driver against an Open vSwitch of the tests' own: neighbours, links, and
 * what a dead switch or undo leave. */
#include "ovs_fixture.h"

static void neighbours_are_closed_unless_linked(void **state)
{
	static const struct hyfw_pair links[] = { { "links", "db" } };
	struct journal network;
	struct workload store, web, other;
	struct hyfw_pair peer[] = { { "db", NULL } };

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&store, "db", NULL, NULL, &err));
	OK(ovs_workload_up(&other, "other", NULL, NULL, &err));
	peer[0].value = store.address;
	OK(ovs_workload_up(&web, "web", &(struct hyfw_map){ 1, links }, &(struct hyfw_map){ 1, peer }, &err));
	assert_true(traffic_ping(-1, web.address)); /* the host reaches all */
	assert_true(traffic_ping(web.netns, "10.77.4.1"));
	assert_true(traffic_ping(web.netns, store.address));
	assert_true(ovs_reaches(&web, &store));
	assert_false(traffic_ping(store.netns, web.address));
	assert_false(ovs_reaches(&store, &web));
	assert_false(traffic_ping(other.netns, web.address));
	assert_false(ovs_reaches(&other, &store));
	workload_down(&store);
	workload_down(&web);
	workload_down(&other);
	network_down(&network);
	ovs_assert_no_rows();
}

static void links_open_and_close_later(void **state)
{
	struct journal network;
	struct workload a, b;
	struct hyfw_pairs notes_a, notes_b;

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&a, "a", NULL, NULL, &err));
	OK(ovs_workload_up(&b, "b", NULL, NULL, &err));
	notes_a = a.journal.steps[0].record;
	notes_b = b.journal.steps[0].record;
	{
		struct hyfw_map from = hyfw_pairs_map(&notes_a), to = hyfw_pairs_map(&notes_b);

		assert_false(ovs_reaches(&a, &b));
		OK(fixture.network->link(fixture.instance, "lan", &from, &to, true, &err));
		OK(fixture.network->link(fixture.instance, "lan", &to, &from, true, &err));
		assert_true(ovs_reaches(&a, &b));
		assert_true(ovs_reaches(&b, &a));
		OK(fixture.network->link(fixture.instance, "lan", &to, &from, false, &err));
		assert_true(ovs_reaches(&a, &b));
		assert_false(ovs_reaches(&b, &a));
	}
	workload_down(&a);
	workload_down(&b);
	network_down(&network);
}

/* Two on VLAN 10 and one on 20, which a link does not bring together. */
static void vlans_are_apart(void **state)
{
	static const struct hyfw_pair ten[] = { { "vlan", "10" } },
		twenty[] = { { "vlan", "20" }, { "links", "a" }, { "network_rate", "100000" } },
		linked[] = { { "vlan", "10" }, { "links", "a" } };
	struct hyfw_pair peer[] = { { "a", NULL } };
	struct journal network;
	struct workload a, b, c;

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&a, "a", &(struct hyfw_map){ 1, ten }, NULL, &err));
	peer[0].value = a.address;
	OK(ovs_workload_up(&b, "b", &(struct hyfw_map){ 2, linked }, &(struct hyfw_map){ 1, peer }, &err));
	OK(ovs_workload_up(&c, "c", &(struct hyfw_map){ 3, twenty }, &(struct hyfw_map){ 1, peer }, &err));
	assert_true(ovs_reaches(&b, &a));
	assert_false(ovs_reaches(&c, &a));
	assert_false(traffic_ping(-1, a.address)); /* the host is on no VLAN */
	workload_down(&a);
	workload_down(&b);
	workload_down(&c);
	network_down(&network);
	ovs_assert_no_rows();
}

static void undo_is_idempotent_and_gc_spares_others(void **state)
{
	static const char *const none[] = { NULL };
	const struct hyfw_alive alive = { sizeof(alive), none, none, none, none };
	HYFW_AUTO_FREE char *before = NULL;
	struct journal network;
	struct workload a;

	(void)state;
	ovs_vsctl("add-br foreign -- set Bridge foreign datapath_type=netdev");
	before = machine_state();
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&a, "a", NULL, NULL, &err));
	close(a.netns);
	assert_int_equal(journal_undo(&a.journal), 0);
	assert_int_equal(journal_undo(&a.journal), 0);
	journal_finish(&a.journal);
	OK(ovs_workload_up(&a, "a", NULL, NULL, &err)); /* as after a crash */
	OK(fixture.common->gc(fixture.instance, &alive, &err));
	assert_string_equal(ovs_vsctl("list-br"), "foreign\n");
	assert_state(before);
	journal_finish(&a.journal);
	close(a.netns);
	assert_int_equal(journal_undo(&network), 0);
	network_down(&network);
	ovs_vsctl("del-br foreign");
}

static void dead_switch_is_a_clean_error(void **state)
{
	struct hyfw_error *failure = NULL;
	struct journal network;
	struct workload a, b;

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&a, "a", NULL, NULL, &err));
	ovs_switch_kill();
	assert_int_equal(ovs_workload_up(&b, "b", NULL, NULL, &failure) < 0, 1);
	assert_non_null(strstr(failure->message, "ovs-vswitchd does not run"));
	hyfw_forget(&failure);
	journal_finish(&b.journal);
	close(b.netns);
	workload_down(&a);
	network_down(&network);
	ovs_assert_no_rows();
	ovs_switch_start();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_are_closed_unless_linked),
		cmocka_unit_test(links_open_and_close_later),
		cmocka_unit_test(vlans_are_apart),
		cmocka_unit_test(undo_is_idempotent_and_gc_spares_others),
		cmocka_unit_test(dead_switch_is_a_clean_error),
	};
	int failed = ovs_fixture_begin();

	if (failed)
		return failed;
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	failed += ovs_plan_tests();
	failed += ovs_port_tests();
	failed += ovs_bridge_tests();
	failed += ovs_machine_tests();
	failed += ovs_restart_tests();
	failed += ovs_publish_tests();
	ovs_fixture_end();
	return failed;
}
