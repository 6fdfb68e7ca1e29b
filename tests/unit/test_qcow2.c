/* SPDX-License-Identifier: BSD-3-Clause
 * Driver qcow2: the image store, root disks, volumes and disks that are handed over. */
#include "qcow2_fixture.h"

#define UID "65534"

static void an_image_of_any_format_becomes_qcow2(void **state)
{
	static const char *const formats[] = { "raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc" };
	struct fixture *fixture = *state;
	struct hyfw_image *images = NULL;
	struct hyfw_error *err = NULL;
	size_t i, count = 0;

	for (i = 0; i < HYFW_COUNT(formats); i++) {
		const char *source = fixture_path(fixture, formats[i]);
		const char *named = hyfw_arena_format(fixture->arena, "%s.%s", source, formats[i]);
		struct stat st;

		QEMU_IMG(fixture, "create", "-q", "-f", formats[i], named, "8M");
		import_image(fixture, formats[i], named);
		assert_int_equal(stat(fixture_path(fixture, hyfw_arena_format(fixture->arena,
						   "data/drivers/qcow2/images/%s/disk.qcow2", formats[i])), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0644);
	}
	assert_int_equal(fixture->ops->image_list(fixture->instance, fixture->arena, &images, &count, &err), 0);
	assert_int_equal(count, HYFW_COUNT(formats));
	assert_string_equal(images[0].name, "qcow2");
	assert_string_equal(images[0].format, "qcow2");
	assert_in_range(images[0].virtual_size, 8 * MIB, 9 * MIB);
	assert_int_equal(fixture->ops->image_remove(fixture->instance, "raw", &err), 0);
	fixture_failed(fixture->ops->image_remove(fixture->instance, "raw", &err), ENOENT, &err, "not found");
}

static void an_image_is_there_whole_or_not_at_all(void **state)
{
	struct fixture *fixture = *state;
	const char *broken = fixture_path(fixture, "broken.qcow2"), *good = fixture_path(fixture, "good.raw");
	struct hyfw_error *err = NULL;
	struct hyfw_image image = { .size = sizeof(image) };

	fixture_write(broken, "QFI\xfb and nothing more");
	fixture_failed(fixture->ops->image_import(fixture->instance, "a", broken, NULL, false, NULL, &err), EBADMSG, &err,
		       "broken.qcow2");
	fixture_failed(fixture->ops->image_get(fixture->instance, "a", fixture->arena, &image, &err), ENOENT, &err,
		       "not found");
	/* a whole header, and a table that leads nowhere */
	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", broken = fixture_path(fixture, "b.qcow2"), "8M");
	fixture_damage(broken, 0x30000); /* the L1 table: docs/interop/qcow2.txt of QEMU */
	fixture_failed(fixture->ops->image_import(fixture->instance, "a", broken, NULL, false, NULL, &err), EIO, &err,
		       "qemu-img");
	fixture_failed(fixture->ops->image_import(fixture->instance, "a", fixture->directory, NULL, false, NULL, &err),
		       EISDIR, &err, "build-disk");
	fixture_write(good, "good");
	assert_int_equal(truncate(good, MIB), 0);
	import_image(fixture, "a", good);
	fixture_failed(fixture->ops->image_import(fixture->instance, "a", good, NULL, false, NULL, &err), EEXIST, &err,
		       "--replace");
	assert_int_equal(fixture->ops->image_import(fixture->instance, "a", good, NULL, true, NULL, &err), 0);
}

static void sources_are_told_apart_by_what_is_in_them(void **state)
{
	struct fixture *fixture = *state;
	const char *disk = fixture_path(fixture, "disk.qcow2"), *text = fixture_path(fixture, "text");
	struct hyfw_error *err = NULL;
	bool accepts = false;

	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", disk, "8M");
	assert_int_equal(fixture->ops->image_accepts(fixture->instance, disk, &accepts, &err), 0);
	assert_true(accepts);
	fixture_write(text, "no disk at all");
	assert_int_equal(fixture->ops->image_accepts(fixture->instance, text, &accepts, &err), 0);
	assert_false(accepts);
	assert_int_equal(fixture->ops->image_accepts(fixture->instance, fixture->directory, &accepts, &err), 0);
	assert_false(accepts);
}

/* ---- root disks ---- */

static const struct hyfw_pair root_args[] = {
	{ "image", "debian" }, { "workload", "web" }, { "uid", UID }, { "gid", UID },
	{ "transient", "false" }, { "disk_size", "16777216" },
};
static const struct hyfw_pair use_args[] = { { "workload", "web" }, { "file", "web+debian.qcow2" } };

static void a_root_disk_is_an_overlay_of_its_own(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "data/drivers/qcow2/roots/web+debian.qcow2");
	const struct hyfw_pair settings[] = { { "image", "debian" } };
	const struct hyfw_subject subject = { .size = sizeof(subject), .kind = HYFW_SUBJECT_ROOT, .name = "web",
					      .workload = "web", .settings = { 1, settings } };
	struct hyfw_attachment attachment = { .size = sizeof(attachment) };
	struct hyfw_error *err = NULL;
	struct hyfw_map info = { 0 };
	struct stat st;

	make_image(fixture);
	assert_int_equal(fixture_plan(fixture, &subject), 2);
	fixture_forget_told();
	assert_int_equal(do_step(fixture, false, "root", root_args, 6, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	if (geteuid() == 0)
		assert_int_equal(st.st_uid, 65534);
	DO(fixture, &info, "info", "web");
	assert_int_equal(number(&info, "virtual_size"), 16 * MIB);
	assert_int_equal(fixture_attach(fixture, &subject, &attachment, &err), 0);
	assert_int_equal(attachment.kind, HYFW_ATTACHMENT_BLOCK);
	assert_string_equal(attachment.format, "qcow2");
	assert_string_equal(attachment.source, path);
	fixture_failed(fixture->ops->image_remove(fixture->instance, "debian", &err), EBUSY, &err, "workload web");
	fixture_failed(do_step(fixture, false, "root", root_args, 6, &err), EEXIST, &err, "already");
	assert_int_equal(do_step(fixture, true, "root", root_args, 6, &err), 0);
	assert_int_equal(do_step(fixture, true, "root", root_args, 6, &err), 0);
	assert_false(fixture_exists(path));
	assert_int_equal(fixture->ops->image_remove(fixture->instance, "debian", &err), 0);
}

static void a_disk_in_use_is_refused_by_name(void **state)
{
	struct fixture *fixture = *state;
	const char *nobody[] = { NULL };
	const struct hyfw_alive alive = { .size = sizeof(alive), .workloads = (const char *[]){ "web", NULL },
					  .running = nobody };
	struct hyfw_error *err = NULL;
	struct hyfw_map info = { 0 };

	make_image(fixture);
	assert_int_equal(do_step(fixture, false, "root", root_args, 6, &err), 0);
	assert_int_equal(do_step(fixture, false, "use-root", use_args, 2, &err), 0);
	REFUSED(fixture, EBUSY, "used by workload web", "resize", "web", "size", "33554432");
	REFUSED(fixture, EBUSY, "used by workload web", "snapshot-create", "web", "name", "one");
	DO(fixture, &info, "info", "web");
	assert_string_equal(hyfw_map_get(&info, "used_by"), "web");
	assert_int_equal(do_step(fixture, true, "use-root", use_args, 2, &err), 0);
	DO(fixture, NULL, "snapshot-create", "web", "name", "one");
	assert_int_equal(do_step(fixture, false, "use-root", use_args, 2, &err), 0);
	assert_int_equal(fixture->common->gc(fixture->instance, &alive, &err), 0); /* killed without undo */
	DO(fixture, NULL, "resize", "web", "size", "33554432");
}

/* What QEMU locks, as block/file-posix.c does it. */
static int lock_as_qemu(const char *path, off_t byte)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	return fd;
}

static void locks_of_hypervisors_count(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "disk.qcow2"), *to = fixture_path(fixture, "to.raw");
	int fd;

	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", path, "8M");
	fd = lock_as_qemu(path, 100); /* reads it */
	REFUSED(fixture, EBUSY, "another program uses it", "resize", path, "size", "16777216");
	DO(fixture, NULL, "convert", path, "to", to, "format", "raw");
	close(fd);
	fd = lock_as_qemu(path, 101); /* writes it */
	REFUSED(fixture, EBUSY, "another program writes", "convert", path, "to", fixture_path(fixture, "2.raw"), "format",
		"raw");
	close(fd);
	DO(fixture, NULL, "resize", path, "size", "16777216");
}

