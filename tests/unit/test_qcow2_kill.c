/* SPDX-License-Identifier: BSD-3-Clause
 * Driver qcow2: an operation that is killed, with the program that it runs, before, in
 * and after each program, leaves a disk that is as before or as after it once the next
 * operation looks at it, and nothing else. */
#include "qcow2_fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

/* Of a program's time, after each of which it is killed once; HYFW_TEST_ALL=1 takes more. */
#define PARTS 4u
#define PARTS_ALL 16u

enum when { BEFORE, DURING, AFTER };

/* The kill that is due; in a child that does the operation. */
static struct {
	enum when when;
	unsigned at;
	useconds_t after;
	struct programs *ran; /* shared with the parent */
} due;

struct programs {
	unsigned count;
	useconds_t took[8];
};

static useconds_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (useconds_t)(now.tv_sec % 1000 * 1000000 + now.tv_nsec / 1000);
}

static void run_and_kill(const struct hyfw_program *program)
{
	pid_t child = fork();

	if (child == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, 1);
		dup2(null, 2);
		execvp(program->argv[0], (char *const *)(uintptr_t)program->argv);
		_exit(127);
	}
	usleep(due.after);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	kill(getpid(), SIGKILL);
}

static int killing_run(struct hyfw_arena *arena, const struct hyfw_program *program, char **ret_output,
		       struct hyfw_error **err)
{
	const useconds_t begin = now_us();
	bool now = ++due.ran->count == due.at;
	int result;

	if (now && due.when == BEFORE)
		kill(getpid(), SIGKILL);
	if (now && due.when == DURING)
		run_and_kill(program);
	result = hyfw_host_table()->run(arena, program, ret_output, err);
	if (due.at == 0 && due.ran->count <= HYFW_COUNT(due.ran->took))
		due.ran->took[due.ran->count - 1] = now_us() - begin;
	if (now && due.when == AFTER)
		kill(getpid(), SIGKILL);
	return result;
}

/* ---- one operation ---- */

struct operation {
	const char *verb, *key, *value; /* key NULL for none; value PATH below the directory when it begins with '@' */
	const char *more, *much;
};

/* Of what make_pristine() made. */
static const char *const files[] = { "base.qcow2", "top.qcow2" };

static const char *top(struct fixture *fixture) { return fixture_path(fixture, "disks/top.qcow2"); }
static const char *bottom(struct fixture *fixture) { return fixture_path(fixture, "disks/base.qcow2"); }

static void write_pattern(struct fixture *fixture, const char *path, const char *command)
{
	qemu_img(fixture, (const char *const[]){ "qemu-io", "-f", "qcow2", "-c", command, path, NULL });
}

