/* SPDX-License-Identifier: BSD-3-Clause
 * The module's steps for machines: QEMU's label, and files that are a machine's own while it
 * has them. */
#include "selinux_steps.h"

static struct hyfw_subject machine(const char *name, bool emulated, const struct hyfw_map *settings)
{
	return (struct hyfw_subject){ .size = sizeof(struct hyfw_subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = name,
				      .workload = name, .memory_overhead = 1, .emulated = emulated, .settings = *settings };
}

static void a_machine_has_labels_of_its_own(void **state)
{
	const struct hyfw_map none = { 0 };
	const struct hyfw_subject kvm = machine("vm", false, &none), tcg = machine("vm", true, &none);
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);

	(void)state;
	policy.closed = "nothing";
	plan(instance, &kvm);
	assert_non_null(strstr(fake.steps[1].summary, ":svirt_t:s0 "));
	assert_non_null(strstr(fake.steps[1].summary, ":svirt_image_t:s0"));
	plan(instance, &tcg); /* the name that most policies have for it */
	assert_non_null(strstr(fake.steps[1].summary, ":svirt_tcg_t:s0 "));
	policy.no_execmem = true;
	plan(instance, &kvm);
	assert_int_equal(module()->common->plan(instance, &tcg, NULL, fake.arena, &err), -EACCES);
	says(err, "a boolean such as virt_use_execmem");
	policy.unknown = "svirt_t";
	assert_int_equal(module()->common->plan(instance, &kvm, NULL, fake.arena, &err), -EINVAL);
	says(err, "install one with machine types, choose another type (selinux_type, or machine_type in [plugin selinux])");
	module()->common->close(instance);
}

static bool make_file(const char *name)
{
	static const char old[] = "system_u:object_r:var_t:s0";

	put(name, "");
	return setxattr(path(name), LABEL_ATTRIBUTE, old, sizeof(old), 0) == 0;
}

/* The step of a disk of 'vm', planned and applied. */
static int give_disk(void *instance, const struct hyfw_subject *vm, const char *source, const char *lower, uint32_t flags,
		     struct hyfw_error **err)
{
	const char *const bases[] = { lower ? path(lower) : NULL, NULL };
	const struct hyfw_attachment disk = { .size = sizeof(disk), .kind = HYFW_ATTACHMENT_BLOCK, .flags = flags,
					      .source = path(source), .lower = lower ? bases : NULL };
	struct hyfw_subject subject = *vm;
	struct hyfw_call call;

	subject.kind = HYFW_SUBJECT_DISK;
	plan(instance, &subject);
	assert_int_equal(fake.step_count, 1);
	assert_int_equal(fake.steps[0].lifetime, HYFW_LIFETIME_RUN);
	memset(records, 0, sizeof(records));
	call = call_of(0, NULL);
	call.disk = &disk;
	return module()->common->apply(instance, &call, err);
}

static void files_of_a_machine_are_its_own_while_it_has_them(void **state)
{
	const struct hyfw_pair kernel = { "kernel", path("kernel") };
	const struct hyfw_map settings = { 1, &kernel };
	const struct hyfw_subject vm = machine("vm", false, &settings), other = machine("other", false, &settings);
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);
	const char *pair;

	(void)state;
	if (!make_file("disk") || !make_file("base") || !make_file("kernel") || !make_file("iso"))
		skip();
	plan(instance, &vm);
	apply_all(instance, NULL);
	pair = hyfw_map_get(&records[0], "categories");
	assert_true(label_is("kernel", "virt_content_t:s0"));
	assert_int_equal(give_disk(instance, &vm, "disk", "base", 0, &err), 0);
	assert_true(label_is("disk", hyfw_arena_format(fake.arena, "svirt_image_t:s0:%s", pair)));
	assert_true(label_is("base", "virt_content_t:s0"));

	plan(instance, &other);
	apply_all(instance, NULL);
	assert_int_equal(give_disk(instance, &other, "disk", NULL, 0, &err), -EBUSY);
	says(err, "of workload vm, which this one may not use");
	assert_true(label_is("disk", pair));
	assert_int_equal(give_disk(instance, &other, "iso", "base", HYFW_ATTACH_READ_ONLY, &err), 0);
	assert_true(label_is("iso", "virt_content_t:s0"));
	undo(instance, 0);
	assert_true(label_is("iso", "var_t"));
	assert_true(label_is("base", "virt_content_t:s0")); /* vm has it still */
	plan(instance, &other);
	undo(instance, 1);
	assert_true(label_is("kernel", "virt_content_t:s0"));
	undo(instance, 0);

	assert_int_equal(give_disk(instance, &vm, "disk", "base", 0, &err), 0); /* again, as after a crash */
	undo(instance, 0);
	assert_true(label_is("disk", "var_t"));
	assert_true(label_is("base", "var_t"));
	plan(instance, &vm);
	undo(instance, 1);
	assert_true(label_is("kernel", "var_t"));
	policy.reads = "var_t"; /* what the machine may read as it is stays so */
	apply_all(instance, NULL);
	assert_true(label_is("kernel", "var_t"));
	undo(instance, 1);
	undo(instance, 0);
	module()->common->close(instance);
}

