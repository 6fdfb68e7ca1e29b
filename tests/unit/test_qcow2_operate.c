/* SPDX-License-Identifier: BSD-3-Clause
 * Driver qcow2: what a disk may be based on, headers that are not to be trusted, and the
 * operations that qemu-img does. */
#include "qcow2_fixture.h"

#include <sys/mman.h>
#include <sys/xattr.h>

#include "storage/qcow2/header.h"

/* ---- chains ---- */

/* An overlay that says it is based on 'backing', which need not be there. */
static const char *make_evil(struct fixture *fixture, const char *name, const char *backing, const char *format)
{
	const char *path = fixture_path(fixture, name);

	unlink(path);
	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", "-u", "-b", backing, "-F", format, path, "1M");
	return path;
}

static void files_elsewhere_are_refused(void **state)
{
	static const struct {
		const char *backing, *part;
	} evil[] = {
		{ "/etc/shadow", "another directory" },
		{ "../etc/shadow", "'..'" },
		{ "sub/../../x", "'..'" },
		{ "json:{\"driver\":\"file\",\"filename\":\"/etc/shadow\"}", "protocol" },
		{ "nbd://127.0.0.1/x", "protocol" },
		{ "file:/etc/shadow", "protocol" },
	};
	struct fixture *fixture = *state;
	const char *to = fixture_path(fixture, "to.raw"), *path;
	size_t i;

	for (i = 0; i < HYFW_COUNT(evil); i++) {
		path = make_evil(fixture, "evil.qcow2", evil[i].backing, "raw");
		REFUSED(fixture, EPERM, evil[i].part, "convert", path, "to", to, "format", "raw");
		assert_false(fixture_exists(to));
		DO(fixture, NULL, "info", path); /* which opens nothing else */
	}
	assert_int_equal(symlink("/etc/shadow", fixture_path(fixture, "link")), 0);
	path = make_evil(fixture, "evil.qcow2", "link", "raw");
	REFUSED(fixture, EPERM, "another directory", "convert", path, "to", to, "format", "raw");
	path = fixture_path(fixture, "split.qcow2");
	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", "-o",
		 hyfw_arena_format(fixture->arena, "data_file=%s", fixture_path(fixture, "data.raw")), path, "1M");
	REFUSED(fixture, EPERM, "further file", "convert", path, "to", to, "format", "raw");
}

static void a_base_in_the_same_directory_is_fine_and_its_format_counts(void **state)
{
	struct fixture *fixture = *state;
	const char *base = fixture_path(fixture, "base.raw"), *overlay = fixture_path(fixture, "overlay.qcow2");
	const char *unnamed = fixture_path(fixture, "unnamed.img");

	fixture_write(base, "QFI\xfb a guest wrote this into its raw disk");
	assert_int_equal(truncate(base, MIB), 0);
	DO(fixture, NULL, "create", overlay, "backing", base);
	DO(fixture, NULL, "convert", overlay, "to", fixture_path(fixture, "flat.raw"), "format", "raw");
	assert_int_equal(rename(overlay, unnamed), 0);
	REFUSED(fixture, EPERM, "nobody has said", "convert", unnamed, "to", fixture_path(fixture, "2.raw"), "format",
		"raw");
	DO(fixture, NULL, "convert", unnamed, "to", fixture_path(fixture, "2.raw"), "format", "raw", "source_format",
	   "qcow2");
}

/* The hypervisor of a guest owns the file and can write its header. */
static void a_volume_stays_on_what_it_was_made_on(void **state)
{
	struct fixture *fixture = *state;
	const char *pool = fixture_path(fixture, "data/drivers/qcow2/pool");
	const char *clone = hyfw_arena_format(fixture->arena, "%s/clone.qcow2", pool);
	const char *other = hyfw_arena_format(fixture->arena, "%s/other.qcow2", pool);

	DO(fixture, NULL, "create", "base", "size", "1048576");
	DO(fixture, NULL, "create", "other", "size", "1048576");
	DO(fixture, NULL, "clone", "base", "to", "clone", "linked", "true");
	DO(fixture, NULL, "convert", "clone", "to", fixture_path(fixture, "1.raw"), "format", "raw");
	REFUSED(fixture, EBUSY, "clone is based on it", "resize", "base", "size", "2097152");
	QEMU_IMG(fixture, "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", other, clone);
	REFUSED(fixture, EPERM, "not the one that it was made on", "convert", "clone", "to",
		fixture_path(fixture, "2.raw"), "format", "raw");
	DO(fixture, NULL, "rebase", "clone", "backing", "base", "unsafe", "true");
	DO(fixture, NULL, "rebase", "clone", "backing", "other");
	DO(fixture, NULL, "resize", "base", "size", "2097152");
	DO(fixture, NULL, "commit", "clone");
	DO(fixture, NULL, "rebase", "clone", "backing", "");
	DO(fixture, NULL, "resize", "other", "size", "2097152");
}

