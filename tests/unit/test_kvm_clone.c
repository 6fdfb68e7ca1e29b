/* SPDX-License-Identifier: BSD-3-Clause
 * Disks of templates and of the machines that start from them, without machines and
 * without qemu-img: which there are, what they must look like, who may read them. */
#include "kvm_fixture.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "isolation/kvm/template/template.h"

static char directory[] = "/tmp/hyfw-clone.XXXXXX";
static const struct hyfw_host *host;
static struct hyfw_host own_host;

static const char *data_directory(const char *driver, enum hyfw_directory which)
{
	(void)driver;
	(void)which;
	return directory;
}

static int no_lock(const char *name, struct hyfw_error **err)
{
	(void)name;
	(void)err;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int begin(void **state)
{
	fake_host_begin(state);
	own_host = *kvm_test_host();
	own_host.directory = data_directory;
	own_host.lock = no_lock;
	host = &own_host;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int end(void **state)
{
	hyfw_remove_tree(AT_FDCWD, directory, NULL);
	return fake_host_end(state);
}

static const char *path_of(const char *name)
{
	return hyfw_arena_format(fake.arena, "%s/%s", directory, name);
}

static void make_directory(const char *name)
{
	assert_int_equal(mkdir(path_of(name), 0711), 0);
}

static void write_file(const char *name, const void *data, size_t size)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* The header of a qcow2 file of 1 MiB (docs/interop/qcow2.txt of QEMU); 'backing' may be
 * NULL. */
static void write_qcow2(const char *name, const char *backing)
{
	uint8_t bytes[1024] = { 'Q', 'F', 'I', 0xfb, [7] = 3, [23] = 16, [29] = 0x10, [103] = 104 };
	size_t at = 104;

	if (backing) {
		memcpy(bytes + at, "\xe2\x79\x2a\xca\0\0\0\5qcow2\0\0\0", 16);
		at += 24; /* and the end of the extensions */
		bytes[14] = (uint8_t)(at >> 8);
		bytes[15] = (uint8_t)at;
		bytes[19] = (uint8_t)strlen(backing);
		memcpy(bytes + at, backing, strlen(backing));
	}
	write_file(name, bytes, sizeof(bytes));
}

/* ---- which there are ---- */

static struct hyfw_workload machine(void)
{
	static struct kvm_test_disk root = { "/r.qcow2", "qcow2", "", 0 };
	static struct kvm_test_disk more[] = { { "/v.raw", "raw", "bus=scsi\nserial=a&b", 0 },
					       { "/c.iso", "raw", "device=cdrom", HYFW_ATTACH_READ_ONLY } };
	struct hyfw_attachment *disks = hyfw_arena_alloc(fake.arena, 2 * sizeof(*disks));

	disks[0] = kvm_test_attachment(&more[0]);
	disks[1] = kvm_test_attachment(&more[1]);
	return (struct hyfw_workload){ .size = sizeof(struct hyfw_workload), .name = "web",
				       .root = kvm_test_attachment(&root), .disks = disks, .disk_count = 2 };
}

static struct json_object *live(const char *text)
{
	struct json_object *disks = json_tokener_parse(text);

	assert_non_null(disks);
	return disks;
}

#define ROOT "{\"name\":\"ua-root\",\"path\":\"/top.qcow2\",\"format\":\"qcow2\"}"
#define DISK1 "{\"name\":\"ua-disk1\",\"path\":\"/v.raw\",\"format\":\"raw\"}"
#define DISK2 "{\"name\":\"ua-disk2\",\"path\":\"/c.iso\",\"format\":\"raw\"}"
#define DISK3 "{\"name\":\"ua-disk3\",\"path\":\"/d\",\"format\":\"raw\"}"

static const char *match_error(const char *text)
{
	const struct hyfw_workload workload = machine();
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	KVM_AUTO_PUT struct json_object *disks = kvm_template_disks_of(host, fake.arena, &workload);
	KVM_AUTO_PUT struct json_object *now = live(text);

	if (kvm_template_disks_match(host, disks, now, &err) < 0)
		return hyfw_arena_dup(fake.arena, err->message);
	assert_string_equal(kvm_keep_text(json_object_array_get_idx(disks, 0), "path"), "/top.qcow2");
	assert_string_equal(kvm_keep_text(json_object_array_get_idx(disks, 1), "format"), "raw");
	return "";
}

static void others_than_at_the_start_are_refused_by_name(void **state)
{
	(void)state;
	assert_string_equal(match_error("[" ROOT "," DISK1 "," DISK2 "]"), "");
	assert_string_equal(match_error("[" DISK2 "," DISK1 "," ROOT "]"), "");
	assert_non_null(strstr(match_error("[" ROOT "," DISK1 "," DISK2 "," DISK3 "]"), "disk3 was plugged in"));
	assert_non_null(strstr(match_error("[" ROOT "," DISK2 "]"), "disk1 was taken out"));
	assert_non_null(strstr(match_error("[]"), "root was taken out"));
}

static void a_machine_gets_the_disks_of_its_template_in_their_order(void **state)
{
	struct hyfw_workload workload = machine(), clone = { .size = sizeof(clone), .name = "two" };
	KVM_AUTO_PUT struct json_object *disks = kvm_template_disks_of(host, fake.arena, &workload);
	const struct kvm_template template = { .name = "t", .directory = "/t", .disks = disks };

	(void)state;
	kvm_template_attach(host, fake.arena, &template, "/own", &clone);
	assert_int_equal(clone.root.kind, HYFW_ATTACHMENT_BLOCK);
	assert_string_equal(clone.root.source, "/own/root.qcow2");
	assert_string_equal(clone.root.format, "qcow2");
	assert_int_equal(clone.disk_count, 2);
	assert_string_equal(clone.disks[0].source, "/own/disk1.qcow2");
	assert_string_equal(hyfw_map_get(&clone.disks[0].options, "bus"), "scsi");
	assert_string_equal(hyfw_map_get(&clone.disks[0].options, "serial"), "a&b");
	assert_int_equal(clone.disks[0].flags, 0);
	assert_string_equal(clone.disks[1].source, "/t/disk2.qcow2"); /* which is only read */
	assert_int_equal(clone.disks[1].flags, HYFW_ATTACH_READ_ONLY);
	assert_string_equal(hyfw_map_get(&clone.disks[1].options, "device"), "cdrom");
}

/* ---- what they look like ---- */

/* A template "t" with the disks root and disk1. */
static void write_template(void)
{
	static const char *const names[] = { "root", "disk1" };
	KVM_AUTO_PUT struct json_object *header = json_object_new_object();
	struct json_object *disks = kvm_keep_array(header, "disks");
	size_t i;

	make_directory("templates");
	make_directory("templates/t");
	write_file("templates/t/memory", "0123456789", 10);
	json_object_object_add(header, "version", json_object_new_int(KVM_TEMPLATE_VERSION));
	json_object_object_add(header, "bytes", json_object_new_int(10));
	for (i = 0; i < KVM_COUNT(names); i++) {
		const char *file = hyfw_arena_format(fake.arena, "templates/t/%s.qcow2", names[i]);
		struct json_object *disk = json_object_new_object();
		HYFW_AUTO_CLOSE int fd = -1;

		write_qcow2(file, NULL);
		fd = open(path_of(file), O_RDONLY | O_CLOEXEC);
		json_object_object_add(disk, "name", json_object_new_string(names[i]));
		assert_int_equal(kvm_template_disk_note(host, disk, path_of(file), fd, NULL), 0);
		json_object_array_add(disks, disk);
	}
	assert_int_equal(kvm_keep_write(host, fake.arena, path_of("templates/t/template.json"), header, NULL), 0);
}

static const char *open_error(void)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	KVM_AUTO_TEMPLATE struct kvm_template template = { 0 };

	if (kvm_template_open(host, fake.arena, "t", &template, &err) < 0)
		return hyfw_arena_dup(fake.arena, err->message);
	assert_int_equal(json_object_array_length(template.disks), 2);
	return "";
}

static void set_time(const char *name, const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };

	assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

static void a_disk_that_is_not_as_it_was_made_is_no_base(void **state)
{
	struct stat st;

	(void)state;
	write_template();
	assert_string_equal(open_error(), "");
	assert_int_equal(stat(path_of("templates/t/disk1.qcow2"), &st), 0);
	st.st_mtim.tv_nsec ^= 1;
	set_time("templates/t/disk1.qcow2", &st);
	assert_non_null(strstr(open_error(), "template t is damaged: its disk disk1 has changed since"));
	st.st_mtim.tv_nsec ^= 1;
	set_time("templates/t/disk1.qcow2", &st);
	assert_string_equal(open_error(), "");
	write_qcow2("templates/t/disk1.qcow2", "/etc/shadow"); /* as long, and with its time */
	set_time("templates/t/disk1.qcow2", &st);
	assert_non_null(strstr(open_error(), "its disk disk1 is not what was made"));
	assert_int_equal(unlink(path_of("templates/t/disk1.qcow2")), 0);
	assert_non_null(strstr(open_error(), "its disk disk1 is missing"));
	assert_int_equal(symlink("/etc/passwd", path_of("templates/t/disk1.qcow2")), 0);
	assert_non_null(strstr(open_error(), "its disk disk1 is missing"));
}

static void a_disk_with_the_name_of_a_path_is_refused(void **state)
{
	static const char *const names[] = { "../root", "disk", "disk1/x", "disk12345", "", "root2" };
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(names); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		KVM_AUTO_PUT struct json_object *disks = json_object_new_array();
		struct json_object *disk = json_object_new_object();

		json_object_object_add(disk, "name", json_object_new_string(names[i]));
		json_object_array_add(disks, disk);
		assert_int_equal(kvm_template_disks_check(host, fake.arena, "t", directory, disks, &err), -EBADMSG);
		assert_non_null(strstr(err->message, "a disk has no name"));
	}
}

