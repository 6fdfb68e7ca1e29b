/* SPDX-License-Identifier: BSD-3-Clause
 * Rules about devices as a program that cgroup v2 asks for every open and mknod
 * (BPF_PROG_TYPE_CGROUP_DEVICE, bpf(2)).  It is handed a struct bpf_cgroup_dev_ctx
 * and says 1 for yes.
 *
 * The last rule is asked first.  r3 holds the kinds of access that nobody has spoken of
 * yet: a rule that allows takes its own away, and with none left it is yes; a rule that
 * denies one of them ends it with no, and so does the end of the list. */
#include "device_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroups.h"

_Static_assert((int)DEVICE_MKNOD == BPF_DEVCG_ACC_MKNOD && (int)DEVICE_READ == BPF_DEVCG_ACC_READ &&
	       (int)DEVICE_WRITE == BPF_DEVCG_ACC_WRITE, "access is as the kernel has it");

enum {
	ANSWER = BPF_REG_0,
	CONTEXT = BPF_REG_1,
	TYPE = BPF_REG_2,
	LEFT = BPF_REG_3,
	MAJOR = BPF_REG_4,
	MINOR = BPF_REG_5,
};
#define PROGRAM_NAME "hyfw_devices"
#define BEGIN_LENGTH 6
#define RULE_LENGTH 14 /* at most */
#define END_LENGTH 2

struct program {
	struct bpf_insn *at; /* where the next one goes */
};

static void put(struct program *program, struct bpf_insn instruction)
{
	*program->at++ = instruction;
}

static void load(struct program *program, uint8_t to, size_t offset)
{
	put(program, (struct bpf_insn){ .code = BPF_LDX | BPF_W | BPF_MEM, .dst_reg = to, .src_reg = CONTEXT,
					.off = (int16_t)offset });
}

static void compute(struct program *program, uint8_t operation, uint8_t to, int32_t value)
{
	put(program, (struct bpf_insn){ .code = (uint8_t)(BPF_ALU64 | BPF_K | operation), .dst_reg = to, .imm = value });
}

/* To the end of this rule, which is not known yet: the offset is filled in there. */
static void jump(struct program *program, uint8_t condition, uint8_t from, int32_t value)
{
	put(program, (struct bpf_insn){ .code = (uint8_t)(BPF_JMP | BPF_K | condition), .dst_reg = from, .imm = value });
}

static void copy(struct program *program, uint8_t to, uint8_t from)
{
	put(program, (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = to, .src_reg = from });
}

/* The difference is compared and not the number itself: a kernel that has learned from one
 * rule what the number is follows all later rules once more, with it known, and gives up
 * a list of some hundreds ("too large"). */
static void require(struct program *program, uint8_t what, int64_t value)
{
	copy(program, ANSWER, what);
	compute(program, BPF_XOR, ANSWER, (int32_t)value);
	jump(program, BPF_JNE, ANSWER, 0);
}

static void answer(struct program *program, bool yes)
{
	compute(program, BPF_MOV, ANSWER, yes);
	put(program, (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT });
}

