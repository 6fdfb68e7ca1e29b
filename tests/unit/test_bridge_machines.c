/* SPDX-License-Identifier: BSD-3-Clause
 * Machines on a bridge: a tap for the hypervisor, DHCP and DNS for the guest, and
 * nothing out of the tap that is not the guest's own. */
#include "guest.h"

#include <sys/stat.h>

#define UID 654321u
#define GATEWAY 0x0a4d0301u /* 10.77.3.1 */

static const uint8_t bridge_mac[6] = { 0x0a, 0x68, 10, 77, 3, 1 };

static void a_tap_is_the_machines_own(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state();
	struct workload vm;
	struct journal network;
	const char *tap, *mac;
	char first[18];
	int fd;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(machine_up(&vm, "vm", NULL, NULL, &err));
	tap = journal_note(&vm.journal, HYFW_NOTE_TAP);
	mac = journal_note(&vm.journal, HYFW_NOTE_MAC);
	assert_string_equal(vm.address, "10.77.3.2/24");
	assert_string_equal(journal_note(&vm.journal, HYFW_NOTE_GATEWAY), "10.77.3.1");
	assert_string_equal(journal_note(&vm.journal, HYFW_NOTE_HOST_INTERFACE), tap);
	assert_int_equal(strncmp(mac, "52:54:00:", 9), 0);
	snprintf(first, sizeof(first), "%s", mac);

	assert_int_equal(guest_open(tap, UID + 1), -1);
	assert_int_equal(errno, EPERM);
	fd = guest_open(tap, UID);
	assert_true(fd >= 0);
	close(fd);

	/* It keeps its hardware address. */
	workload_down(&vm);
	OK(machine_up(&vm, "vm", NULL, NULL, &err));
	assert_string_equal(journal_note(&vm.journal, HYFW_NOTE_MAC), first);
	workload_down(&vm);
	network_down(&network);
	assert_state(before);
}

static void a_guest_gets_its_address(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state();
	static const struct hyfw_pair settings[] = { { "hostname", "mail" } };
	struct guest_lease lease;
	struct journal network;
	struct workload vm, other;
	struct guest guest;
	uint8_t mac[6];

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(machine_up(&vm, "vm", &(struct hyfw_map){ 1, settings }, NULL, &err));
	guest_begin(&guest, &vm);
	assert_true(guest_dhcp(&guest, &lease));
	assert_int_equal(lease.address, GATEWAY + 1);
	assert_int_equal(lease.mask, 0xffffff00u);
	assert_int_equal(lease.router, GATEWAY);
	assert_int_equal(lease.dns, GATEWAY);
	assert_string_equal(lease.hostname, "mail");
	assert_true(guest_arp(&guest, guest.address, GATEWAY, mac));
	assert_memory_equal(mac, bridge_mac, 6);
	guest_end(&guest);
	workload_down(&vm);

	/* The next machine has its address, though the lease has not run out. */
	OK(machine_up(&other, "other", NULL, NULL, &err));
	assert_string_equal(other.address, "10.77.3.2/24");
	guest_begin(&guest, &other);
	assert_true(guest_dhcp(&guest, &lease));
	assert_int_equal(lease.address, GATEWAY + 1);
	assert_string_equal(lease.hostname, "other");
	guest_end(&guest);
	workload_down(&other);
	network_down(&network);
	assert_state(before);
}

