/* SPDX-License-Identifier: BSD-3-Clause
 * What plans say of ovs-vsctl, which is what is run, against tests/golden/ovs;
 * HYFW_UPDATE=1 writes them anew.  No switch is needed. */
#include "ovs_fixture.h"

static void same_as_golden(const char *name, const char *text)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/tests/golden/ovs/%s.txt", HYFW_SOURCE, name);
	HYFW_AUTO_FREE char *golden = NULL;

	if (getenv("HYFW_UPDATE"))
		OK(hyfw_file_write(path, text, strlen(text), 0644, false, &err));
	assert_int_equal(hyfw_file_read(AT_FDCWD, path, 1 << 20, &golden, NULL, NULL), 0);
	assert_string_equal(text, golden);
}

/* The owner's mark, and names made of it, are other ones in each run. */
static char *without_names(const char *commands, const struct journal *journal)
{
	static const char *const arguments[] = { "bridge", "host_interface" };
	const char *owner = hyfw_host_table()->owner;
	char *text = hyfw_format("%s\n", commands);
	char *bond;
	size_t i;

	while ((bond = strstr(text, " hyl"))) { /* and eleven digits */
		memcpy(bond, " BOND", 5);
		memmove(bond + 5, bond + 15, strlen(bond + 15) + 1);
	}
	for (i = 0; i < HYFW_COUNT(arguments) + 1; i++) {
		const char *name = i < HYFW_COUNT(arguments)
					   ? hyfw_map_get(&journal->steps[0].step.args, arguments[i]) : owner;
		char *at;

		if (!name)
			continue;
		while ((at = strstr(text, name))) {
			char *longer = hyfw_format("%.*s%s%s", (int)(at - text), text, i == 0 ? "BRIDGE" : i == 1 ? "PORT" : "OWNER",
						   at + strlen(name));

			free(text);
			text = longer;
		}
	}
	return text;
}

static void planned(const char *name, struct hyfw_subject *subject)
{
	HYFW_AUTO_FREE char *text = NULL;
	struct journal journal = { .count = 0 };

	subject->size = sizeof(*subject);
	OK(fixture.common->plan(fixture.instance, subject, (struct hyfw_plan *)&journal, fixture.arena, &err));
	text = without_names(journal.steps[0].step.commands, &journal);
	same_as_golden(name, text);
	journal_finish(&journal);
}

#define PAIRS(...) { sizeof((struct hyfw_pair[]){ __VA_ARGS__ }) / sizeof(struct hyfw_pair), (struct hyfw_pair[]){ __VA_ARGS__ } }

static void bridges(void **state)
{
	struct hyfw_subject plain = { .kind = HYFW_SUBJECT_NETWORK, .name = "lan",
				      .settings = PAIRS({ "datapath", "netdev" }, { "subnet", "10.77.4.0/24" }) };
	struct hyfw_subject full = {
		.kind = HYFW_SUBJECT_NETWORK, .name = "lan",
		.settings = PAIRS({ "datapath", "system" }, { "bridge", "br7" }, { "stp", "rstp" }, { "uplink", "eth1" },
				  { "uplink", "eth2" }, { "bond_mode", "balance-tcp" }, { "lacp", "active" },
				  { "controller", "tcp:10.0.0.1:6653" }, { "controller", "ssl:[fd00::1]:6653" },
				  { "fail_mode", "standalone" }, { "mirror", "watch" }, { "mirror_output", "eth3" },
				  { "mirror_ports", "web" }),
	};
	struct hyfw_subject one = { .kind = HYFW_SUBJECT_NETWORK, .name = "lan",
				    .settings = PAIRS({ "datapath", "system" }, { "uplink", "eth1" }, { "mirror", "all" },
						      { "mirror_output", "eth3" }) };

	(void)state;
	planned("bridge", &plain);
	planned("bridge-full", &full);
	planned("bridge-uplink", &one);
}

static void ports(void **state)
{
	struct hyfw_subject plain = { .kind = HYFW_SUBJECT_ENDPOINT, .name = "lan", .workload = "web" };
	struct hyfw_subject trunk = { .kind = HYFW_SUBJECT_ENDPOINT, .name = "lan", .workload = "web",
				      .settings = PAIRS({ "vlan", "30" }, { "vlan_trunk", "10" }, { "vlan_trunk", "20" }) };
	struct hyfw_subject machine = {
		.kind = HYFW_SUBJECT_ENDPOINT, .name = "lan", .workload = "web", .takes_tap = true,
		.settings = PAIRS({ "vlan", "10" }, { "network_rate", "1000" }, { "network_rate_in", "2000" },
				  { "network_burst_in", "400" }),
		.network = PAIRS({ "mirror", "watch" }, { "mirror_ports", "db" }, { "mirror_ports", "web" }),
	};

	(void)state;
	planned("port", &plain);
	planned("port-trunk", &trunk);
	planned("port-machine", &machine);
}

int ovs_plan_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bridges),
		cmocka_unit_test(ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
