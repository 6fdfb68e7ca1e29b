/* SPDX-License-Identifier: BSD-3-Clause
 * Labels of volumes and back, in trees whose labels are another extended attribute. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "selinux_fixture.h"

#define ATTRIBUTE "trusted.hyfw-test"
#define OLD "system_u:object_r:var_lib_t:s0"
#define OTHER "system_u:object_r:etc_t:s0"
#define MINE "system_u:object_r:container_file_t:s0:c1,c2"
#define THEIRS "system_u:object_r:container_file_t:s0:c3,c4"
#define THIRD "system_u:object_r:httpd_sys_content_t:s0"
#define SHARED "system_u:object_r:container_file_t:s0"

static void set_label(const char *name, const char *label)
{
	assert_int_equal(lsetxattr(path(name), ATTRIBUTE, label, strlen(label) + 1, 0), 0);
}

static const char *label_of(const char *name)
{
	char *room = hyfw_arena_alloc(fake.arena, 256);

	return lgetxattr(path(name), ATTRIBUTE, room, 255) < 0 ? "" : room;
}

/* False where the test may not set the attribute. */
static bool make_tree(void)
{
	mkdir(path("v"), 0755);
	mkdir(path("v/d"), 0755);
	mkdir(path("state"), 0755);
	put("v/f", "");
	put("v/d/g", "");
	put("v/d/end", "");
	put("outside", "");
	if (symlink("../outside", path("v/link")) < 0 || lsetxattr(path("v"), ATTRIBUTE, OLD, sizeof(OLD), 0) < 0)
		return false;
	set_label("v/f", OLD);
	set_label("v/d", OTHER);
	set_label("v/d/g", OTHER);
	set_label("v/d/end", OLD);
	set_label("v/link", OLD);
	set_label("outside", OTHER);
	return true;
}

static struct volumes volumes(void)
{
	return (struct volumes){ &host, path("state"), ATTRIBUTE };
}

static int take_volume(const char *workload, const char *name, const char *label, struct hyfw_error **err)
{
	const struct volumes all = volumes();
	const struct volume volume = { path(name), label, strcmp(label, SHARED) != 0 };

	return volume_take(&all, fake.arena, workload, &volume, err);
}

static int drop(const char *workload, bool unfinished)
{
	const struct volumes all = volumes();

	return volumes_drop(&all, fake.arena, workload, unfinished, NULL);
}

static void assert_old(void)
{
	assert_string_equal(label_of("v"), OLD);
	assert_string_equal(label_of("v/f"), OLD);
	assert_string_equal(label_of("v/d"), OTHER);
	assert_string_equal(label_of("v/d/g"), OTHER);
	assert_string_equal(label_of("v/d/end"), OLD);
	assert_string_equal(label_of("v/link"), OLD);
	assert_string_equal(label_of("outside"), OTHER);
}

#define NEEDS_TREE()       \
	do {               \
		(void)state; \
		if (!make_tree()) \
			skip(); \
	} while (0)

static void a_volume_is_labelled_and_gets_its_labels_back(void **state)
{
	struct hyfw_error *err = NULL;

	NEEDS_TREE();
	assert_int_equal(take_volume("a", "v", MINE, &err), 0);
	assert_string_equal(label_of("v"), MINE);
	assert_string_equal(label_of("v/d/g"), MINE);
	assert_string_equal(label_of("v/link"), MINE);
	assert_string_equal(label_of("outside"), OTHER); /* links are not followed */
	put("v/d/new", "");
	set_label("v/d/new", MINE); /* as the workload's files get it */
	put("v/made", "");
	set_label("v/made", "unconfined_u:object_r:container_file_t:s0:c7,c8"); /* or so */
	put("v/changed", "");
	set_label("v/changed", THIRD); /* by somebody else */
	assert_int_equal(take_volume("a", "v", MINE, &err), 0);
	assert_int_equal(drop("a", true), 0); /* all of it was labelled */
	assert_string_equal(label_of("v"), MINE);
	assert_int_equal(drop("a", false), 0);
	assert_old();
	assert_string_equal(label_of("v/d/new"), OTHER); /* as its directory */
	assert_string_equal(label_of("v/made"), OLD);
	assert_string_equal(label_of("v/changed"), THIRD);
	assert_int_equal(drop("a", false), 0);
}

