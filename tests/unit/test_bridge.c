/* SPDX-License-Identifier: BSD-3-Clause
 * The bridge driver on a machine made for it. */
#include "bridge_fixture.h"

int main(void)
{
	int failed;

	if (!fixture_can_run()) {
		fprintf(stderr, "skipped: needs root and network namespaces\n");
		return 77;
	}
	if (fixture_set_up() < 0)
		return 1;
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	/* With br_netfilter as this kernel has it, and without. */
	failed = bridge_neighbour_tests();
	bridge_fixture_routed();
	failed += bridge_neighbour_tests() + bridge_port_tests() + bridge_lifecycle_tests() +
		  bridge_machine_tests() + bridge_dhcp_tests();
	fixture_tear_down();
	return failed;
}
