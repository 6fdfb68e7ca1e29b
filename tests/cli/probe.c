/* SPDX-License-Identifier: BSD-3-Clause
 * Tries from inside a workload what a workload must not be able to do, and tells
 * what the kernel said.  Static, so that it runs in any root file system.
 *
 *     probe CALL...       a line "CALL ok" or "CALL ERRNO" for each; "probe list" names them
 *     probe all           all of them, each in a child of its own
 *     probe fds           open descriptors above 2 and what they are
 *     probe fork N MS     forks until it fails or N children sleep MS; "fork COUNT ERRNO"
 *     probe eat MB MS     touches MB of memory and keeps it for MS
 *     probe connect HOST PORT MS  "connect ok", "connect ECONNREFUSED", "connect ETIMEDOUT"
 *     probe connect PATH  the same for a socket in a file system
 *     probe kill SIGNAL   ends itself with SIGNAL
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Opens 'path'; an open that works is the attack that worked. */
static long try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd;
}

static long try_mount(void)
{
	return mount("probe", "/tmp", "tmpfs", 0, NULL);
}

static long try_bind(void)
{
	return mount("/", "/tmp", NULL, MS_BIND, NULL);
}

static long try_remount(void)
{
	return mount(NULL, "/proc", NULL, MS_REMOUNT | MS_BIND, NULL);
}

static long try_umount(void)
{
	return umount2("/proc", MNT_DETACH);
}

static long try_fsopen(void)
{
	return syscall(SYS_fsopen, "tmpfs", 0);
}

static long try_pivot_root(void)
{
	return syscall(SYS_pivot_root, "/", "/tmp");
}

static long try_module(void)
{
	static const char nothing[64];

	return syscall(SYS_init_module, nothing, sizeof(nothing), "");
}

static long try_finit_module(void)
{
	return syscall(SYS_finit_module, 0, "", 0);
}

static long try_delete_module(void)
{
	return syscall(SYS_delete_module, "probe", O_NONBLOCK);
}

static long try_kexec(void)
{
	return syscall(SYS_kexec_load, 0UL, 0UL, NULL, 0UL);
}

static long try_add_key(void)
{
	return syscall(SYS_add_key, "user", "probe", "x", 1UL, KEY_SPEC_PROCESS_KEYRING);
}

static long try_keyctl(void)
{
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1);
}

static long try_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long try_traceme(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long try_vm_readv(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { &byte, 1 };

	return process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}

static long try_unshare_user(void)
{
	return unshare(CLONE_NEWUSER);
}

static long try_unshare_net(void)
{
	return unshare(CLONE_NEWNET);
}

static long try_clone_user(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid;
}

static long try_setns(void)
{
	int fd = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : setns(fd, 0);
}

static long try_block_device(void)
{
	unlink("/tmp/probe-device");
	if (mknod("/tmp/probe-device", S_IFBLK | 0600, makedev(254, 0)) < 0)
		return -1;
	return try_open("/tmp/probe-device", O_RDONLY);
}

static long try_memory_device(void)
{
	unlink("/tmp/probe-mem");
	if (mknod("/tmp/probe-mem", S_IFCHR | 0600, makedev(1, 1)) < 0)
		return -1;
	return try_open("/tmp/probe-mem", O_RDONLY);
}

static long try_dev_mem(void)
{
	return try_open("/dev/mem", O_RDONLY);
}

static long try_dev_kmsg(void)
{
	return try_open("/dev/kmsg", O_RDONLY);
}

static long try_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static long try_bpf(void)
{
	uint64_t attributes[16] = { 1, 4 };

	return syscall(SYS_bpf, 0, attributes, sizeof(attributes));
}

static long try_perf(void)
{
	struct perf_event_attr event = { .size = sizeof(event), .type = PERF_TYPE_HARDWARE };

	return syscall(SYS_perf_event_open, &event, 0, -1, -1, 0UL);
}

static long try_userfaultfd(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC);
}

static long try_io_uring(void)
{
	char parameters[120] = { 0 };

	return syscall(SYS_io_uring_setup, 1, parameters);
}

