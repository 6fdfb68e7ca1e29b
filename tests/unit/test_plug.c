/* SPDX-License-Identifier: BSD-3-Clause
 * Disks and networks that come to a machine and leave it. */
#include "machines_fixture.h"

#include "engine/devices.h"
#include "engine/plug.h"

/* A definition with one disk or one network. */
static struct hyfw_definition *addition(const char *disk, const char *network)
{
	struct hyfw_definition *mine = definition, *made = hyfw_new(sizeof(*made));

	definition = made;
	if (disk)
		add_disk(disk, *disk == '/' ? "qcow2" : "fake-block", false);
	definition = mine;
	if (network) {
		made->networks = hyfw_new(sizeof(*made->networks));
		made->network_count = 1;
		made->networks[0].name = hyfw_dup(network);
		made->networks[0].driver = hyfw_dup("fake-network");
	}
	return made;
}

static int plug(const char *disk, const char *network, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *add = addition(disk, network);
	struct hyfw_device_change change = { .add = add };

	return hyfw_plug(&worker, &change, err);
}

static int unplug(const char *disk, const char *network, struct hyfw_error **err)
{
	struct hyfw_device_change change = { .disk = disk, .network = network };

	return hyfw_plug(&worker, &change, err);
}

/* "data /srv/cd.iso | front": as it is stored. */
static void expect_stored(const char *expected)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *stored = NULL;
	HYFW_AUTO_FREE char *text = hyfw_dup("");
	size_t i;

	must(hyfw_store_definition("vm", &stored, err));
	for (i = 0; i < stored->disk_count + stored->network_count; i++) {
		const bool disk = i < stored->disk_count;
		char *longer = hyfw_format("%s%s%s ", text, !disk && i == stored->disk_count ? "| " : "",
					   disk ? stored->disks[i].name : stored->networks[i - stored->disk_count].name);

		free(text);
		text = longer;
	}
	assert_string_equal(text, expected);
}

static void a_disk_comes_and_goes(void **state)
{
	HYFW_AUTO_FREE char *before = NULL, *after = NULL;

	(void)state;
	drivers_need_root();
	bring_up();
	before = hyfw_definition_to_json(definition);
	must(plug("/srv/more.img", NULL, err));
	assert_true(drivers_trace_of("fake-machine", "plugged.disk3"));
	assert_true(drivers_trace_of("qcow2", "hand-over.vm.disk2"));
	expect_stored("data /srv/cd.iso /srv/more.img | front ");
	assert_string_equal(hyfw_definition_get(definition, "disk"), "/srv/more.img");
	must_fail(plug("/srv/more.img", NULL, err), EEXIST, "it has the disk /srv/more.img already");
	must(unplug("/srv/more.img", NULL, err));
	assert_false(drivers_trace_of("fake-machine", "plugged.disk3"));
	assert_false(drivers_trace_of("qcow2", "hand-over.vm.disk2"));
	expect_stored("data /srv/cd.iso | front ");
	after = hyfw_definition_to_json(definition);
	assert_string_equal(before, after);
	must_fail(unplug("/srv/more.img", NULL, err), ENOENT, "it has no disk /srv/more.img; `hyfw inspect vm` lists them");
	bring_down();
}

static void the_others_keep_their_places(void **state)
{
	(void)state;
	drivers_need_root();
	bring_up();
	must(unplug("0", NULL, err)); /* data, which the driver knows as disk0 */
	assert_false(drivers_trace_of("fake-block", "hand-over.vm.disk0"));
	assert_false(drivers_trace_of("fake-block", "make-volume.data"));
	must(plug("more", NULL, err));
	assert_true(drivers_trace_of("fake-machine", "plugged.disk3"));
	assert_true(drivers_trace_of("fake-block", "make-volume.more"));
	expect_stored("/srv/cd.iso more | front ");
	must(unplug("1", NULL, err));
	assert_false(drivers_trace_of("fake-block", "make-volume.more"));
	assert_true(drivers_trace_of("qcow2", "hand-over.vm.disk1"));
	bring_down();
	assert_false(drivers_trace_of("qcow2", "hand-over.vm.disk1"));
	bring_up(); /* again, as the restart policy does: what is gone stays gone */
	assert_int_equal(definition->disk_count, 1);
	expect_devices(" disk=/srv/cd.iso:raw,ro tap=hyt-fake");
	bring_down();
}

static void a_network_comes_and_goes(void **state)
{
	(void)state;
	drivers_need_root();
	bring_up();
	must(plug(NULL, "back", err));
	assert_true(drivers_trace_of("fake-machine", "plugged.eth1"));
	assert_true(drivers_trace("attach.vm.back"));
	assert_true(drivers_trace("make-network.back"));
	expect_stored("data /srv/cd.iso | front back ");
	must(unplug(NULL, "front", err));
	assert_false(drivers_trace("attach.vm.front"));
	assert_false(drivers_trace("make-network.front"));
	assert_true(drivers_trace("attach.vm.back"));
	expect_stored("data /srv/cd.iso | back ");
	must_fail(unplug(NULL, "front", err), ENOENT, "it is not on the network front");
	bring_down();
	assert_int_equal(drivers_traces(), 0);
}

static void what_cannot_be_plugged_is_taken_back(void **state)
{
	(void)state;
	drivers_need_root();
	drivers_set(definition, "fake-machine", "fail_in", "plug");
	bring_up();
	must_fail(plug("more", NULL, err), EIO, "isolation fake-machine: plug failed as asked");
	assert_false(drivers_trace_of("fake-block", "hand-over.vm.disk2"));
	assert_false(drivers_trace_of("fake-block", "make-volume.more"));
	must_fail(plug(NULL, "back", err), EIO, "plug failed as asked");
	assert_false(drivers_trace("attach.vm.back"));
	expect_stored("data /srv/cd.iso | front ");
	assert_null(hyfw_definition_get(definition, "disk"));
	must_fail(unplug("0", NULL, err), EIO, "plug failed as asked");
	assert_true(drivers_trace_of("fake-block", "hand-over.vm.disk0"));
	bring_down();
}

static void a_workload_that_does_not_run_is_changed_too(void **state)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *add = NULL;
	struct hyfw_device_change change = { 0 };

	(void)state;
	drivers_need_root();
	definition->transient = false;
	must(hyfw_worker_create(definition, err));
	change.add = add = addition("/srv/more.img", NULL);
	must(hyfw_devices_change("vm", &change, err));
	expect_stored("data /srv/cd.iso /srv/more.img | front ");
	change = (struct hyfw_device_change){ .disk = "1" };
	must(hyfw_devices_change("vm", &change, err));
	expect_stored("data /srv/more.img | front ");
	change = (struct hyfw_device_change){ .network = "none" };
	must_fail(hyfw_devices_change("vm", &change, err), ENOENT, "workload vm: it is not on the network none");
	assert_int_equal(drivers_traces(), 0);
	must(hyfw_worker_remove("vm", err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_disk_comes_and_goes),
		TEST(the_others_keep_their_places),
		TEST(a_network_comes_and_goes),
		TEST(what_cannot_be_plugged_is_taken_back),
		TEST(a_workload_that_does_not_run_is_changed_too),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
