/* SPDX-License-Identifier: BSD-3-Clause
 * Machines on a bridge of Open vSwitch, with a guest put together by hand. */
#include "guest.h"
#include "ovs_fixture.h"

#define GATEWAY 0x0a4d0401u /* 10.77.4.1 */

/* What the switch remembers of earlier packets follows its flows a moment later, and
 * the server looks at its files by itself. */
static void settle(void)
{
	usleep(200000);
}

static void a_guest_is_served_and_held(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state();
	struct guest_datagram datagram = { GATEWAY + 1, GATEWAY, 5000, 5000, "x", 1 };
	struct guest_lease lease;
	struct journal network;
	struct workload vm;
	struct guest guest;
	uint8_t host[6], stolen[6], mac[6];
	const char *tap;
	int ear, fd;

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_endpoint_up(&vm, "vm", &ovs_net, NULL, NULL, true, &err));
	tap = journal_note(&vm.journal, HYFW_NOTE_TAP);
	assert_non_null(tap);
	assert_string_equal(journal_note(&vm.journal, HYFW_NOTE_OFFLOAD), "off");
	assert_string_equal(journal_note(&vm.journal, HYFW_NOTE_GATEWAY), "10.77.4.1");
	fd = guest_open(tap, 12345);
	assert_int_equal(fd, -1);
	ovs_mac(ovs_bridge_of(&network), host);
	guest_begin(&guest, &vm);
	assert_true(guest_dhcp(&guest, &lease));
	assert_int_equal(lease.address, GATEWAY + 1);
	assert_int_equal(lease.dns, GATEWAY);
	assert_int_equal(lease.router, 0); /* nothing is routed */
	assert_int_equal(guest_lookup(&guest, GATEWAY, "vm"), GATEWAY + 1);

	ear = traffic_udp_socket("10.77.4.1");
	guest_send_udp(&guest, host, NULL, &datagram);
	assert_true(traffic_udp_heard(ear));
	memcpy(stolen, guest.mac, 6);
	stolen[5] ^= 1;
	guest_send_udp(&guest, host, stolen, &datagram);
	assert_false(traffic_udp_heard(ear));
	datagram.from = GATEWAY + 2;
	guest_send_udp(&guest, host, NULL, &datagram);
	assert_false(traffic_udp_heard(ear));
	datagram.from = 0;
	guest_send_udp(&guest, host, NULL, &datagram);
	assert_false(traffic_udp_heard(ear));
	assert_false(guest_arp(&guest, GATEWAY + 2, GATEWAY, mac));
	assert_true(guest_arp(&guest, GATEWAY + 1, GATEWAY, mac));
	assert_memory_equal(mac, host, 6);
	close(ear);
	guest_end(&guest);
	workload_down(&vm);
	network_down(&network);
	assert_state(before);
	ovs_assert_no_rows();
}

/* In a VLAN, where the host is not: what it serves comes all the same. */
static void a_machine_and_a_container_meet(const char *vlan)
{
	const struct hyfw_pair keys[] = { { "vlan", vlan ? vlan : "" }, { "links", "db" } };
	const struct hyfw_map own = { 1, keys }, linked = { 2, keys };
	struct guest_datagram datagram = { GATEWAY + 2, GATEWAY + 1, 5000, 5000, "x", 1 };
	struct guest_lease lease;
	struct hyfw_map notes_vm, notes_db;
	struct journal network;
	struct workload vm, db;
	struct guest guest;
	uint8_t mac[6];
	int ear;

	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_workload_up(&db, "db", vlan ? &own : NULL, NULL, &err));
	OK(ovs_endpoint_up(&vm, "vm", &ovs_net, vlan ? &own : NULL, NULL, true, &err));
	ear = traffic_listen(db.netns);
	guest_begin(&guest, &vm);
	assert_true(guest_dhcp(&guest, &lease));
	assert_false(guest_arp(&guest, guest.address, GATEWAY + 1, mac));
	traffic_mac(journal_note(&db.journal, HYFW_NOTE_MAC), mac);
	guest_send_udp(&guest, mac, NULL, &datagram);
	assert_false(traffic_udp_passed(ear, 5000));
	assert_int_equal(guest_lookup(&guest, GATEWAY, "db"), 0);

	notes_vm = hyfw_pairs_map(&vm.journal.steps[0].record);
	notes_db = hyfw_pairs_map(&db.journal.steps[0].record);
	OK(fixture.network->link(fixture.instance, "lan", &notes_vm, &notes_db, true, &err));
	settle();
	assert_true(guest_arp(&guest, guest.address, GATEWAY + 1, mac));
	guest_send_udp(&guest, mac, NULL, &datagram);
	assert_true(traffic_udp_passed(ear, 5000));
	assert_int_equal(guest_lookup(&guest, GATEWAY, "db"), GATEWAY + 1);
	OK(fixture.network->link(fixture.instance, "lan", &notes_vm, &notes_db, false, &err));
	settle();
	guest_send_udp(&guest, mac, NULL, &datagram);
	assert_false(traffic_udp_passed(ear, 5000));
	assert_int_equal(guest_lookup(&guest, GATEWAY, "db"), 0);
	guest_end(&guest);
	workload_down(&vm);

	if (!vlan) {
		OK(ovs_endpoint_up(&vm, "vm", &ovs_net, &(struct hyfw_map){ 1, linked.items + 1 },
				   &(struct hyfw_map){ 1, (struct hyfw_pair[]){ { "db", "10.77.4.2" } } }, true, &err));
		guest_begin(&guest, &vm);
		assert_true(guest_dhcp(&guest, &lease));
		assert_int_equal(guest_lookup(&guest, GATEWAY, "db"), GATEWAY + 1);
		guest_end(&guest);
		workload_down(&vm);
	}
	close(ear);
	workload_down(&db);
	network_down(&network);
	ovs_assert_no_rows();
}

