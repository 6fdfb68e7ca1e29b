/* SPDX-License-Identifier: BSD-3-Clause
 * The built-in policy, and profiles as Docker and Podman keep them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "seccomp_fixture.h"

static struct filter get(const char *setting, uint64_t grants)
{
	struct hyfw_error *err = NULL;
	struct filter filter = { 0 };

	if (filter_get(&fake_host, fake.arena, setting, grants, &filter, &err) < 0)
		fail_msg("%s", err->message);
	return filter;
}

static void denied_calls_fail_with_eperm(void **state)
{
	const struct {
		long number, a;
	} calls[] = {
		{ SYS_mount, 0 },	 { SYS_umount2, 0 },	  { SYS_pivot_root, 0 },   { SYS_open_tree, -1 },
		{ SYS_fsopen, 0 },	 { SYS_move_mount, -1 },  { SYS_ptrace, PTRACE_TRACEME },
		{ SYS_keyctl, 0 },	 { SYS_add_key, 0 },	  { SYS_request_key, 0 },  { SYS_bpf, 0 },
		{ SYS_perf_event_open, 0 }, { SYS_init_module, 0 }, { SYS_finit_module, 0 }, { SYS_kexec_load, 0 },
		{ SYS_unshare, CLONE_NEWUSER }, { SYS_unshare, CLONE_NEWNS }, { SYS_setns, 0 },
		{ SYS_clone, CLONE_NEWUSER | SIGCHLD }, { SYS_clone, CLONE_NEWNET | SIGCHLD },
		{ SYS_userfaultfd, 0 },	 { SYS_process_vm_readv, 0 }, { SYS_kcmp, 0 }, { SYS_reboot, 0 },
		{ SYS_swapon, 0 },	 { SYS_acct, 0 },	  { SYS_quotactl, 0 },	   { SYS_settimeofday, 0 },
		{ SYS_open_by_handle_at, 0 }, { SYS_syslog, 0 }, { SYS_vhangup, 0 },	   { SYS_sethostname, 0 },
	};
	struct filter filter = get(FILTER_DEFAULT, 0);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (errno_of(&filter, calls[i].number, calls[i].a, 0, 0, 0) != EPERM)
			fail_msg("call %ld with %#lx: errno %d", calls[i].number, calls[i].a,
				 errno_of(&filter, calls[i].number, calls[i].a, 0, 0, 0));
}

static void unknown_calls_do_not_exist(void **state)
{
	struct filter filter = get(FILTER_DEFAULT, 0);

	(void)state;
	assert_int_equal(errno_of(&filter, 9999, 0, 0, 0, 0), ENOSYS);
	assert_int_equal(errno_of(&filter, 600, 0, 0, 0, 0), ENOSYS);
	assert_int_equal(errno_of(&filter, SYS_clone3, 0, 0, 0, 0), ENOSYS);
	assert_int_equal(errno_of(&filter, SYS_io_uring_setup, 0, 0, 0, 0), ENOSYS);
	assert_int_equal(errno_of(&filter, SYS_personality, 0x0400000 /* READ_IMPLIES_EXEC */, 0, 0, 0), ENOSYS);
#ifdef __x86_64__
	assert_int_equal(errno_of(&filter, 0x40000000 | SYS_getpid, 0, 0, 0, 0), -1); /* x32 */
#endif
}

