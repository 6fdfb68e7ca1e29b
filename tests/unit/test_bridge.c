/* SPDX-License-Identifier: BSD-3-Clause
 * The bridge driver on a machine made for it: who reaches whom. */
#include "bridge_fixture.h"
#include "bridge_traffic.h"

#define SUBNET "10.77.3.0/24"

static struct fixture fixture;

struct workload {
	struct journal journal;
	int netns;
	const char *address; /* "10.77.3.2/24" */
};

static const struct hyfw_pair network_keys[] = { { "driver", "bridge" }, { "subnet", SUBNET } };
static const struct hyfw_map network_map = { 2, network_keys };

static int network_up(struct journal *journal, const char *name, const struct hyfw_map *settings,
		      struct hyfw_error **err)
{
	struct hyfw_subject subject = {
		.size = sizeof(subject),
		.kind = HYFW_SUBJECT_NETWORK,
		.name = name,
		.settings = *settings,
	};

	return journal_apply(&fixture, journal, &subject, -1, NULL, err);
}

static int workload_up(struct workload *workload, const char *name, const struct hyfw_map *settings,
		       const struct hyfw_map *peers, struct hyfw_error **err)
{
	struct hyfw_subject subject = {
		.size = sizeof(subject),
		.kind = HYFW_SUBJECT_ENDPOINT,
		.name = "front",
		.workload = name,
		.network = network_map,
		.isolation = "namespaces",
	};
	int r;

	if (settings)
		subject.settings = *settings;
	workload->netns = netns_new();
	r = journal_apply(&fixture, &workload->journal, &subject, workload->netns, peers, err);
	workload->address = journal_note(&workload->journal, HYFW_NOTE_ADDRESS);
	return r;
}

static void workload_down(struct workload *workload)
{
	assert_int_equal(journal_undo(&fixture, &workload->journal), 0);
	journal_finish(&workload->journal);
	close(workload->netns);
}

static void network_down(struct journal *journal)
{
	assert_int_equal(journal_undo(&fixture, journal), 0);
	journal_finish(journal);
}

