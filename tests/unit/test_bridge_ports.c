/* SPDX-License-Identifier: BSD-3-Clause
 * Published ports, and the way out. */
#include "bridge_traffic.h"

static int web_up(struct workload *web, const char *name, const char *publish, struct hyfw_error **err)
{
	const struct hyfw_pair settings[] = { { "publish", publish } };

	return workload_up(web, name, &(struct hyfw_map){ 1, settings }, NULL, err);
}

static void published_port_is_reached_from_everywhere(void **state)
{
	HYFW_AUTO_FREE char *before = machine_state();
	struct journal network;
	struct workload web;
	pid_t server;
	int outside = traffic_outside_new("10.77.3.0/24");

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(web_up(&web, "web", "|8888|80|tcp", &err));
	server = traffic_serve(web.netns, "0.0.0.0", 80);
	assert_int_equal(traffic_connect(-1, "127.0.0.1", 8888), 0);
	assert_int_equal(traffic_connect(-1, "192.0.2.1", 8888), 0);
	assert_int_equal(traffic_connect(-1, "10.77.3.1", 8888), 0);
	assert_int_equal(traffic_connect(outside, "192.0.2.1", 8888), 0);
	if (bridge_fixture_routed())
		assert_int_equal(traffic_connect(web.netns, "192.0.2.1", 8888), 0);
	assert_int_equal(traffic_connect(outside, "10.77.3.2", 80), ECONNREFUSED); /* not published there */
	traffic_stop(server);
	workload_down(&web);
	assert_int_equal(traffic_connect(-1, "127.0.0.1", 8888), ECONNREFUSED);
	network_down(&network);
	traffic_outside_remove(outside);
	assert_state(before);
}

static void workloads_go_out_unless_internal(void **state)
{
	static const struct hyfw_pair internal[] = { { "subnet", "10.77.3.0/24" }, { "internal", "true" } };
	struct journal network;
	struct workload web;
	int outside = traffic_outside_new("10.77.3.0/24"), i;
	pid_t server;

	(void)state;
	server = traffic_serve(outside, "192.0.2.9", 80);
	for (i = 0; i < 2; i++) {
		OK(network_up(&network, "front", i ? &(struct hyfw_map){ 2, internal } : &network_map, &err));
		OK(workload_up(&web, "web", NULL, NULL, &err));
		assert_int_equal(traffic_connect(web.netns, "192.0.2.9", 80), i ? ECONNREFUSED : 0);
		workload_down(&web);
		network_down(&network);
	}
	traffic_stop(server);
	traffic_outside_remove(outside);
}

static void published_port_is_no_way_around_links(void **state)
{
	struct hyfw_map notes_db, notes_web;
	struct journal network;
	struct workload web, db;
	pid_t server;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(web_up(&web, "web", "|8888|80|tcp", &err));
	OK(workload_up(&db, "db", NULL, NULL, &err));
	server = traffic_serve(web.netns, "0.0.0.0", 80);
	assert_int_equal(traffic_connect(db.netns, "10.77.3.1", 8888), ECONNREFUSED);
	notes_db = hyfw_pairs_map(&db.journal.steps[0].record);
	notes_web = hyfw_pairs_map(&web.journal.steps[0].record);
	OK(fixture.network->link(fixture.instance, "front", &notes_db, &notes_web, true, &err));
	if (bridge_fixture_routed())
		assert_int_equal(traffic_connect(db.netns, "10.77.3.1", 8888), 0);
	traffic_stop(server);
	workload_down(&db);
	workload_down(&web);
	network_down(&network);
}

static void addresses_and_random_ports(void **state)
{
	struct journal network;
	struct workload web, other;
	const char *port;
	pid_t server;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(web_up(&web, "web", "127.0.0.1|0|80|tcp", &err));
	OK(web_up(&other, "other", "|0|80|tcp", &err));
	server = traffic_serve(web.netns, "0.0.0.0", 80);
	port = journal_note(&web.journal, "publish.80/tcp");
	assert_non_null(port);
	assert_string_not_equal(port, journal_note(&other.journal, "publish.80/tcp"));
	assert_int_equal(traffic_connect(-1, "127.0.0.1", (unsigned)atoi(port)), 0);
	assert_int_equal(traffic_connect(-1, "10.77.3.1", (unsigned)atoi(port)), ECONNREFUSED);
	traffic_stop(server);
	workload_down(&other);
	workload_down(&web);
	network_down(&network);
}

