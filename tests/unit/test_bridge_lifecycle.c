/* SPDX-License-Identifier: BSD-3-Clause
 * Networks and addresses over their life: concurrent starts, undo of whatever
 * was begun, orphans, refusals. */
#include "bridge_traffic.h"

#define STARTS 20

static int start_in_child(int number, int report, int release)
{
	HYFW_AUTO_FREE char *name = hyfw_format("w%d", number);
	struct workload workload;
	struct hyfw_error *err = NULL;
	char byte;

	if (workload_up(&workload, name, NULL, NULL, &err) < 0) {
		fprintf(stderr, "%s: %s\n", name, err->message);
		return 1;
	}
	if (write(report, workload.address, strlen(workload.address) + 1) < 0 || read(release, &byte, 1) < 0)
		return 2;
	return journal_undo(&workload.journal) < 0 ? 3 : 0;
}

static void concurrent_starts_get_different_addresses(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state();
	char addresses[STARTS * 24];
	struct hyfw_strings seen = { 0 };
	int report[2], release[2], i, status;
	struct journal network;
	size_t size = 0, expected = STARTS, at;
	pid_t children[STARTS];

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
	while (expected > 0) {
		ssize_t got = read(report[0], addresses + size, sizeof(addresses) - size);

		assert_true(got > 0);
		for (at = size; at < size + (size_t)got; at++)
			expected -= addresses[at] == '\0';
		size += (size_t)got;
	}
	for (at = 0; at < size; at += strlen(addresses + at) + 1) {
		assert_false(hyfw_strings_has(&seen, addresses + at));
		hyfw_strings_add(&seen, addresses + at);
	}
	assert_int_equal(seen.count, STARTS);
	close(release[1]);
	for (i = 0; i < STARTS; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	close(report[0]);
	close(release[0]);
	hyfw_strings_finish(&seen);
	network_down(&network);
	assert_state(before);
}

static void undo_is_idempotent(void **state)
{
	static const struct hyfw_pair settings[] = { { "publish", "|8888|80|tcp" }, { "links", "db" } };
	HYFW_AUTO_FREE char *before = machine_state(), *alone = NULL;
	struct workload web, next;
	struct journal network;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(workload_up(&web, "web", &(struct hyfw_map){ 2, settings }, NULL, &err));
	close(web.netns); /* the namespace, and with it the interface, goes first */
	assert_int_equal(journal_undo(&web.journal), 0);
	assert_int_equal(journal_undo(&web.journal), 0);

	/* Once more, with everything in the hands of another workload. */
	OK(workload_up(&next, "next", &(struct hyfw_map){ 1, settings }, NULL, &err));
	assert_string_equal(next.address, "10.77.3.2/24");
	alone = machine_state();
	assert_int_equal(journal_undo(&web.journal), 0);
	assert_state(alone);
	journal_finish(&web.journal);
	workload_down(&next);
	assert_int_equal(journal_undo(&network), 0);
	network_down(&network);
	assert_state(before);
}

/* As if killed after each single note of the first step: what was done by then
 * is a part of what the whole step does, and the record stops there. */
static void undo_of_half_done_steps(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state(), *alone = NULL;
	struct journal network;
	struct workload web;
	size_t keep, total;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	alone = machine_state();
	OK(workload_up(&web, "web", NULL, NULL, &err));
	total = web.journal.steps[0].record.count;
	assert_true(total >= 6);
	workload_down(&web);
	for (keep = 0; keep <= total; keep++) {
		struct hyfw_pairs cut = { 0 };
		const struct hyfw_host *host = hyfw_host_table();
		size_t i;

		OK(workload_up(&web, "web", NULL, NULL, &err));
		for (i = 0; i < keep; i++)
			hyfw_pairs_add(&cut, web.journal.steps[0].record.items[i].key,
				       web.journal.steps[0].record.items[i].value);
		assert_int_equal(journal_undo(&web.journal), 0);
		/* The lease is all that can exist between the notes. */
		if (keep >= 2)
			OK(host->lease_take("net-front", "10.77.3.2", "web", &err));
		hyfw_pairs_finish(&web.journal.steps[0].record);
		web.journal.steps[0].record = cut;
		workload_down(&web);
		assert_state(alone);
	}
	network_down(&network);
	assert_state(before);
}

static void networks_choose_and_refuse_subnets(void **state)
{
	static const struct hyfw_pair overlapping[] = { { "subnet", "10.77.3.128/25" } };
	static const char *const bad[] = { "10.77.3.0", "10.77.3.0/31", "10.77.3.1/24", "10.77.0/24", "::1/64", "x/24" };
	struct hyfw_error *refusal = NULL;
	struct journal front, other, first, second;
	size_t i;

	(void)state;
	OK(network_up(&front, "front", &network_map, &err));
	assert_int_equal(network_up(&other, "other", &(struct hyfw_map){ 1, overlapping }, &refusal), -EADDRINUSE);
	assert_non_null(strstr(refusal->message, "subnet 10.77.3.128/25 overlaps "));
	assert_non_null(strstr(refusal->message, "(10.77.3.1/24)"));
	hyfw_forget(&refusal);
	for (i = 0; i < HYFW_COUNT(bad); i++) {
		const struct hyfw_pair settings[] = { { "subnet", bad[i] } };

		assert_int_equal(network_up(&other, "other", &(struct hyfw_map){ 1, settings }, &refusal), -EINVAL);
		hyfw_forget(&refusal);
	}
	OK(network_up(&first, "first", &(struct hyfw_map){ 0 }, &err));
	OK(network_up(&second, "second", &(struct hyfw_map){ 0 }, &err));
	assert_string_equal(journal_note(&first, "subnet"), "10.89.0.0/24");
	assert_string_equal(journal_note(&second, "subnet"), "10.89.1.0/24");
	network_down(&second);
	network_down(&first);
	network_down(&front);
}

static void orphans_are_collected(void **state)
{
	static const struct hyfw_pair settings[] = { { "publish", "|8888|80|tcp" } };
	const char *const workloads[] = { "web", NULL }, *const networks[] = { "front", NULL }, *const none[] = { NULL };
	const struct hyfw_alive web_lives = { sizeof(web_lives), workloads, networks, none, workloads };
	const struct hyfw_alive nothing_lives = { sizeof(nothing_lives), none, none, none, none };
	HYFW_AUTO_FREE char *before = machine_state(), *with_web = NULL;
	struct workload web, dead;
	struct journal network;

	(void)state;
	traffic_ip("link add stranger type bridge");
	traffic_ip("link set stranger alias somebody:network:else");
	OK(network_up(&network, "front", &network_map, &err));
	OK(workload_up(&web, "web", NULL, NULL, &err));
	with_web = machine_state();
	OK(workload_up(&dead, "dead", NULL, NULL, &err));
	OK(fixture.common->gc(fixture.instance, &web_lives, &err));
	assert_state(with_web);
	journal_finish(&dead.journal);
	OK(workload_up(&dead, "dead", &(struct hyfw_map){ 1, settings }, NULL, &err));
	OK(fixture.common->gc(fixture.instance, &nothing_lives, &err));
	hyfw_host_table()->lease_drop("ports", "tcp-8888", "dead"); /* ports are not found without a journal */
	assert_true(if_nametoindex("stranger") > 0);
	traffic_ip("link del stranger");
	journal_finish(&dead.journal);
	journal_finish(&web.journal);
	journal_finish(&network);
	assert_state(before);
}

static void strangers_of_our_name_are_left_alone(void **state)
{
	struct hyfw_error *refusal = NULL;
	struct journal network;
	HYFW_AUTO_FREE char *name = NULL, *make = NULL, *delete = NULL, *before = NULL;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	name = hyfw_dup(journal_note(&network, HYFW_NOTE_HOST_INTERFACE));
	network_down(&network);
	make = hyfw_format("link add %s type bridge", name);
	delete = hyfw_format("link del %s", name);
	traffic_ip(make);
	before = machine_state();
	assert_int_equal(network_up(&network, "front", &network_map, &refusal), -EEXIST);
	assert_non_null(strstr(refusal->message, "is not ours"));
	hyfw_forget(&refusal);
	assert_state(before);
	traffic_ip(delete);
	journal_finish(&network);
}

static void starts_are_quick(void **state)
{
	const struct hyfw_host *host = hyfw_host_table();
	struct workload workload;
	struct journal network;
	uint64_t begun = host->clock(), up, attached, detached;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	up = host->clock();
	OK(workload_up(&workload, "web", NULL, NULL, &err));
	attached = host->clock();
	workload_down(&workload);
	detached = host->clock();
	network_down(&network);
	print_message("network %.2f ms, endpoint %.2f ms, its undo %.2f ms, that of the network %.2f ms\n",
		      (double)(up - begun) / 1e6, (double)(attached - up) / 1e6,
		      (double)(detached - attached) / 1e6, (double)(host->clock() - detached) / 1e6);
	assert_true(attached - begun < 2000000000u);
}

static void probe_finds_the_kernel_able(void **state)
{
	struct hyfw_probe probe = { .size = sizeof(probe) };
	HYFW_AUTO_FREE char *before = machine_state();

	(void)state;
	OK(fixture.common->probe(hyfw_host_table(), fixture.arena, &probe, &err));
	if (probe.result != HYFW_PROBE_OK)
		fail_msg("%s", probe.reason);
	assert_state(before);
}

/* Frames of 60 bytes, of a type that nobody answers. */
static void stats_are_seen_from_the_workload(void **state)
{
	struct traffic_frame frame = { .interface = "eth0", .type = 0x88b5, .to = { 0x0a, 0x68, 10, 77, 3, 1 } };
	struct hyfw_stats before = { .net_rx_bytes = HYFW_STAT_NONE, .net_tx_bytes = HYFW_STAT_NONE }, after = before;
	struct workload web;
	struct journal network;
	struct hyfw_map notes;
	int i;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(workload_up(&web, "web", NULL, NULL, &err));
	notes = hyfw_pairs_map(&web.journal.steps[0].record);
	traffic_mac(journal_note(&web.journal, HYFW_NOTE_MAC), frame.from);
	OK(fixture.network->stats(fixture.instance, &notes, &before, &err));
	for (i = 0; i < 50; i++)
		assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	OK(fixture.network->stats(fixture.instance, &notes, &after, &err));
	assert_in_range(after.net_tx_bytes - before.net_tx_bytes, 50 * 60, 2 * 50 * 60);
	assert_in_range(after.net_rx_bytes - before.net_rx_bytes, 0, 50 * 60 - 1);
	OK(fixture.network->stats(fixture.instance, &notes, &after, &err)); /* added to what is there */
	assert_in_range(after.net_tx_bytes, 2 * (before.net_tx_bytes + 50 * 60), UINT32_MAX);
	workload_down(&web);
	OK(fixture.network->stats(fixture.instance, &(struct hyfw_map){ 0 }, &after, &err));
	network_down(&network);
}

int bridge_lifecycle_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(concurrent_starts_get_different_addresses),
		cmocka_unit_test(undo_is_idempotent),
		cmocka_unit_test(undo_of_half_done_steps),
		cmocka_unit_test(networks_choose_and_refuse_subnets),
		cmocka_unit_test(orphans_are_collected),
		cmocka_unit_test(strangers_of_our_name_are_left_alone),
		cmocka_unit_test(starts_are_quick),
		cmocka_unit_test(stats_are_seen_from_the_workload),
		cmocka_unit_test(probe_finds_the_kernel_able),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
