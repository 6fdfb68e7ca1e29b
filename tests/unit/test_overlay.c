/* SPDX-License-Identifier: BSD-3-Clause
 * The image store; imports of archives are in test_overlay_tar.c, writable
 * layers in test_overlay_layer.c. */
#include "overlay_fixture.h"
#include "overlay_tests.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

static void names_are_checked(void **state)
{
	struct fixture *fixture = *state;
	const char *const bad[] = { "",       ".",      "../x",  "a/b",    "A",        "-a",     "a:",
				    "a:.x",   "a:b:c",  "a b",   "a@b",    "a\n",      ".import-1", "a:/" };
	struct hyfw_map none = { 0 };
	struct hyfw_error *err = NULL;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		fixture_failed(fixture->ops->image_import(fixture->instance, bad[i], make_tree(fixture, "t"), &none, false,
							  NULL, &err),
			       EINVAL, &err, "a name is made of");
}

static void an_import_is_listed_got_and_removed(void **state)
{
	struct fixture *fixture = *state;
	const struct hyfw_pair pairs[] = { { "command", "nginx" }, { "command", "-g" }, { "env", "A=\"b\"\\" },
					   { "user", "33:33" } };
	struct hyfw_map config = { 4, pairs };
	struct hyfw_image *images, image;
	struct hyfw_error *err = NULL;
	size_t count, cursor = 0;

	assert_int_equal(fixture->ops->image_list(fixture->instance, fixture->arena, &images, &count, &err), 0);
	assert_int_equal(count, 0);
	import(fixture, "web:1.0", make_tree(fixture, "t"), &config);
	import(fixture, "alpha", make_tree(fixture, "t"), NULL);
	assert_int_equal(fixture->ops->image_list(fixture->instance, fixture->arena, &images, &count, &err), 0);
	assert_int_equal(count, 2);
	assert_string_equal(images[0].name, "alpha");
	assert_string_equal(images[1].name, "web:1.0");
	assert_int_equal(fixture->ops->image_get(fixture->instance, "web:1.0", fixture->arena, &image, &err), 0);
	assert_string_equal(hyfw_map_next(&image.config, "command", &cursor), "nginx");
	assert_string_equal(hyfw_map_next(&image.config, "command", &cursor), "-g");
	assert_string_equal(hyfw_map_get(&image.config, "env"), "A=\"b\"\\");
	assert_string_equal(hyfw_map_get(&image.config, "user"), "33:33");
	assert_int_equal(image.layers, 1);
	assert_true(image.bytes >= 4096 && image.bytes < 1000000);
	assert_true(image.created >= time(NULL) - 60 && image.created <= time(NULL));
	assert_int_equal(fixture->ops->image_get(fixture->instance, "alpha:latest", fixture->arena, &image, &err), 0);
	fixture_failed(fixture->ops->image_get(fixture->instance, "alhpa", fixture->arena, &image, &err), ENOENT, &err,
		       "not found, the nearest is alpha");
	fixture_failed(fixture->ops->image_get(fixture->instance, "web", fixture->arena, &image, &err), ENOENT, &err,
		       "the nearest is web:1.0");
	assert_int_equal(fixture->ops->image_remove(fixture->instance, "web:1.0", &err), 0);
	fixture_failed(fixture->ops->image_remove(fixture->instance, "web:1.0", &err), ENOENT, &err, "not found");
	assert_int_equal(fixture->ops->image_remove(fixture->instance, "alpha", &err), 0);
	store_is_empty(fixture);
}

static void an_existing_image_is_kept_unless_replaced(void **state)
{
	struct fixture *fixture = *state;
	const char *tree = make_tree(fixture, "t");
	struct hyfw_map none = { 0 };
	struct hyfw_error *err = NULL;

	import(fixture, "web", tree, NULL);
	fixture_write(hyfw_arena_format(fixture->arena, "%s/new", tree), "x");
	fixture_failed(fixture->ops->image_import(fixture->instance, "web", tree, &none, false, NULL, &err), EEXIST,
		       &err, "there is one of that name");
	assert_false(fixture_exists(in_image(fixture, "web", "new")));
	assert_int_equal(fixture->ops->image_import(fixture->instance, "web", tree, &none, true, NULL, &err), 0);
	assert_true(fixture_exists(in_image(fixture, "web", "new")));
	assert_int_equal(temporaries(fixture), 0);
}

static void unknown_defaults_and_sources_are_refused(void **state)
{
	struct fixture *fixture = *state;
	const struct hyfw_pair pair = { "memory", "1" };
	struct hyfw_map config = { 1, &pair }, none = { 0 };
	struct hyfw_error *err = NULL;

	fixture_failed(fixture->ops->image_import(fixture->instance, "web", make_tree(fixture, "t"), &config, false, NULL,
						  &err),
		       EINVAL, &err, "no default for 'memory'");
	fixture_failed(fixture->ops->image_import(fixture->instance, "web", fixture_path(fixture, "none"), &none, false,
						  NULL, &err),
		       ENOENT, &err, "none");
	store_is_empty(fixture);
}

static uint64_t told_done, told_total;