static void a_private_volume_has_one_workload(void **state)
{
	struct hyfw_error *err = NULL;

	NEEDS_TREE();
	assert_int_equal(take_volume("a", "v", MINE, &err), 0);
	assert_int_equal(take_volume("b", "v", THEIRS, &err), -EBUSY);
	says(err, "of workload a; a volume of several workloads takes :z in all of them");
	assert_int_equal(take_volume("b", "v/d", THEIRS, &err), -EBUSY);
	says(err, "lie in one another");
	assert_string_equal(label_of("v/d/g"), MINE);
	assert_int_equal(drop("b", false), 0);
	assert_string_equal(label_of("v"), MINE);
	assert_int_equal(drop("a", false), 0);
	assert_old();
}

static void a_shared_volume_is_given_back_by_its_last_user(void **state)
{
	struct hyfw_error *err = NULL;

	NEEDS_TREE();
	assert_int_equal(take_volume("a", "v", SHARED, &err), 0);
	assert_int_equal(take_volume("b", "v", SHARED, &err), 0);
	assert_int_equal(drop("a", false), 0);
	assert_string_equal(label_of("v/f"), SHARED);
	assert_int_equal(drop("b", false), 0);
	assert_old();
}

/* Nothing to give back, and still not for somebody with another label. */
static void a_label_that_an_administrator_gave_stays(void **state)
{
	struct hyfw_error *err = NULL;

	NEEDS_TREE();
	set_label("v", SHARED);
	assert_int_equal(take_volume("a", "v", SHARED, &err), 0);
	assert_string_equal(label_of("v/f"), OLD); /* not walked through */
	assert_int_equal(take_volume("b", "v", MINE, &err), -EBUSY);
	says(err, "has a label of its own that workload a uses it with");
	assert_int_equal(drop("a", true), 0);
	assert_int_equal(drop("a", false), 0);
	assert_string_equal(label_of("v"), SHARED);
	assert_int_equal(take_volume("b", "v", MINE, &err), 0);
	assert_int_equal(drop("b", false), 0);
	assert_string_equal(label_of("v"), SHARED);
	assert_string_equal(label_of("v/f"), OLD);
}

