/* SPDX-License-Identifier: BSD-3-Clause
 * Files of external snapshots on disks that are not to be reached, that another host has
 * marked, or of which no record can be made; and directories of any depth. */
#include "kvm_template_fixture.h"

#include <glob.h>
#include <sys/utsname.h>
#include <sys/xattr.h>

#include "isolation/kvm/snapshot/layer.h"

#define RECORD "machines/vm.json"

static const struct hyfw_map nothing = { 0 };

/* disk1 of machine vm, with a file on it; its record says that 'mount' is below it. */
static void write_record(const char *disk, const char *mount)
{
	KVM_AUTO_PUT struct json_object *kept = json_object_new_object();
	struct json_object *noted = json_object_new_object();

	json_object_object_add(noted, "name", json_object_new_string("disk1"));
	json_object_object_add(noted, "path", json_object_new_string(path_of(disk)));
	json_object_object_add(noted, "format", json_object_new_string("raw"));
	if (mount)
		json_object_object_add(noted, "mount", json_object_new_string(mount));
	json_object_array_add(kvm_keep_array(kept, "disks"), noted);
	kvm_layer_add(kept, path_of("1.qcow2"), path_of(disk), path_of(disk));
	write_qcow2("1.qcow2", path_of(disk));
	make_directory("machines");
	assert_int_equal(kvm_keep_write(host, fake.arena, path_of(RECORD), kept, NULL), 0);
}

static bool is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

/* ---- what is not to be reached ---- */

static void assert_left(const char *words)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

	assert_int_equal(kvm_layers_drop(host, fake.arena, "vm", &err), -EBUSY);
	if (!strstr(err->message, words) || !strstr(err->message, path_of(RECORD)))
		fail_msg("%s", err->message);
	assert_true(is_there("1.qcow2"));
}

static void what_lies_on_a_disk_that_is_not_mounted_stays(void **state)
{
	(void)state;
	make_directory("disks");
	write_record("disks/a", path_of("disks"));
	assert_left("nothing is mounted on");
}

static void a_directory_that_is_missing_may_be_mounted_again(void **state)
{
	(void)state;
	write_record("disks/a", NULL);
	assert_left("its directory is not there");
}

static void what_lies_on_a_disk_that_is_gone_goes(void **state)
{
	KVM_AUTO_PUT struct json_object *kept = NULL;

	(void)state;
	write_record("disks/a", kvm_mount_of(host, fake.arena, path_of("disks/a")));
	assert_int_equal(kvm_layers_drop(host, fake.arena, "vm", NULL), 0);
	assert_int_equal(kvm_keep_load(host, fake.arena, "vm", &kept, NULL), 0);
	assert_false(kvm_layer_any(kept));
}

static void a_mount_is_found(void **state)
{
	(void)state;
	assert_string_equal(kvm_mount_of(host, fake.arena, "/proc/self/status"), "/proc");
	assert_string_equal(kvm_mount_of(host, fake.arena, "/vmlinuz"), "/");
	assert_false(kvm_mount_is_absent(host, fake.arena, "/proc/none", "/proc"));
	assert_true(kvm_mount_is_absent(host, fake.arena, path_of("none"), directory));
}

/* ---- marks ---- */

static void set_mark(const char *text)
{
	if (lsetxattr(path_of("a"), HYFW_ATTRIBUTE_SNAPSHOTS, text, strlen(text), 0) < 0)
		skip(); /* root alone, and not on every file system */
}

static const char *mark(void)
{
	char text[512] = "";

	return lgetxattr(path_of("a"), HYFW_ATTRIBUTE_SNAPSHOTS, text, sizeof(text) - 1) < 0 ? "" : hyfw_arena_dup(fake.arena, text);
}

/* Of machine vm, which starts. */
static const char *use_error(void)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	const struct kvm_test_disk disk = { .source = path_of("a"), .format = "raw" };
	struct hyfw_attachment disks[] = { kvm_test_attachment(&disk) };
	struct hyfw_workload workload = { .size = sizeof(workload), .name = "vm", .disks = disks, .disk_count = 1 };

	return kvm_layers_use(host, fake.arena, &workload, &err) < 0 ? hyfw_arena_dup(fake.arena, err->message) : "";
}

static void a_mark_says_whose_and_where(void **state)
{
	struct kvm_layers layers = { .host = host, .arena = fake.arena, .workload = "vm",
				     .kept = json_object_new_object() };
	struct utsname name;

	(void)state;
	write_file("a", "", 0);
	set_mark("vm"); /* as it was once */
	assert_string_equal(use_error(), "");
	kvm_layer_add(layers.kept, path_of("1.qcow2"), path_of("a"), path_of("a"));
	kvm_layer_mark(&layers, path_of("a"));
	assert_int_equal(uname(&name), 0);
	assert_true(strncmp(mark(), "vm hyfw ", 8) == 0 && strcmp(strrchr(mark(), ' ') + 1, name.nodename) == 0);
	assert_string_equal(use_error(), "");
	kvm_layer_remove(layers.kept, path_of("1.qcow2"));
	kvm_layer_mark(&layers, path_of("a"));
	assert_string_equal(mark(), "");
	json_object_put(layers.kept);
}

static void what_another_host_has_marked_is_not_used_and_stays_marked(void **state)
{
	static const char foreign[] = "vm hyfw 0123456789abcdef0123456789abcdef beta";
	struct kvm_layers layers = { .host = host, .arena = fake.arena, .workload = "vm",
				     .kept = json_object_new_object() };

	(void)state;
	write_file("a", "", 0);
	set_mark(foreign);
	assert_non_null(strstr(use_error(), "workload vm of beta has external snapshots of it"));
	kvm_layer_mark(&layers, path_of("a"));
	assert_string_equal(mark(), foreign);
	kvm_layer_add(layers.kept, path_of("1.qcow2"), path_of("a"), path_of("a"));
	kvm_layer_mark(&layers, path_of("a"));
	assert_string_equal(mark(), foreign);
	json_object_put(layers.kept);
}