static long try_handle(void)
{
	struct {
		struct file_handle head;
		unsigned char bytes[8];
	} handle = { .head = { .handle_bytes = 8, .handle_type = 1 }, .bytes = { 2 } };

	return open_by_handle_at(AT_FDCWD, &handle.head, O_RDONLY);
}

static long try_reboot(void)
{
	return reboot((int)RB_DISABLE_CAD);
}

static long try_swapon(void)
{
	return swapon("/bin/busybox", 0);
}

static long try_clock(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return settimeofday(&now, NULL);
}

static long try_syslog(void)
{
	char line[256];

	return syscall(SYS_syslog, 3, line, sizeof(line));
}

static long try_tiocsti(void)
{
	return ioctl(0, TIOCSTI, "x");
}

static long try_self_exe(void)
{
	return try_open("/proc/self/exe", O_WRONLY);
}

/* The runtime's own binary, reached through the first process (CVE-2019-5736). */
static long try_init_exe(void)
{
	return try_open("/proc/1/exe", O_WRONLY);
}

static long try_core_pattern(void)
{
	return try_open("/proc/sys/kernel/core_pattern", O_WRONLY);
}

static long try_sysrq(void)
{
	return try_open("/proc/sysrq-trigger", O_WRONLY);
}

static long try_kcore(void)
{
	char byte;
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -1;
	got = read(fd, &byte, 1);
	close(fd);
	if (got == 0)
		errno = ENODATA; /* masked with /dev/null */
	return got == 1 ? 0 : -1;
}

static long try_sys_write(void)
{
	return try_open("/sys/kernel/mm/ksm/run", O_WRONLY);
}

static long try_root_write(void)
{
	int fd = open("/probe-file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0) {
		unlink("/probe-file");
		close(fd);
	}
	return fd;
}

static long try_setuid(void)
{
	return setresuid(1002, 1002, 1002);
}

static const struct {
	const char *name;
	long (*call)(void);
} probes[] = {
	{ "mount", try_mount },
	{ "bind", try_bind },
	{ "remount", try_remount },
	{ "umount", try_umount },
	{ "fsopen", try_fsopen },
	{ "pivot_root", try_pivot_root },
	{ "init_module", try_module },
	{ "finit_module", try_finit_module },
	{ "delete_module", try_delete_module },
	{ "kexec_load", try_kexec },
	{ "add_key", try_add_key },
	{ "keyctl", try_keyctl },
	{ "ptrace", try_ptrace },
	{ "traceme", try_traceme },
	{ "process_vm_readv", try_vm_readv },
	{ "unshare_user", try_unshare_user },
	{ "unshare_net", try_unshare_net },
	{ "clone_user", try_clone_user },
	{ "setns", try_setns },
	{ "block_device", try_block_device },
	{ "memory_device", try_memory_device },
	{ "dev_mem", try_dev_mem },
	{ "dev_kmsg", try_dev_kmsg },
	{ "packet_socket", try_packet_socket },
	{ "bpf", try_bpf },
	{ "perf_event_open", try_perf },
	{ "userfaultfd", try_userfaultfd },
	{ "io_uring", try_io_uring },
	{ "open_by_handle_at", try_handle },
	{ "reboot", try_reboot },
	{ "swapon", try_swapon },
	{ "settimeofday", try_clock },
	{ "syslog", try_syslog },
	{ "tiocsti", try_tiocsti },
	{ "self_exe", try_self_exe },
	{ "init_exe", try_init_exe },
	{ "core_pattern", try_core_pattern },
	{ "sysrq", try_sysrq },
	{ "kcore", try_kcore },
	{ "sys_write", try_sys_write },
	{ "root_write", try_root_write },
	{ "setuid", try_setuid },
};

#define PROBES (sizeof(probes) / sizeof(probes[0]))

static void tell(const char *name, bool worked)
{
	printf("%s %s\n", name, worked ? "ok" : strerrorname_np(errno));
	fflush(stdout);
}

/* In a child, so that what one attack changes is not there for the next. */
static void probe_one(size_t which)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		errno = 0;
		tell(probes[which].name, probes[which].call() >= 0);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		printf("%s no-child\n", probes[which].name);
	else if (WIFSIGNALED(status))
		printf("%s SIG%s\n", probes[which].name, sigabbrev_np(WTERMSIG(status)));
}