/* What driver kvm makes for machines that start from a template. */
static void a_marked_disk_lies_on_what_it_is_marked_with_alone(void **state)
{
	struct fixture *fixture = *state;
	const char *base = fixture_path(fixture, "templates/base.qcow2"), *other = fixture_path(fixture, "templates/other.qcow2");
	const char *clone = fixture_path(fixture, "clones/clone.qcow2");

	assert_int_equal(mkdir(fixture_path(fixture, "templates"), 0711), 0);
	assert_int_equal(mkdir(fixture_path(fixture, "clones"), 0711), 0);
	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", base, "1M");
	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", other, "1M");
	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, clone);
	if (lsetxattr(base, HYFW_ATTRIBUTE_TEMPLATE, "t", 1, 0) < 0)
		skip(); /* not root, or a file system without such marks */
	REFUSED(fixture, EPERM, "another directory", "convert", clone, "to", fixture_path(fixture, "0.raw"), "format", "raw");
	assert_int_equal(lsetxattr(clone, HYFW_ATTRIBUTE_BASE, base, strlen(base), 0), 0);
	DO(fixture, NULL, "convert", clone, "to", fixture_path(fixture, "1.raw"), "format", "raw");
	DO(fixture, NULL, "check", base);
	REFUSED(fixture, EBUSY, "it is of template t", "resize", base, "size", "2097152");
	REFUSED(fixture, EBUSY, "it is of template t", "commit", clone);
	QEMU_IMG(fixture, "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", other, clone);
	REFUSED(fixture, EPERM, "not the one that it was made on", "convert", clone, "to", fixture_path(fixture, "2.raw"),
		"format", "raw");
	/* one in its own directory too */
	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", fixture_path(fixture, "clones/near.qcow2"), "1M");
	QEMU_IMG(fixture, "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "near.qcow2", clone);
	REFUSED(fixture, EPERM, "not the one that it was made on", "convert", clone, "to", fixture_path(fixture, "3.raw"),
		"format", "raw");
}

static void a_loop_of_backing_files_ends(void **state)
{
	struct fixture *fixture = *state;
	const char *path = make_evil(fixture, "loop.qcow2", "loop.qcow2", "qcow2");

	REFUSED(fixture, ELOOP, "based on each other", "check", path);
}

/* ---- headers ---- */

static int header_of(const void *data, size_t size, const char *format)
{
	int fd = memfd_create("header", MFD_CLOEXEC), result;
	struct qcow2_header header;
	const char *why = NULL;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	result = qcow2_header_read(fd, format, &header, &why);
	assert_true((result < 0) == (why != NULL));
	close(fd);
	return result;
}

static void a_damaged_header_is_refused(void **state)
{
	static const struct {
		size_t offset;
		unsigned char byte;
	} damages[] = {
		{ 7, 9 },      /* version */
		{ 23, 40 },    /* cluster_bits */
		{ 24, 0x7f },  /* size */
		{ 36, 0xff },  /* l1_size */
		{ 47, 1 },     /* l1_table_offset */
		{ 60, 0xff },  /* nb_snapshots */
		{ 72, 0x80 },  /* incompatible_features */
		{ 100, 0xff }, /* header_length */
		{ 108, 0xff }, /* length of the first extension */
	};
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "good.qcow2");
	unsigned char whole[4096], bad[4096];
	int fd;
	size_t i;

	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", path, "8M");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, whole, sizeof(whole)), sizeof(whole));
	close(fd);
	assert_int_equal(header_of(whole, sizeof(whole), "qcow2"), 0);
	for (i = 0; i < HYFW_COUNT(damages); i++) {
		memcpy(bad, whole, sizeof(whole));
		bad[damages[i].offset] = damages[i].byte;
		if (damages[i].offset == 108)
			memset(bad + 116, 0xff, 4);
		if (header_of(bad, sizeof(bad), "qcow2") == 0 && damages[i].offset != 108)
			fail_msg("byte %zu", damages[i].offset);
	}
	assert_true(header_of(whole, 40, "qcow2") < 0);
	assert_true(header_of("KDMV", 4, "vmdk") < 0);
	assert_true(header_of(whole, sizeof(whole), "vhdx") < 0);
	assert_int_equal(header_of("x", 1, "luks"), -ENOTSUP);
}

static void a_vmdk_of_several_files_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const char *flat = fixture_path(fixture, "flat.vmdk"), *base = fixture_path(fixture, "base.vmdk");
	const char *child = fixture_path(fixture, "child.vmdk"), *to = fixture_path(fixture, "to.raw");

	fixture_write(flat, "# Disk DescriptorFile\nversion=1\nRW 8 FLAT \"/etc/shadow\" 0\n");
	REFUSED(fixture, EBADMSG, "not in format vmdk", "convert", flat, "to", to, "format", "raw");
	QEMU_IMG(fixture, "create", "-q", "-f", "vmdk", base, "1M");
	QEMU_IMG(fixture, "create", "-q", "-f", "vmdk", "-F", "vmdk", "-b", base, child);
	REFUSED(fixture, EBADMSG, "parent", "convert", child, "to", to, "format", "raw");
	assert_false(fixture_exists(to));
}

/* ---- operations ---- */

