/* SPDX-License-Identifier: BSD-3-Clause
 * A machine of fake drivers: two disks and a tap, no root, no command. */
#ifndef HYFW_TEST_MACHINES_FIXTURE_H
#define HYFW_TEST_MACHINES_FIXTURE_H

#include "engine_drivers.h"

#include <errno.h>

#include "engine/store.h"
#include "engine/worker.h"

static struct hyfw_definition *definition;
static struct hyfw_worker worker;

static inline struct hyfw_use *add_disk(const char *name, const char *driver, bool read_only)
{
	struct hyfw_use *use;

	definition->disks = hyfw_grow(definition->disks, definition->disk_count + 1, sizeof(*definition->disks));
	use = &definition->disks[definition->disk_count++];
	memset(use, 0, sizeof(*use));
	use->name = hyfw_dup(name);
	use->driver = hyfw_dup(driver);
	use->anonymous = *name == '/';
	use->read_only = read_only;
	hyfw_pairs_add(&use->options, "source", name);
	if (read_only)
		hyfw_pairs_add(&use->options, "read_only", "true");
	return use;
}

static inline int set_up(void **state)
{
	struct hyfw_use *data;

	if (drivers_clear(state) < 0)
		return -1;
	if (geteuid() == 0) {
		fixture_copy("fake-machine");
		fixture_copy("fake-block");
		fixture_copy("qcow2");
	}
	definition = drivers_definition("vm", "front");
	hyfw_pairs_set(&definition->settings, "isolation", "fake-machine");
	hyfw_pairs_remove(&definition->settings, "command");
	definition->transient = true;
	data = add_disk("data", "fake-block", false);
	hyfw_pairs_add(&data->settings, "path", "/srv/data.img");
	add_disk("/srv/cd.iso", "qcow2", true);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	hyfw_definition_free(HYFW_STEAL(definition));
	return 0;
}

static inline void expect_devices(const char *expected)
{
	struct hyfw_pairs record = { 0 };
	struct hyfw_map map;

	hyfw_journal_record(worker.journal, HYFW_KIND_ISOLATION, "fake-machine", NULL, &record);
	map = hyfw_pairs_map(&record);
	assert_string_equal(hyfw_map_get(&map, "devices"), expected);
	hyfw_pairs_finish(&record);
}

static inline void bring_up(void)
{
	static const int stdio[3] = { -1, -1, -1 };

	must(hyfw_worker_open(&worker, definition, err));
	must(hyfw_worker_bring_up(&worker, stdio, err));
}

static inline void bring_down(void)
{
	must(hyfw_worker_bring_down(&worker, err));
	hyfw_worker_close(&worker);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
