/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_fixture.h"

#include <sys/mount.h>
#include <sched.h>
#include <sys/wait.h>

#define ROOT(path_)                                                                              \
	{ .size = sizeof(struct hyfw_subject), .kind = HYFW_SUBJECT_ROOT, .name = "web", .workload = "web", \
	  .idmap = { 100000, 100000, 65536 },                                                       \
	  .settings = { 1, (struct hyfw_pair[]){ { "rootfs", path_ } } } }
#define VOLUME(name_)                                                                       \
	{ .size = sizeof(struct hyfw_subject), .kind = HYFW_SUBJECT_VOLUME, .name = name_ }
#define PLACED(name_, path_)                                                                 \
	{ .size = sizeof(struct hyfw_subject), .kind = HYFW_SUBJECT_VOLUME, .name = name_,     \
	  .settings = { 1, (struct hyfw_pair[]){ { "path", path_ } } } }

static void a_directory_is_bound_with_its_descriptor(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "root");
	struct hyfw_subject subject = ROOT(path);
	struct hyfw_attachment attachment = { 0 };
	struct hyfw_error *err = NULL;
	struct stat named, opened;

	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(fixture->common->check(fixture->instance, &subject, &err), 0);
	assert_int_equal(fixture_plan(fixture, &subject), 0);
	assert_int_equal(fixture_attach(fixture, &subject, &attachment, &err), 0);
	assert_int_equal(attachment.kind, HYFW_ATTACHMENT_BIND);
	assert_int_equal(attachment.flags, HYFW_ATTACH_IDMAP | HYFW_ATTACH_NODEV);
	assert_string_equal(attachment.source, path);
	assert_null(attachment.target);
	assert_int_equal(stat(path, &named), 0);
	assert_int_equal(fstat(attachment.source_fd, &opened), 0);
	assert_int_equal(named.st_ino, opened.st_ino);
	assert_true(fcntl(attachment.source_fd, F_GETFL) & O_PATH);
	assert_true(fcntl(attachment.source_fd, F_GETFD) & FD_CLOEXEC);
	close(attachment.source_fd);
	subject.idmap.count = 0;
	assert_int_equal(fixture_attach(fixture, &subject, &attachment, &err), 0);
	assert_false(attachment.flags & HYFW_ATTACH_IDMAP);
	close(attachment.source_fd);
}

static void unusable_roots_are_refused(void **state)
{
	struct fixture *fixture = *state;
	const char *file = fixture_path(fixture, "file"), *link = fixture_path(fixture, "link");
	const struct { const char *path; int errnum; const char *part; } cases[] = {
		{ "/", EINVAL, "root directory of this machine" },
		{ "/usr/..", EINVAL, "root directory of this machine" },
		{ link, EINVAL, "root directory of this machine" },
		{ file, EINVAL, "not a directory" },
		{ "/proc/self/cwd", ELOOP, "/proc/self/cwd" },
		{ "relative", EINVAL, "not an absolute path" },
		{ fixture_path(fixture, "missing"), ENOENT, "there is no such directory" },
	};
	struct hyfw_attachment attachment;
	struct hyfw_error *err = NULL;
	size_t i;

	fixture_write(file, "x");
	assert_int_equal(symlink("/", link), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hyfw_subject subject = ROOT(cases[i].path);

		fixture_failed(fixture->common->check(fixture->instance, &subject, &err), cases[i].errnum, &err,
			       cases[i].part);
		fixture_failed(fixture_attach(fixture, &subject, &attachment, &err), cases[i].errnum, &err,
			       cases[i].part);
	}
}

