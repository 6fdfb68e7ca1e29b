/* SPDX-License-Identifier: BSD-3-Clause
 * Machines that start from a template, without machines and without qemu-img: the disks
 * that they have, who may read the template's, the number of their generation. */
#include "kvm_template_fixture.h"

#include <sys/xattr.h>

/* ---- of a machine that starts ---- */

static const char *prepare_error(bool begun, struct hyfw_workload *workload)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	KVM_AUTO_TEMPLATE struct kvm_template template = { 0 };
	struct kvm_clone clone = { .host = host, .arena = fake.arena, .template = &template, .workload = workload,
				   .begun = begun };

	assert_int_equal(kvm_template_open(host, fake.arena, "t", &template, NULL), 0);
	if (kvm_clone_prepare(&clone, &err) < 0)
		return hyfw_arena_dup(fake.arena, err->message);
	return "";
}

static void its_own_disks_must_lie_on_those_of_the_template(void **state)
{
	struct hyfw_workload workload = { .size = sizeof(workload), .name = "two" };

	(void)state;
	write_template();
	make_directory("clones");
	make_directory("clones/two");
	write_qcow2("clones/two/root.qcow2", path_of("templates/t/root.qcow2"));
	write_qcow2("clones/two/disk1.qcow2", path_of("templates/t/disk1.qcow2"));
	assert_string_equal(prepare_error(true, &workload), "");
	assert_string_equal(workload.root.source, path_of("clones/two/root.qcow2"));
	assert_int_equal(workload.disk_count, 1);
	write_qcow2("clones/two/disk1.qcow2", "/etc/shadow");
	assert_non_null(strstr(prepare_error(true, &workload), "it says that it is based on '/etc/shadow' and is not"));
	write_qcow2("clones/two/disk1.qcow2", NULL);
	assert_non_null(strstr(prepare_error(true, &workload), "it says that it is based on '' and is not"));
	write_file("clones/two/disk1.qcow2", "x", 1);
	assert_non_null(strstr(prepare_error(true, &workload), "it is no qcow2 file any more"));
	assert_int_equal(unlink(path_of("clones/two/disk1.qcow2")), 0);
	assert_non_null(strstr(prepare_error(true, &workload), "disk1.qcow2: No such file"));
}

static void who_has_begun_has_disks_of_its_own(void **state)
{
	const struct kvm_template t = { .name = "t", .memory = "/dev/null" }, u = { .name = "u", .memory = "/dev/null" };

	(void)state;
	assert_false(kvm_template_has_begun(host, fake.arena, "web.one", &t));
	assert_int_equal(kvm_template_use(host, fake.arena, "web.one", &t, NULL), 0);
	assert_false(kvm_template_has_begun(host, fake.arena, "web.one", &t));
	assert_null(kvm_template_other(host, fake.arena, "web.one", &u)); /* nothing is lost */
	assert_int_equal(kvm_template_has_disks(host, fake.arena, "web.one", NULL), 0);
	assert_true(kvm_template_has_begun(host, fake.arena, "web.one", &t));
	assert_false(kvm_template_has_begun(host, fake.arena, "web.one", &u));
	assert_null(kvm_template_other(host, fake.arena, "web.one", &t));
	assert_string_equal(kvm_template_other(host, fake.arena, "web.one", &u), "t");
	assert_string_equal(kvm_template_users(host, fake.arena, "t"), "web.one");
	kvm_template_leave(host, fake.arena, "web.one");
	assert_string_equal(kvm_template_users(host, fake.arena, "t"), "");
}