static void what_a_crash_leaves_of_a_disk_goes_when_the_machine_does_not_run(void **state)
{
	static const char *const names[] = { "vm", NULL }, *const nobody[] = { NULL };
	const struct hyfw_alive runs = { .size = sizeof(runs), .workloads = names, .running = names },
				stopped = { .size = sizeof(stopped), .workloads = names, .running = nobody };
	const struct hyfw_map none = { 0 };
	const struct hyfw_subject vm = machine("vm", false, &none);
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);

	(void)state;
	if (!make_file("disk"))
		skip();
	plan(instance, &vm);
	apply_all(instance, NULL);
	assert_int_equal(give_disk(instance, &vm, "disk", NULL, 0, &err), 0);
	assert_int_equal(module()->common->gc(instance, &runs, &err), 0);
	assert_true(label_is("disk", "svirt_image_t"));
	assert_int_equal(module()->common->gc(instance, &stopped, &err), 0);
	assert_true(label_is("disk", "var_t"));
	assert_int_equal(pairs_count(here), 1); /* which the workload keeps */
	module()->common->close(instance);
}

/* A disk in a volume of containers has the volume's label, where a machine may write to that. */
static void a_container_and_a_machine_share_a_volume(void **state)
{
	const char *volume = hyfw_arena_format(fake.arena, "data|/data|rw|z");
	const struct hyfw_subject web = SUBJECT("web", false, { "selinux", "auto" }, { "volume", volume });
	const struct hyfw_pair where = { "data", path("data") };
	const struct hyfw_map volumes = { 1, &where }, none = { 0 };
	const struct hyfw_subject vm = machine("vm", false, &none);
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);

	(void)state;
	if (!make_volume())
		skip();
	plan(instance, &vm);
	apply_all(instance, NULL);
	plan(instance, &web);
	apply_all(instance, &volumes);
	assert_int_equal(give_disk(instance, &vm, "data/file", NULL, 0, &err), -EBUSY);
	says(err, "which workload web has, lie in one another");
	policy.writes = "container_file_t";
	assert_int_equal(give_disk(instance, &vm, "data/file", NULL, 0, &err), 0);
	assert_true(label_is("data/file", "container_file_t:s0"));
	plan(instance, &web);
	undo(instance, 1);
	undo(instance, 0); /* the container is gone, and the machine uses it still */
	assert_true(label_is("data/file", "container_file_t:s0"));
	policy.writes = NULL;
	{
		struct hyfw_subject subject = vm;

		subject.kind = HYFW_SUBJECT_DISK;
		plan(instance, &subject);
	}
	undo(instance, 0);
	assert_true(label_is("data/file", "var_t"));
	module()->common->close(instance);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENFORCING(a_machine_has_labels_of_its_own),
		ENFORCING(files_of_a_machine_are_its_own_while_it_has_them),
		ENFORCING(what_a_crash_leaves_of_a_disk_goes_when_the_machine_does_not_run),
		ENFORCING(a_container_and_a_machine_share_a_volume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