static int probe_named(int count, char **names)
{
	size_t i;
	int n;

	for (n = 0; n < count; n++) {
		for (i = 0; i < PROBES && strcmp(probes[i].name, names[n]) != 0; i++)
			;
		if (i == PROBES) {
			fprintf(stderr, "probe: no call '%s'\n", names[n]);
			return 2;
		}
		probe_one(i);
	}
	return 0;
}

static int probe_all(bool only_list)
{
	size_t i;

	for (i = 0; i < PROBES; i++) {
		if (only_list)
			puts(probes[i].name);
		else
			probe_one(i);
	}
	return 0;
}

static int list_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	char target[4096];
	ssize_t length;

	if (!directory)
		return 1;
	while ((entry = readdir(directory))) {
		int fd = atoi(entry->d_name);

		if (fd <= 2 || fd == dirfd(directory))
			continue;
		length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target));
		printf("fd %d %.*s\n", fd, (int)(length > 0 ? length : 0), target);
	}
	closedir(directory);
	return 0;
}

static void sleep_ms(long ms)
{
	poll(NULL, 0, (int)ms);
}

static int fork_many(long most, long ms)
{
	long count;

	for (count = 0; count < most; count++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (pid == 0) {
			sleep_ms(ms);
			_exit(0);
		}
	}
	printf("fork %ld %s\n", count, count < most ? strerrorname_np(errno) : "ok");
	fflush(stdout);
	sleep_ms(ms);
	return 0;
}

static int eat_memory(size_t megabytes, long ms)
{
	char *memory = malloc(megabytes << 20);

	if (!memory) {
		tell("eat", false);
		return 1;
	}
	memset(memory, 0x5a, megabytes << 20);
	tell("eat", memory[0] == 0x5a);
	sleep_ms(ms);
	free(memory);
	return 0;
}

/* A name by /etc/hosts; a static getaddrinfo() would want libraries. */
static bool look_up(const char *name, struct in_addr *ret_address)
{
	FILE *hosts = fopen("/etc/hosts", "re");
	char line[512], address[64], host[256];
	bool found = inet_pton(AF_INET, name, ret_address) == 1;

	while (hosts && !found && fgets(line, sizeof(line), hosts))
		found = sscanf(line, "%63s %255s", address, host) == 2 && strcmp(host, name) == 0 &&
			inet_pton(AF_INET, address, ret_address) == 1;
	if (hosts)
		fclose(hosts);
	return found;
}

static int try_connect_path(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	tell("connect", fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	return 0;
}

static int try_connect(const char *address, const char *port, long ms)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), failure = 0;
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(failure);

	if (fd < 0 || !look_up(address, &to.sin_addr))
		return 2;
	errno = 0;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EINPROGRESS) {
		if (poll(&ready, 1, (int)ms) == 1)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size);
		else
			failure = ETIMEDOUT;
		errno = failure;
	}
	tell("connect", errno == 0);
	return errno != 0;
}

int main(int argc, char **argv)
{
	/* Some of these would do harm where they are permitted. */
	if (access("/etc/hyfw-test-rootfs", F_OK) < 0) {
		fputs("probe: only inside the tests' root file system\n", stderr);
		return 2;
	}
	if (argc == 2 && strcmp(argv[1], "all") == 0)
		return probe_all(false);
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return probe_all(true);
	if (argc == 2 && strcmp(argv[1], "fds") == 0)
		return list_descriptors();
	if (argc == 4 && strcmp(argv[1], "fork") == 0)
		return fork_many(atol(argv[2]), atol(argv[3]));
	if (argc == 4 && strcmp(argv[1], "eat") == 0)
		return eat_memory((size_t)atol(argv[2]), atol(argv[3]));
	if (argc == 3 && strcmp(argv[1], "connect") == 0)
		return try_connect_path(argv[2]);
	if (argc == 5 && strcmp(argv[1], "connect") == 0)
		return try_connect(argv[2], argv[3], atol(argv[4]));
	if (argc == 3 && strcmp(argv[1], "kill") == 0)
		return raise(atoi(argv[2]));
	return probe_named(argc - 1, argv + 1);
}