static void disks_of_workloads_that_are_gone_go(void **state)
{
	static const char *const names[] = { "web", NULL };
	const struct hyfw_alive alive = { .size = sizeof(alive), .workloads = names };

	(void)state;
	make_directory("clones");
	make_directory("clones/web");
	make_directory("clones/web.one");
	write_file("clones/web.one/root.qcow2", "x", 1);
	kvm_clone_gc(host, fake.arena, &alive);
	assert_int_equal(access(path_of("clones/web"), F_OK), 0);
	assert_int_equal(access(path_of("clones/web.one"), F_OK), -1);
	kvm_clone_remove(host, fake.arena, "../clones/web");
	kvm_clone_remove(host, fake.arena, "");
	kvm_clone_remove(host, fake.arena, "..");
	assert_int_equal(access(path_of("clones/web"), F_OK), 0);
	kvm_clone_remove(host, fake.arena, "web");
	assert_int_equal(access(path_of("clones"), F_OK), -1);
}

/* ---- who may read them ---- */

static bool names_user(const char *name, uint32_t uid)
{
	uint8_t list[256];
	const ssize_t size = getxattr(path_of(name), "system.posix_acl_access", list, sizeof(list));
	ssize_t at;

	for (at = 4; at + 8 <= size; at += 8) {
		uint32_t id;

		memcpy(&id, list + at + 4, sizeof(id));
		if (list[at] == 2 && list[at + 2] == 4 && id == uid)
			return true;
	}
	return false;
}

static void each_user_is_named_and_the_others_stay_out(void **state)
{
	struct stat st;

	(void)state;
	write_file("disk", "x", 1);
	assert_int_equal(chmod(path_of("disk"), 0600), 0);
	assert_int_equal(kvm_template_let_read(host, path_of("disk"), getuid(), NULL), 0);
	assert_int_equal(getxattr(path_of("disk"), "system.posix_acl_access", NULL, 0), -1); /* its owner's already */
	assert_int_equal(kvm_template_let_read(host, path_of("disk"), 300001, NULL), 0);
	assert_int_equal(stat(path_of("disk"), &st), 0);
	if (getxattr(path_of("disk"), "system.posix_acl_access", NULL, 0) < 0) {
		assert_int_equal(st.st_mode & 0777, 0604); /* a file system without lists */
		return;
	}
	assert_int_equal(st.st_mode & 07, 0);
	assert_int_equal(kvm_template_let_read(host, path_of("disk"), 300002, NULL), 0);
	assert_int_equal(kvm_template_let_read(host, path_of("disk"), 300001, NULL), 0);
	assert_true(names_user("disk", 300001));
	assert_true(names_user("disk", 300002));
	assert_false(names_user("disk", 300003));
	assert_int_equal(getxattr(path_of("disk"), "system.posix_acl_access", NULL, 0), 4 + 6 * 8); /* once each */
}

/* ---- the number of a generation ---- */

static void firmware_that_hangs_on_it_gets_no_number(void **state)
{
	static const struct kvm_facts here = { .genid = KVM_TEST_UUID }, there = { .genid = KVM_TEST_UUID, .hosted = true };
	static const struct { const char *settings; bool takes; } machines[] = {
		{ "image=a", true }, { "firmware=efi", true }, { "kernel=/k", false }, { "kernel=/k\nfirmware=bios", true },
		{ "firmware=qboot\nkernel=/k", false }, { "image=a\nacpi=false", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(machines); i++) {
		const struct hyfw_map settings = kvm_test_map(machines[i].settings);

		assert_int_equal(kvm_domain_takes_genid(&settings, &here), machines[i].takes);
		assert_false(kvm_domain_takes_genid(&settings, &there));
	}
}

int kvm_clone_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(its_own_disks_must_lie_on_those_of_the_template, begin, end),
		cmocka_unit_test_setup_teardown(who_has_begun_has_disks_of_its_own, begin, end),
		cmocka_unit_test_setup_teardown(disks_of_workloads_that_are_gone_go, begin, end),
		cmocka_unit_test_setup_teardown(each_user_is_named_and_the_others_stay_out, begin, end),
		cmocka_unit_test_setup_teardown(firmware_that_hangs_on_it_gets_no_number, begin, end),
	};

	return cmocka_run_group_tests_name("kvm-clone", tests, NULL, NULL);
}
