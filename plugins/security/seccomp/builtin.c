/* SPDX-License-Identifier: BSD-3-Clause
 * The default policy.  Three answers:
 *   permitted   what programs need to compute, handle files, memory, time,
 *               signals and sockets
 *   EPERM       what exists and is denied on purpose; each needs a capability
 *               (cap_add permits the call too) or is never permitted
 *   ENOSYS      all else, calls younger than this table among it: libraries
 *               then use the older way
 * Names that the architecture or libseccomp does not know are passed over. */
#include "filter.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/socket.h>

#define ALLOW SCMP_ACT_ALLOW
#define DENY SCMP_ACT_ERRNO(EPERM)
#define BIT(name) (UINT64_C(1) << (name))

static const char *const permitted =
	/* files: by descriptor */
	"read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek _llseek "
	"close close_range dup dup2 dup3 fcntl fcntl64 flock ioctl fsync fdatasync sync syncfs "
	"sync_file_range sync_file_range2 fallocate ftruncate ftruncate64 truncate truncate64 "
	"sendfile sendfile64 splice tee vmsplice copy_file_range readahead fadvise64 fadvise64_64 "
	"arm_fadvise64_64 arm_sync_file_range memfd_create "
	/* files: by name */
	"open openat openat2 creat access faccessat faccessat2 stat stat64 lstat lstat64 fstat fstat64 "
	"newfstatat fstatat64 statx oldstat oldlstat oldfstat readlink readlinkat getdents getdents64 readdir "
	"mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat "
	"mknod mknodat chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 lchown lchown32 fchownat "
	"utime utimes utimensat utimensat_time64 futimesat umask getcwd chdir fchdir statfs statfs64 fstatfs "
	"fstatfs64 name_to_handle_at getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr listxattr "
	"llistxattr flistxattr removexattr lremovexattr fremovexattr getxattrat setxattrat listxattrat "
	"removexattrat cachestat "
	/* files: changes and locks */
	"inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark "
	/* waiting */
	"select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 epoll_ctl "
	"epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 "
	"io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64 pipe pipe2 "
	/* memory */
	"brk mmap mmap2 munmap mremap mprotect madvise msync mincore mlock mlock2 munlock mlockall munlockall "
	"remap_file_pages pkey_alloc pkey_free pkey_mprotect memfd_secret membarrier mseal map_shadow_stack "
	"process_mrelease "
	/* processes and threads; clone and unshare are below */
	"fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid getpgrp "
	"setpgid getsid setsid set_tid_address set_robust_list get_robust_list rseq futex futex_time64 "
	"futex_waitv futex_wake futex_wait futex_requeue arch_prctl prctl set_thread_area get_thread_area "
	"set_tls breakpoint cacheflush capget capset seccomp pidfd_open pidfd_send_signal restart_syscall "
	"getrandom uname sysinfo getcpu riscv_flush_icache riscv_hwprobe "
	"landlock_create_ruleset landlock_add_rule landlock_restrict_self "
	/* scheduling and limits of one's own */
	"sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler "
	"sched_setscheduler sched_getattr sched_setattr sched_get_priority_max sched_get_priority_min "
	"sched_rr_get_interval sched_rr_get_interval_time64 getpriority setpriority nice ioprio_get ioprio_set "
	"getrlimit ugetrlimit setrlimit prlimit64 getrusage times "
	/* signals */
	"kill tkill tgkill signal sigaction sigprocmask sigpending sigsuspend sigreturn rt_sigaction "
	"rt_sigprocmask rt_sigpending rt_sigsuspend rt_sigreturn rt_sigqueueinfo rt_tgsigqueueinfo "
	"rt_sigtimedwait rt_sigtimedwait_time64 sigaltstack alarm pause "
	/* time; reading through adjtimex is free, the kernel asks for SYS_TIME to change */
	"adjtimex clock_adjtime clock_adjtime64 time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep "
	"clock_nanosleep_time64 nanosleep getitimer setitimer timer_create timer_delete timer_getoverrun "
	"timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime "
	"timerfd_gettime64 timerfd_settime timerfd_settime64 "
	/* users and groups; the kernel asks for SETUID and SETGID */
	"getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid "
	"getresgid32 getgroups getgroups32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid "
	"setregid32 setresuid setresuid32 setresgid setresgid32 setgroups setgroups32 setfsuid setfsuid32 "
	"setfsgid setfsgid32 "
	/* sockets; socket itself is below */
	"socketpair bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt "
	"send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64 "
	/* System V and POSIX communication, within the IPC namespace */
	"ipc shmget shmat shmdt shmctl semget semop semctl semtimedop semtimedop_time64 msgget msgsnd msgrcv "
	"msgctl mq_open mq_unlink mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64 "
	"mq_notify mq_getsetattr";

