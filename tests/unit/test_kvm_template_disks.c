/* SPDX-License-Identifier: BSD-3-Clause
 * The disks of templates, without machines and without qemu-img: which there are, what
 * they must look like, how much they may come to. */
#include <sys/mman.h>

#include "kvm_template_fixture.h"

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

static void a_disk_that_somebody_keeps_open_is_none_of_a_template(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	HYFW_AUTO_CLOSE int fd = -1;
	int kept;
	char *map;

	(void)state;
	write_qcow2("disk.qcow2", NULL);
	fd = open(path_of("disk.qcow2"), O_RDONLY | O_CLOEXEC);
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		skip(); /* a file system without leases */
	fcntl(fd, F_SETLEASE, F_UNLCK);
	kept = open(path_of("disk.qcow2"), O_RDWR | O_CLOEXEC);
	assert_int_equal(kvm_template_disk_own(host, path_of("disk.qcow2"), &fd, &err), -EBUSY);
	assert_non_null(strstr(err->message, "somebody has it open to write"));
	map = mmap(NULL, 512, PROT_READ | PROT_WRITE, MAP_SHARED, kept, 0);
	close(kept);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(kvm_template_disk_own(host, path_of("disk.qcow2"), &fd, NULL), -EBUSY);
	munmap(map, 512);
	assert_int_equal(kvm_template_disk_own(host, path_of("disk.qcow2"), &fd, NULL), 0);
	assert_int_equal(fcntl(fd, F_GETLEASE), F_UNLCK);
}

static void disks_that_only_read_count_once(void **state)
{
	KVM_AUTO_PUT struct json_object *disks = live("[{\"size\":10},{\"size\":5,\"read_only\":true},{\"size\":-1},{}]");

	(void)state;
	assert_int_equal(kvm_template_bytes_of(disks, false), 15);
	assert_int_equal(kvm_template_bytes_of(disks, true), 10);
}

int kvm_template_disks_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(others_than_at_the_start_are_refused_by_name, begin, end),
		cmocka_unit_test_setup_teardown(a_machine_gets_the_disks_of_its_template_in_their_order, begin, end),
		cmocka_unit_test_setup_teardown(a_disk_that_is_not_as_it_was_made_is_no_base, begin, end),
		cmocka_unit_test_setup_teardown(a_disk_with_the_name_of_a_path_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(what_was_written_while_it_was_copied_is_no_copy, begin, end),
		cmocka_unit_test_setup_teardown(all_that_there_is_counts_as_a_guest_sees_it, begin, end),
		cmocka_unit_test_setup_teardown(a_disk_that_somebody_keeps_open_is_none_of_a_template, begin, end),
		cmocka_unit_test_setup_teardown(disks_that_only_read_count_once, begin, end),
	};

	return cmocka_run_group_tests_name("kvm-template-disks", tests, NULL, NULL);
}
