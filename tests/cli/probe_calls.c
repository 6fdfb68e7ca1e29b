/* SPDX-License-Identifier: BSD-3-Clause
 * What a workload must not be able to do, each as one call. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
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

const struct probe_call probe_calls[] = {
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

const size_t probe_call_count = sizeof(probe_calls) / sizeof(probe_calls[0]);
