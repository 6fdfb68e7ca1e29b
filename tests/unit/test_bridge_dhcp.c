/* SPDX-License-Identifier: BSD-3-Clause
 * The DHCP and DNS server of a network with machines, over its life: first machines
 * at once, its death, undo of what was begun, orphans. */
#include "guest.h"

#include <dirent.h>

#define STARTS 6
#define GATEWAY 0x0a4d0301u /* 10.77.3.1 */

static pid_t server_pid(void)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/run/drivers/bridge/dhcp-front/pid", fixture.directory);
	HYFW_AUTO_FREE char *text = NULL;

	return hyfw_file_read(AT_FDCWD, path, 64, &text, NULL, NULL) < 0 ? 0 : (pid_t)strtol(text, NULL, 10);
}

/* Living dnsmasq processes of this test. */
static unsigned servers(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned count = 0;

	while ((entry = readdir(proc))) {
		HYFW_AUTO_FREE char *path = hyfw_format("/proc/%s/cmdline", entry->d_name), *text = NULL;
		size_t size = 0;

		if (hyfw_file_read(AT_FDCWD, path, 65536, &text, &size, NULL) < 0 || size == 0)
			continue;
		if (strcmp(text, "dnsmasq") == 0 && memmem(text, size, fixture.directory, strlen(fixture.directory)))
			count++;
	}
	closedir(proc);
	return count;
}

