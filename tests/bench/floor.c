/* SPDX-License-Identifier: BSD-3-Clause
 * The kernel's own price of a container start, and nothing else: one clone with
 * all eight namespaces and its id maps, the root file system bound, a fresh /proc,
 * pivot_root, exec, wait.
 *
 *     floor ROOTFS COMMAND [ARGUMENT...]
 *     floor -n ROUNDS ROOTFS COMMAND [ARGUMENT...]
 *
 * The second form starts that many, one after the other, and prints the median
 * milliseconds of one start from here, the exec of this program left out. */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | \
		    CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME)

static void need(int condition, const char *what)
{
	if (!condition) {
		perror(what);
		_exit(125);
	}
}

static void map_ids(pid_t pid, const char *file)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	need(write(fd, "0 300000 65536", 14) == 14, file);
	close(fd);
}

static void be_container(char **argv, const char *rootfs, int ready)
{
	struct mount_attr slave = { .propagation = MS_SLAVE };
	char byte;
	int root, proc, fs;

	need(read(ready, &byte, 1) == 1, "maps");
	need(syscall(SYS_setresuid, 0, 0, 0) == 0, "setresuid");
	need(mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &slave, sizeof(slave)) == 0, "propagation");
	root = open_tree(AT_FDCWD, rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	need(root >= 0, rootfs);
	fs = fsopen("proc", FSOPEN_CLOEXEC);
	need(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0, "proc");
	proc = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	need(move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) == 0, "move_mount");
	need(fchdir(root) == 0 && syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
	need(umount2(".", MNT_DETACH) == 0 && chdir("/") == 0, "umount");
	need(move_mount(proc, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) == 0, "/proc");
	execv(argv[0], argv);
	need(0, argv[0]);
}

static int start_one(char **argv, const char *rootfs)
{
	struct clone_args args = { .flags = NAMESPACES, .exit_signal = SIGCHLD };
	int ends[2], status = 0;
	pid_t pid;

	need(pipe2(ends, O_CLOEXEC) == 0, "pipe");
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	need(pid >= 0, "clone3");
	if (pid == 0)
		be_container(argv, rootfs, ends[0]);
	map_ids(pid, "uid_map");
	map_ids(pid, "gid_map");
	need(write(ends[1], "", 1) == 1, "pipe");
	close(ends[0]);
	close(ends[1]);
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

int main(int argc, char **argv)
{
	long rounds = argc > 4 && strcmp(argv[1], "-n") == 0 ? strtol(argv[2], NULL, 10) : 0, i;
	double *ms, start;

	if (argc < 3) {
		fprintf(stderr, "usage: floor [-n ROUNDS] ROOTFS COMMAND [ARGUMENT...]\n");
		return 125;
	}
	if (rounds <= 0)
		return start_one(argv + 2, argv[1]);
	ms = calloc((size_t)rounds, sizeof(*ms));
	need(ms != NULL, "memory");
	for (i = 0; i < rounds; i++) {
		start = now_ms();
		start_one(argv + 4, argv[3]);
		ms[i] = now_ms() - start;
	}
	qsort(ms, (size_t)rounds, sizeof(*ms), by_size);
	printf("%.2f\n", ms[rounds / 2]);
	free(ms);
	return 0;
}