static void only_its_own_leaves_the_tap(void **state)
{
	struct guest_datagram datagram = { GATEWAY + 1, GATEWAY, 5000, 5000, "x", 1 };
	uint8_t stolen[6], mac[6], buffer[2048];
	struct guest_lease lease;
	struct journal network;
	struct workload vm, db;
	struct guest guest;
	int ear;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(machine_up(&vm, "vm", NULL, NULL, &err));
	OK(workload_up(&db, "db", NULL, NULL, &err));
	guest_begin(&guest, &vm);
	assert_true(guest_dhcp(&guest, &lease));
	ear = traffic_udp_socket("10.77.3.1");

	guest_send_udp(&guest, bridge_mac, NULL, &datagram);
	assert_true(traffic_udp_heard(ear));
	memcpy(stolen, guest.mac, 6);
	stolen[5] ^= 1;
	guest_send_udp(&guest, bridge_mac, stolen, &datagram); /* another hardware address */
	assert_false(traffic_udp_heard(ear));
	datagram.from = GATEWAY + 2; /* the neighbour's address */
	guest_send_udp(&guest, bridge_mac, NULL, &datagram);
	assert_false(traffic_udp_heard(ear));
	datagram.from = 0; /* none, as only DHCP may */
	guest_send_udp(&guest, bridge_mac, NULL, &datagram);
	assert_false(traffic_udp_heard(ear));
	assert_false(guest_arp(&guest, GATEWAY + 2, GATEWAY, mac)); /* poisons nobody */
	assert_true(guest_arp(&guest, GATEWAY + 1, GATEWAY, mac));

	/* DHCP with another machine's address is not even heard. */
	memcpy(mac, guest.mac, 6);
	memcpy(guest.mac, stolen, 6);
	assert_false(guest_dhcp(&guest, &lease));
	memcpy(guest.mac, mac, 6);
	assert_int_equal(guest_receive(&guest, ETH_P_IPV6, buffer, sizeof(buffer), 50), 0);

	close(ear);
	guest_end(&guest);
	workload_down(&db);
	workload_down(&vm);
	network_down(&network);
}

static void a_neighbour_is_reached_when_linked(void **state)
{
	static const struct hyfw_pair settings[] = { { "links", "db" } };
	struct guest_datagram datagram = { GATEWAY + 2, GATEWAY + 1, 5000, 5000, "x", 1 };
	struct guest_lease lease;
	struct hyfw_map notes_vm, notes_db;
	struct journal network;
	struct workload vm, db;
	struct guest guest;
	uint8_t mac[6];
	int ear;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(workload_up(&db, "db", NULL, NULL, &err));
	OK(machine_up(&vm, "vm", NULL, NULL, &err));
	ear = traffic_listen(db.netns);
	guest_begin(&guest, &vm);
	assert_true(guest_dhcp(&guest, &lease));
	assert_true(guest_arp(&guest, guest.address, GATEWAY + 1, mac));
	assert_memory_equal(mac, bridge_mac, 6); /* by way of the host's rules */
	guest_send_udp(&guest, mac, NULL, &datagram);
	assert_false(traffic_udp_passed(ear, 5000));
	assert_int_equal(guest_lookup(&guest, GATEWAY, "db"), 0);
	notes_vm = hyfw_pairs_map(&vm.journal.steps[0].record);
	notes_db = hyfw_pairs_map(&db.journal.steps[0].record);
	OK(fixture.network->link(fixture.instance, "front", &notes_vm, &notes_db, true, &err));
	guest_send_udp(&guest, mac, NULL, &datagram);
	assert_true(traffic_udp_passed(ear, 5000));
	assert_int_equal(guest_lookup(&guest, GATEWAY, "db"), GATEWAY + 1);
	OK(fixture.network->link(fixture.instance, "front", &notes_vm, &notes_db, false, &err));
	usleep(100000);
	assert_int_equal(guest_lookup(&guest, GATEWAY, "db"), 0);
	guest_end(&guest);
	workload_down(&vm);

	/* The same when the link is there from the start. */
	OK(machine_up(&vm, "vm", &(struct hyfw_map){ 1, settings },
		      &(struct hyfw_map){ 1, (struct hyfw_pair[]){ { "db", "10.77.3.2" } } }, &err));
	guest_begin(&guest, &vm);
	assert_true(guest_dhcp(&guest, &lease));
	guest_send_udp(&guest, bridge_mac, NULL, &datagram);
	assert_true(traffic_udp_passed(ear, 5000));
	assert_int_equal(guest_lookup(&guest, GATEWAY, "db"), GATEWAY + 1);
	assert_int_equal(guest_lookup(&guest, GATEWAY, "vm"), GATEWAY + 2);

	close(ear);
	guest_end(&guest);
	workload_down(&vm);
	workload_down(&db);
	network_down(&network);
}