static void plain_work_goes_on(void **state)
{
	struct filter filter = get(FILTER_DEFAULT, 0);
	struct stat st;

	(void)state;
	assert_int_equal(errno_of(&filter, SYS_getpid, 0, 0, 0, 0), 0);
	assert_int_equal(errno_of(&filter, SYS_newfstatat, AT_FDCWD, (long)"/", (long)&st, 0), 0);
	assert_int_equal(errno_of(&filter, SYS_openat, AT_FDCWD, (long)"/", O_RDONLY, 0), 0);
	assert_int_equal(errno_of(&filter, SYS_unshare, CLONE_FILES, 0, 0, 0), 0);
	assert_int_equal(errno_of(&filter, SYS_personality, 0xffffffff, 0, 0, 0), 0);
	assert_int_equal(errno_of(&filter, SYS_socket, AF_INET, SOCK_STREAM, 0, 0), 0);
	assert_int_equal(errno_of(&filter, SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0), 0);
	assert_int_equal(errno_of(&filter, SYS_socket, 38 /* AF_ALG */, SOCK_SEQPACKET, 0, 0), EAFNOSUPPORT);
	assert_int_equal(errno_of(&filter, SYS_socket, 40 /* AF_VSOCK */, SOCK_STREAM, 0, 0), EAFNOSUPPORT);
	assert_int_equal(errno_of(&filter, SYS_socket, 9 /* AF_X25 */, SOCK_STREAM, 0, 0), EAFNOSUPPORT);
	/* The kernel looks at 32 bits only: the others must not open a way round. */
	assert_int_not_equal(errno_of(&filter, SYS_socket, 0x100000026, SOCK_SEQPACKET, 0, 0), 0);
	assert_int_equal(errno_of(&filter, SYS_clone, 0x100000000 | CLONE_NEWUSER, 0, 0, 0), EPERM);
	/* A program of some size runs to its end. */
	{
		struct sock_fprog program = { (unsigned short)filter.count, (struct sock_filter *)filter.program };
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
			execl("/bin/sh", "sh", "-c", "ls -l / | sort >/dev/null && test -n \"$(date)\" && sleep 0", NULL);
			_exit(99);
		}
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
	}
}

static void a_capability_permits_its_calls(void **state)
{
	struct hyfw_map admin = SETTINGS({ "cap_add", "CAP_SYS_ADMIN" }), none = SETTINGS({ "cap_drop", "ALL" });
	struct hyfw_map all = SETTINGS({ "cap_add", "ALL" }, { "cap_drop", "CAP_SYS_TIME" });
	struct filter filter = get(FILTER_DEFAULT, grants_read(&admin));

	(void)state;
	assert_int_equal(errno_of(&filter, SYS_unshare, CLONE_NEWUTS, 0, 0, 0), geteuid() ? EPERM : 0);
	assert_int_equal(errno_of(&filter, SYS_mount, (long)"x", (long)"/nonexistent", (long)"tmpfs", 0),
			 geteuid() ? EPERM : ENOENT);
	assert_int_equal(errno_of(&filter, SYS_ptrace, PTRACE_TRACEME, 0, 0, 0), EPERM);
	filter = get(FILTER_DEFAULT, grants_read(&none));
	assert_int_equal(errno_of(&filter, SYS_chroot, (long)"/", 0, 0, 0), EPERM);
	filter = get(FILTER_DEFAULT, grants_read(&all));
	assert_int_equal(errno_of(&filter, SYS_ptrace, PTRACE_TRACEME, 0, 0, 0), 0);
	assert_int_equal(errno_of(&filter, SYS_settimeofday, 0, 0, 0, 0), EPERM);
	assert_int_equal(errno_of(&filter, SYS_keyctl, 0, 0, 0, 0), EPERM);
}

static void the_cache_gives_the_same_program(void **state)
{
	struct filter fresh = get(FILTER_DEFAULT, 0), kept, other;

	(void)state;
	assert_int_equal(fake.cache_hits, 0);
	kept = get(FILTER_DEFAULT, 0);
	assert_int_equal(fake.cache_hits, 1);
	assert_int_equal(kept.count, fresh.count);
	assert_memory_equal(kept.program, fresh.program, fresh.count * sizeof(*fresh.program));
	other = get(FILTER_DEFAULT, grants_bit("CAP_SYS_ADMIN"));
	assert_int_equal(fake.cache_hits, 1); /* another key */
	assert_true(other.count != fresh.count);
	/* A damaged entry is built anew. */
	((char *)fake.cache_data)[0] ^= 1;
	kept = get(FILTER_DEFAULT, grants_bit("CAP_SYS_ADMIN"));
	assert_int_equal(kept.count, other.count);
	assert_memory_equal(kept.program, other.program, other.count * sizeof(*other.program));
}

/* ---- profiles ---- */

static char *profile_file(const char *text, size_t size)
{
	char *path = hyfw_arena_format(fake.arena, "/tmp/hyfw-seccomp-%d.json", (int)getpid());

	assert_int_equal(hyfw_file_write(path, text, size, 0600, false, NULL), 0);
	return path;
}

