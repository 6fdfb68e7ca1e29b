/* SPDX-License-Identifier: BSD-3-Clause
 * The macvtap driver on a machine of its own, with a "LAN" behind its interface
 * lan0: a namespace with the address 192.0.2.1. */
#include "guest.h"

#include <sys/mount.h>
#include <sys/stat.h>

#define UID 654321u
#define ROUTER 0xc0000201u /* 192.0.2.1 */

static int lan = -1;

static int lan_work(const void *argument)
{
	(void)argument;
	traffic_ip("address add 192.0.2.1/24 dev peer");
	traffic_ip("link set peer up");
	return 0;
}

/* Every test has a fresh parent. */
static int lan_up(void **state)
{
	HYFW_AUTO_FREE char *move = NULL;

	(void)state;
	lan = netns_new();
	move = hyfw_format("link add lan0 type veth peer name peer netns /proc/%d/fd/%d", getpid(), lan);
	traffic_ip(move);
	traffic_ip("link set lan0 up");
	return traffic_run(lan, lan_work, NULL);
}

static int lan_down(void **state)
{
	(void)state;
	traffic_ip("link del lan0");
	close(lan);
	return 0;
}

static int up(struct workload *workload, const char *name, const struct hyfw_map *network, bool tap,
	      const struct hyfw_map *settings, struct hyfw_error **err)
{
	struct hyfw_subject subject = {
		.size = sizeof(subject), .kind = HYFW_SUBJECT_ENDPOINT, .name = "lan", .workload = name,
		.network = *network, .isolation = tap ? "kvm" : "namespaces", .takes_tap = tap,
		.idmap = { UID, UID, 65536 },
	};
	int r;

	if (settings)
		subject.settings = *settings;
	workload->netns = tap ? -1 : netns_new();
	r = journal_apply(&workload->journal, &subject, workload->netns, NULL, err);
	workload->address = journal_note(&workload->journal, HYFW_NOTE_ADDRESS);
	return r;
}

static void device(const struct workload *machine, char path[32])
{
	snprintf(path, 32, "/dev/tap%u", if_nametoindex(journal_note(&machine->journal, HYFW_NOTE_TAP)));
}

static void begin(struct guest *guest, const struct workload *machine, uint32_t address)
{
	char path[32];

	device(machine, path);
	guest->address = address;
	guest->stream = false;
	guest->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	assert_true(guest->fd >= 0);
	traffic_mac(journal_note(&machine->journal, HYFW_NOTE_MAC), guest->mac);
}

static const struct hyfw_pair private_keys[] = { { "parent", "lan0" }, { "subnet", "192.0.2.0/24" },
						 { "gateway", "192.0.2.1" },
						 { "address_range", "192.0.2.10-192.0.2.11" } };
static const struct hyfw_map private_map = { HYFW_COUNT(private_keys), private_keys };
static const struct hyfw_pair bridge_keys[] = { { "parent", "lan0" }, { "mode", "bridge" },
						{ "subnet", "192.0.2.0/24" },
						{ "address_range", "192.0.2.10-192.0.2.11" } };
static const struct hyfw_map bridge_map = { HYFW_COUNT(bridge_keys), bridge_keys };

static void containers_join_the_lan(void **state)
{
	struct hyfw_error *refusal = NULL;
	HYFW_AUTO_FREE char *before = machine_state();
	struct workload web, db, third;

	(void)state;
	OK(up(&web, "web", &private_map, false, NULL, &err));
	OK(up(&db, "db", &private_map, false, NULL, &err));
	assert_string_equal(web.address, "192.0.2.10/24");
	assert_string_equal(db.address, "192.0.2.11/24");
	assert_true(traffic_ping(web.netns, "192.0.2.1"));
	assert_true(traffic_ping(lan, web.address));
	assert_false(traffic_ping(web.netns, db.address)); /* private */
	assert_int_equal(up(&third, "third", &private_map, false, NULL, &refusal), -EADDRNOTAVAIL);
	assert_non_null(strstr(refusal->message, "192.0.2.10-192.0.2.11"));
	hyfw_forget(&refusal);
	journal_finish(&third.journal);
	close(third.netns);
	workload_down(&db);
	workload_down(&web);
	assert_state(before);

	OK(up(&web, "web", &bridge_map, false, NULL, &err));
	OK(up(&db, "db", &bridge_map, false, NULL, &err));
	assert_true(traffic_ping(web.netns, db.address));
	workload_down(&db);
	workload_down(&web);
	assert_state(before);
}

