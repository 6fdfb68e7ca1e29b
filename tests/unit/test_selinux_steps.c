/* SPDX-License-Identifier: BSD-3-Clause
 * The module's steps, with a policy that the test plays: these functions stand before those
 * of libselinux. */
#include <selinux/selinux.h>

#include "selinux_fixture.h"

static struct {
	int enabled, enforcing;
	const char *unknown;  /* no label with this in it is valid */
	const char *closed;   /* nor is there a way to one with this in it */
	const char *reads, *writes; /* files whose label has this in it may be used so */
	bool no_execmem;
} policy;

enum { PROCESS = 2, FILES = 3 };
enum { TRANSITION = 4, EXECMEM = 8, READ = 16, WRITE = 32 };

int is_selinux_enabled(void)
{
	return policy.enabled;
}

int security_getenforce(void)
{
	return policy.enforcing;
}

int is_selinux_mls_enabled(void)
{
	return 1;
}

int security_check_context_raw(const char *label)
{
	return policy.unknown && strstr(label, policy.unknown) ? -1 : 0;
}

security_class_t string_to_security_class(const char *name)
{
	return strcmp(name, "process") == 0 ? PROCESS : strcmp(name, "file") == 0 ? FILES : 0;
}

access_vector_t string_to_av_perm(security_class_t class, const char *name)
{
	if (class == PROCESS)
		return strcmp(name, "transition") == 0 ? TRANSITION : strcmp(name, "execmem") == 0 ? EXECMEM : 0;
	return strcmp(name, "write") == 0 ? WRITE : strcmp(name, "entrypoint") == 0 ? 0 : READ;
}

int security_compute_av_raw(const char *from, const char *to, security_class_t class, access_vector_t wanted,
			    struct av_decision *decision)
{
	(void)from;
	(void)wanted;
	memset(decision, 0, sizeof(*decision));
	if (class == FILES)
		decision->allowed = (policy.writes && strstr(to, policy.writes) ? READ | WRITE : 0) |
				    (policy.reads && strstr(to, policy.reads) ? READ : 0);
	else
		decision->allowed = policy.closed && strstr(to, policy.closed) ? 0 :
				    TRANSITION | (policy.no_execmem ? 0 : EXECMEM);
	return 0;
}

int getcon_raw(char **label)
{
	*label = strdup("unconfined_u:unconfined_r:unconfined_t:s0");
	return *label ? 0 : -1;
}

static int enforcing(void **state)
{
	memset(&policy, 0, sizeof(policy));
	policy.enabled = policy.enforcing = 1;
	return begin(state);
}

static const struct hyfw_plugin *module(void)
{
	return hyfw_plugin_entry_v1();
}

static const struct hyfw_security_ops *ops(void)
{
	return module()->ops;
}

static void *instance_new(const char *categories)
{
	const struct hyfw_pair pair = { "categories", categories };
	const struct hyfw_map settings = { categories ? 1 : 0, &pair };
	struct hyfw_error *err = NULL;
	void *instance = NULL;

	assert_int_equal(module()->common->open(&host, &settings, &instance, &err), 0);
	return instance;
}

