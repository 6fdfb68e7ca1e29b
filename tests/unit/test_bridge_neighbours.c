/* SPDX-License-Identifier: BSD-3-Clause
 * Who of two workloads on one network reaches whom. */
#include "bridge_traffic.h"

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

static void frames_reach_no_neighbour(void **state)
{
	struct traffic_frame frame = { .interface = "eth0", .type = ETH_P_IP, .payload = { 0x45, 0, 0, 28 } };
	struct workload web, db;
	struct journal network;
	const char *bridge;
	int ear;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	bridge = journal_note(&network, HYFW_NOTE_HOST_INTERFACE);
	OK(workload_up(&web, "web", NULL, NULL, &err));
	OK(workload_up(&db, "db", NULL, NULL, &err));
	ear = traffic_listen(db.netns);

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

	close(ear);
	workload_down(&db);
	workload_down(&web);
	network_down(&network);
}

/* An empty UDP packet to port 5000, put together by hand as an attacker would. */
static struct traffic_frame forge(const struct workload *workload, const char *from, const char *to)
{
	struct traffic_frame frame = { .interface = "eth0", .type = ETH_P_IP };
	uint8_t head[28] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, [20] = 0x13, 0x88, 0x13, 0x88, 0, 8 };
	uint16_t sum;

	inet_pton(AF_INET, from, head + 12);
	inet_pton(AF_INET, to, head + 16);
	sum = traffic_checksum(head, 20);
	memcpy(head + 10, &sum, 2);
	memcpy(frame.payload, head, sizeof(head));
	traffic_mac(journal_note(&workload->journal, HYFW_NOTE_MAC), frame.from);
	memcpy(frame.to, (uint8_t[]){ 0x0a, 0x68, 10, 77, 3, 1 }, 6);
	return frame;
}

static void forged_packets_do_not_reach_the_host(void **state)
{
	static const struct hyfw_pair settings[] = { { "publish", "|8888|80|tcp" } };
	struct workload web, db;
	struct journal network;
	struct traffic_frame frame;
	int all, loopback;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(workload_up(&web, "web", &(struct hyfw_map){ 1, settings }, NULL, &err));
	OK(workload_up(&db, "db", NULL, NULL, &err));
	all = traffic_udp_socket("10.77.3.1");
	loopback = traffic_udp_socket("127.0.0.1");

	frame = forge(&web, "10.77.3.2", "10.77.3.1");
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	assert_true(traffic_udp_heard(all));
	frame = forge(&web, "10.77.3.3", "10.77.3.1"); /* the neighbour's address */
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	assert_false(traffic_udp_heard(all));
	frame = forge(&web, "10.77.3.2", "10.77.3.1");
	frame.from[5] ^= 0x40; /* another hardware address */
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	assert_false(traffic_udp_heard(all));
	frame = forge(&web, "10.77.3.2", "127.0.0.1"); /* the host's own services */
	assert_int_equal(traffic_run(web.netns, traffic_send_work, &frame), 0);
	assert_false(traffic_udp_heard(loopback));

	close(all);
	close(loopback);
	workload_down(&db);
	workload_down(&web);
	network_down(&network);
}

/* Whether a UDP packet from one to the other arrives. */
static bool passes(const struct workload *from, const struct workload *to)
{
	char from_bare[16], to_bare[16];
	struct traffic_frame frame;
	int ear = traffic_listen(to->netns);
	bool heard;

	snprintf(from_bare, sizeof(from_bare), "%.*s", (int)strcspn(from->address, "/"), from->address);
	snprintf(to_bare, sizeof(to_bare), "%.*s", (int)strcspn(to->address, "/"), to->address);
	frame = forge(from, from_bare, to_bare);
	assert_int_equal(traffic_run(from->netns, traffic_send_work, &frame), 0);
	heard = traffic_udp_passed(ear, 5000);
	close(ear);
	return heard;
}

static void an_address_comes_without_its_connections(void **state)
{
	static const struct hyfw_pair settings[] = { { "links", "db" } };
	struct workload web, db, other, thief;
	struct journal network;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(workload_up(&db, "db", NULL, NULL, &err));
	OK(workload_up(&web, "web", &(struct hyfw_map){ 1, settings },
		       &(struct hyfw_map){ 1, (struct hyfw_pair[]){ { "db", db.address } } }, &err));
	assert_false(passes(&db, &web));
	assert_true(passes(&web, &db));
	assert_true(passes(&db, &web)); /* as an answer */

	/* The one that was called, and the one that called, are others now. */
	workload_down(&db);
	OK(workload_up(&other, "other", NULL, NULL, &err));
	assert_string_equal(other.address, "10.77.3.2/24");
	assert_false(passes(&web, &other));
	assert_false(passes(&other, &web));
	workload_down(&web);
	OK(workload_up(&thief, "thief", NULL, NULL, &err));
	assert_string_equal(thief.address, "10.77.3.3/24");
	assert_false(passes(&thief, &other));
	assert_false(passes(&other, &thief));

	workload_down(&thief);
	workload_down(&other);
	network_down(&network);
}

int bridge_neighbour_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_are_isolated),
		cmocka_unit_test(links_open_one_direction),
		cmocka_unit_test(frames_reach_no_neighbour),
		cmocka_unit_test(forged_packets_do_not_reach_the_host),
		cmocka_unit_test(an_address_comes_without_its_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
