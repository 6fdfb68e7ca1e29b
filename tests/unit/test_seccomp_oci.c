/* SPDX-License-Identifier: BSD-3-Clause
 * linux.seccomp of an OCI bundle: actions, operators, flags, the listener. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/ptrace.h>

#include "seccomp_fixture.h"

static int try_filter(const char *text, const char *listener, struct filter *ret_filter, struct hyfw_error **err)
{
	struct hyfw_oci_config config = { .size = sizeof(config), .seccomp = text, .seccomp_listener = listener };

	return filter_get_oci(&fake_host, fake.arena, &config, ret_filter, err);
}

static struct filter get(const char *text)
{
	struct hyfw_error *err = NULL;
	struct filter filter = { 0 };

	if (try_filter(text, strstr(text, "SCMP_ACT_NOTIFY") ? "/run/agent.sock" : NULL, &filter, &err) < 0)
		fail_msg("%s", err->message);
	return filter;
}

/* A filter that permits all but what 'rules' say. */
static struct filter with_rules(const char *rules)
{
	return get(hyfw_arena_format(fake.arena, "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[%s]}", rules));
}

static struct filter with_condition(const char *conditions)
{
	return with_rules(hyfw_arena_format(fake.arena, "{\"names\":[\"getpriority\"],\"action\":\"SCMP_ACT_ERRNO\","
					    "\"errnoRet\":95,\"args\":[%s]}", conditions));
}

static int priority(const struct filter *filter, long which, long who)
{
	return errno_of(filter, SYS_getpriority, which, who, 0, 0);
}

static void each_operator_compares(void **state)
{
	static const struct {
		const char *op;
		unsigned value, two;
		bool zero, one, two_holds; /* for the argument 0, 1, 2 */
	} cases[] = {
		{ "SCMP_CMP_NE", 1, 0, true, false, true }, { "SCMP_CMP_LT", 1, 0, true, false, false },
		{ "SCMP_CMP_LE", 1, 0, true, true, false }, { "SCMP_CMP_EQ", 1, 0, false, true, false },
		{ "SCMP_CMP_GE", 1, 0, false, true, true }, { "SCMP_CMP_GT", 1, 0, false, false, true },
		{ "SCMP_CMP_MASKED_EQ", 2, 2, false, false, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter filter = with_condition(hyfw_arena_format(
			fake.arena, "{\"index\":0,\"value\":%u,\"valueTwo\":%u,\"op\":\"%s\"}", cases[i].value,
			cases[i].two, cases[i].op));
		bool holds[] = { priority(&filter, 0, 0) == 95, priority(&filter, 1, 0) == 95,
				 priority(&filter, 2, 0) == 95 };

		if (holds[0] != cases[i].zero || holds[1] != cases[i].one || holds[2] != cases[i].two_holds)
			fail_msg("%s %u: %d %d %d", cases[i].op, cases[i].value, holds[0], holds[1], holds[2]);
	}
}

static void conditions_join_as_the_runtimes_do(void **state)
{
	/* different arguments: all must hold */
	struct filter both = with_condition("{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"},"
					    "{\"index\":1,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}");
	/* the same argument twice: one is enough */
	struct filter either = with_condition("{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"},"
					      "{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}");

	(void)state;
	assert_int_equal(priority(&both, 0, 0), 95);
	assert_int_equal(priority(&both, 0, getpid()), 0);
	assert_int_equal(priority(&either, 0, 0), 95);
	assert_int_equal(priority(&either, 2, 0), 95);
	assert_int_equal(priority(&either, 1, 0), 0);
}

static void numbers_of_64_bits_are_compared(void **state)
{
	struct filter filter = with_condition("{\"index\":1,\"value\":18446744073709551615,\"op\":\"SCMP_CMP_EQ\"}");

	(void)state;
	assert_int_equal(priority(&filter, 0, -1), 95);
	assert_int_equal(priority(&filter, 0, 0xffffffff), ESRCH);
}