#define SUBJECT(name_, transient_, ...)                                                              \
	{                                                                                            \
		.size = sizeof(struct hyfw_subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = name_,    \
		.transient = transient_, .settings = {                                                \
			sizeof((struct hyfw_pair[]){ __VA_ARGS__ }) / sizeof(struct hyfw_pair),       \
			(struct hyfw_pair[]){ __VA_ARGS__ } }                                         \
	}

static void plan(void *instance, const struct hyfw_subject *subject)
{
	struct hyfw_error *err = NULL;

	fake.step_count = 0;
	if (module()->common->plan(instance, subject, NULL, fake.arena, &err) < 0)
		fail_msg("%s", err->message);
}

/* Each step's notes are its own. */
static struct hyfw_map records[4];

static struct hyfw_call call_of(size_t step, const struct hyfw_map *volumes)
{
	struct hyfw_call call = { .size = sizeof(call), .step = &fake.steps[step], .arena = fake.arena, .netns_fd = -1,
				  .record = records[step] };

	if (volumes)
		call.volumes = *volumes;
	return call;
}

static int apply(void *instance, size_t step, const struct hyfw_map *volumes, struct hyfw_error **err)
{
	struct hyfw_call call = call_of(step, volumes);
	struct hyfw_map notes;
	int result;

	hyfw_pairs_finish(&fake.notes);
	memset(&fake.notes, 0, sizeof(fake.notes));
	result = module()->common->apply(instance, &call, err);
	notes = hyfw_pairs_map(&fake.notes);
	records[step] = hyfw_arena_map(fake.arena, &notes);
	return result;
}

static void apply_all(void *instance, const struct hyfw_map *volumes)
{
	struct hyfw_error *err = NULL;
	size_t i;

	memset(records, 0, sizeof(records));
	for (i = 0; i < fake.step_count; i++)
		if (apply(instance, i, volumes, &err) < 0)
			fail_msg("%s", err->message);
}

static void undo(void *instance, size_t step)
{
	struct hyfw_call call = call_of(step, NULL);
	struct hyfw_error *err = NULL;

	if (module()->common->undo(instance, &call, &err) < 0)
		fail_msg("%s", err->message);
}

/* ---- plans ---- */

static void a_plan_has_the_pair_and_the_label(void **state)
{
	const struct hyfw_subject kept = SUBJECT("web", false, { "selinux", "auto" }), gone = SUBJECT("web", true, { "selinux", "auto" });
	const struct hyfw_subject level = SUBJECT("web", false, { "selinux_level", "s0:c1,c2" });
	void *instance = instance_new(NULL);

	(void)state;
	plan(instance, &kept);
	assert_int_equal(fake.step_count, 2);
	assert_string_equal(fake.steps[0].verb, "categories");
	assert_int_equal(fake.steps[0].lifetime, HYFW_LIFETIME_WORKLOAD);
	assert_int_equal(fake.steps[1].lifetime, HYFW_LIFETIME_RUN);
	assert_non_null(strstr(fake.steps[1].summary, "system_u:system_r:container_t:s0"));
	plan(instance, &gone);
	assert_int_equal(fake.steps[0].lifetime, HYFW_LIFETIME_RUN);
	plan(instance, &level);
	assert_int_equal(fake.step_count, 1);
	module()->common->close(instance);
}

static void without_selinux_there_is_only_a_note(void **state)
{
	const struct hyfw_subject subject = SUBJECT("web", false, { "selinux", "auto" }), no = SUBJECT("web", false, { "selinux", "no" });
	const struct hyfw_subject yes = SUBJECT("web", false, { "selinux", "yes" });
	struct hyfw_confinement confinement = { .size = sizeof(confinement) };
	const struct hyfw_map none = { 0 };
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);

	(void)state;
	plan(instance, &no);
	assert_int_equal(fake.steps[0].flags, HYFW_STEP_NOTE);
	policy.enabled = 0;
	plan(instance, &subject);
	assert_int_equal(fake.step_count, 1);
	assert_int_equal(fake.steps[0].flags, HYFW_STEP_NOTE);
	assert_int_equal(ops()->confine(instance, &subject, &none, fake.arena, &confinement, &err), 0);
	assert_null(confinement.process_label);
	assert_int_equal(module()->common->check(instance, &yes, &err), -ENOTSUP);
	says(err, "SELinux is off on this host");
	module()->common->close(instance);
}

static void what_the_policy_lacks_is_refused(void **state)
{
	const struct hyfw_subject subject = SUBJECT("web", false, { "selinux", "auto" });
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);

	(void)state;
	policy.unknown = "container_t";
	assert_int_equal(module()->common->plan(instance, &subject, NULL, fake.arena, &err), -EINVAL);
	says(err, "the SELinux policy has no label system_u:system_r:container_t:s0:c0,c1");
	policy.unknown = NULL;
	policy.closed = ":system_r:"; /* our own role, then */
	plan(instance, &subject);
	assert_non_null(strstr(fake.steps[1].summary, "system_u:unconfined_r:container_t:s0"));
	policy.closed = "container_t";
	assert_int_equal(module()->common->plan(instance, &subject, NULL, fake.arena, &err), -EACCES);
	says(err, "does not let hyfw, which runs as unconfined_u:unconfined_r:unconfined_t:s0, start a process as");
	module()->common->close(instance);
}

/* ---- steps ---- */

static bool label_is(const char *name, const char *part)
{
	char label[256] = "";

	getxattr(path(name), LABEL_ATTRIBUTE, label, sizeof(label) - 1);
	return strstr(label, part) != NULL;
}

static bool make_volume(void)
{
	static const char old[] = "system_u:object_r:var_t:s0";

	mkdir(path("data"), 0755);
	put("data/file", "");
	return setxattr(path("data"), LABEL_ATTRIBUTE, old, sizeof(old), 0) == 0 &&
	       setxattr(path("data/file"), LABEL_ATTRIBUTE, old, sizeof(old), 0) == 0;
}

