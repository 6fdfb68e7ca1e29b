/* SPDX-License-Identifier: BSD-3-Clause
 * Machines in the engine: disks and taps are made before the isolation driver
 * creates, which gets them as data; no root, no command, no hosts files. */
#include "machines_fixture.h"

#include "engine/plan.h"

static char *verbs(const struct hyfw_plan *plan)
{
	char *text = hyfw_dup("");
	size_t i;

	for (i = 0; i < plan->count; i++) {
		char *longer = hyfw_format("%s%s%s", text, i ? ", " : "", plan->steps[i].step.verb);

		free(text);
		text = longer;
	}
	return text;
}

static void disks_and_taps_stand_before_create(void **state)
{
	HYFW_AUTO_FREE char *text = NULL;
	struct hyfw_plan plan;

	(void)state;
	drivers_need_root();
	hyfw_plan_init(&plan);
	must(hyfw_plan_workload(&plan, definition, ~0u, err));
	text = verbs(&plan);
	assert_string_equal(text, "guard, hand-over, hand-over, reserve, attach, create, start");
	assert_string_equal(plan.steps[1].subject, "disk 0");
	assert_string_equal(plan.steps[1].driver, "fake-block");
	assert_int_equal(plan.steps[1].about, HYFW_SUBJECT_DISK);
	assert_string_equal(plan.steps[2].subject, "disk 1");
	assert_string_equal(plan.steps[2].driver, "qcow2");
	hyfw_plan_finish(&plan);
}

static void with_an_image_its_root_comes_first(void **state)
{
	HYFW_AUTO_FREE char *text = NULL;
	struct hyfw_plan plan;

	(void)state;
	drivers_need_root();
	hyfw_pairs_set(&definition->settings, "image", "base");
	hyfw_pairs_set(&definition->settings, "storage", "fake-block");
	hyfw_plan_init(&plan);
	must(hyfw_plan_workload(&plan, definition, ~0u, err));
	text = verbs(&plan);
	assert_string_equal(text, "guard, make-root, hand-over, hand-over, reserve, attach, create, start");
	hyfw_plan_finish(&plan);
}

static void drivers_are_told_what_they_deal_with(void **state)
{
	struct hyfw_subject subject;

	(void)state;
	drivers_need_root();
	subject = hyfw_subject_endpoint(definition, 0);
	assert_true(subject.takes_tap);
	subject = hyfw_subject_workload(definition);
	assert_int_equal(subject.memory_overhead, 64 << 20);
	assert_true(subject.transient);
	subject = hyfw_subject_disk(definition, 1);
	assert_int_equal(subject.kind, HYFW_SUBJECT_DISK);
	assert_int_equal(subject.index, 1);
	assert_string_equal(hyfw_map_get(&subject.disk, "source"), "/srv/cd.iso");
	assert_string_equal(hyfw_map_get(&subject.disk, "read_only"), "true");
	assert_int_equal(subject.settings.count, 0);
	assert_string_equal(subject.workload, "vm");
	assert_string_equal(subject.isolation, "fake-machine");
	hyfw_pairs_set(&definition->settings, "isolation", "fake-isolation");
	subject = hyfw_subject_endpoint(definition, 0);
	assert_false(subject.takes_tap);
	subject = hyfw_subject_workload(definition);
	assert_int_equal(subject.memory_overhead, 0);
}

/* What the fake was given, from the journal. */
static void a_machine_comes_up_with_its_devices_and_goes(void **state)
{
	static const int stdio[3] = { -1, -1, -1 };

	(void)state;
	drivers_need_root();
	must(hyfw_worker_open(&worker, definition, err));
	must(hyfw_worker_bring_up(&worker, stdio, err));
	expect_devices(" disk=/srv/data.img:raw disk=/srv/cd.iso:raw,ro tap=hyt-fake");
	assert_true(drivers_trace_of("fake-block", "hand-over.vm.disk0"));
	assert_true(drivers_trace_of("fake-block", "make-volume.data"));
	assert_true(drivers_trace_of("qcow2", "hand-over.vm.disk1"));
	assert_int_not_equal(access(drivers_file("workloads/vm/hosts"), F_OK), 0);
	assert_int_equal(access(drivers_file("shared/volume/data/users/vm"), F_OK), 0);
	must(hyfw_worker_bring_down(&worker, err));
	hyfw_worker_close(&worker);
	assert_false(drivers_trace_of("fake-block", "hand-over.vm.disk0"));
	assert_false(drivers_trace_of("fake-block", "make-volume.data"));
	assert_false(drivers_trace_of("qcow2", "hand-over.vm.disk1"));
}

