/* SPDX-License-Identifier: BSD-3-Clause
 * From a policy to the program that the kernel runs, through libseccomp. */
#include "filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTRUCTIONS_MAX 4096 /* BPF_MAXINSNS */
#define X32_BIT 0x40000000u   /* __X32_SYSCALL_BIT */

static void auto_release(scmp_filter_ctx *context)
{
	if (*context)
		seccomp_release(*context);
}

static void auto_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int add_architectures(const struct hyfw_host *host, scmp_filter_ctx context, const struct policy *policy,
			     struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < policy->architecture_count; i++) {
		int result = seccomp_arch_add(context, policy->architectures[i]);

		if (result < 0 && result != -EEXIST)
			return host->fail(err, -result, "add an architecture: %s", strerror(-result));
	}
	return 0;
}

/* The highest native number that a rule is about goes to '*highest'. */
static int add_rules(const struct hyfw_host *host, scmp_filter_ctx context, const struct policy *policy,
		     int *highest, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < policy->count; i++) {
		const struct rule *rule = &policy->rules[i];
		int number = seccomp_syscall_resolve_name(rule->name), result;

		if (number > *highest)
			*highest = number;
		/* Unknown, or (below zero) of other architectures only. */
		if (number == __NR_SCMP_ERROR || (number < 0 && policy->architecture_count == 0))
			continue;
		if (rule->action == policy->otherwise)
			continue; /* libseccomp calls that an error */
		result = seccomp_rule_add_array(context, rule->action, number, rule->condition_count,
						rule->conditions);
		if (result < 0 && result != -EEXIST)
			return host->fail(err, -result, "rule %zu, for %s: %s", i, rule->name,
					  strerror(-result));
	}
	return 0;
}

/* libseccomp writes to a descriptor only (2.5). */
static int export(const struct hyfw_host *host, struct hyfw_arena *arena, scmp_filter_ctx context, size_t before,
		  struct sock_filter **ret_program, size_t *ret_count, struct hyfw_error **err)
{
	__attribute__((cleanup(auto_close))) int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct sock_filter *program;
	struct stat st;
	size_t count;
	int result;

	if (fd < 0)
		return host->fail(err, errno, "memfd_create: %s", strerror(errno));
	result = seccomp_export_bpf(context, fd);
	if (result < 0)
		return host->fail(err, -result, "write the program: %s", strerror(-result));
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size % (off_t)sizeof(*program) != 0)
		return host->fail(err, EIO, "libseccomp wrote a damaged program");
	count = (size_t)st.st_size / sizeof(*program);
	if (count + before > INSTRUCTIONS_MAX)
		return host->fail(err, E2BIG, "the program has %zu instructions, the kernel takes %d",
				  count + before, INSTRUCTIONS_MAX);
	program = host->alloc(arena, (count + before) * sizeof(*program));
	if (pread(fd, program + before, (size_t)st.st_size, 0) != st.st_size)
		return host->fail(err, EIO, "the program cannot be read back");
	*ret_program = program;
	*ret_count = count + before;
	return 0;
}

/* Native calls above 'highest' were not known to whoever wrote the policy: they
 * do not exist, so that libraries use what they used before (as runc does). */
#define PREFIX_COUNT 6
static void prefix(struct sock_filter program[PREFIX_COUNT], int highest)
{
	const struct sock_filter code[PREFIX_COUNT] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)highest, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};

	memcpy(program, code, sizeof(code));
}

/* Only a policy that answers with an error code can answer with this one. */
static bool wants_prefix(const struct policy *policy)
{
	return (policy->otherwise & 0xffff0000u) == SCMP_ACT_ERRNO(0) && policy->otherwise != SCMP_ACT_ERRNO(ENOSYS);
}

int builder_build(const struct hyfw_host *host, struct hyfw_arena *arena, const struct policy *policy,
		  struct sock_filter **ret_program, size_t *ret_count, struct hyfw_error **err)
{
	__attribute__((cleanup(auto_release))) scmp_filter_ctx context = seccomp_init(policy->otherwise);
	bool prefixed = wants_prefix(policy);
	int highest = 0, result;

	if (!context)
		return host->fail(err, EINVAL, "libseccomp refuses the default action");
	/* Programs of other architectures are ended, not left to guess. */
	seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A binary tree over the numbers: 9 comparisons instead of up to 400. */
	seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	result = add_architectures(host, context, policy, err);
	if (result == 0)
		result = add_rules(host, context, policy, &highest, err);
	if (result == 0)
		result = export(host, arena, context, prefixed ? PREFIX_COUNT : 0, ret_program, ret_count, err);
	if (result == 0 && prefixed)
		prefix(*ret_program, highest);
	return result;
}