static void a_run_and_its_end(void **state)
{
	const char *volume = hyfw_arena_format(fake.arena, "data|/data|rw|Z"), *pair;
	const struct hyfw_subject subject = SUBJECT("web", false, { "selinux", "auto" }, { "volume", volume });
	struct hyfw_confinement confinement = { .size = sizeof(confinement) };
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);
	const struct hyfw_pair where = { "data", path("data") };
	const struct hyfw_map volumes = { 1, &where };

	(void)state;
	if (!make_volume())
		skip();
	plan(instance, &subject);
	apply_all(instance, &volumes);
	pair = hyfw_map_get(&records[0], "categories");
	assert_non_null(pair);
	assert_string_equal(hyfw_map_get(&records[1], "mode"), "enforcing");
	assert_int_equal(ops()->confine(instance, &subject, &records[1], fake.arena, &confinement, &err), 0);
	assert_string_equal(confinement.process_label,
			    hyfw_arena_format(fake.arena, "system_u:system_r:container_t:s0:%s", pair));
	assert_string_equal(confinement.mount_label,
			    hyfw_arena_format(fake.arena, "system_u:object_r:container_file_t:s0:%s", pair));
	assert_true(label_is("data/file", pair));
	undo(instance, 1); /* it stops */
	assert_true(label_is("data/file", pair));
	apply_all(instance, &volumes); /* and starts: the same pair */
	assert_string_equal(hyfw_map_get(&records[1], "categories"), pair);
	undo(instance, 1);
	undo(instance, 0); /* it is removed */
	assert_true(label_is("data/file", "var_t"));
	assert_true(label_is("data", "var_t"));
	assert_int_equal(pairs_count(here), 0);
	undo(instance, 0);
	module()->common->close(instance);
}

/* ---- machines ---- */

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

/* A workload that was made while SELinux was off: its pair goes with the run. */
static void a_pair_that_the_run_took_goes_with_it(void **state)
{
	const struct hyfw_subject subject = SUBJECT("web", false, { "selinux", "auto" });
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);

	(void)state;
	plan(instance, &subject);
	memset(records, 0, sizeof(records));
	assert_int_equal(apply(instance, 1, NULL, &err), 0);
	assert_int_equal(pairs_count(here), 1);
	undo(instance, 1);
	assert_int_equal(pairs_count(here), 0);
	module()->common->close(instance);
}

static void a_system_directory_stops_the_start(void **state)
{
	const struct hyfw_subject subject = SUBJECT("web", true, { "selinux", "auto" }, { "volume", "/etc|/x|rw|Z" });
	struct hyfw_error *err = NULL;
	void *instance = instance_new(NULL);

	(void)state;
	plan(instance, &subject);
	memset(records, 0, sizeof(records));
	assert_int_equal(apply(instance, 0, NULL, &err), 0);
	assert_int_equal(apply(instance, 1, NULL, &err), -EPERM);
	says(err, "/etc belongs to the system");
	undo(instance, 1);
	undo(instance, 0);
	assert_int_equal(pairs_count(here), 0);
	module()->common->close(instance);
}

static void another_mode_is_told_once(void **state)
{
	const struct hyfw_subject subject = SUBJECT("web", true, { "selinux", "auto" });
	struct hyfw_error *err = NULL;
	struct hyfw_stats stats = { .size = sizeof(stats) };
	void *instance = instance_new(NULL);

	(void)state;
	plan(instance, &subject);
	apply_all(instance, NULL);
	assert_int_equal(ops()->stats(instance, &records[1], &stats, &err), 0);
	assert_int_equal(fake.warnings, 0);
	policy.enforcing = 0;
	assert_int_equal(ops()->stats(instance, &records[1], &stats, &err), 0);
	assert_int_equal(ops()->stats(instance, &records[1], &stats, &err), 0);
	assert_int_equal(fake.warnings, 1);
	module()->common->close(instance);
}

#define ENFORCING(name) cmocka_unit_test_setup_teardown(name, enforcing, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENFORCING(a_plan_has_the_pair_and_the_label),
		ENFORCING(without_selinux_there_is_only_a_note),
		ENFORCING(what_the_policy_lacks_is_refused),
		ENFORCING(a_run_and_its_end),
		ENFORCING(a_machine_has_labels_of_its_own),
		ENFORCING(files_of_a_machine_are_its_own_while_it_has_them),
		ENFORCING(what_a_crash_leaves_of_a_disk_goes_when_the_machine_does_not_run),
		ENFORCING(a_container_and_a_machine_share_a_volume),
		ENFORCING(a_pair_that_the_run_took_goes_with_it),
		ENFORCING(a_system_directory_stops_the_start),
		ENFORCING(another_mode_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