static void a_disk_that_fails_takes_all_back(void **state)
{
	static const int stdio[3] = { -1, -1, -1 };

	(void)state;
	drivers_need_root();
	drivers_set(definition, "qcow2", "fail_at", "1");
	must(hyfw_worker_open(&worker, definition, err));
	must_fail(hyfw_worker_bring_up(&worker, stdio, err), EIO, "workload vm: storage qcow2: step 1 failed as asked");
	hyfw_worker_close(&worker);
	assert_false(drivers_trace_of("fake-block", "hand-over.vm.disk0"));
	assert_false(drivers_trace_of("fake-block", "make-volume.data"));
	assert_false(drivers_trace_of("qcow2", "hand-over.vm.disk1"));
	assert_false(drivers_trace_of("fake-machine", "create.vm"));
}

static int refuse_start(void *data, struct hyfw_error **err)
{
	*(bool *)data = drivers_trace_of("fake-machine", "create.vm") && !drivers_trace_of("fake-machine", "start.vm");
	return hyfw_fail(err, ESTALE, "not any more");
}

static void what_may_not_start_is_taken_back(void **state)
{
	static const int stdio[3] = { -1, -1, -1 };
	bool between = false;

	(void)state;
	drivers_need_root();
	must(hyfw_worker_open(&worker, definition, err));
	worker.permit = refuse_start;
	worker.progress_data = &between;
	must_fail(hyfw_worker_bring_up(&worker, stdio, err), ESTALE, "workload vm: not any more");
	hyfw_worker_close(&worker);
	assert_true(between);
	assert_false(drivers_trace_of("fake-machine", "create.vm"));
	assert_false(drivers_trace_of("qcow2", "hand-over.vm.disk1"));
}

static void disks_are_stored(void **state)
{
	HYFW_AUTO_FREE char *json = hyfw_definition_to_json(definition), *again = NULL;
	HYFW_AUTO_DEFINITION struct hyfw_definition *read = NULL;

	(void)state;
	must(hyfw_definition_from_json(json, &read, err));
	again = hyfw_definition_to_json(read);
	assert_string_equal(json, again);
	assert_true(hyfw_definition_equal(definition, read));
	hyfw_pairs_set(&read->disks[1].options, "boot", "1");
	assert_false(hyfw_definition_equal(definition, read));
	must_fail(hyfw_definition_from_json("{\"version\":1,\"name\":\"a\",\"transient\":false,\"created\":0,\"host_uid\":0,"
					    "\"host_gid\":0,\"id_count\":0,\"settings\":{},\"networks\":[],\"volumes\":[],"
					    "\"plugins\":{},\"disks\":[{\"name\":\"x\",\"driver\":\"y\",\"read_only\":false,"
					    "\"anonymous\":false,\"settings\":{}}]}", &read, err),
		  EINVAL, "not a workload definition");
}

static void operations_reach_the_driver(void **state)
{
	static const struct hyfw_pair pairs[] = { { "row", "" }, { "name", "one" } };
	struct hyfw_operation operation = { .size = sizeof(operation), .verb = "echo", .object = "vm",
					    .args = { 2, pairs }, .input_fd = -1, .output_fd = -1 };
	const struct hyfw_device device = { .size = sizeof(device), .name = "disk2" };
	const struct hyfw_map none = { 0 };
	struct hyfw_driver *machine, *storage, *security;
	struct hyfw_subject subject;
	struct hyfw_map result = { 0 };

	(void)state;
	drivers_need_root();
	subject = hyfw_subject_workload(definition);
	must(hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, "fake-machine", &machine, err));
	must(hyfw_definition_driver(definition, HYFW_KIND_STORAGE, "fake-block", &storage, err));
	must(hyfw_definition_driver(definition, HYFW_KIND_SECURITY, "fake-security", &security, err));
	must(hyfw_isolation_operate(machine, &none, &operation, &result, err));
	assert_string_equal(hyfw_map_get(&result, "name"), "one");
	must(hyfw_storage_operate(storage, &operation, &result, err));
	assert_int_equal(result.count, 2);
	must(hyfw_security_update(security, &subject, &none, err));
	operation.verb = "sing";
	must_fail(hyfw_isolation_operate(machine, &none, &operation, &result, err), ENOTSUP,
		  "isolation fake-machine: there is no operation sing");
	must(hyfw_isolation_plug(machine, &none, &device, true, err));
	assert_true(drivers_trace_of("fake-machine", "plugged.disk2"));
	must(hyfw_isolation_plug(machine, &none, &device, false, err));
	must(hyfw_isolation_plug(machine, &none, &device, false, err));
	assert_false(drivers_trace_of("fake-machine", "plugged.disk2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(disks_and_taps_stand_before_create),
		TEST(with_an_image_its_root_comes_first),
		TEST(drivers_are_told_what_they_deal_with),
		TEST(a_machine_comes_up_with_its_devices_and_goes),
		TEST(a_disk_that_fails_takes_all_back),
		TEST(what_may_not_start_is_taken_back),
		TEST(disks_are_stored),
		TEST(operations_reach_the_driver),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