#define OK(call)                                                        \
	do {                                                             \
		struct hyfw_error *err = NULL;                           \
		int result_ = (call);                                    \
		if (result_ < 0)                                         \
			fail_msg("%s: %s", #call, err->message);         \
	} while (0)

/* ---- what is left behind -------------------------------------------------- */

/* Interfaces, nftables and leases, as text. */
static char *machine_state(void)
{
	static const char *const commands[][6] = {
		{ "ip", "-o", "link", NULL },
		{ "ip", "route", NULL },
		{ "nft", "list", "ruleset", NULL },
		{ "find", NULL },
	};
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_FREE char *leases = hyfw_format("%s/run/leases", fixture.directory);
	const char *find[] = { "find", fixture.directory, "-type", "f", "-path", "*lease*", NULL };
	char *all = hyfw_dup("");
	size_t i;

	for (i = 0; i < 4; i++) {
		struct hyfw_program program = {
			.size = sizeof(program),
			.argv = i == 3 ? find : commands[i],
		};
		char *output, *longer;

		OK(hyfw_host_table()->run(arena, &program, &output, &err));
		longer = hyfw_format("%s%s", all, output);
		free(all);
		all = longer;
	}
	return all;
}

static void assert_state(const char *before)
{
	HYFW_AUTO_FREE char *now = machine_state();

	assert_string_equal(now, before);
}

/* ---- tests ---------------------------------------------------------------- */

static void neighbours_are_isolated(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state();
	struct journal network;
	struct workload web, db;
	pid_t server, at_host;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(workload_up(&web, "web", NULL, NULL, &err));
	OK(workload_up(&db, "db", NULL, NULL, &err));
	assert_string_equal(web.address, "10.77.3.2/24");
	assert_string_equal(db.address, "10.77.3.3/24");
	server = traffic_serve(db.netns, "0.0.0.0", 5432);
	at_host = traffic_serve(-1, "10.77.3.1", 700);

	assert_true(traffic_ping(web.netns, "10.77.3.1"));
	assert_true(traffic_ping(-1, db.address));
	assert_int_equal(traffic_connect(web.netns, "10.77.3.1", 700), 0);
	assert_int_equal(traffic_connect(-1, db.address, 5432), 0);
	assert_int_equal(traffic_connect(web.netns, db.address, 5432), ECONNREFUSED);
	assert_false(traffic_ping(web.netns, db.address));

	traffic_stop(server);
	traffic_stop(at_host);
	workload_down(&db);
	workload_down(&web);
	network_down(&network);
	assert_state(before);
}

static void links_open_one_direction(void **state)
{
	static const struct hyfw_pair settings[] = { { "links", "db" } };
	struct workload web, db, other;
	struct hyfw_map notes_web, notes_db;
	struct journal network;
	pid_t server, back;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(workload_up(&db, "db", NULL, NULL, &err));
	OK(workload_up(&web, "web", &(struct hyfw_map){ 1, settings },
		       &(struct hyfw_map){ 1, (struct hyfw_pair[]){ { "db", db.address } } }, &err));
	server = traffic_serve(db.netns, "0.0.0.0", 5432);
	back = traffic_serve(web.netns, "0.0.0.0", 80);
	assert_int_equal(traffic_connect(web.netns, db.address, 5432), 0);
	assert_true(traffic_ping(web.netns, db.address));
	assert_int_equal(traffic_connect(db.netns, web.address, 80), ECONNREFUSED);
	assert_false(traffic_ping(db.netns, web.address));

	/* Closed and opened again while running. */
	notes_web = hyfw_pairs_map(&web.journal.steps[0].record);
	notes_db = hyfw_pairs_map(&db.journal.steps[0].record);
	OK(fixture.network->link(fixture.instance, "front", &notes_web, &notes_db, false, &err));
	OK(fixture.network->link(fixture.instance, "front", &notes_web, &notes_db, false, &err));
	assert_int_equal(traffic_connect(web.netns, db.address, 5432), ECONNREFUSED);
	OK(fixture.network->link(fixture.instance, "front", &notes_web, &notes_db, true, &err));
	OK(fixture.network->link(fixture.instance, "front", &notes_web, &notes_db, true, &err));
	assert_int_equal(traffic_connect(web.netns, db.address, 5432), 0);

	/* Whoever gets the address of db next does not inherit the link. */
	traffic_stop(server);
	workload_down(&db);
	OK(workload_up(&other, "other", NULL, NULL, &err));
	assert_string_equal(other.address, "10.77.3.2/24");
	server = traffic_serve(other.netns, "0.0.0.0", 5432);
	assert_int_equal(traffic_connect(web.netns, other.address, 5432), ECONNREFUSED);

	traffic_stop(server);
	traffic_stop(back);
	workload_down(&other);
	workload_down(&web);
	network_down(&network);
}

static void frames_with_foreign_addresses_are_dropped(void **state)
{
	struct traffic_frame frame = { .interface = "eth0", .type = ETH_P_IP, .payload = { 0x45, 0, 0, 28 } };
	struct workload web, db;
	struct journal network;
	const char *bridge;
	int ear, host_ear;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	bridge = journal_note(&network, HYFW_NOTE_HOST_INTERFACE);
	OK(workload_up(&web, "web", NULL, NULL, &err));
	OK(workload_up(&db, "db", NULL, NULL, &err));
	ear = traffic_listen(db.netns);
	host_ear = traffic_listen(-1);

	/* The ear works: the host reaches the neighbour with any frame. */
	traffic_mac(journal_note(&db.journal, HYFW_NOTE_MAC), frame.to);
	traffic_mac(journal_note(&web.journal, HYFW_NOTE_MAC), frame.from);
	frame.type = ETH_P_IPV6;
	frame.interface = bridge;
	assert_int_equal(traffic_run(-1, traffic_send_work, &frame), 0);
	assert_true(traffic_heard(ear, frame.payload));

	/* Straight to the neighbour: neither IPv6 nor IPv4 nor a broadcast arrives. */
	frame.interface = "eth0";
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	frame.type = ETH_P_IP;
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	memset(frame.to, 0xff, 6);
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	assert_false(traffic_heard(ear, frame.payload));

	/* To the host's stack, from web's own address and from the neighbour's. */
	memcpy(frame.payload + 12, (uint8_t[]){ 10, 77, 3, 2, 10, 77, 3, 1 }, 8);
	frame.payload[9] = 253;
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	frame.payload[27] = 1;
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	assert_true(traffic_heard(host_ear, frame.payload));
	close(host_ear);
	close(ear);
	workload_down(&db);
	workload_down(&web);
	network_down(&network);
}

static int group_set_up(void **state)
{
	(void)state;
	return fixture_set_up(&fixture);
}

static int group_tear_down(void **state)
{
	(void)state;
	fixture_tear_down(&fixture);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_are_isolated),
		cmocka_unit_test(links_open_one_direction),
		cmocka_unit_test(frames_with_foreign_addresses_are_dropped),
	};

	if (!fixture_can_run()) {
		fprintf(stderr, "skipped: needs root and network namespaces\n");
		return 77;
	}
	cmocka_set_test_filter(getenv("T"));
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