static const char sample[] =
	"{ \"defaultAction\": \"SCMP_ACT_ALLOW\",\n"
	"  \"archMap\": [ { \"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [ \"SCMP_ARCH_X86\" ] } ],\n"
	"  \"syscalls\": [\n"
	"    { \"names\": [ \"mkdir\", \"mkdirat\", \"no_such_call\" ], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 30 },\n"
	"    { \"name\": \"chroot\", \"action\": \"SCMP_ACT_ERRNO\", \"excludes\": { \"caps\": [ \"CAP_SYS_CHROOT\" ] } },\n"
	"    { \"names\": [ \"uname\" ], \"action\": \"SCMP_ACT_ERRNO\", \"includes\": { \"minKernel\": \"99.0\" } },\n"
	"    { \"names\": [ \"umask\" ], \"action\": \"SCMP_ACT_ERRNO\", \"errno\": \"EBUSY\", \"comment\": \"\",\n"
	"      \"args\": [ { \"index\": 0, \"value\": 7, \"op\": \"SCMP_CMP_EQ\" },\n"
	"                { \"index\": 0, \"value\": 3840, \"valueTwo\": 256, \"op\": \"SCMP_CMP_MASKED_EQ\" } ] } ] }\n";

static void docker_profiles_are_understood(void **state)
{
	char *path = profile_file(sample, strlen(sample));
	struct filter filter = get(path, 0), granted = get(path, grants_bit("CAP_SYS_CHROOT"));

	(void)state;
	unlink(path);
	assert_int_equal(errno_of(&filter, SYS_mkdirat, AT_FDCWD, (long)"/", 0755, 0), EROFS);
	assert_int_equal(errno_of(&filter, SYS_chroot, (long)"/", 0, 0, 0), EPERM);
	assert_int_equal(errno_of(&granted, SYS_chroot, (long)"/nonexistent", 0, 0, 0), geteuid() ? EPERM : ENOENT);
	assert_int_equal(errno_of(&filter, SYS_uname, 0, 0, 0, 0), EFAULT);
	assert_int_equal(errno_of(&filter, SYS_umask, 7, 0, 0, 0), EBUSY);
	assert_int_equal(errno_of(&filter, SYS_umask, 0x1ff, 0, 0, 0), EBUSY);
	assert_int_equal(errno_of(&filter, SYS_umask, 8, 0, 0, 0), 0);
}

static void calls_younger_than_a_profile_do_not_exist(void **state)
{
	static const char text[] =
		"{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [ { \"action\": \"SCMP_ACT_ALLOW\", \"names\": "
		"[ \"exit_group\", \"exit\", \"getpid\", \"openat2\" ] } ] }";
	char *path = profile_file(text, strlen(text));
	struct filter filter = get(path, 0);

	(void)state;
	unlink(path);
	assert_int_equal(errno_of(&filter, SYS_getpid, 0, 0, 0, 0), 0);
	assert_int_equal(errno_of(&filter, SYS_getuid, 0, 0, 0, 0), EPERM);
	assert_int_equal(errno_of(&filter, 448, 0, 0, 0, 0), ENOSYS);
}

static void refused(const char *text, size_t size, const char *message)
{
	char *path = profile_file(text, size);
	struct hyfw_error *err = NULL;
	struct filter filter;

	assert_true(filter_get(&fake_host, fake.arena, path, 0, &filter, &err) < 0);
	unlink(path);
	if (!strstr(err->message, message))
		fail_msg("\"%s\" does not say \"%s\"", err->message, message);
	hyfw_forget(&err);
}