static bool wait_for_end(pid_t pid)
{
	HYFW_AUTO_FREE char *path = hyfw_format("/proc/%d/stat", pid);
	int tries;

	/* A zombie has closed its sockets; one whose command line is gone may not have. */
	for (tries = 0; tries < 200; tries++) {
		HYFW_AUTO_FREE char *text = NULL;

		if (hyfw_file_read(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0 || strstr(text, ") Z "))
			return true;
		usleep(10000);
	}
	return false;
}

static bool gets_address(const struct workload *machine)
{
	struct guest_lease lease;
	struct guest guest;
	bool got;

	guest_begin(&guest, machine);
	got = guest_dhcp(&guest, &lease) && lease.address == ntohl(inet_addr("10.77.3.2"));
	guest_end(&guest);
	return got;
}

static void containers_start_none(void **state)
{
	struct journal network;
	struct workload web;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(workload_up(&web, "web", NULL, NULL, &err));
	assert_int_equal(servers(), 0);
	assert_int_equal(server_pid(), 0);
	workload_down(&web);
	network_down(&network);
}

static int start_in_child(int number, int report, int release)
{
	HYFW_AUTO_FREE char *name = hyfw_format("w%d", number);
	struct hyfw_error *err = NULL;
	struct workload machine;
	char byte;

	if (machine_up(&machine, name, NULL, NULL, &err) < 0) {
		fprintf(stderr, "%s: %s\n", name, err->message);
		return 1;
	}
	if (write(report, "x", 1) != 1 || read(release, &byte, 1) < 0)
		return 2;
	return journal_undo(&machine.journal) < 0 ? 3 : 0;
}

static void first_machines_at_once_start_one(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state();
	int report[2], release[2], i, status;
	struct journal network;
	pid_t children[STARTS];
	char byte;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	assert_int_equal(pipe(report), 0);
	assert_int_equal(pipe(release), 0);
	for (i = 0; i < STARTS; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			close(release[1]);
			_exit(start_in_child(i, report[1], release[0]));
		}
	}
	close(report[1]);
	for (i = 0; i < STARTS; i++)
		assert_int_equal(read(report[0], &byte, 1), 1);
	assert_int_equal(servers(), 1);
	close(release[1]);
	for (i = 0; i < STARTS; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	close(report[0]);
	close(release[0]);
	assert_int_equal(servers(), 1); /* until the network goes */
	network_down(&network);
	assert_int_equal(servers(), 0);
	assert_state(before);
}

static void a_server_that_was_killed_comes_back(void **state)
{
	const char *const running[] = { "vm", "late", NULL }, *const networks[] = { "front", NULL },
		   *const none[] = { NULL };
	const struct hyfw_alive alive = { sizeof(alive), running, networks, none, running };
	HYFW_AUTO_FREE char *before = machine_state();
	struct journal network;
	struct workload vm, late;
	pid_t pid;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(machine_up(&vm, "vm", NULL, NULL, &err));
	pid = server_pid();
	kill(pid, SIGKILL);
	assert_true(wait_for_end(pid));
	OK(machine_up(&late, "late", NULL, NULL, &err)); /* the next machine */
	assert_int_equal(servers(), 1);
	assert_true(gets_address(&vm));
	pid = server_pid();
	kill(pid, SIGKILL);
	assert_true(wait_for_end(pid));
	OK(fixture.common->gc(fixture.instance, &alive, &err)); /* hyfw recover */
	assert_int_equal(servers(), 1);
	assert_true(gets_address(&vm));

	/* Dead at the end of everything. */
	pid = server_pid();
	kill(pid, SIGKILL);
	assert_true(wait_for_end(pid));
	workload_down(&late);
	workload_down(&vm);
	network_down(&network);
	assert_int_equal(servers(), 0);
	assert_state(before);
}

/* As if killed after each single note of the step. */
static void undo_of_half_done_steps(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state(), *alone = NULL;
	struct journal network;
	struct workload vm;
	size_t keep, total, i;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	alone = machine_state();
	OK(machine_up(&vm, "vm", NULL, NULL, &err));
	total = vm.journal.steps[0].record.count;
	assert_true(total >= 6);
	assert_int_equal(journal_undo(&vm.journal), 0);
	workload_down(&vm);
	for (keep = 0; keep <= total; keep++) {
		struct hyfw_pairs cut = { 0 };

		OK(machine_up(&vm, "vm", NULL, NULL, &err));
		for (i = 0; i < keep; i++)
			hyfw_pairs_add(&cut, vm.journal.steps[0].record.items[i].key,
				       vm.journal.steps[0].record.items[i].value);
		assert_int_equal(journal_undo(&vm.journal), 0);
		/* Leases are all that can exist between the notes. */
		if (keep >= 2)
			OK(hyfw_host_table()->lease_take("net-front", "10.77.3.2", "vm", &err));
		hyfw_pairs_finish(&vm.journal.steps[0].record);
		vm.journal.steps[0].record = cut;
		workload_down(&vm);
	}
	network_down(&network);
	assert_state(before);
}

static void orphans_are_collected(void **state)
{
	const char *const none[] = { NULL };
	const struct hyfw_alive nothing = { sizeof(nothing), none, none, none, none };
	HYFW_AUTO_FREE char *before = machine_state();
	struct journal network;
	struct workload vm;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(machine_up(&vm, "vm", NULL, NULL, &err));
	OK(fixture.common->gc(fixture.instance, &nothing, &err));
	assert_int_equal(servers(), 0);
	assert_state(before);
	assert_int_equal(journal_undo(&vm.journal), 0); /* gone already */
	journal_finish(&vm.journal);
	journal_finish(&network);
}

/* The server of a process that was killed before it could know of it. */
static void strays_are_ended(void **state)
{
	const char *const running[] = { "vm", NULL }, *const networks[] = { "front", NULL }, *const none[] = { NULL };
	const struct hyfw_alive alive = { sizeof(alive), running, networks, none, running };
	HYFW_AUTO_FREE char *pid_file = hyfw_format("%s/run/drivers/bridge/dhcp-front/pid", fixture.directory);
	struct journal network;
	struct workload vm, late;
	pid_t pid;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(machine_up(&vm, "vm", NULL, NULL, &err));
	pid = server_pid();
	assert_int_equal(unlink(pid_file), 0);
	OK(fixture.common->gc(fixture.instance, &alive, &err));
	assert_true(wait_for_end(pid));
	assert_int_equal(servers(), 1); /* one that is known, in its place */
	pid = server_pid();
	assert_int_equal(unlink(pid_file), 0);
	OK(machine_up(&late, "late", NULL, NULL, &err)); /* the next machine does the same */
	assert_true(wait_for_end(pid));
	assert_int_equal(servers(), 1);
	workload_down(&late);
	workload_down(&vm);
	network_down(&network);
	assert_int_equal(servers(), 0);
}

static void an_internal_network_has_no_way_out(void **state)
{
	static const struct hyfw_pair keys[] = { { "driver", "bridge" }, { "subnet", "10.77.3.0/24" },
						 { "internal", "true" } };
	const struct hyfw_map map = { HYFW_COUNT(keys), keys };
	struct hyfw_subject subject = { .size = sizeof(subject), .kind = HYFW_SUBJECT_ENDPOINT, .name = "front",
					.workload = "vm", .network = map, .isolation = "kvm", .takes_tap = true };
	struct workload vm = { .netns = -1 };
	struct guest_lease lease;
	struct journal network;
	struct guest guest;

	(void)state;
	OK(network_up(&network, "front", &map, &err));
	OK(journal_apply(&vm.journal, &subject, -1, NULL, &err));
	guest_begin(&guest, &vm);
	assert_true(guest_dhcp(&guest, &lease));
	assert_int_equal(lease.router, 0);
	assert_int_equal(lease.dns, GATEWAY);
	guest_end(&guest);
	workload_down(&vm);
	network_down(&network);

	/* Nor has the second network of a machine the default route. */
	OK(network_up(&network, "front", &network_map, &err));
	subject.network = network_map;
	subject.index = 1;
	OK(journal_apply(&vm.journal, &subject, -1, NULL, &err));
	guest_begin(&guest, &vm);
	assert_true(guest_dhcp(&guest, &lease));
	assert_int_equal(lease.router, 0);
	guest_end(&guest);
	workload_down(&vm);
	network_down(&network);
}

int bridge_dhcp_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_start_none),
		cmocka_unit_test(first_machines_at_once_start_one),
		cmocka_unit_test(a_server_that_was_killed_comes_back),
		cmocka_unit_test(undo_of_half_done_steps),
		cmocka_unit_test(orphans_are_collected),
		cmocka_unit_test(strays_are_ended),
		cmocka_unit_test(an_internal_network_has_no_way_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