static void a_machine_reaches_whom_it_links_to(void **state)
{
	(void)state;
	a_machine_and_a_container_meet(NULL);
}

static void the_same_in_a_vlan(void **state)
{
	(void)state;
	a_machine_and_a_container_meet("10");
}

/* Answered again by the network's server, whose interface was the process's. */
static void a_guest_is_served_after_a_restart(void **state)
{
	static const char *const none[] = { NULL }, *const running[] = { "vm", NULL }, *const networks[] = { "lan", NULL };
	const struct hyfw_alive alive = { sizeof(alive), running, networks, none, running };
	struct guest_lease lease;
	struct journal network;
	struct workload vm;
	struct guest guest;

	(void)state;
	OK(network_up(&network, "lan", &ovs_net, &err));
	OK(ovs_endpoint_up(&vm, "vm", &ovs_net, NULL, NULL, true, &err));
	guest_begin(&guest, &vm);
	assert_true(guest_dhcp(&guest, &lease));
	ovs_switch_kill();
	ovs_switch_start();
	OK(fixture.common->gc(fixture.instance, &alive, &err));
	guest.address = 0;
	assert_true(guest_dhcp(&guest, &lease));
	assert_int_equal(guest_lookup(&guest, GATEWAY, "vm"), GATEWAY + 1);
	guest_end(&guest);
	workload_down(&vm);
	network_down(&network);
}

static void without_subnet_only_the_mac_is_held(void **state)
{
	static const struct hyfw_pair bare[] = { { "driver", "ovs" }, { "datapath", "netdev" } };
	const struct hyfw_map net = { 2, bare };
	struct guest_datagram datagram = { GATEWAY + 77, GATEWAY, 5000, 5000, "x", 1 };
	struct journal network;
	struct workload vm;
	struct guest guest;
	uint8_t host[6], stolen[6];
	int ear;

	(void)state;
	OK(network_up(&network, "lan", &net, &err));
	traffic_ip(hyfw_host_table()->format(fixture.arena, "address add 10.77.4.1/24 dev %s", ovs_bridge_of(&network)));
	traffic_ip(hyfw_host_table()->format(fixture.arena, "link set %s up", ovs_bridge_of(&network)));
	OK(ovs_endpoint_up(&vm, "vm", &net, NULL, NULL, true, &err));
	assert_null(vm.address);
	ovs_mac(ovs_bridge_of(&network), host);
	ear = traffic_udp_socket("10.77.4.1");
	guest_begin(&guest, &vm);
	guest_send_udp(&guest, host, NULL, &datagram);
	assert_true(traffic_udp_heard(ear));
	memcpy(stolen, guest.mac, 6);
	stolen[5] ^= 1;
	guest_send_udp(&guest, host, stolen, &datagram);
	assert_false(traffic_udp_heard(ear));
	close(ear);
	guest_end(&guest);
	workload_down(&vm);
	network_down(&network);
}

int ovs_machine_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_is_served_and_held),
		cmocka_unit_test(a_machine_reaches_whom_it_links_to),
		cmocka_unit_test(the_same_in_a_vlan),
		cmocka_unit_test(a_guest_is_served_after_a_restart),
		cmocka_unit_test(without_subnet_only_the_mac_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