static void bad_profiles_are_refused_with_the_place(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "{ \"defaultAction\": \"SCMP_ACT_ALOW\" }", "profile: defaultAction: unknown action SCMP_ACT_ALOW" },
		{ "{ }", "defaultAction: is missing" },
		{ "[ ]", "not a JSON object" },
		{ "{ \"defaultAction\": \"SCMP_ACT_ALLOW\",\n\n \"syscalls\": [ }", ".json:3: " },
		{ "{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"sycalls\": [] }", "sycalls: unknown key" },
		{ "{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [ \"SCMP_ARCH_Z80\" ] }",
		  "unknown architecture SCMP_ARCH_Z80" },
		{ "{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [ { \"names\": [ \"mount\" ], \"action\": "
		  "\"SCMP_ACT_NOTIFY\" } ] }", "syscalls[0]: action: SCMP_ACT_NOTIFY needs a listener" },
		{ "{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [ { \"names\": [ \"mount\" ], \"action\": "
		  "\"SCMP_ACT_KILL\", \"args\": [ { \"index\": 0, \"op\": \"SCMP_CMP_SAME\" } ] } ] }",
		  "op: unknown operator SCMP_CMP_SAME" },
		{ "{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [ { \"names\": [ \"mount\" ], \"action\": "
		  "\"SCMP_ACT_KILL\", \"args\": [ { \"index\": 6, \"op\": \"SCMP_CMP_EQ\" } ] } ] }", "arguments 0 to 5" },
		{ "{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [ { \"action\": \"SCMP_ACT_KILL\" } ] }",
		  "either names or name" },
		{ "{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [ \"X\" ] }", "flags[0]: unknown flag X" },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nesting" },
		{ "", "is empty" },
	};
	struct hyfw_error *err = NULL;
	struct filter filter;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i].text, strlen(cases[i].text), cases[i].message);
	refused("{ }\0{ }", 7, "NUL byte");
	assert_int_equal(filter_get(&fake_host, fake.arena, "/dev/null", 0, &filter, &err), -EINVAL);
	hyfw_forget(&err);
	assert_int_equal(filter_get(&fake_host, fake.arena, "/nonexistent.json", 0, &filter, &err), -ENOENT);
	hyfw_forget(&err);
	assert_int_equal(filter_get(&fake_host, fake.arena, "strict", 0, &filter, &err), -EINVAL);
	hyfw_forget(&err);
}

static void the_plan_says_what_the_profile_does(void **state)
{
	struct hyfw_subject subject = { .size = sizeof(subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = "web" };
	struct hyfw_subject open = { .size = sizeof(open), .kind = HYFW_SUBJECT_WORKLOAD, .name = "web",
				     .settings = SETTINGS({ "seccomp", "unconfined" }) };
	struct hyfw_confinement confinement = { sizeof(confinement) };
	const struct hyfw_plugin *plugin = hyfw_plugin_entry_v1();
	const struct hyfw_security_ops *ops = plugin->ops;
	void *instance = NULL;

	(void)state;
	assert_int_equal(plugin->common->open(&fake_host, NULL, &instance, NULL), 0);
	assert_int_equal(plugin->common->plan(instance, &subject, NULL, fake.arena, NULL), 0);
	assert_true(fake.steps[0].flags & HYFW_STEP_NOTE);
	assert_non_null(strstr(fake.steps[0].summary, "built-in profile"));
	assert_int_equal(fake.warnings, 0);
	assert_int_equal(plugin->common->plan(instance, &open, NULL, fake.arena, NULL), 0);
	assert_int_equal(fake.warnings, 1);
	assert_int_equal(ops->confine(instance, &open, NULL, fake.arena, &confinement, NULL), 0);
	assert_null(confinement.seccomp_program);
	assert_int_equal(ops->confine(instance, &subject, NULL, fake.arena, &confinement, NULL), 0);
	assert_true(confinement.seccomp_instructions > 100 && confinement.seccomp_instructions <= 4096);
	plugin->common->close(instance);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fake_host_begin, fake_host_end)

static void which_capability_a_call_is_tied_to(void **state)
{
	(void)state;
	assert_string_equal(grants_name(builtin_capabilities("mount")), "SYS_ADMIN");
	assert_string_equal(grants_name(builtin_capabilities("ptrace")), "SYS_PTRACE");
	assert_string_equal(grants_name(builtin_capabilities("unshare")), "SYS_ADMIN");
	assert_null(grants_name(builtin_capabilities("keyctl")));
	assert_null(grants_name(builtin_capabilities("moun")));
	assert_null(grants_name(builtin_capabilities("read")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(denied_calls_fail_with_eperm),
		TEST(unknown_calls_do_not_exist),
		TEST(plain_work_goes_on),
		TEST(a_capability_permits_its_calls),
		TEST(the_cache_gives_the_same_program),
		TEST(docker_profiles_are_understood),
		TEST(calls_younger_than_a_profile_do_not_exist),
		TEST(bad_profiles_are_refused_with_the_place),
		TEST(the_plan_says_what_the_profile_does),
		TEST(which_capability_a_call_is_tied_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