static void put_begin(struct program *program)
{
	/* access_type: the access in the upper half, the type in the lower. */
	load(program, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	load(program, LEFT, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	compute(program, BPF_AND, TYPE, 0xffff);
	compute(program, BPF_RSH, LEFT, 16);
	load(program, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	load(program, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
}

static void put_rule(struct program *program, const struct device_rule *rule)
{
	struct bpf_insn *first = program->at, *each;

	if (rule->type != 'a')
		require(program, TYPE, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (rule->major != DEVICE_ANY)
		require(program, MAJOR, rule->major);
	if (rule->minor != DEVICE_ANY)
		require(program, MINOR, rule->minor);
	if (rule->allow) {
		compute(program, BPF_AND, LEFT, (int32_t)~rule->access);
		jump(program, BPF_JNE, LEFT, 0);
	} else {
		copy(program, ANSWER, LEFT);
		compute(program, BPF_AND, ANSWER, (int32_t)rule->access);
		jump(program, BPF_JEQ, ANSWER, 0);
	}
	answer(program, rule->allow);
	for (each = first; each < program->at; each++)
		if (BPF_CLASS(each->code) == BPF_JMP && BPF_OP(each->code) != BPF_EXIT)
			each->off = (int16_t)(program->at - each - 1);
}

int device_program(const struct device_rule *rules, size_t count, struct bpf_insn **ret_program, size_t *ret_length)
{
	struct program program;
	struct bpf_insn *first;
	int result = device_rules_check(rules, count);
	size_t i;

	if (result < 0)
		return result;
	first = calloc(BEGIN_LENGTH + count * RULE_LENGTH + END_LENGTH, sizeof(*first));
	if (!first)
		return -ENOMEM;
	program.at = first;
	put_begin(&program);
	for (i = count; i > 0; i--)
		put_rule(&program, &rules[i - 1]);
	answer(&program, false);
	*ret_program = first;
	*ret_length = (size_t)(program.at - first);
	return 0;
}

static int call_bpf(int command, union bpf_attr *attributes)
{
	long result = syscall(SYS_bpf, command, attributes, sizeof(*attributes));

	return result < 0 ? -errno : (int)result;
}

static int load_program(const struct bpf_insn *program, size_t length)
{
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attributes.expected_attach_type = BPF_CGROUP_DEVICE;
	attributes.insns = (uintptr_t)program;
	attributes.insn_cnt = (uint32_t)length;
	attributes.license = (uintptr_t)"BSD";
	strcpy(attributes.prog_name, PROGRAM_NAME);
	return call_bpf(BPF_PROG_LOAD, &attributes);
}

/* Before Linux 5.11 programs count as locked memory, of which even root has little.  Who
 * may not have more is told so by the load. */
static int load_with_memory(const struct bpf_insn *program, size_t length)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit before;
	int fd = load_program(program, length);

	if (fd != -EPERM || getrlimit(RLIMIT_MEMLOCK, &before) < 0 || setrlimit(RLIMIT_MEMLOCK, &all) < 0)
		return fd;
	fd = load_program(program, length);
	setrlimit(RLIMIT_MEMLOCK, &before); /* a workload would inherit it */
	return fd;
}

static int prepare(int group, const struct device_rule *rules, size_t count, int *ret_directory, int *ret_program)
{
	AUTO_FREE struct bpf_insn *program = NULL;
	size_t length;
	int result = device_program(rules, count, &program, &length);

	if (result < 0)
		return result;
	*ret_directory = openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_directory < 0)
		return -errno;
	*ret_program = load_with_memory(program, length);
	return *ret_program < 0 ? *ret_program : 0;
}

/* 'replaced': the program whose place it takes; -1 for none. */
static int attach(int directory, int program, int replaced)
{
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.target_fd = (uint32_t)directory;
	attributes.attach_bpf_fd = (uint32_t)program;
	attributes.attach_type = BPF_CGROUP_DEVICE;
	attributes.attach_flags = BPF_F_ALLOW_MULTI; /* what the parents deny stays denied */
	if (replaced >= 0) {
		attributes.attach_flags |= BPF_F_REPLACE;
		attributes.replace_bpf_fd = (uint32_t)replaced;
	}
	return call_bpf(BPF_PROG_ATTACH, &attributes);
}

static int detach(int directory, int program)
{
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.target_fd = (uint32_t)directory;
	attributes.attach_bpf_fd = (uint32_t)program;
	attributes.attach_type = BPF_CGROUP_DEVICE;
	return call_bpf(BPF_PROG_DETACH, &attributes);
}

int device_rules_attach_v2(int group, const struct device_rule *rules, size_t count)
{
	AUTO_CLOSE int directory = -1;
	AUTO_CLOSE int program = -1;
	int result = prepare(group, rules, count, &directory, &program);

	return result < 0 ? result : attach(directory, program, -1);
}

/* ---- another list ---- */

static bool is_ours(int program)
{
	struct bpf_prog_info info;
	union bpf_attr attributes;

	memset(&info, 0, sizeof(info));
	memset(&attributes, 0, sizeof(attributes));
	attributes.info.bpf_fd = (uint32_t)program;
	attributes.info.info_len = sizeof(info);
	attributes.info.info = (uintptr_t)&info;
	return call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) == 0 && strcmp(info.name, PROGRAM_NAME) == 0;
}

/* The one that was attached to this very group; -ENOENT. */
static int find_attached(int directory)
{
	uint32_t ids[64];
	union bpf_attr attributes;
	size_t i, count;
	int result, program;

	memset(&attributes, 0, sizeof(attributes));
	attributes.query.target_fd = (uint32_t)directory;
	attributes.query.attach_type = BPF_CGROUP_DEVICE;
	attributes.query.prog_ids = (uintptr_t)ids;
	attributes.query.prog_cnt = sizeof(ids) / sizeof(ids[0]);
	result = call_bpf(BPF_PROG_QUERY, &attributes);
	if (result < 0)
		return result;
	count = attributes.query.prog_cnt;
	for (i = 0; i < count && i < sizeof(ids) / sizeof(ids[0]); i++) {
		memset(&attributes, 0, sizeof(attributes));
		attributes.prog_id = ids[i];
		program = call_bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
		if (program >= 0 && is_ours(program))
			return program;
		if (program >= 0)
			close(program);
	}
	return -ENOENT;
}

/* Before Linux 5.6 both hold for a moment. */
static int exchange(int directory, int program, int before)
{
	int result = attach(directory, program, before);

	if (result != -EINVAL)
		return result;
	result = attach(directory, program, -1);
	return result < 0 ? result : detach(directory, before);
}

int device_rules_change_v2(int group, const struct device_rule *rules, size_t count)
{
	AUTO_CLOSE int directory = -1;
	AUTO_CLOSE int program = -1;
	AUTO_CLOSE int before = -1;
	int result;

	if (count > 0) {
		result = prepare(group, rules, count, &directory, &program);
	} else {
		directory = openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		result = directory < 0 ? -errno : 0;
	}
	if (result < 0)
		return result;
	before = find_attached(directory);
	if (before < 0 && before != -ENOENT)
		return before;
	if (count == 0)
		return before < 0 ? 0 : detach(directory, before);
	return before < 0 ? attach(directory, program, -1) : exchange(directory, program, before);
}