/* ---- volumes ---- */

static void a_volume_is_made_once_and_undone_only_untouched(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "data/drivers/qcow2/pool/data.qcow2");
	const struct hyfw_pair settings[] = { { "size", "8388608" } };
	const struct hyfw_subject subject = { .size = sizeof(subject), .kind = HYFW_SUBJECT_VOLUME, .name = "data",
					      .settings = { 1, settings } };
	struct hyfw_error *err = NULL;

	assert_int_equal(fixture_plan(fixture, &subject), 1);
	assert_int_equal(told.lifetime, HYFW_LIFETIME_SHARED);
	fixture_apply(fixture, NULL);
	assert_true(fixture_exists(path));
	fixture_undo(fixture, NULL);
	assert_false(fixture_exists(path));
	fixture_plan(fixture, &subject);
	fixture_apply(fixture, NULL);
	QEMU_IMG(fixture, "resize", "-q", path, "16M"); /* somebody writes to it */
	fixture_undo(fixture, NULL);
	assert_true(fixture_exists(path));
	fixture_plan(fixture, &subject);
	fixture_apply(fixture, NULL);
	fixture_undo(fixture, NULL); /* it was there before */
	assert_true(fixture_exists(path));
	assert_int_equal(fixture->ops->volume_remove(fixture->instance, "data", &err), 0);
	fixture_failed(fixture->ops->volume_remove(fixture->instance, "data", &err), ENOENT, &err, "not found");
}