static void snapshots_come_and_go(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_map list = { 0 };

	DO(fixture, NULL, "create", "data", "size", "8388608");
	DO(fixture, NULL, "snapshot-create", "data", "name", "one");
	REFUSED(fixture, EEXIST, "already", "snapshot-create", "data", "name", "one");
	REFUSED(fixture, EINVAL, "a name is made of", "snapshot-create", "data", "name", "-x");
	REFUSED(fixture, EINVAL, "no number", "snapshot-create", "data", "name", "1");
	DO(fixture, &list, "snapshot-list", "data");
	assert_string_equal(hyfw_map_get(&list, "name"), "one");
	DO(fixture, NULL, "snapshot-revert", "data", "name", "one");
	DO(fixture, NULL, "snapshot-delete", "data", "name", "one");
	REFUSED(fixture, ENOENT, "no snapshot", "snapshot-revert", "data", "name", "one");
	DO(fixture, NULL, "create", "plain", "size", "1048576", "format", "raw");
	REFUSED(fixture, ENOTSUP, "has no snapshots", "snapshot-create", "plain", "name", "one");
}

static void a_smaller_size_must_be_meant(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_map info = { 0 };

	DO(fixture, NULL, "create", "data", "size", "8388608", "preallocation", "metadata");
	REFUSED(fixture, EINVAL, "--shrink", "resize", "data", "size", "4194304");
	DO(fixture, NULL, "resize", "data", "size", "4194304", "shrink", "true");
	DO(fixture, &info, "info", "data");
	assert_int_equal(number(&info, "virtual_size"), 4 * MIB);
	REFUSED(fixture, EINVAL, "has none such", "create", "x", "size", "1048576", "format", "vhdx", "preallocation",
		"falloc");
	REFUSED(fixture, EEXIST, "one of that name", "create", "data", "size", "1048576");
	REFUSED(fixture, ENOTSUP, "no operation 'fly'", "fly", "data");
}

static void damage_is_found_and_repaired(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "disk.qcow2"), *full = fixture_path(fixture, "full.raw");
	struct hyfw_map report = { 0 };
	int fd;

	fixture_write(full, "data");
	assert_int_equal(truncate(full, MIB), 0);
	QEMU_IMG(fixture, "convert", "-f", "raw", "-O", "qcow2", full, path);
	DO(fixture, &report, "check", path);
	assert_int_equal(number(&report, "errors"), 0);
	fd = open(path, O_WRONLY | O_CLOEXEC); /* the count of references of the first cluster */
	assert_int_equal(pwrite(fd, "\0\2", 2, 0x20000), 2);
	close(fd);
	DO(fixture, &report, "check", path);
	assert_int_equal(number(&report, "leaks"), 1);
	DO(fixture, NULL, "check", path, "repair", "true");
	DO(fixture, &report, "check", path);
	assert_int_equal(number(&report, "leaks"), 0);
	fixture_damage(path, 0x30000); /* the L1 table */
	DO(fixture, &report, "check", path);
	assert_true(number(&report, "errors") > 0);
}

static bool always_cancelled(const struct hyfw_operation *operation)
{
	(void)operation;
	return true;
}

static void what_is_cancelled_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	const char *from = fixture_path(fixture, "from.raw"), *to = fixture_path(fixture, "out/to.qcow2");
	const struct hyfw_pair args[] = { { "to", to } };
	const struct hyfw_operation operation = { .size = sizeof(operation), .verb = "convert", .object = from,
						  .args = { 1, args }, .arena = fixture->arena,
						  .cancelled = always_cancelled };
	struct hyfw_error *err = NULL;
	struct hyfw_map none = { 0 };

	fixture_write(from, "data");
	assert_int_equal(mkdir(fixture_path(fixture, "out"), 0755), 0);
	fixture_failed(fixture->ops->operate(fixture->instance, &operation, &none, &err), ECANCELED, &err, "cancelled");
	assert_int_equal(rmdir(fixture_path(fixture, "out")), 0); /* empty */
}

static void a_linked_clone_takes_no_time(void **state)
{
	struct fixture *fixture = *state;
	uint64_t start;

	make_image(fixture);
	start = hyfw_host_table()->clock();
	DO(fixture, NULL, "clone", "image/debian", "to", "copy", "linked", "true");
	print_message("linked clone: %llu ms\n", (unsigned long long)((hyfw_host_table()->clock() - start) / 1000000));
	REFUSED(fixture, EBUSY, "copy is based on it", "resize", "image/debian", "size", "16777216");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_elsewhere_are_refused),
		TEST(a_base_in_the_same_directory_is_fine_and_its_format_counts),
		TEST(a_volume_stays_on_what_it_was_made_on),
		TEST(a_marked_disk_lies_on_what_it_is_marked_with_alone),
		TEST(a_loop_of_backing_files_ends),
		TEST(a_damaged_header_is_refused),
		TEST(a_vmdk_of_several_files_is_refused),
		TEST(snapshots_come_and_go),
		TEST(a_smaller_size_must_be_meant),
		TEST(damage_is_found_and_repaired),
		TEST(what_is_cancelled_leaves_nothing),
		TEST(a_linked_clone_takes_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