static void a_volume_is_made_and_goes_when_empty(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_subject subject = VOLUME("cache");
	const char *path = fixture_path(fixture, "data/drivers/dir/volumes/cache");
	struct hyfw_attachment attachment;
	struct hyfw_error *err = NULL;
	struct stat st;

	umask(077);
	assert_int_equal(fixture_plan(fixture, &subject), 1);
	assert_int_equal(told.lifetime, HYFW_LIFETIME_SHARED);
	assert_false(fixture_exists(path)); /* plan() changes nothing */
	fixture_apply(fixture, NULL);
	umask(022);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(stat(fixture_path(fixture, "data/drivers/dir/volumes"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(fixture_attach(fixture, &subject, &attachment, &err), 0);
	assert_string_equal(attachment.source, path);
	close(attachment.source_fd);
	fixture_undo(fixture, NULL);
	assert_false(fixture_exists(path));
	fixture_undo(fixture, NULL); /* already gone */
}

static void a_volume_with_data_stays(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_subject subject = VOLUME("data");
	const char *file = fixture_path(fixture, "data/drivers/dir/volumes/data/file");
	struct hyfw_error *err = NULL;

	fixture_plan(fixture, &subject);
	fixture_apply(fixture, NULL);
	fixture_write(file, "x");
	fixture_undo(fixture, NULL);
	assert_true(fixture_exists(file));
	/* Not made by us the second time: stays although it is empty. */
	fixture_plan(fixture, &subject);
	fixture_apply(fixture, NULL);
	unlink(file);
	fixture_undo(fixture, NULL);
	assert_true(fixture_exists(fixture_path(fixture, "data/drivers/dir/volumes/data")));
	assert_int_equal(fixture->ops->volume_remove(fixture->instance, "data", &err), 0);
	fixture_failed(fixture->ops->volume_remove(fixture->instance, "data", &err), ENOENT, &err, "not found");
	fixture_failed(fixture->ops->volume_remove(fixture->instance, "../dir", &err), EINVAL, &err, "name");
}

static void a_placed_volume_needs_its_parent(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "placed"), *deep = fixture_path(fixture, "a/b");
	struct hyfw_subject subject = PLACED("www", path), far = PLACED("www", deep);
	struct hyfw_attachment attachment;
	struct hyfw_error *err = NULL;

	assert_int_equal(fixture->common->check(fixture->instance, &subject, &err), 0);
	assert_int_equal(fixture_plan(fixture, &subject), 1);
	fixture_apply(fixture, NULL);
	assert_int_equal(fixture_attach(fixture, &subject, &attachment, &err), 0);
	assert_string_equal(attachment.source, path);
	close(attachment.source_fd);
	fixture_undo(fixture, NULL);
	assert_false(fixture_exists(path));
	fixture_plan(fixture, &far);
	fixture_failed(fixture_do(fixture, false, NULL, &err), ENOENT, &err, "its parent must exist");
	fixture_undo(fixture, NULL);
	fixture_write(path, "x");
	fixture_failed(fixture->common->check(fixture->instance, &subject, &err), ENOTDIR, &err, "not a directory");
}

static void a_host_path_is_never_made_or_removed(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_path(fixture, "srv");
	struct hyfw_subject subject = PLACED(path, path), device = PLACED("/dev/null", "/dev/null");
	struct hyfw_attachment attachment;
	struct hyfw_error *err = NULL;

	fixture_failed(fixture->common->check(fixture->instance, &subject, &err), ENOENT, &err, path);
	assert_int_equal(fixture_plan(fixture, &subject), 0);
	fixture_failed(fixture_attach(fixture, &subject, &attachment, &err), ENOENT, &err, "no such directory");
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(fixture->common->check(fixture->instance, &subject, &err), 0);
	assert_int_equal(fixture_attach(fixture, &subject, &attachment, &err), 0);
	close(attachment.source_fd);
	fixture_failed(fixture->common->check(fixture->instance, &device, &err), EINVAL, &err, "a device");
}

/* 3000 levels are far more than there may be descriptors or path characters. */
static void a_deep_tree_is_removed(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_subject subject = VOLUME("deep");
	struct hyfw_error *err = NULL;
	int fd, next, i;

	fixture_plan(fixture, &subject);
	fixture_apply(fixture, NULL);
	fd = open(fixture_path(fixture, "data/drivers/dir/volumes/deep"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; i < 3000; i++) {
		assert_int_equal(mkdirat(fd, "long-name-of-a-directory", 0), 0);
		next = openat(fd, "long-name-of-a-directory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(symlinkat("/etc", fd, "link"), 0);
		close(fd);
		fd = next;
		assert_true(fd >= 0);
	}
	close(fd);
	assert_int_equal(fixture->ops->volume_remove(fixture->instance, "deep", &err), 0);
	assert_false(fixture_exists(fixture_path(fixture, "data/drivers/dir/volumes/deep")));
	assert_true(fixture_exists("/etc/passwd"));
}

/* What is mounted below a volume is not ours to delete. */
static int remove_with_mount(struct fixture *fixture)
{
	const char *mounted = fixture_path(fixture, "data/drivers/dir/volumes/data/mnt");
	struct hyfw_error *err = NULL;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	mkdir(mounted, 0755);
	if (mount("tmpfs", mounted, "tmpfs", 0, NULL) < 0)
		return 77;
	fixture_write(hyfw_arena_format(fixture->arena, "%s/precious", mounted), "x");
	if (fixture->ops->volume_remove(fixture->instance, "data", &err) != -EXDEV)
		return 1;
	return 0;
}

static void other_file_systems_are_left_alone(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_subject subject = VOLUME("data");
	struct hyfw_error *err = NULL;
	int status;
	pid_t child;

	if (geteuid() != 0)
		skip();
	fixture_plan(fixture, &subject);
	fixture_apply(fixture, NULL);
	child = fork();
	if (child == 0)
		_exit(remove_with_mount(fixture));
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
	/* gc() removes what the failed removal left. */
	assert_int_equal(fixture->common->gc(fixture->instance, NULL, &err), 0);
	assert_int_equal(rmdir(fixture_path(fixture, "data/drivers/dir/volumes")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_directory_is_bound_with_its_descriptor),
		TEST(unusable_roots_are_refused),
		TEST(a_volume_is_made_and_goes_when_empty),
		TEST(a_volume_with_data_stays),
		TEST(a_placed_volume_needs_its_parent),
		TEST(a_host_path_is_never_made_or_removed),
		TEST(a_deep_tree_is_removed),
		TEST(other_file_systems_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
