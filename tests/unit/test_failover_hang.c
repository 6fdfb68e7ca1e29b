/* SPDX-License-Identifier: BSD-3-Clause
 * Shared storage whose server is gone: a file system that nobody answers for. */
#include "engine_fixture.h"

#include <hyfw/storage.h>

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "base/clock.h"
#include "config/config.h"
#include "engine/failover.h"
#include "engine/failover_read.h"
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

static struct hyfw_definition *machine_on(const char *pool)
{
	struct hyfw_definition *definition = hyfw_new(sizeof(*definition));
	HYFW_AUTO_FREE char *path = engine_path(pool), *text = hyfw_format("san|%s|0|shared", path);

	definition->name = hyfw_dup("vm");
	definition->disks = hyfw_new(sizeof(*definition->disks));
	definition->disks->name = hyfw_dup("data");
	definition->disks->driver = hyfw_dup("qcow2");
	hyfw_pairs_add(&definition->disks->settings, "pool", "san");
	hyfw_pairs_add(&definition->disks->options, "device", "disk");
	definition->disk_count = 1;
	hyfw_pairs_add(&definition->settings, "failover", "b");
	hyfw_strings_add(&definition->plugins, "qcow2");
	definition->plugin_settings = hyfw_new(sizeof(*definition->plugin_settings));
	hyfw_pairs_add(definition->plugin_settings, HYFW_OPTION_POOL, text);
	return definition;
}

static void who_has_a_machine_is_not_asked_for_ever(void **state)
{
	HYFW_AUTO_FREE char *path = engine_path("alive/.failover/vm/lease");
	HYFW_AUTO_DEFINITION struct hyfw_definition *lost = machine_on("dead"), *well = machine_on("alive");
	struct hyfw_failover_lease none = { 0 }, lease;
	HYFW_AUTO_CLOSE int fd = hyfw_failover_lease_open(path, true, NULL);
	uint64_t begun;

	(void)state;
	if (nobody < 0)
		skip(); /* no /dev/fuse, or not root */
	must(hyfw_failover_lease_next(&none, 2000, &lease, err));
	must(hyfw_failover_lease_write(fd, &lease, err));
	must(hyfw_failover_elsewhere(well, err));
	assert_int_equal(hyfw_failover_elsewhere(well, NULL), 0);
	snprintf(lease.host, sizeof(lease.host), "elsewhere");
	must(hyfw_failover_lease_write(fd, &lease, err));
	assert_int_equal(hyfw_failover_elsewhere(well, NULL), 1);
	begun = hyfw_now_us();
	must_fail(hyfw_failover_elsewhere(lost, err), ETIMEDOUT, "its storage hangs");
	assert_true(hyfw_now_us() - begun < 2 * HYFW_LIMITED_MS * 1000u);
	begun = hyfw_now_us(); /* of many machines on it the first takes that long */
	must_fail(hyfw_failover_elsewhere(lost, err), ETIMEDOUT, "its storage hangs");
	assert_true(hyfw_now_us() - begun < HYFW_LIMITED_MS * 1000u / 2);
	assert_int_equal(hyfw_failover_elsewhere(well, NULL), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_has_a_machine_is_not_asked_for_ever, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pool_that_hangs_is_named_and_holds_no_other_back, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
