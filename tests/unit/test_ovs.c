/* SPDX-License-Identifier: BSD-3-Clause
 * The ovs driver against an Open vSwitch of its own: both daemons run in this
 * test's network namespace and keep everything in its directory. */
#include "bridge_traffic.h"

#include <sys/prctl.h>
#include <sys/stat.h>

#define DAEMON_WAIT 100 /* times 50 ms */

static pid_t database, vswitch;
static char directory[] = "/tmp/hyfw-ovs-XXXXXX";
static char db[64];

static pid_t start(const char *const *argv)
{
	pid_t child = fork();

	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 1);
		dup2(null, 2);
		setenv("OVS_RUNDIR", directory, 1);
		setenv("OVS_LOGDIR", directory, 1);
		setenv("OVS_DBDIR", directory, 1);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return child;
}

static void stop(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

static char *run(const char *line)
{
	HYFW_AUTO_FREE char *copy = hyfw_dup(line);
	const char *argv[24] = { NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv };
	char *rest = copy, *word, *output = NULL;
	size_t n = 0;

	while ((word = strsep(&rest, " ")) && n < 23)
		argv[n++] = word;
	OK(hyfw_host_table()->run(fixture.arena, &program, &output, &err));
	return output;
}

static char *vsctl(const char *words)
{
	HYFW_AUTO_FREE char *line = hyfw_format("ovs-vsctl --db=%s --timeout=10 %s", db, words);

	return run(line);
}

static bool wait_for(const char *name)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", directory, name);
	int i;

	for (i = 0; i < DAEMON_WAIT; i++) {
		if (access(path, F_OK) == 0)
			return true;
		usleep(50000);
	}
	return false;
}

static void switch_start(void)
{
	HYFW_AUTO_FREE char *pid = hyfw_format("--pidfile=%s/ovs-vswitchd.pid", directory);
	const char *const argv[] = { "ovs-vswitchd", db, pid, "--no-chdir", "-vconsole:off", NULL };

	vswitch = start(argv);
	assert_true(wait_for("ovs-vswitchd.pid"));
}

static void daemons_start(void)
{
	HYFW_AUTO_FREE char *file = hyfw_format("%s/conf.db", directory),
			    *remote = hyfw_format("--remote=punix:%s/db.sock", directory),
			    *create = hyfw_format("ovsdb-tool create %s /usr/share/openvswitch/vswitch.ovsschema", file);
	const char *const argv[] = { "ovsdb-server", file, remote, "--no-chdir", "-vconsole:off", NULL };

	run(create);
	database = start(argv);
	assert_true(wait_for("db.sock"));
	vsctl("--no-wait init");
	switch_start();
}

/* ---- networks and workloads ------------------------------------------------- */

static const struct hyfw_pair net_keys[] = { { "driver", "ovs" }, { "subnet", "10.77.4.0/24" },
					     { "datapath", "netdev" } };
static const struct hyfw_map net = { HYFW_COUNT(net_keys), net_keys };

static int start_workload(struct workload *workload, const char *name, const struct hyfw_map *settings,
			  const struct hyfw_map *peers, struct hyfw_error **err)
{
	struct hyfw_subject subject = {
		.size = sizeof(subject), .kind = HYFW_SUBJECT_ENDPOINT, .name = "lan", .workload = name,
		.network = net, .isolation = "namespaces",
	};
	int r;

	if (settings)
		subject.settings = *settings;
	workload->netns = netns_new();
	r = journal_apply(&workload->journal, &subject, workload->netns, peers, err);
	workload->address = journal_note(&workload->journal, HYFW_NOTE_ADDRESS);
	return r;
}

static void assert_no_rows(void)
{
	assert_string_equal(vsctl("--columns=name find Port external_ids:hyfw!=\"\""), "");
	assert_string_equal(vsctl("list-br"), "");
}

static bool reaches(const struct workload *from, const struct workload *to)
{
	pid_t server = traffic_serve(to->netns, to->address, 80);
	bool open = traffic_connect(from->netns, to->address, 80) == 0;

	traffic_stop(server);
	return open;
}

static void neighbours_are_closed_unless_linked(void **state)
{
	static const struct hyfw_pair links[] = { { "links", "db" } };
	struct journal network;
	struct workload store, web, other;
	struct hyfw_pair peer[] = { { "db", NULL } };

	(void)state;
	OK(network_up(&network, "lan", &net, &err));
	OK(start_workload(&store, "db", NULL, NULL, &err));
	OK(start_workload(&other, "other", NULL, NULL, &err));
	peer[0].value = store.address;
	OK(start_workload(&web, "web", &(struct hyfw_map){ 1, links }, &(struct hyfw_map){ 1, peer }, &err));
	assert_true(traffic_ping(-1, web.address)); /* the host reaches all */
	assert_true(traffic_ping(web.netns, "10.77.4.1"));
	assert_true(traffic_ping(web.netns, store.address));
	assert_true(reaches(&web, &store));
	assert_false(traffic_ping(store.netns, web.address));
	assert_false(reaches(&store, &web));
	assert_false(traffic_ping(other.netns, web.address));
	assert_false(reaches(&other, &store));
	workload_down(&store);
	workload_down(&web);
	workload_down(&other);
	network_down(&network);
	assert_no_rows();
}