static void hear_progress(uint64_t done, uint64_t total)
{
	told_done = done;
	told_total = total;
}

static void a_directory_is_copied_as_it_is(void **state)
{
	struct fixture *fixture = *state;
	const char *tree = make_tree(fixture, "t");
	/* VFS_CAP_REVISION_2 with CAP_NET_BIND_SERVICE permitted; capabilities(7) */
	static const unsigned char capability[20] = { 0, 0, 0, 2, 0, 4 };
	const struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	struct hyfw_map none = { 0 };
	struct hyfw_error *err = NULL;
	unsigned char value[64];
	struct stat one, other;
	int dirfd, fd;

	if (geteuid() != 0)
		skip();
	dirfd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(dirfd, "tool", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(hyfw_write_all(fd, "12345", 5), 0);
	assert_int_equal(pwrite(fd, "end", 3, 8 << 20), 3);
	assert_int_equal(fchown(fd, 33, 44), 0);
	assert_int_equal(fchmod(fd, 06755), 0);
	assert_int_equal(fsetxattr(fd, "security.capability", capability, sizeof(capability), 0), 0);
	fsetxattr(fd, "trusted.overlay.redirect", "/etc", 4, 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
	assert_int_equal(linkat(dirfd, "tool", dirfd, "etc/same", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", dirfd, "link"), 0);
	assert_int_equal(fchownat(dirfd, "link", 5, 6, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(mkfifoat(dirfd, "pipe", 0622), 0);
	assert_int_equal(mknodat(dirfd, "null", S_IFCHR | 0666, makedev(1, 3)), 0);
	assert_int_equal(utimensat(dirfd, "etc", times, 0), 0);
	close(dirfd);
	assert_int_equal(fixture->ops->image_import(fixture->instance, "web", tree, &none, false, hear_progress, &err), 0);
	assert_true(told_total > 0 && told_done >= told_total);

	assert_int_equal(lstat(in_image(fixture, "web", "tool"), &one), 0);
	assert_int_equal(one.st_uid, 33);
	assert_int_equal(one.st_gid, 44);
	assert_int_equal(one.st_mode, S_IFREG | 06755);
	assert_int_equal(one.st_size, (8 << 20) + 3);
	assert_true(one.st_blocks < 1024); /* the hole is one still */
	assert_int_equal(one.st_mtim.tv_sec, 2000);
	assert_int_equal(one.st_mtim.tv_nsec, 7);
	assert_int_equal(lstat(in_image(fixture, "web", "etc/same"), &other), 0);
	assert_int_equal(one.st_ino, other.st_ino);
	assert_int_equal(lgetxattr(in_image(fixture, "web", "tool"), "security.capability", value, sizeof(value)), 20);
	assert_memory_equal(value, capability, 20);
	assert_int_equal(lgetxattr(in_image(fixture, "web", "tool"), "trusted.overlay.redirect", value, sizeof(value)), -1);
	assert_int_equal(lstat(in_image(fixture, "web", "link"), &one), 0);
	assert_true(S_ISLNK(one.st_mode) && one.st_uid == 5 && one.st_gid == 6);
	assert_int_equal(lstat(in_image(fixture, "web", "pipe"), &one), 0);
	assert_int_equal(one.st_mode, S_IFIFO | 0600);
	assert_false(fixture_exists(in_image(fixture, "web", "null")));
	assert_int_equal(lstat(in_image(fixture, "web", "etc"), &one), 0);
	assert_int_equal(one.st_mtim.tv_sec, 2000);
}

/* The store inside of what is imported must not be copied into itself. */
static void the_store_is_not_copied_into_itself(void **state)
{
	struct fixture *fixture = *state;

	import(fixture, "self", fixture->directory, NULL);
	assert_true(fixture_exists(in_image(fixture, "self", "data/drivers/overlay")));
	assert_false(fixture_exists(in_image(fixture, "self", "data/drivers/overlay/images")));
}

static void limits_end_an_import(void **state)
{
	struct fixture *fixture = *state;
	const struct hyfw_pair few[] = { { "image_max_files", "2" } }, small[] = { { "image_max_size", "8192" } };
	struct hyfw_map files = { 1, few }, bytes = { 1, small }, none = { 0 };
	const char *tree = make_tree(fixture, "t");
	struct hyfw_error *err = NULL;
	void *instance;

	assert_int_equal(fixture->common->open(hyfw_host_table(), &files, &instance, &err), 0);
	fixture_failed(fixture->ops->image_import(instance, "web", tree, &none, false, NULL, &err), EFBIG, &err,
		       "more than 2 files");
	fixture->common->close(instance);
	assert_int_equal(fixture->common->open(hyfw_host_table(), &bytes, &instance, &err), 0);
	fixture_failed(fixture->ops->image_import(instance, "web", tree, &none, false, NULL, &err), EFBIG, &err,
		       "larger than 8192 bytes");
	fixture->common->close(instance);
	store_is_empty(fixture);
}

/* ---- interrupted, at once, no space ---- */

static void die_in_the_middle(uint64_t done, uint64_t total)
{
	(void)total;
	if (done > 100000)
		raise(SIGKILL);
}

static void fill_tree(const struct fixture *fixture, const char *tree, unsigned files)
{
	char *data = hyfw_arena_alloc(fixture->arena, 20001);
	unsigned i;

	memset(data, 'x', 20000);
	for (i = 0; i < files; i++)
		fixture_write(hyfw_arena_format(fixture->arena, "%s/file%u", tree, i), data);
}

static void a_killed_import_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	const char *tree = make_tree(fixture, "t");
	const char *const nobody[] = { NULL };
	struct hyfw_alive alive = { .size = sizeof(alive), .workloads = nobody };
	struct hyfw_map none = { 0 };
	struct hyfw_image *images;
	struct hyfw_error *err = NULL;
	size_t count;
	int status;
	pid_t child;

	fill_tree(fixture, tree, 20);
	child = fork();
	if (child == 0) {
		fixture->ops->image_import(fixture->instance, "web", tree, &none, false, die_in_the_middle, &err);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(temporaries(fixture), 1); /* else it was killed too late */
	assert_int_equal(fixture->ops->image_list(fixture->instance, fixture->arena, &images, &count, &err), 0);
	assert_int_equal(count, 0);
	assert_int_equal(fixture->common->gc(fixture->instance, &alive, &err), 0);
	store_is_empty(fixture);
}

static int wait_pipe[2];

static void pause_in_the_middle(uint64_t done, uint64_t total)
{
	char byte;

	(void)done;
	(void)total;
	if (wait_pipe[0] >= 0 && read(wait_pipe[0], &byte, 1) >= 0)
		wait_pipe[0] = -1;
}

/* The first import waits in its middle for the whole second one. */
static void of_two_imports_at_once_one_wins(void **state)
{
	struct fixture *fixture = *state;
	const char *tree = make_tree(fixture, "t");
	struct hyfw_map none = { 0 };
	struct hyfw_error *err = NULL;
	int status, images = 0;
	pid_t child;

	assert_int_equal(pipe2(wait_pipe, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		close(wait_pipe[1]);
		_exit(-fixture->ops->image_import(fixture->instance, "web", tree, &none, false, pause_in_the_middle, &err));
	}
	for (images = 0; temporaries(fixture) == 0 && images < 5000; images++)
		usleep(1000);
	import(fixture, "web", tree, NULL);
	assert_int_equal(temporaries(fixture), 1); /* not swept: its process is alive */
	close(wait_pipe[1]);
	close(wait_pipe[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EEXIST);
	assert_int_equal(temporaries(fixture), 0);
}

static int import_on_small_disk(struct fixture *fixture, const char *tree)
{
	const char *data = fixture_path(fixture, "data/drivers/overlay");
	struct hyfw_map none = { 0 };
	struct hyfw_error *err = NULL;
	int result;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	if (mount("tmpfs", data, "tmpfs", 0, "size=1m") < 0)
		return 77;
	result = fixture->ops->image_import(fixture->instance, "web", tree, &none, false, NULL, &err);
	if (result != -ENOSPC || !strstr(err->message, "No space left"))
		return 1;
	hyfw_forget(&err);
	store_is_empty(fixture);
	return 0;
}

static void a_full_disk_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	const char *tree = make_tree(fixture, "t");
	int status;
	pid_t child;

	if (geteuid() != 0)
		skip();
	fill_tree(fixture, tree, 100);
	hyfw_host_table()->directory("overlay", HYFW_DIRECTORY_DATA);
	child = fork();
	if (child == 0)
		_exit(import_on_small_disk(fixture, tree));
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

/* The process that runs a container does all of the above, and what
 * test_overlay_layer.c does before, but an import of an archive; it must not have libarchive mapped. */
static void libarchive_is_loaded_for_archives_only(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_map none = { 0 };
	struct hyfw_error *err = NULL;
	char *maps = NULL;

	assert_int_equal(hyfw_file_read(AT_FDCWD, "/proc/self/maps", 1 << 22, &maps, NULL, &err), 0);
	assert_null(strstr(maps, "libarchive"));
	free(maps);
	fixture_failed(fixture->ops->image_import(fixture->instance, "web", "/etc/passwd", &none, false, NULL, &err),
		       EBADMSG, &err, "not a tar archive");
	assert_int_equal(hyfw_file_read(AT_FDCWD, "/proc/self/maps", 1 << 22, &maps, NULL, &err), 0);
	assert_non_null(strstr(maps, "libarchive"));
	free(maps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_checked),
		TEST(an_import_is_listed_got_and_removed),
		TEST(an_existing_image_is_kept_unless_replaced),
		TEST(unknown_defaults_and_sources_are_refused),
		TEST(a_directory_is_copied_as_it_is),
		TEST(the_store_is_not_copied_into_itself),
		TEST(limits_end_an_import),
		TEST(a_killed_import_leaves_nothing),
		TEST(of_two_imports_at_once_one_wins),
		TEST(a_full_disk_leaves_nothing),
		TEST(libarchive_is_loaded_for_archives_only),
	};

	return overlay_layer_tests() + cmocka_run_group_tests(tests, NULL, NULL) + overlay_tar_tests();
}