static void what_was_written_while_it_was_copied_is_no_copy(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	KVM_AUTO_PUT struct json_object *disk = json_object_new_object();
	HYFW_AUTO_CLOSE int fd = -1;

	(void)state;
	write_qcow2("bad.qcow2", "/etc/shadow");
	fd = open(path_of("bad.qcow2"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(kvm_template_disk_note(host, disk, "bad.qcow2", fd, &err), -EPERM);
}

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
	assert_int_equal(kvm_template_use(host, fake.arena, "web.one", &t, false, NULL), 0);
	assert_false(kvm_template_has_begun(host, fake.arena, "web.one", &t));
	assert_null(kvm_template_other(host, fake.arena, "web.one", &u)); /* nothing is lost */
	assert_int_equal(kvm_template_use(host, fake.arena, "web.one", &t, true, NULL), 0);
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

/* ---- how much they may come to ---- */

static void all_that_there_is_counts_as_a_guest_sees_it(void **state)
{
	const uint64_t mib = 1 << 20;
	int lock = -1;
	struct hyfw_error *err = NULL;

	(void)state;
	write_template();
	make_directory("clones");
	make_directory("clones/two");
	make_directory("templates/.u.1");
	write_qcow2("clones/two/root.qcow2", path_of("templates/t/root.qcow2"));
	write_qcow2("templates/.u.1/root.qcow2", NULL); /* which does not count yet */
	assert_int_equal(kvm_template_space_take(host, fake.arena, 5 * mib, 2 * mib, &lock, NULL), 0);
	assert_true(lock >= 0);
	close(lock);
	assert_int_equal(kvm_template_space_take(host, fake.arena, 5 * mib, 2 * mib + 1, &lock, &err), -EDQUOT);
	assert_int_equal(lock, -1);
	assert_non_null(strstr(err->message, "no room for disks of 3 MiB: 2 MiB of 5 MiB are free"));
	hyfw_error_free(err);
	err = NULL;
	assert_int_equal(kvm_template_space_take(host, fake.arena, mib, 1, &lock, &err), -EDQUOT); /* less than there is */
	hyfw_error_free(err);
	assert_int_equal(kvm_template_space_take(host, fake.arena, mib, 0, &lock, NULL), 0);
	assert_int_equal(kvm_template_space_take(host, fake.arena, 0, UINT64_MAX, &lock, NULL), 0);
	assert_int_equal(lock, -1);
}

static void disks_that_only_read_count_once(void **state)
{
	KVM_AUTO_PUT struct json_object *disks = live("[{\"size\":10},{\"size\":5,\"read_only\":true},{\"size\":-1},{}]");

	(void)state;
	assert_int_equal(kvm_template_bytes_of(disks, false), 15);
	assert_int_equal(kvm_template_bytes_of(disks, true), 10);
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
		cmocka_unit_test_setup_teardown(others_than_at_the_start_are_refused_by_name, begin, end),
		cmocka_unit_test_setup_teardown(a_machine_gets_the_disks_of_its_template_in_their_order, begin, end),
		cmocka_unit_test_setup_teardown(a_disk_that_is_not_as_it_was_made_is_no_base, begin, end),
		cmocka_unit_test_setup_teardown(a_disk_with_the_name_of_a_path_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(what_was_written_while_it_was_copied_is_no_copy, begin, end),
		cmocka_unit_test_setup_teardown(its_own_disks_must_lie_on_those_of_the_template, begin, end),
		cmocka_unit_test_setup_teardown(who_has_begun_has_disks_of_its_own, begin, end),
		cmocka_unit_test_setup_teardown(disks_of_workloads_that_are_gone_go, begin, end),
		cmocka_unit_test_setup_teardown(all_that_there_is_counts_as_a_guest_sees_it, begin, end),
		cmocka_unit_test_setup_teardown(disks_that_only_read_count_once, begin, end),
		cmocka_unit_test_setup_teardown(each_user_is_named_and_the_others_stay_out, begin, end),
		cmocka_unit_test_setup_teardown(firmware_that_hangs_on_it_gets_no_number, begin, end),
	};

	return cmocka_run_group_tests_name("kvm-clone", tests, NULL, NULL);
}