static void a_pool_is_never_promised_twice(void **state)
{
	struct fixture *fixture = *state;
	const char *directory = fixture_path(fixture, "pool");
	struct hyfw_map pools = { 0 };

	reopen(fixture, "pool", hyfw_arena_format(fixture->arena, "fast|%s|20971520", directory));
	DO(fixture, NULL, "create", "one", "size", "12582912", "pool", "fast");
	REFUSED(fixture, EDQUOT, "pool fast", "create", "two", "size", "12582912", "pool", "fast");
	REFUSED(fixture, EDQUOT, "pool fast", "resize", "one", "size", "41943040");
	DO(fixture, NULL, "create", "two", "size", "8388608", "pool", "fast");
	REFUSED(fixture, EDQUOT, "pool fast", "clone", "two", "to", "three", "pool", "fast");
	DO(fixture, &pools, "pools", "");
	assert_string_equal(pools.items[6].value, "fast");
	assert_int_equal(strtoull(pools.items[10].value, NULL, 10), 20971520);
	REFUSED(fixture, ENOENT, "[pool slow]", "create", "x", "size", "8388608", "pool", "slow");
	assert_int_equal(chmod(directory, 0777), 0);
	REFUSED(fixture, EPERM, "somebody else may write", "create", "x", "size", "4096", "pool", "fast");
}

static uint64_t used_of_fast(struct fixture *fixture)
{
	struct hyfw_map pools = { 0 };

	DO(fixture, &pools, "pools", "");
	assert_string_equal(pools.items[6].value, "fast");
	return strtoull(pools.items[10].value, NULL, 10);
}

/* What a snapshot keeps is not the guest's to write any more. */
static void snapshots_count_in_a_pool(void **state)
{
	struct fixture *fixture = *state;
	const char *directory = fixture_path(fixture, "pool"), *one = fixture_path(fixture, "pool/one.qcow2");
	uint64_t before;

	reopen(fixture, "pool", hyfw_arena_format(fixture->arena, "fast|%s|20971520", directory));
	DO(fixture, NULL, "create", "one", "size", "12582912", "pool", "fast");
	qemu_img(fixture, (const char *const[]){ "qemu-io", "-f", "qcow2", "-c", "write 0 4M", one, NULL });
	before = used_of_fast(fixture);
	assert_int_equal(before, 12 * MIB);
	DO(fixture, NULL, "create", "two", "size", "6291456", "pool", "fast");
	REFUSED(fixture, EDQUOT, "2 MiB of its 20 MiB are free", "snapshot-create", "one", "name", "s");
	REFUSED(fixture, EDQUOT, "pool fast", "reserve", "one");
	assert_int_equal(used_of_fast(fixture), 18 * MIB);
	assert_int_equal(unlink(fixture_path(fixture, "pool/two.qcow2")), 0);
	REFUSED(fixture, EDQUOT, "pool fast", "reserve", "one", "memory", "4194304");
	DO(fixture, NULL, "reserve", "one", "memory", "1048576");
	assert_true(used_of_fast(fixture) >= 17 * MIB);
	DO(fixture, NULL, "release", "");
	assert_int_equal(used_of_fast(fixture), before);
	DO(fixture, NULL, "snapshot-create", "one", "name", "s");
	assert_true(used_of_fast(fixture) >= 16 * MIB);
	REFUSED(fixture, EDQUOT, "pool fast", "create", "two", "size", "6291456", "pool", "fast");
	DO(fixture, NULL, "snapshot-delete", "one", "name", "s");
	assert_int_equal(used_of_fast(fixture), before);
}

