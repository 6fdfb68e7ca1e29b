/* SPDX-License-Identifier: BSD-3-Clause
 * Shared storage whose server is gone: a file system that nobody answers for. */
#include "engine_fixture.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "config/config.h"
#include "engine/failover.h"
#include "engine/failover_read.h"
#include "engine/journal_format.h"
#include "engine/limited.h"

static int nobody = -1; /* who should answer for engine_top/dead */

static int set_up(void **state)
{
	HYFW_AUTO_FREE char *dead = NULL, *options = NULL, *room = NULL;

	if (engine_set_up(state) < 0)
		return -1;
	dead = engine_path("dead");
	room = engine_path("alive/.failover/vm");
	if (mkdir(dead, 0700) < 0 || hyfw_make_directories(room, 0700, NULL) < 0)
		return -1;
	nobody = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	options = hyfw_format("fd=%d,rootmode=40700,user_id=0,group_id=0", nobody);
	if (nobody < 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("dead", dead, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		close(nobody);
		nobody = -1;
	}
	return 0;
}

/* What hangs comes back, and is cleaned up by who did it. */
static int tear_down(void **state)
{
	HYFW_AUTO_FREE char *dead = engine_path("dead");

	if (nobody >= 0) {
		close(nobody);
		umount2(dead, MNT_DETACH);
	}
	return engine_tear_down(state);
}

static void add_pool(struct hyfw_config *config, const char *name)
{
	HYFW_AUTO_FREE char *path = engine_path(name);

	must(hyfw_config_set(config, "pool", name, "path", path, "test", err));
	must(hyfw_config_set(config, "pool", name, "shared", "yes", "test", err));
}

static void a_pool_that_hangs_is_named_and_holds_no_other_back(void **state)
{
	HYFW_AUTO_FREE char *dead = engine_path("dead"), *lease = engine_path("alive/.failover/vm/lease");
	struct hyfw_failover_reading *reading;
	struct hyfw_failover_machines machines;
	struct hyfw_failover_lease read;
	struct hyfw_config *config = hyfw_config_new();
	const uint64_t begun = hyfw_now_us();

	(void)state;
	if (nobody < 0)
		skip(); /* no /dev/fuse, or not root */
	add_pool(config, "dead");
	add_pool(config, "alive");
	must(hyfw_config_validate(config, err));
	close(hyfw_failover_lease_open(lease, true, NULL));
	reading = hyfw_failover_read_begin(dead);
	hyfw_failover_list(config, &machines);
	must_fail(hyfw_failover_read_end(reading, &read, err), ETIMEDOUT, "/dead does not answer");
	assert_true(hyfw_now_us() - begun < 2 * HYFW_LIMITED_MS * 1000u);
	assert_int_equal(machines.count, 2);
	assert_string_equal(machines.items[0].name, "[pool dead]");
	assert_int_equal(machines.items[0].verdict, HYFW_FAILOVER_DAMAGED);
	assert_non_null(strstr(machines.items[0].problem, "/dead/.failover does not answer"));
	assert_string_equal(machines.items[1].name, "vm");
	assert_int_equal(machines.items[1].verdict, HYFW_FAILOVER_STOPPED);
	hyfw_failover_machines_finish(&machines);
	hyfw_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_pool_that_hangs_is_named_and_holds_no_other_back, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