static void machines_meet_only_when_linked(void **state)
{
	struct guest_datagram datagram = { GATEWAY + 1, GATEWAY + 2, 6000, 6000, "x", 1 }, got;
	struct hyfw_map notes_one, notes_two;
	struct workload one, two;
	struct guest first, second;
	struct guest_lease lease;
	struct journal network;
	uint8_t buffer[2048];

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(machine_up(&one, "one", NULL, NULL, &err));
	OK(machine_up(&two, "two", NULL, NULL, &err));
	guest_begin(&first, &one);
	guest_begin(&second, &two);
	assert_true(guest_dhcp(&first, &lease));
	assert_true(guest_dhcp(&second, &lease));
	assert_memory_not_equal(first.mac, second.mac, 6);
	guest_send_udp(&first, second.mac, NULL, &datagram); /* straight, by its address on the wire */
	guest_send_udp(&first, bridge_mac, NULL, &datagram); /* by way of the host */
	assert_false(guest_receive_udp(&second, 6000, buffer, &got, 200));
	notes_one = hyfw_pairs_map(&one.journal.steps[0].record);
	notes_two = hyfw_pairs_map(&two.journal.steps[0].record);
	OK(fixture.network->link(fixture.instance, "front", &notes_one, &notes_two, true, &err));
	guest_send_udp(&first, second.mac, NULL, &datagram);
	assert_false(guest_receive_udp(&second, 6000, buffer, &got, 200));
	guest_send_udp(&first, bridge_mac, NULL, &datagram);
	assert_true(guest_receive_udp(&second, 6000, buffer, &got, 1000));
	assert_int_equal(got.from, GATEWAY + 1);
	assert_int_equal(guest_lookup(&first, GATEWAY, "two"), GATEWAY + 2);
	guest_end(&second);
	guest_end(&first);
	workload_down(&two);
	workload_down(&one);
	network_down(&network);
}

static void a_published_port_leads_to_the_tap(void **state)
{
	static const struct hyfw_pair settings[] = { { "publish", "|8888|53|udp" } };
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(8888) };
	struct guest_datagram question, answer;
	struct guest_lease lease;
	struct journal network;
	struct workload vm;
	struct guest guest;
	uint8_t buffer[2048], mac[6];
	char text[8] = "";
	int fd;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(machine_up(&vm, "vm", &(struct hyfw_map){ 1, settings }, NULL, &err));
	guest_begin(&guest, &vm);
	assert_true(guest_dhcp(&guest, &lease));
	assert_true(guest_arp(&guest, guest.address, GATEWAY, mac));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(send(fd, "hello", 5, 0), 5);
	assert_true(guest_receive_udp(&guest, 53, buffer, &question, 1000));
	assert_int_equal(question.size, 5);
	assert_memory_equal(question.data, "hello", 5);
	answer = (struct guest_datagram){ question.to, question.from, 53, question.from_port, "back", 4 };
	guest_send_udp(&guest, mac, NULL, &answer);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 4);
	assert_string_equal(text, "back");

	close(fd);
	guest_end(&guest);
	workload_down(&vm);
	network_down(&network);
}

int bridge_machine_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tap_is_the_machines_own),
		cmocka_unit_test(a_guest_gets_its_address),
		cmocka_unit_test(only_its_own_leaves_the_tap),
		cmocka_unit_test(a_neighbour_is_reached_when_linked),
		cmocka_unit_test(machines_meet_only_when_linked),
		cmocka_unit_test(a_published_port_leads_to_the_tap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