static void a_range_is_as_many_ports(void **state)
{
	struct journal network;
	struct workload web, other;
	HYFW_AUTO_FREE char *before = machine_state();
	const char *port;
	pid_t server;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(web_up(&web, "web", "|8000-9023|79-1102|tcp", &err)); /* as many as there may be */
	OK(web_up(&other, "other", "|0|80-82|tcp", &err));
	server = traffic_serve(web.netns, "0.0.0.0", 80);
	assert_int_equal(traffic_connect(-1, "127.0.0.1", 8001), 0);
	assert_int_equal(traffic_connect(-1, "127.0.0.1", 8000), ECONNREFUSED);
	port = journal_note(&other.journal, "publish.82/tcp");
	assert_non_null(port);
	assert_string_not_equal(port, journal_note(&other.journal, "publish.81/tcp"));
	traffic_stop(server);
	workload_down(&other);
	workload_down(&web);
	assert_int_equal(traffic_connect(-1, "127.0.0.1", 8001), ECONNREFUSED);
	network_down(&network);
	assert_state(before);
}

static void assert_refused(const char *publish, int errnum, const char *sentence)
{
	struct hyfw_error *err = NULL;
	struct workload refused;

	assert_int_equal(web_up(&refused, "refused", publish, &err), -errnum);
	if (!strstr(err->message, sentence))
		fail_msg("\"%s\" does not say \"%s\"", err->message, sentence);
	hyfw_forget(&err);
	journal_finish(&refused.journal);
	close(refused.netns);
}

static void ports_in_use_are_refused(void **state)
{
	struct journal network;
	struct workload web;
	pid_t process, server;
	HYFW_AUTO_FREE char *before = NULL;

	(void)state;
	OK(network_up(&network, "front", &network_map, &err));
	OK(web_up(&web, "web", "|8888|80|tcp", &err));
	process = traffic_serve(-1, "127.0.0.1", 7777);
	server = traffic_serve(web.netns, "0.0.0.0", 80);
	before = machine_state();
	assert_refused("|7777|80|tcp", EADDRINUSE, "port 7777/tcp is in use");
	assert_refused("|8888|80|tcp", EADDRINUSE, "web");
	assert_refused("198.51.100.7|9000|80|tcp", EADDRNOTAVAIL, "198.51.100.7 is no address of this host");
	assert_refused("::1|9000|80|tcp", EOPNOTSUPP, "IPv4 addresses only");
	assert_refused("|9000|0|tcp", EINVAL, "from 1 to 65535");
	assert_refused("|9000-9001|80|tcp", EINVAL, "as many ports on both sides");
	assert_refused("|0-5|80-85|tcp", EINVAL, "from 1 to 65535");
	assert_refused("|9000-8999|80-79|tcp", EINVAL, "from 1 to 65535");
	assert_refused("|9000-10024|1000-2024|tcp", E2BIG, "more than 1024 ports");
	assert_refused("|8880-8890|80-90|tcp", EADDRINUSE, "web"); /* one of them */
	assert_refused("|9000|80|sctp", EINVAL, "tcp or udp");
	assert_refused("|9000|80", EINVAL, "ADDRESS|HOSTPORT|PORT|PROTO");
	assert_state(before);
	assert_int_equal(traffic_connect(-1, "127.0.0.1", 8888), 0); /* still the first one's */
	traffic_stop(process);
	traffic_stop(server);
	workload_down(&web);
	network_down(&network);
}

int bridge_port_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_port_is_reached_from_everywhere),
		cmocka_unit_test(workloads_go_out_unless_internal),
		cmocka_unit_test(published_port_is_no_way_around_links),
		cmocka_unit_test(a_range_is_as_many_ports),
		cmocka_unit_test(addresses_and_random_ports),
		cmocka_unit_test(ports_in_use_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