static void links_open_and_close_later(void **state)
{
	struct journal network;
	struct workload a, b;
	struct hyfw_pairs notes_a, notes_b;

	(void)state;
	OK(network_up(&network, "lan", &net, &err));
	OK(start_workload(&a, "a", NULL, NULL, &err));
	OK(start_workload(&b, "b", NULL, NULL, &err));
	notes_a = a.journal.steps[0].record;
	notes_b = b.journal.steps[0].record;
	{
		struct hyfw_map from = hyfw_pairs_map(&notes_a), to = hyfw_pairs_map(&notes_b);

		assert_false(reaches(&a, &b));
		OK(fixture.network->link(fixture.instance, "lan", &from, &to, true, &err));
		OK(fixture.network->link(fixture.instance, "lan", &to, &from, true, &err));
		assert_true(reaches(&a, &b));
		assert_true(reaches(&b, &a));
		OK(fixture.network->link(fixture.instance, "lan", &to, &from, false, &err));
		assert_true(reaches(&a, &b));
		assert_false(reaches(&b, &a));
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
	OK(network_up(&network, "lan", &net, &err));
	OK(start_workload(&a, "a", &(struct hyfw_map){ 1, ten }, NULL, &err));
	peer[0].value = a.address;
	OK(start_workload(&b, "b", &(struct hyfw_map){ 2, linked }, &(struct hyfw_map){ 1, peer }, &err));
	OK(start_workload(&c, "c", &(struct hyfw_map){ 3, twenty }, &(struct hyfw_map){ 1, peer }, &err));
	assert_true(reaches(&b, &a));
	assert_false(reaches(&c, &a));
	assert_false(traffic_ping(-1, a.address)); /* the host is on no VLAN */
	workload_down(&a);
	workload_down(&b);
	workload_down(&c);
	network_down(&network);
	assert_no_rows();
}

static void undo_is_idempotent_and_gc_spares_others(void **state)
{
	static const char *const none[] = { NULL };
	const struct hyfw_alive alive = { sizeof(alive), none, none, none, none };
	HYFW_AUTO_FREE char *before = NULL;
	struct journal network;
	struct workload a;

	(void)state;
	vsctl("add-br foreign -- set Bridge foreign datapath_type=netdev");
	before = machine_state();
	OK(network_up(&network, "lan", &net, &err));
	OK(start_workload(&a, "a", NULL, NULL, &err));
	close(a.netns);
	assert_int_equal(journal_undo(&a.journal), 0);
	assert_int_equal(journal_undo(&a.journal), 0);
	journal_finish(&a.journal);
	OK(start_workload(&a, "a", NULL, NULL, &err)); /* as after a crash */
	OK(fixture.common->gc(fixture.instance, &alive, &err));
	assert_string_equal(vsctl("list-br"), "foreign\n");
	assert_state(before);
	journal_finish(&a.journal);
	close(a.netns);
	assert_int_equal(journal_undo(&network), 0);
	network_down(&network);
	vsctl("del-br foreign");
}

static void dead_switch_is_a_clean_error(void **state)
{
	struct hyfw_error *failure = NULL;
	struct journal network;
	struct workload a, b;

	(void)state;
	OK(network_up(&network, "lan", &net, &err));
	OK(start_workload(&a, "a", NULL, NULL, &err));
	stop(&vswitch);
	assert_int_equal(start_workload(&b, "b", NULL, NULL, &failure) < 0, 1);
	assert_non_null(strstr(failure->message, "ovs-vswitchd does not run"));
	hyfw_forget(&failure);
	journal_finish(&b.journal);
	close(b.netns);
	workload_down(&a);
	network_down(&network);
	assert_no_rows();
	switch_start();
}

static void what_cannot_work_is_refused(void **state)
{
	static const struct hyfw_pair publish[] = { { "publish", "|8080|80|tcp" } };
	struct hyfw_error *err = NULL;
	struct workload a;

	(void)state;
	assert_int_equal(start_workload(&a, "a", &(struct hyfw_map){ 1, publish }, NULL, &err), -EOPNOTSUPP);
	hyfw_forget(&err);
	close(a.netns);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_are_closed_unless_linked),
		cmocka_unit_test(links_open_and_close_later),
		cmocka_unit_test(vlans_are_apart),
		cmocka_unit_test(undo_is_idempotent_and_gc_spares_others),
		cmocka_unit_test(dead_switch_is_a_clean_error),
		cmocka_unit_test(what_cannot_work_is_refused),
	};
	struct hyfw_pair settings[] = { { "db", db } };
	struct hyfw_error *err = NULL;
	int failed;

	if (access("/usr/sbin/ovs-vswitchd", X_OK) < 0) {
		fprintf(stderr, "skipped: needs Open vSwitch (package openvswitch-switch)\n");
		return 77;
	}
	if (!fixture_can_run()) {
		fprintf(stderr, "skipped: needs root and network namespaces\n");
		return 77;
	}
	if (fixture_set_up() < 0 || !mkdtemp(directory))
		return 1;
	snprintf(db, sizeof(db), "unix:%s/db.sock", directory);
	fixture.common->close(fixture.instance);
	if (fixture.common->open(hyfw_host_table(), &(struct hyfw_map){ 1, settings }, &fixture.instance, &err) < 0)
		return 1;
	daemons_start();
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	stop(&vswitch);
	stop(&database);
	hyfw_remove_tree(AT_FDCWD, directory, NULL);
	fixture_tear_down();
	return failed;
}
