/* SPDX-License-Identifier: BSD-3-Clause
 * Whose files nobody in a user namespace can have made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "base/userns.h"

static char top[] = "/tmp/hyfw-userns-XXXXXX";

static const struct {
	const char *name;
	uid_t owner;
	mode_t mode;
	bool outside; /* as root of a user namespace with the ids 0 (1000) and 1 to 65536 (100000 on) sees it */
} files[] = {
	{ "of-root", 0, 0644, true },         { "of-root-closed", 0, 0600, true }, { "of-stranger", 1001, 0644, true },
	{ "of-user", 1000, 0644, false },     { "of-nobody-inside", 165533, 0644, false },
	{ "closed-inside", 165533, 0000, false }, { "of-another-inside", 100004, 0644, false },
};

static int make_files(void **state)
{
	size_t i;

	(void)state;
	if (geteuid() != 0)
		return 0;
	assert_non_null(mkdtemp(top));
	assert_int_equal(chmod(top, 0755), 0);
	for (i = 0; i < HYFW_COUNT(files); i++) {
		HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", top, files[i].name);
		HYFW_AUTO_CLOSE int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

		assert_true(fd >= 0);
		assert_int_equal(fchown(fd, files[i].owner, files[i].owner), 0);
		assert_int_equal(fchmod(fd, files[i].mode), 0);
	}
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	return geteuid() == 0 ? hyfw_remove_tree(AT_FDCWD, top, NULL) : 0;
}

static bool is_outside(const char *name)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", top, name);
	HYFW_AUTO_CLOSE int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && hyfw_owner_is_outside(fd, &st);
}

/* In the child: the number of the first file that is judged wrongly, from 1 on. */
static int judge_all(void)
{
	size_t i;

	if (!hyfw_in_user_namespace())
		return 99;
	for (i = 0; i < HYFW_COUNT(files); i++)
		if (is_outside(files[i].name) != files[i].outside)
			return (int)i + 1;
	/* Who has no privileges cannot tell. */
	if (syscall(SYS_setresuid, 5, 5, 5) < 0)
		return 98;
	return is_outside(files[0].name) ? 97 : 0;
}

static void write_map(pid_t pid, const char *file)
{
	static const char text[] = "0 1000 1\n1 100000 65536\n";
	HYFW_AUTO_FREE char *path = hyfw_format("/proc/%d/%s", (int)pid, file);
	HYFW_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void those_of_ids_that_are_not_mapped_are_outside(void **state)
{
	int go[2], made[2], status;
	char byte = 0;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip(); /* root alone can give files away and map ids */
	assert_int_equal(pipe2(go, O_CLOEXEC) | pipe2(made, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) < 0 || write(made[1], "", 1) != 1 || read(go[0], &byte, 1) != 1 ||
		    syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
			_exit(96);
		_exit(judge_all());
	}
	close(made[1]);
	assert_int_equal(read(made[0], &byte, 1), 1);
	write_map(pid, "uid_map");
	write_map(pid, "gid_map");
	assert_int_equal(write(go[1], "", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(go[0]);
	close(go[1]);
	close(made[0]);
}

/* There 65534 is a user as any other, whoever asks. */
static void nothing_is_outside_of_the_first_namespace(void **state)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", top, files[0].name);
	size_t i;

	(void)state;
	if (geteuid() != 0 || hyfw_in_user_namespace())
		skip();
	assert_int_equal(chown(path, 65534, 65534), 0);
	for (i = 0; i < HYFW_COUNT(files); i++)
		assert_false(is_outside(files[i].name));
	assert_int_equal(chown(path, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_of_ids_that_are_not_mapped_are_outside),
		cmocka_unit_test(nothing_is_outside_of_the_first_namespace),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