static int signal_of(const struct filter *filter)
{
	struct sock_fprog program = { (unsigned short)filter->count, (struct sock_filter *)filter->program };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSYS, SIG_DFL); /* cmocka catches it */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program) < 0)
			_exit(99);
		syscall(SYS_exit_group, syscall(SYS_getuid) < 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void each_action_acts(void **state)
{
	static const struct {
		const char *action;
		int outcome; /* signal, or -1: the call failed, 0: it went through */
	} cases[] = {
		{ "SCMP_ACT_KILL", SIGSYS },  { "SCMP_ACT_KILL_THREAD", SIGSYS }, { "SCMP_ACT_KILL_PROCESS", SIGSYS },
		{ "SCMP_ACT_TRAP", SIGSYS },  { "SCMP_ACT_ERRNO", -1 },	  { "SCMP_ACT_TRACE", -1 },
		{ "SCMP_ACT_LOG", 0 },	      { "SCMP_ACT_ALLOW", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter filter = with_rules(hyfw_arena_format(
			fake.arena, "{\"names\":[\"getuid\",\"no_such_call\"],\"action\":\"%s\"}", cases[i].action));

		if (signal_of(&filter) != cases[i].outcome)
			fail_msg("%s: %d", cases[i].action, signal_of(&filter));
	}
}

static void the_default_answers_with_its_code(void **state)
{
	struct filter filter = get("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":95,\"architectures\":"
				   "[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"],\"unknown\":{\"a\":1},"
				   "\"syscalls\":[{\"names\":[\"exit_group\",\"getpid\",\"statmount\"],\"action\":"
				   "\"SCMP_ACT_ALLOW\",\"remark\":\"\"}]}");

	(void)state;
	assert_int_equal(errno_of(&filter, SYS_getpid, 0, 0, 0, 0), 0);
	assert_int_equal(errno_of(&filter, SYS_getuid, 0, 0, 0, 0), 95);
	assert_int_equal(errno_of(&filter, 9999, 0, 0, 0, 0), ENOSYS);
}

/* What no condition of a call fits gets the default, and so does what is younger than none of
 * the filter's calls; only what is younger than all of them does not exist. */
static void conditional_calls_get_the_default(void **state)
{
	struct filter filter = get("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86\","
				   "\"SCMP_ARCH_X32\",\"SCMP_ARCH_X86_64\"],\"syscalls\":["
				   "{\"names\":[\"exit_group\",\"io_uring_register\"],\"action\":\"SCMP_ACT_ALLOW\"},"
				   "{\"names\":[\"dup3\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,"
				   "\"op\":\"SCMP_CMP_EQ\"}]},{\"names\":[\"dup3\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":"
				   "[{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_GT\"}]}]}");

	(void)state;
	assert_int_equal(errno_of(&filter, SYS_dup3, 0, -100, 0xffff, 0), EPERM);
	assert_int_equal(errno_of(&filter, SYS_dup3, 1, -100, 0xffff, 0), EINVAL);
	assert_int_equal(errno_of(&filter, SYS_dup3, 2, -100, 0xffff, 0), EPERM);
	assert_int_equal(errno_of(&filter, SYS_dup3, 3, -100, 0xffff, 0), EINVAL);
	assert_int_equal(errno_of(&filter, SYS_unshare, 0, 0, 0, 0), EPERM);
	assert_int_equal(errno_of(&filter, 1000, 0, 0, 0, 0), ENOSYS);
}

static void flags_reach_the_kernel(void **state)
{
	struct filter plain = get("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\","
				  "\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\","
				  "\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]}");
	struct filter silent = get("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}");
	struct filter none = get("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[]}");
	struct filter notify = get("{\"defaultAction\":\"SCMP_ACT_ALLOW\","
				   "\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"],\"syscalls\":"
				   "[{\"names\":[\"getuid\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}");

	(void)state;
	assert_int_equal(plain.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	assert_int_equal(silent.flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	assert_int_equal(none.flags, 0);
	assert_int_equal(notify.flags,
			 SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	assert_int_equal(errno_of(&plain, SYS_getuid, 0, 0, 0, 0), 0);
	assert_int_equal(errno_of(&notify, SYS_getpid, 0, 0, 0, 0), 0);
}

static void who_names_a_listener_gets_one(void **state)
{
	struct hyfw_error *err = NULL;
	struct filter filter = { 0 };

	(void)state;
	assert_int_equal(try_filter("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[]}", "/run/agent.sock", &filter,
				    &err), 0);
	assert_int_equal(filter.flags, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	assert_int_equal(errno_of(&filter, SYS_getpid, 0, 0, 0, 0), 0);
}

/* A listener that answers each call with 7. */
static void calls_reach_the_listener(void **state)
{
	struct filter filter = with_rules("{\"names\":[\"getuid\"],\"action\":\"SCMP_ACT_NOTIFY\"}");
	struct sock_fprog program = { (unsigned short)filter.count, (struct sock_filter *)filter.program };
	struct seccomp_notif request = { 0 };
	struct seccomp_notif_resp answer = { 0 };
	int status, listener, pidfd, numbers[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(numbers), 0);
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			_exit(98);
		listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter.flags, &program);
		if (write(numbers[1], &listener, sizeof(listener)) < 0)
			_exit(99);
		syscall(SYS_exit_group, syscall(SYS_getuid));
	}
	assert_int_equal(read(numbers[0], &listener, sizeof(listener)), sizeof(listener));
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	listener = (int)syscall(SYS_pidfd_getfd, pidfd, listener, 0);
	assert_true(listener >= 0);
	assert_int_equal(seccomp_notify_receive(listener, &request), 0);
	assert_int_equal(request.data.nr, SYS_getuid);
	answer.id = request.id;
	answer.val = 7;
	assert_int_equal(seccomp_notify_respond(listener, &answer), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	close(listener);
	close(pidfd);
	close(numbers[0]);
	close(numbers[1]);
}

static void refused(const char *text, const char *listener, const char *message)
{
	struct hyfw_error *err = NULL;
	struct filter filter;

	assert_int_equal(try_filter(text, listener, &filter, &err), -EINVAL);
	if (!strstr(err->message, message))
		fail_msg("\"%s\" does not say \"%s\"", err->message, message);
	hyfw_forget(&err);
}

static void what_is_not_understood_is_refused(void **state)
{
	static const char notify[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\"],"
				     "\"action\":\"SCMP_ACT_NOTIFY\"}]}";

	(void)state;
	refused(notify, NULL, "linux.seccomp: SCMP_ACT_NOTIFY needs listenerPath");
	refused(notify, "agent.sock", "\"agent.sock\" is not an absolute path");
	refused("{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "/a", "defaultAction: SCMP_ACT_NOTIFY cannot be it");
	refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"write\"],\"action\":"
		"\"SCMP_ACT_NOTIFY\"}]}", "/a", "SCMP_ACT_NOTIFY cannot be used for the write syscall");
	refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\"],\"action\":"
		"\"SCMP_ACT_KILL\",\"args\":[{\"index\":0,\"op\":\"SCMP_CMP_SAME\"}]}]}", NULL,
		"syscalls[0]: op: unknown operator SCMP_CMP_SAME");
	refused("{\"defaultAction\":\"SCMP_ACT_NONE\"}", NULL, "unknown action SCMP_ACT_NONE");
	refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_Z80\"]}", NULL,
		"unknown architecture SCMP_ARCH_Z80");
	refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"X\"]}", NULL, "unknown flag X");
	refused("{\"syscalls\":[]}", NULL, "defaultAction: is missing");
	refused("[]", NULL, "not a JSON object");
}

static void a_bundle_without_a_filter_has_none(void **state)
{
	struct hyfw_oci_config config = { .size = sizeof(config) };
	struct hyfw_subject subject = { .size = sizeof(subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = "web",
					.oci = &config };
	struct hyfw_confinement confinement = { sizeof(confinement) };
	const struct hyfw_plugin *plugin = hyfw_plugin_entry_v1();
	const struct hyfw_security_ops *ops = plugin->ops;
	void *instance = NULL;

	(void)state;
	assert_int_equal(plugin->common->open(&fake_host, NULL, &instance, NULL), 0);
	assert_int_equal(plugin->common->check(instance, &subject, NULL), 0);
	assert_int_equal(plugin->common->plan(instance, &subject, NULL, fake.arena, NULL), 0);
	assert_int_equal(fake.step_count, 0);
	assert_int_equal(ops->confine(instance, &subject, NULL, fake.arena, &confinement, NULL), 0);
	assert_null(confinement.seccomp_program);
	config.seccomp = "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}";
	assert_int_equal(ops->confine(instance, &subject, NULL, fake.arena, &confinement, NULL), 0);
	assert_non_null(confinement.seccomp_program);
	plugin->common->close(instance);
}

static void the_same_text_comes_from_the_cache(void **state)
{
	static const char text[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\"],"
				   "\"action\":\"SCMP_ACT_ERRNO\"}]}";
	struct filter first = get(text), second = get(text);

	(void)state;
	assert_int_equal(fake.cache_hits, 1);
	assert_int_equal(first.count, second.count);
	assert_memory_equal(first.program, second.program, first.count * sizeof(*first.program));
	/* damaged: built anew */
	((uint32_t *)fake.cache_data)[0] ^= 1;
	assert_int_equal(get(text).count, first.count);
	get("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}");
	assert_int_equal(fake.cache_hits, 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fake_host_begin, fake_host_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_operator_compares),
		TEST(conditions_join_as_the_runtimes_do),
		TEST(numbers_of_64_bits_are_compared),
		TEST(each_action_acts),
		TEST(the_default_answers_with_its_code),
		TEST(conditional_calls_get_the_default),
		TEST(flags_reach_the_kernel),
		TEST(who_names_a_listener_gets_one),
		TEST(calls_reach_the_listener),
		TEST(what_is_not_understood_is_refused),
		TEST(a_bundle_without_a_filter_has_none),
		TEST(the_same_text_comes_from_the_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