/* Denied with EPERM; permitted with any capability of 'mask' (0: never). */
static const struct {
	uint64_t mask;
	const char *names;
} tied[] = {
	/* The mount table, other namespaces, host names, quotas and swap. */
	{ BIT(CAP_SYS_ADMIN),
	  "mount umount umount2 pivot_root move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick "
	  "mount_setattr statmount listmount setns sethostname setdomainname quotactl quotactl_fd swapon swapoff "
	  "fanotify_init lookup_dcookie" },
	{ BIT(CAP_SYS_ADMIN) | BIT(CAP_BPF), "bpf" },
	{ BIT(CAP_SYS_ADMIN) | BIT(CAP_PERFMON), "perf_event_open" },
	{ BIT(CAP_SYSLOG), "syslog" },
	{ BIT(CAP_SYS_BOOT), "reboot kexec_load kexec_file_load" },
	{ BIT(CAP_SYS_CHROOT), "chroot" },
	{ BIT(CAP_SYS_MODULE), "init_module finit_module delete_module create_module query_module" },
	{ BIT(CAP_SYS_PACCT), "acct" },
	/* Other processes' memory and descriptors. */
	{ BIT(CAP_SYS_PTRACE),
	  "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd userfaultfd" },
	{ BIT(CAP_SYS_RAWIO), "iopl ioperm" },
	{ BIT(CAP_SYS_TIME), "settimeofday stime clock_settime clock_settime64" },
	{ BIT(CAP_SYS_TTY_CONFIG), "vhangup" },
	{ BIT(CAP_SYS_NICE),
	  "get_mempolicy set_mempolicy set_mempolicy_home_node mbind migrate_pages move_pages" },
	/* Opens files by inode number, past every directory: the way out of a
	 * container that has only this capability. */
	{ BIT(CAP_DAC_READ_SEARCH), "open_by_handle_at" },
	/* Keyrings know no namespaces; the rest is history that only attacks use. */
	{ 0, "add_key keyctl request_key nfsservctl uselib ustat sysfs _sysctl modify_ldt vm86 vm86old "
	     "get_kernel_syms afs_syscall" },
};

/* Not in any list, hence ENOSYS: io_uring_setup, io_uring_enter and
 * io_uring_register.  They go past this filter for whatever they carry out, and
 * programs fall back when they are not there. */

static void add(const struct hyfw_host *host, struct hyfw_arena *arena, struct policy *policy, const char *name,
		uint32_t action)
{
	struct rule rule = { .name = name, .action = action };

	policy_add(host, arena, policy, &rule);
}

static void add_if(const struct hyfw_host *host, struct hyfw_arena *arena, struct policy *policy,
		   const char *name, uint32_t action, struct scmp_arg_cmp condition)
{
	struct rule rule = { name, action, 1, { condition } };

	policy_add(host, arena, policy, &rule);
}

static void add_names(const struct hyfw_host *host, struct hyfw_arena *arena, struct policy *policy,
		      const char *names, uint32_t action)
{
	char *copy = host->format(arena, "%s", names), *save = NULL, *name;

	for (name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save))
		add(host, arena, policy, name, action);
}

#define NEW_NAMESPACES 0x7e020000u /* CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET; sched.h */
#define NEW_TIME 0x80u             /* CLONE_NEWTIME: part of the signal number in clone() */