static void copy_disks(struct fixture *fixture, const char *from, const char *to)
{
	size_t i;

	for (i = 0; i < HYFW_COUNT(files); i++) {
		int in = open(hyfw_arena_format(fixture->arena, "%s/%s", from, files[i]), O_RDONLY | O_CLOEXEC);
		int out = open(hyfw_arena_format(fixture->arena, "%s/%s", to, files[i]),
			       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_true(in >= 0 && out >= 0);
		while (copy_file_range(in, NULL, out, NULL, 1u << 30, 0) > 0)
			continue;
		close(in);
		close(out);
	}
}

/* A disk of 8 MiB with something in all of it, and one on it that has half of it anew and
 * a snapshot. */
static void make_pristine(struct fixture *fixture)
{
	const char *directory = fixture_path(fixture, "disks"), *pristine = fixture_path(fixture, "pristine");

	assert_int_equal(mkdir(directory, 0755), 0);
	assert_int_equal(mkdir(pristine, 0755), 0);
	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", bottom(fixture), "8M");
	write_pattern(fixture, bottom(fixture), "write -P 1 0 8M");
	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", "-b", bottom(fixture), "-F", "qcow2", top(fixture));
	write_pattern(fixture, top(fixture), "write -P 3 1M 2M");
	QEMU_IMG(fixture, "snapshot", "-c", "kept", top(fixture));
	write_pattern(fixture, top(fixture), "write -P 2 0 4M");
	copy_disks(fixture, directory, pristine);
}

static void make_disks(struct fixture *fixture)
{
	unlink(fixture_path(fixture, "disks/copy.qcow2"));
	copy_disks(fixture, fixture_path(fixture, "pristine"), fixture_path(fixture, "disks"));
}

static int do_it(struct fixture *fixture, const struct hyfw_host *host, const struct operation *what)
{
	const char *value = what->value && what->value[0] == '@' ? fixture_path(fixture, what->value + 1) : what->value;
	struct hyfw_error *err = NULL;
	void *instance = NULL;
	const struct hyfw_map settings = { 0 };
	int result = fixture->common->open(host, &settings, &instance, &err);
	struct fixture other = *fixture;

	other.instance = instance;
	if (result == 0)
		result = operate(&other, NULL, &err, what->verb, top(fixture), what->key, value,
				 what->key ? what->more : NULL, what->much, NULL);
	if (result == 0)
		fixture->common->close(instance);
	return result;
}

/* In a child; the signal that ended it, 0 for none. */
static int do_killed(struct fixture *fixture, const struct operation *what)
{
	struct hyfw_host host = *hyfw_host_table();
	int status = 0;
	pid_t child;

	host.run = killing_run;
	due.ran->count = 0;
	child = fork();
	if (child == 0)
		_exit(do_it(fixture, &host, what) == 0 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		fail_msg("%s fails", what->verb);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* ---- what it leaves ---- */

/* All that is read from the disk, as one number; 0 when there is none. */
static uint64_t content(struct fixture *fixture, const char *path)
{
	const char *raw = fixture_path(fixture, "content.raw");
	uint64_t hash = UINT64_C(14695981039346656037);
	static unsigned char piece[1 << 16];
	ssize_t size;
	int fd;

	if (access(path, F_OK) < 0)
		return 0;
	QEMU_IMG(fixture, "convert", "-O", "raw", path, raw);
	fd = open(raw, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	while ((size = read(fd, piece, sizeof(piece))) > 0)
		for (ssize_t i = 0; i < size; i++)
			hash = (hash ^ piece[i]) * UINT64_C(1099511628211);
	close(fd);
	return hash;
}

struct seen {
	uint64_t top, bottom, copy, snapshots;
};

static struct seen look(struct fixture *fixture)
{
	struct hyfw_map snapshots = { 0 }, report = { 0 };
	struct seen seen;

	DO(fixture, &report, "check", top(fixture)); /* the next operation */
	assert_int_equal(number(&report, "errors"), 0);
	assert_int_equal(number(&report, "leaks"), 0);
	DO(fixture, &snapshots, "snapshot-list", top(fixture));
	seen.top = content(fixture, top(fixture));
	seen.bottom = content(fixture, bottom(fixture));
	seen.copy = content(fixture, fixture_path(fixture, "disks/copy.qcow2"));
	seen.snapshots = snapshots.count;
	return seen;
}

static void assert_empty(const char *path, unsigned entries)
{
	DIR *listing = opendir(path);
	struct dirent *entry;
	unsigned count = 0;

	while (listing && (entry = readdir(listing)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			count++;
	if (listing)
		closedir(listing);
	if (count != entries)
		fail_msg("%s has %u entries, not %u", path, count, entries);
}

/* Each of the two disks is as before or as after, and the upper one is not older than the
 * lower one. */
static void judge(struct fixture *fixture, const struct operation *what, const struct seen *before,
		  const struct seen *after)
{
	struct seen seen = look(fixture);
	bool old = memcmp(&seen, before, sizeof(seen)) == 0, new = memcmp(&seen, after, sizeof(seen)) == 0;

	if (!old && !new)
		fail_msg("%s killed %s program %u after %u us: %s", what->verb,
			 due.when == BEFORE ? "before" : due.when == DURING ? "in" : "after", due.at, (unsigned)due.after,
			 seen.bottom != before->bottom && seen.bottom != after->bottom ? "the base is broken" :
			 seen.top != before->top && seen.top != after->top ? "the disk is broken" : "half of it was done");
	assert_empty(fixture_path(fixture, "data/drivers/qcow2/work"), 0);
	assert_empty(fixture_path(fixture, "disks"), seen.copy ? 3 : 2);
}

static void sweep(struct fixture *fixture, const struct operation *what)
{
	struct seen before, after;
	const unsigned parts = getenv("HYFW_TEST_ALL") ? PARTS_ALL : PARTS;
	unsigned programs, i;

	due.ran = mmap(NULL, sizeof(*due.ran), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(due.ran, MAP_FAILED);
	make_pristine(fixture);
	before = look(fixture);
	due.at = 0;
	assert_int_equal(do_killed(fixture, what), 0);
	programs = due.ran->count;
	assert_in_range(programs, 1, HYFW_COUNT(due.ran->took));
	after = look(fixture);
	for (due.at = 1; due.at <= programs; due.at++) {
		for (i = 0; i <= parts; i++) {
			due.when = i == 0 ? BEFORE : i == parts ? AFTER : DURING;
			due.after = due.ran->took[due.at - 1] * i / parts;
			make_disks(fixture);
			assert_int_equal(do_killed(fixture, what), SIGKILL);
			judge(fixture, what, &before, &after);
		}
	}
	munmap(due.ran, sizeof(*due.ran));
}

#define KILLED(name, ...)                                          \
	static void name(void **state)                             \
	{                                                          \
		const struct operation what = { __VA_ARGS__ };     \
		sweep(*state, &what);                              \
	}

KILLED(a_commit, "commit", NULL)
KILLED(a_flattening, "rebase", "backing", "")
KILLED(a_growth, "resize", "size", "33554432")
KILLED(a_shrinking, "resize", "size", "4194304", "shrink", "true")
KILLED(a_new_snapshot, "snapshot-create", "name", "second")
KILLED(a_revert, "snapshot-revert", "name", "kept")
KILLED(a_deletion, "snapshot-delete", "name", "kept")
KILLED(a_clone, "clone", "to", "@disks/copy.qcow2")
KILLED(a_conversion, "convert", "to", "@disks/copy.qcow2", "format", "qcow2")

/* ---- for whom ---- */

/* A commit that is killed before it has done anything. */
static void leave_commit(struct fixture *fixture)
{
	const struct operation what = { .verb = "commit" };

	make_disks(fixture);
	due.at = 1;
	due.when = BEFORE;
	assert_int_equal(do_killed(fixture, &what), SIGKILL);
}

static void check_with_left(struct fixture *fixture, const char *name, unsigned left)
{
	struct hyfw_map report = { 0 };

	DO(fixture, &report, "check", fixture_path(fixture, name));
	assert_empty(fixture_path(fixture, "data/drivers/qcow2/work"), left);
}

static void others_do_not_wait_for_it(void **state)
{
	struct fixture *fixture = *state;
	const struct hyfw_alive alive = { .size = sizeof(alive), .workloads = (const char *const[]){ NULL },
					  .running = (const char *const[]){ NULL } };
	struct hyfw_error *err = NULL;
	uint64_t before;

	due.ran = mmap(NULL, sizeof(*due.ran), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(due.ran, MAP_FAILED);
	make_pristine(fixture);
	before = content(fixture, bottom(fixture));
	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", fixture_path(fixture, "disks/other.qcow2"), "1M");
	QEMU_IMG(fixture, "create", "-q", "-f", "qcow2", "-b", bottom(fixture), "-F", "qcow2",
		 fixture_path(fixture, "disks/third.qcow2"));

	leave_commit(fixture);
	check_with_left(fixture, "disks/other.qcow2", 1);
	assert_int_equal(content(fixture, bottom(fixture)), before);
	check_with_left(fixture, "disks/base.qcow2", 0);
	assert_int_not_equal(content(fixture, bottom(fixture)), before);

	leave_commit(fixture);
	check_with_left(fixture, "disks/third.qcow2", 0); /* it lies on the one that is changed */

	leave_commit(fixture);
	assert_int_equal(fixture->common->gc(fixture->instance, &alive, &err), 0);
	assert_empty(fixture_path(fixture, "data/drivers/qcow2/work"), 0);
	assert_int_not_equal(content(fixture, bottom(fixture)), before);
	munmap(due.ran, sizeof(*due.ran));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_commit, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_flattening, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_growth, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_shrinking, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_new_snapshot, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_revert, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_deletion, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_clone, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_conversion, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(others_do_not_wait_for_it, fixture_setup, fixture_teardown),
	};

	if (access("/usr/bin/qemu-img", X_OK) < 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