/* ---- handing over ---- */

static void disk_subject(struct hyfw_subject *subject, struct hyfw_pair *disk, const char *source, bool read_only)
{
	disk[0] = (struct hyfw_pair){ "source", source };
	disk[1] = (struct hyfw_pair){ "read_only", read_only ? "true" : "false" };
	disk[2] = (struct hyfw_pair){ "serial", "abc" };
	*subject = (struct hyfw_subject){ .size = sizeof(*subject), .kind = HYFW_SUBJECT_DISK, .name = source,
					  .workload = "web", .idmap = { 65534, 65534, 65536 }, .disk = { 3, disk } };
}

static void a_disk_is_handed_over_and_back(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "disk.raw");
	struct hyfw_attachment attachment = { .size = sizeof(attachment) };
	struct hyfw_subject subject;
	struct hyfw_pair disk[3];
	struct hyfw_error *err = NULL;
	struct stat st;

	if (geteuid() != 0)
		skip();
	fixture_write(path, "QFI\xfb"); /* what a guest could write; the name says raw */
	assert_int_equal(truncate(path, MIB), 0);
	assert_int_equal(chmod(path, 0640), 0);
	disk_subject(&subject, disk, path, false);
	fixture_plan(fixture, &subject);
	fixture_failed(fixture_do(fixture, false, "web", &err), EACCES, &err, "walk through"); /* mkdtemp(): 0700 */
	assert_int_equal(chmod(fixture->directory, 0711), 0);
	fixture_apply(fixture, "web");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	assert_int_equal(st.st_mode & 0600, 0600);
	assert_int_equal(fixture_attach(fixture, &subject, &attachment, &err), 0);
	assert_string_equal(attachment.format, "raw");
	assert_string_equal(hyfw_map_get(&attachment.options, "serial"), "abc");
	REFUSED(fixture, EBUSY, "used by workload web", "resize", path, "size", "2097152");
	fixture_undo(fixture, "web");
	fixture_undo(fixture, "web");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	DO(fixture, NULL, "resize", path, "size", "2097152");
}

static void two_workloads_do_not_write_one_disk(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "disk.raw");
	struct hyfw_subject subject;
	struct hyfw_pair disk[3];
	struct hyfw_error *err = NULL;

	if (geteuid() != 0)
		skip();
	fixture_write(path, "data");
	assert_int_equal(chmod(fixture->directory, 0711), 0);
	disk_subject(&subject, disk, path, false);
	fixture_plan(fixture, &subject);
	fixture_apply(fixture, "web");
	subject.workload = "other";
	fixture_plan(fixture, &subject);
	fixture_failed(fixture_do(fixture, false, "other", &err), EBUSY, &err, "workload web");
}

static void a_read_only_disk_that_others_read_stays_as_it_is(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "cd.iso");
	struct hyfw_subject subject;
	struct hyfw_pair disk[3];
	struct hyfw_error *err = NULL;
	struct stat st;
	int sign;

	if (geteuid() != 0)
		skip();
	fixture_write(path, "data");
	assert_int_equal(chmod(fixture->directory, 0711), 0);
	disk_subject(&subject, disk, path, true);
	fixture_failed(fixture->common->check(fixture->instance, &subject, &err), EINVAL, &err,
		       "nothing in it says that it is a disk");
	sign = open(path, O_WRONLY | O_CLOEXEC); /* as ISO 9660 has it */
	assert_int_equal(pwrite(sign, "CD001", 5, 0x8001), 5);
	close(sign);
	fixture_plan(fixture, &subject);
	fixture_apply(fixture, "web");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_gid, 0);
	assert_int_equal(chmod(path, 0600), 0); /* now they cannot */
	fixture_plan(fixture, &subject);
	fixture_apply(fixture, "web");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_gid, 65534);
	assert_int_equal(st.st_mode & 07777, 0640);
	fixture_undo(fixture, "web");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_gid, 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_image_of_any_format_becomes_qcow2, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(an_image_is_there_whole_or_not_at_all, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(sources_are_told_apart_by_what_is_in_them, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_root_disk_is_an_overlay_of_its_own, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_disk_in_use_is_refused_by_name, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(locks_of_hypervisors_count, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_volume_is_made_once_and_undone_only_untouched, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_pool_is_never_promised_twice, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(snapshots_count_in_a_pool, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_disk_is_handed_over_and_back, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(two_workloads_do_not_write_one_disk, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_read_only_disk_that_others_read_stays_as_it_is, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