static void forget_that_it_is_done(void)
{
	char *const argv[] = { (char *)"find", (char *)(uintptr_t)path("state"), (char *)"-name", (char *)"done",
			       (char *)"-delete", NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execvp("find", argv);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

static void killed_while_it_labels(void **state)
{
	const char *const nobody[] = { NULL };
	const struct hyfw_alive alive = { .size = sizeof(alive), .workloads = nobody };
	struct hyfw_error *err = NULL;
	const struct volumes all = volumes();

	NEEDS_TREE();
	assert_int_equal(take_volume("a", "v", MINE, &err), 0);
	/* As if the root and one file had not yet been reached. */
	set_label("v", OLD);
	set_label("v/f", OLD);
	forget_that_it_is_done();
	assert_int_equal(drop("a", true), 0); /* undo of the step */
	assert_old();
	/* And the same by gc, after the workload is gone. */
	assert_int_equal(take_volume("a", "v", MINE, &err), 0);
	assert_int_equal(volumes_gc(&all, fake.arena, &alive, &err), 0);
	assert_old();
}

static void directories_of_the_system_are_refused(void **state)
{
	static const char *const refused[] = { "/", "/etc", "/etc/nginx", "/usr", "/usr/share/x", "/home", "/home/ann",
					       "/root", "/root/x", "/var", "/var/lib", "/boot/grub", "/proc/1", "/tmp" };
	static const char *const fine[] = { "/srv/data", "/home/ann/data", "/var/lib/postgresql", "/etcetera", "/data" };
	struct hyfw_error *err = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_true(path_is_systems(refused[i]));
	for (i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_false(path_is_systems(fine[i]));
	/* By what it is, not by how it is written. */
	assert_int_equal(symlink("/etc", path("link")), 0);
	assert_int_equal(take_volume("a", "link", MINE, &err), -EPERM);
	says(err, "/etc belongs to the system and is not relabelled");
}

static void a_damaged_record_is_told(void **state)
{
	static const char good[] = "hyfw-labels 1\0/srv\0new\0\0old\0end";
	struct hyfw_error *err = NULL;
	struct record record;
	size_t cut;

	(void)state;
	for (cut = 0; cut < sizeof(good) - 1; cut++) { /* each shorter one lacks its end */
		int fd = open(path("record"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_int_equal(write(fd, good, cut), (ssize_t)cut);
		close(fd);
		assert_int_equal(record_read(&host, path("record"), &record, &err), -EBADMSG);
		hyfw_forget(&err);
	}
	assert_int_equal(record_read(&host, path("no-record"), &record, &err), -ENOENT);
	hyfw_forget(&err);
}

/* With room for only so many descriptors the way back fails somewhere. */
static bool drop_with(const char *workload, unsigned descriptors)
{
	const struct rlimit limit = { descriptors, descriptors };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setrlimit(RLIMIT_NOFILE, &limit);
		_exit(drop(workload, false) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 0;
}

static void what_fails_on_the_way_back_is_neither_lost_nor_taken_for_done(void **state)
{
	struct hyfw_error *err = NULL;
	unsigned descriptors, failures = 0;
	bool dropped = false;

	NEEDS_TREE();
	for (descriptors = 4; !dropped && descriptors < 200; descriptors++) {
		assert_int_equal(take_volume("a", "v", MINE, &err), 0);
		assert_string_equal(label_of("v"), MINE);
		assert_string_equal(label_of("v/f"), MINE);
		assert_string_equal(label_of("v/d/g"), MINE);
		dropped = drop_with("a", descriptors);
		failures += !dropped;
	}
	assert_true(dropped);
	assert_true(failures > 3);
	assert_old();
}

/* A workload must not hold its own removal up. */
static void no_depth_holds_the_way_back_up(void **state)
{
	struct hyfw_error *err = NULL;
	int at, next, i;

	NEEDS_TREE();
	assert_int_equal(take_volume("a", "v", MINE, &err), 0);
	at = open(path("v"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; i < 300; i++) {
		assert_true(at >= 0 && mkdirat(at, "deep", 0755) == 0);
		next = openat(at, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = next;
	}
	close(at);
	assert_int_equal(drop("a", false), 0);
	assert_old();
	assert_int_equal(take_volume("a", "v", MINE, &err), -ELOOP);
	says(err, "more than 256 deep");
	assert_string_equal(label_of("v"), OLD);
}

/* Also one of the same file system, whose device is the same. */
static void what_is_mounted_below_is_left_alone(void **state)
{
	struct hyfw_error *err = NULL;
	pid_t pid;
	int status;

	NEEDS_TREE();
	mkdir(path("elsewhere"), 0755);
	put("elsewhere/file", "");
	set_label("elsewhere/file", OTHER);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount(path("elsewhere"), path("v/d"), NULL, MS_BIND, NULL) < 0)
			_exit(77);
		_exit(take_volume("a", "v", MINE, &err) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
	assert_string_equal(label_of("v/f"), MINE);
	assert_string_equal(label_of("elsewhere/file"), OTHER);
	assert_int_equal(drop("a", false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_volume_is_labelled_and_gets_its_labels_back),
		TEST(a_private_volume_has_one_workload),
		TEST(a_shared_volume_is_given_back_by_its_last_user),
		TEST(a_label_that_an_administrator_gave_stays),
		TEST(killed_while_it_labels),
		TEST(directories_of_the_system_are_refused),
		TEST(a_damaged_record_is_told),
		TEST(what_fails_on_the_way_back_is_neither_lost_nor_taken_for_done),
		TEST(no_depth_holds_the_way_back_up),
		TEST(what_is_mounted_below_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