/* Permits 'name' without those flags in its argument 'index', EPERM with any. */
static void add_without(const struct hyfw_host *host, struct hyfw_arena *arena, struct policy *policy,
			const char *name, unsigned index, uint32_t flags)
{
	uint32_t flag;

	add_if(host, arena, policy, name, ALLOW, SCMP_CMP64(index, SCMP_CMP_MASKED_EQ, flags, 0));
	for (flag = 1; flag; flag <<= 1)
		if (flags & flag)
			add_if(host, arena, policy, name, DENY, SCMP_CMP64(index, SCMP_CMP_MASKED_EQ, flag, flag));
}

/* clone3() hides its flags in memory that a filter cannot read: ENOSYS, and the C
 * library uses clone(). */
static void add_clone(const struct hyfw_host *host, struct hyfw_arena *arena, struct policy *policy, bool free)
{
#if defined(__s390__) || defined(__s390x__)
	const unsigned index = 1; /* clone(2): flags come second */
#else
	const unsigned index = 0;
#endif

	if (free) {
		add_names(host, arena, policy, "clone clone3 unshare", ALLOW);
		return;
	}
	add_without(host, arena, policy, "clone", index, NEW_NAMESPACES);
	add_without(host, arena, policy, "unshare", 0, NEW_NAMESPACES | NEW_TIME);
}

/* Families that programs speak; the others (AF_ALG, AF_VSOCK, AF_RDS, ...) are
 * kernel code that hardly anyone tests, or lead out of the network namespace. */
static void add_socket(const struct hyfw_host *host, struct hyfw_arena *arena, struct policy *policy)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET };
	const size_t count = sizeof(families) / sizeof(families[0]);
	unsigned family;
	size_t i;

	for (family = 0; family <= AF_PACKET; family++) {
		for (i = 0; i < count && (unsigned)families[i] != family; i++)
			;
		add_if(host, arena, policy, "socket", i < count ? ALLOW : SCMP_ACT_ERRNO(EAFNOSUPPORT),
		       SCMP_CMP64(0, SCMP_CMP_EQ, family));
	}
	add_if(host, arena, policy, "socket", SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_CMP64(0, SCMP_CMP_GT, AF_PACKET));
}

/* Only the question and the harmless answers: no READ_IMPLIES_EXEC, no fixed
 * addresses. */
static void add_personality(const struct hyfw_host *host, struct hyfw_arena *arena, struct policy *policy)
{
	static const uint32_t values[] = { 0, 0x8 /* LINUX32 */, 0x20000 /* UNAME26 */, 0x20008, 0xffffffff };
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		add_if(host, arena, policy, "personality", ALLOW, SCMP_CMP64(0, SCMP_CMP_EQ, values[i]));
}

void builtin_policy(const struct hyfw_host *host, struct hyfw_arena *arena, uint64_t grants,
		    struct policy *ret_policy)
{
	struct policy policy = { .otherwise = SCMP_ACT_ERRNO(ENOSYS) };
	size_t i;

	add_names(host, arena, &policy, permitted, ALLOW);
	for (i = 0; i < sizeof(tied) / sizeof(tied[0]); i++)
		add_names(host, arena, &policy, tied[i].names, grants & tied[i].mask ? ALLOW : DENY);
	add_clone(host, arena, &policy, (grants & BIT(CAP_SYS_ADMIN)) != 0);
	add_socket(host, arena, &policy);
	add_personality(host, arena, &policy);
	*ret_policy = policy;
}

static bool has_word(const char *words, const char *word)
{
	const size_t length = strlen(word);
	size_t part;

	for (; *words; words += part + (words[part] == ' ')) {
		part = strcspn(words, " ");
		if (part == length && strncmp(words, word, length) == 0)
			return true;
	}
	return false;
}

uint64_t builtin_capabilities(const char *call)
{
	size_t i;

	for (i = 0; i < sizeof(tied) / sizeof(tied[0]); i++)
		if (has_word(tied[i].names, call))
			return tied[i].mask;
	return has_word("clone clone3 unshare", call) ? BIT(CAP_SYS_ADMIN) : 0;
}