/* ---- making them ---- */

/* For qemu-img, whose file is there already. */
static int run_nothing(struct hyfw_arena *arena, const struct hyfw_program *program, char **ret_output,
		       struct hyfw_error **err)
{
	(void)arena;
	(void)program;
	(void)err;
	if (ret_output)
		*ret_output = NULL;
	return 0;
}

static int create(struct json_object *kept, struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *snapshot = json_object_new_object();
	const struct hyfw_operation asked = { .size = sizeof(asked), .object = "vm", .arena = fake.arena };
	struct kvm_instance kvm = { .host = host };
	struct hyfw_map result = nothing;
	struct kvm_operation operation = { .kvm = &kvm, .asked = &asked, .ret_result = &result };

	json_object_object_add(snapshot, "name", json_object_new_string("one"));
	return kvm_external_create(&operation, kept, snapshot, err);
}

static struct json_object *kept_of_a(void)
{
	return json_tokener_parse(hyfw_arena_format(fake.arena, "{\"disks\":[{\"name\":\"disk1\",\"path\":\"%s\","
						    "\"format\":\"raw\",\"device\":\"disk\"}]}", path_of("a")));
}

static size_t count_layers(void)
{
	glob_t found = { 0 };
	size_t count;

	glob(path_of(".hyfw-vm-*/*.qcow2"), 0, NULL, &found);
	count = found.gl_pathc;
	globfree(&found);
	return count;
}

static void a_snapshot_of_a_machine_that_stands_is_made(void **state)
{
	KVM_AUTO_PUT struct json_object *kept = kept_of_a();

	(void)state;
	write_file("a", "", 0);
	own_host.run = run_nothing;
	assert_int_equal(create(kept, NULL), 0);
	assert_int_equal(count_layers(), 1);
}

static void without_a_record_nothing_is_left(void **state)
{
	KVM_AUTO_PUT struct json_object *kept = kept_of_a();

	(void)state;
	write_file("a", "", 0);
	make_directory("machines");
	make_directory(RECORD ".new"); /* in its way */
	own_host.run = run_nothing;
	assert_true(create(kept, NULL) < 0);
	assert_false(kvm_layer_any(kept));
	assert_int_equal(count_layers(), 0);
	assert_string_equal(mark(), "");
}

static void refused(struct json_object *kept, const char *words)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

	assert_true(create(kept, &err) < 0);
	if (!strstr(err->message, words))
		fail_msg("%s", err->message);
	assert_int_equal(count_layers(), 0);
}

static void what_other_hosts_have_takes_none(void **state)
{
	KVM_AUTO_PUT struct json_object *kept = kept_of_a();

	(void)state;
	write_file("a", "", 0);
	own_host.run = run_nothing;
	json_object_object_add(json_object_array_get_idx(kvm_keep_array(kept, "disks"), 0), "shared",
			       json_object_new_boolean(true));
	refused(kept, "shared = yes");
	json_object_object_del(json_object_array_get_idx(kvm_keep_array(kept, "disks"), 0), "shared");
	set_mark("vm hyfw 0123456789abcdef0123456789abcdef beta");
	refused(kept, "of beta has external snapshots");
}

/* ---- directories ---- */

static void no_tree_is_too_deep(void **state)
{
	const char *at = "tree";
	unsigned depth;

	(void)state;
	make_directory("kept");
	write_file("kept/file", "", 0);
	for (depth = 0; depth < 60; depth++) {
		make_directory(at);
		write_file(hyfw_arena_format(fake.arena, "%s/file", at), "", 0);
		assert_int_equal(symlink(path_of("kept"), path_of(hyfw_arena_format(fake.arena, "%s/link", at))), 0);
		make_directory(hyfw_arena_format(fake.arena, "%s/.deep.%u", at, depth));
		at = hyfw_arena_format(fake.arena, "%s/d", at);
	}
	assert_int_equal(kvm_remove_tree(path_of("tree")), 0);
	assert_false(is_there("tree"));
	assert_true(is_there("kept/file"));
	assert_int_equal(kvm_remove_tree(path_of("tree")), 0); /* gone already */
}

int kvm_layers_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_lies_on_a_disk_that_is_not_mounted_stays, begin, end),
		cmocka_unit_test_setup_teardown(a_directory_that_is_missing_may_be_mounted_again, begin, end),
		cmocka_unit_test_setup_teardown(what_lies_on_a_disk_that_is_gone_goes, begin, end),
		cmocka_unit_test_setup_teardown(a_mount_is_found, begin, end),
		cmocka_unit_test_setup_teardown(a_mark_says_whose_and_where, begin, end),
		cmocka_unit_test_setup_teardown(what_another_host_has_marked_is_not_used_and_stays_marked, begin, end),
		cmocka_unit_test_setup_teardown(a_snapshot_of_a_machine_that_stands_is_made, begin, end),
		cmocka_unit_test_setup_teardown(without_a_record_nothing_is_left, begin, end),
		cmocka_unit_test_setup_teardown(what_other_hosts_have_takes_none, begin, end),
		cmocka_unit_test_setup_teardown(no_tree_is_too_deep, begin, end),
	};

	return cmocka_run_group_tests_name("kvm layers and files", tests, NULL, NULL);
}