static void a_machine_has_the_device_node(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state();
	struct workload vm, web;
	struct guest guest;
	struct stat st;
	uint8_t mac[6];
	char path[32];

	(void)state;
	OK(up(&vm, "vm", &bridge_map, true, NULL, &err));
	OK(up(&web, "web", &bridge_map, false, NULL, &err));
	assert_null(vm.address); /* from the LAN's DHCP server */
	device(&vm, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, UID);
	assert_int_equal(st.st_mode & 077, 0);
	begin(&guest, &vm, ROUTER + 100);
	assert_true(guest_arp(&guest, guest.address, ROUTER, mac));
	assert_true(guest_arp(&guest, guest.address, ROUTER + 9, mac)); /* web, on the same parent */
	guest_end(&guest);
	assert_int_equal(journal_undo(&vm.journal), 0);
	workload_down(&vm);
	workload_down(&web);
	assert_state(before);

	OK(up(&vm, "vm", &private_map, true, NULL, &err));
	OK(up(&web, "web", &private_map, false, NULL, &err));
	begin(&guest, &vm, ROUTER + 100);
	assert_true(guest_arp(&guest, guest.address, ROUTER, mac));
	assert_false(guest_arp(&guest, guest.address, ROUTER + 9, mac));
	guest_end(&guest);
	workload_down(&vm);
	workload_down(&web);
	assert_state(before);
}

static void passthrough_takes_the_parent_alone(void **state)
{
	static const struct hyfw_pair keys[] = { { "parent", "lan0" }, { "mode", "passthrough" } };
	const struct hyfw_map map = { HYFW_COUNT(keys), keys };
	struct hyfw_error *refusal = NULL;
	HYFW_AUTO_FREE char *before = machine_state();
	struct workload vm, second;
	struct guest guest;
	uint8_t mac[6];

	(void)state;
	OK(up(&vm, "vm", &map, true, NULL, &err));
	begin(&guest, &vm, ROUTER + 100);
	assert_true(guest_arp(&guest, guest.address, ROUTER, mac));
	assert_true(up(&second, "second", &map, true, NULL, &refusal) < 0);
	assert_non_null(strstr(refusal->message, "mode passthrough"));
	hyfw_forget(&refusal);
	journal_finish(&second.journal);
	guest_end(&guest);
	workload_down(&vm);
	assert_state(before);
}

static void what_cannot_work_is_refused(void **state)
{
	static const struct hyfw_pair publish[] = { { "publish", "|80|80|tcp" } },
				      none[] = { { "parent", "nothere0" } }, no_parent[] = { { "mode", "vepa" } },
				      loopback[] = { { "parent", "lo" } };
	static const struct hyfw_pair outside[] = { { "parent", "lan0" }, { "subnet", "192.0.2.0/24" },
						    { "address_range", "192.0.3.1-192.0.3.2" } };
	const struct hyfw_map networks[] = { { 1, none }, { 1, no_parent }, { 3, outside }, { 1, loopback } };
	struct hyfw_error *refusal = NULL;
	struct journal network;
	struct workload vm;
	size_t i;

	(void)state;
	assert_int_equal(up(&vm, "vm", &bridge_map, true, &(struct hyfw_map){ 1, publish }, &refusal), -EOPNOTSUPP);
	hyfw_forget(&refusal);
	for (i = 0; i < HYFW_COUNT(networks); i++) {
		assert_true(network_up(&network, "lan", &networks[i], &refusal) < 0);
		hyfw_forget(&refusal);
	}
	traffic_ip("link set lan0 down");
	assert_int_equal(up(&vm, "vm", &bridge_map, true, NULL, &refusal), -ENETDOWN);
	hyfw_forget(&refusal);
	journal_finish(&vm.journal);
}

static void orphans_are_collected(void **state)
{
	const char *const running[] = { "vm", NULL }, *const networks[] = { "lan", NULL }, *const none[] = { NULL };
	const struct hyfw_alive alive = { sizeof(alive), running, networks, none, running };
	HYFW_AUTO_FREE char *before = NULL;
	struct workload vm, dead;

	(void)state;
	OK(up(&vm, "vm", &bridge_map, true, NULL, &err));
	before = machine_state();
	OK(up(&dead, "dead", &bridge_map, true, NULL, &err));
	OK(fixture.common->gc(fixture.instance, &alive, &err));
	assert_state(before);
	journal_finish(&dead.journal);
	workload_down(&vm);
}

/* Device nodes are found by /sys, which shows the network namespace that it was
 * mounted in. */
static bool own_sysfs(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("sysfs", "/sys", "sysfs", 0, NULL) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(containers_join_the_lan, lan_up, lan_down),
		cmocka_unit_test_setup_teardown(a_machine_has_the_device_node, lan_up, lan_down),
		cmocka_unit_test_setup_teardown(passthrough_takes_the_parent_alone, lan_up, lan_down),
		cmocka_unit_test_setup_teardown(what_cannot_work_is_refused, lan_up, lan_down),
		cmocka_unit_test_setup_teardown(orphans_are_collected, lan_up, lan_down),
	};
	int failed;

	if (!fixture_can_run() || !own_sysfs()) {
		fprintf(stderr, "skipped: needs root, network namespaces and sysfs\n");
		return 77;
	}
	if (access("/sys/class/macvtap", F_OK) < 0) {
		fprintf(stderr, "skipped: needs macvtap in the kernel (modprobe macvtap)\n");
		return 77;
	}
	if (fixture_set_up() < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fixture_tear_down();
	return failed;
}
