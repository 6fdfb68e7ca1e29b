/* SPDX-License-Identifier: BSD-3-Clause
 * Rules about devices.  What they decide is written out once in a table, and for lists
 * made at random it is compared with what an interpreter of our own finds in the
 * program; then the kernels of both control group versions are asked, where they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_host.h"
#include "security/cgroups/cgroups.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RULES_MOST 16

/* "deny a *:* rwm; allow c 1:3 rwm" */
static size_t parse(const char *text, struct device_rule rules[RULES_MOST])
{
	char *copy = hyfw_arena_dup(fake.arena, text), *save = NULL, *one;
	size_t count = 0;

	for (one = strtok_r(copy, ";", &save); one; one = strtok_r(NULL, ";", &save)) {
		assert_true(count < RULES_MOST);
		if (device_rule_parse(one + strspn(one, " "), &rules[count++]) < 0)
			fail_msg("not a rule: %s", one);
	}
	return count;
}

/* ---- an interpreter of the few instructions that the program may have ---- */

static uint64_t loaded(const struct bpf_cgroup_dev_ctx *context, const struct bpf_insn *at)
{
	uint32_t value;

	assert_int_equal(at->code, BPF_LDX | BPF_W | BPF_MEM);
	assert_int_equal(at->src_reg, 1);
	assert_in_range(at->off, 0, sizeof(*context) - sizeof(value));
	memcpy(&value, (const char *)context + at->off, sizeof(value));
	return value;
}

static uint64_t computed(uint64_t before, uint64_t operand, uint8_t operation)
{
	switch (operation) {
	case BPF_MOV:
		return operand;
	case BPF_AND:
		return before & operand;
	case BPF_XOR:
		return before ^ operand;
	case BPF_RSH:
		return before >> operand;
	}
	fail_msg("operation %#x", operation);
	return 0;
}

static uint64_t interpret(const struct bpf_insn *program, size_t length, const struct bpf_cgroup_dev_ctx *context)
{
	uint64_t registers[MAX_BPF_REG] = { 0 };
	size_t at, steps;

	for (at = 0, steps = 0; at < length; at++, steps++) {
		const struct bpf_insn *one = &program[at];
		const uint64_t value = (uint64_t)(int64_t)one->imm;

		assert_true(steps < length); /* it never goes back */
		if (one->code == (BPF_JMP | BPF_EXIT))
			return registers[0];
		if (BPF_CLASS(one->code) == BPF_LDX)
			registers[one->dst_reg] = loaded(context, one);
		else if (BPF_CLASS(one->code) == BPF_ALU64)
			registers[one->dst_reg] = computed(registers[one->dst_reg], BPF_SRC(one->code) == BPF_X ?
							   registers[one->src_reg] : value, BPF_OP(one->code));
		else if (one->code == (BPF_JMP | BPF_K | BPF_JNE))
			at += registers[one->dst_reg] != value ? (size_t)one->off : 0;
		else if (one->code == (BPF_JMP | BPF_K | BPF_JEQ))
			at += registers[one->dst_reg] == value ? (size_t)one->off : 0;
		else
			fail_msg("instruction %#x", one->code);
	}
	fail_msg("it has no end");
	return 0;
}

static bool program_allows(const struct device_rule *rules, size_t count, char type, int64_t major, int64_t minor,
			   unsigned access)
{
	const struct bpf_cgroup_dev_ctx context = {
		.access_type = access << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
		.major = (uint32_t)major, .minor = (uint32_t)minor,
	};
	struct bpf_insn *program;
	size_t length;
	uint64_t answer;

	assert_int_equal(device_program(rules, count, &program, &length), 0);
	answer = interpret(program, length, &context);
	free(program);
	assert_in_range(answer, 0, 1);
	return answer == 1;
}

/* ---- what rules decide ---- */

static const struct decision {
	const char *rules;
	char type;
	int major, minor;
	unsigned access;
	bool allowed;
} decisions[] = {
	{ "", 'c', 1, 3, DEVICE_READ, false },
	{ "allow a *:* rwm", 'b', 8, 0, DEVICE_READ | DEVICE_WRITE, true },
	{ "deny a *:* rwm; allow c 1:3 rwm", 'c', 1, 3, DEVICE_READ | DEVICE_WRITE, true },
	{ "deny a *:* rwm; allow c 1:3 rwm", 'b', 1, 3, DEVICE_READ, false },
	{ "deny a *:* rwm; allow c 1:3 rwm", 'c', 1, 5, DEVICE_READ, false },
	{ "deny a *:* rwm; allow c 1:3 rwm", 'c', 2, 3, DEVICE_READ, false },
	{ "allow c 1:3 rwm; deny a *:* rwm", 'c', 1, 3, DEVICE_READ, false },
	{ "deny a *:* rwm; allow c *:* m", 'c', 10, 200, DEVICE_MKNOD, true },
	{ "deny a *:* rwm; allow c *:* m", 'c', 10, 200, DEVICE_READ, false },
	{ "allow c 136:* rw", 'c', 136, 77, DEVICE_READ | DEVICE_WRITE, true },
	{ "allow c *:200 r", 'c', 10, 200, DEVICE_READ, true },
	{ "allow a 7:* r", 'b', 7, 1, DEVICE_READ, true },
	{ "allow a 7:* r", 'b', 8, 1, DEVICE_READ, false },
	/* one rule for each kind of access is as good as one for both */
	{ "allow c 1:3 r; allow c 1:3 w", 'c', 1, 3, DEVICE_READ | DEVICE_WRITE, true },
	{ "allow c 1:3 r; allow c 1:5 w", 'c', 1, 3, DEVICE_READ | DEVICE_WRITE, false },
	/* a denial takes one kind away, and what asks for both does not get it */
	{ "allow c 1:3 rw; deny c 1:3 w", 'c', 1, 3, DEVICE_READ, true },
	{ "allow c 1:3 rw; deny c 1:3 w", 'c', 1, 3, DEVICE_WRITE, false },
	{ "allow c 1:3 rw; deny c 1:3 w", 'c', 1, 3, DEVICE_READ | DEVICE_WRITE, false },
	{ "allow a *:* rwm; deny b 8:* w; allow b 8:1 w", 'b', 8, 1, DEVICE_READ | DEVICE_WRITE, true },
	{ "allow a *:* rwm; deny b 8:* w; allow b 8:1 w", 'b', 8, 2, DEVICE_READ | DEVICE_WRITE, false },
};

static void rules_decide(void **state)
{
	struct device_rule rules[RULES_MOST];
	size_t i, count;

	(void)state;
	for (i = 0; i < COUNT(decisions); i++) {
		const struct decision *it = &decisions[i];

		count = parse(it->rules, rules);
		if (device_rules_allow(rules, count, it->type, it->major, it->minor, it->access) != it->allowed)
			fail_msg("rules \"%s\": %c %d:%d %u", it->rules, it->type, it->major, it->minor, it->access);
		if (program_allows(rules, count, it->type, it->major, it->minor, it->access) != it->allowed)
			fail_msg("program of \"%s\": %c %d:%d %u", it->rules, it->type, it->major, it->minor, it->access);
	}
}

static uint32_t chance(uint32_t below)
{
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % below;
}

static int64_t any_number(void)
{
	return (int64_t)chance(4) - 1; /* DEVICE_ANY..2 */
}

static void programs_decide_as_the_rules(void **state)
{
	struct device_rule rules[RULES_MOST];
	unsigned round, allowed = 0;
	size_t i, count;

	(void)state;
	for (round = 0; round < 20000; round++) {
		char type = "bc"[chance(2)];
		int64_t major = chance(3), minor = chance(3);
		unsigned access = 1 + chance(7);
		bool expected;

		count = chance(RULES_MOST);
		for (i = 0; i < count; i++)
			rules[i] = (struct device_rule){ chance(2), "abc"[chance(3)], any_number(), any_number(),
							 1 + chance(7) };
		expected = device_rules_allow(rules, count, type, major, minor, access);
		assert_true(program_allows(rules, count, type, major, minor, access) == expected);
		allowed += expected;
	}
	assert_in_range(allowed, 1000, 19000); /* both answers came often */
}

static void rules_are_text(void **state)
{
	static const char *const wrong[] = { "", "allow", "permit c 1:3 r", "allow c 1:3", "allow c 1:3 ", "allow d 1:3 r",
					     "allow c 1 r", "allow c -1:3 r", "allow c 1:3 x", "allow c 99999999999:3 r",
					     "allow c 1:99999999999999999999 r", "allow c1:3 r", "allow c **:3 r" };
	static const char *const right[] = { "deny a *:* rwm", "allow c 1:3 r", "allow b 2147483647:* wm" };
	char text[DEVICE_RULE_TEXT];
	struct device_rule rule, rules[RULES_MOST] = { { true, 'c', 1, 3, 8 } };
	struct bpf_insn *program;
	size_t i, length;

	(void)state;
	for (i = 0; i < COUNT(wrong); i++)
		if (device_rule_parse(wrong[i], &rule) != -EINVAL)
			fail_msg("taken: %s", wrong[i]);
	for (i = 0; i < COUNT(right); i++) {
		assert_int_equal(device_rule_parse(right[i], &rule), 0);
		device_rule_text(&rule, text);
		assert_string_equal(text, right[i]);
	}
	assert_int_equal(device_program(rules, 1, &program, &length), -EINVAL);
}

/* ---- the kernel ---- */

static struct hierarchy hierarchy;

static char *live_group(const char *mount)
{
	char *path;

	if (geteuid() != 0) {
		print_message("skipped: only root makes control groups\n");
		skip();
	}
	if (!mount) {
		print_message("skipped: this kernel has no such hierarchy\n");
		skip();
	}
	path = hyfw_arena_format(fake.arena, "%s/%s", mount, fake_owner);
	assert_return_code(mkdir(path, 0755), errno);
	return path;
}

/* 0, or the errno of opening. */
static int opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? errno : 0;
}

static int made(const char *name, mode_t type, dev_t device)
{
	char *path = hyfw_arena_format(fake.arena, "/dev/%s-%s", fake_owner, name);
	int result = mknod(path, type | 0600, device) < 0 ? errno : 0;

	unlink(path);
	return result;
}

/* One bit for each look that went wrong. */
static int look_from_inside(void)
{
	return (opened("/dev/null", O_RDWR) != 0) | (opened("/dev/zero", O_RDONLY) != 0) << 1 |
	       (opened("/dev/zero", O_RDWR) != EPERM) << 2 | (opened("/dev/full", O_RDONLY) != EPERM) << 3 |
	       (made("null", S_IFCHR, makedev(1, 3)) != 0) << 4 |
	       (made("disk", S_IFBLK, makedev(7, 250)) != EPERM) << 5;
}

static void look_from(const char *path, const char *file)
{
	AUTO_CLOSE int group = group_open(path);
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(file_write(group, file, "0") < 0 ? 99 : look_from_inside());
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static const char *const small = "deny a *:* rwm; allow c 1:3 rwm; allow c 1:5 rwm; deny c 1:5 w";

static void version_2_restricts(void **state)
{
	struct device_rule rules[RULES_MOST];
	size_t count = parse(small, rules);
	char *path = live_group(hierarchy.unified);
	AUTO_CLOSE int group = group_open(path);
	int result = device_rules_attach_v2(group, rules, count);

	(void)state;
	if (result == 0)
		look_from(path, "cgroup.procs");
	rmdir(path);
	if (result < 0)
		fail_msg("attach: %s", strerror(-result));
}

/* Those of the parents go on to hold. */
static void version_2_restricts_below(void **state)
{
	struct device_rule rules[RULES_MOST], all;
	size_t count = parse(small, rules);
	char *path = live_group(hierarchy.unified), *below = hyfw_arena_format(fake.arena, "%s/below", path);
	AUTO_CLOSE int group = group_open(path);
	AUTO_CLOSE int child = -1;

	(void)state;
	assert_int_equal(device_rule_parse("allow a *:* rwm", &all), 0);
	assert_return_code(mkdir(below, 0755), errno);
	child = group_open(below);
	assert_int_equal(device_rules_attach_v2(child, &all, 1), 0);
	assert_int_equal(device_rules_attach_v2(group, rules, count), 0);
	look_from(below, "cgroup.procs");
	rmdir(below);
	rmdir(path);
}

static void version_2_takes_long_lists(void **state)
{
	struct device_rule *rules = hyfw_arena_alloc(fake.arena, DEVICE_RULES_MOST * sizeof(*rules));
	char *path = live_group(hierarchy.unified);
	AUTO_CLOSE int group = group_open(path);
	int result, too_long;
	size_t i;

	(void)state;
	for (i = 0; i < DEVICE_RULES_MOST; i++)
		rules[i] = (struct device_rule){ i % 3, "abc"[i % 3], (int64_t)i, (int64_t)(i / 2), 1 + i % 7 };
	result = device_rules_attach_v2(group, rules, DEVICE_RULES_MOST);
	too_long = device_rules_attach_v2(group, rules, DEVICE_RULES_MOST + 1);
	rmdir(path);
	assert_int_equal(result, 0);
	assert_int_equal(too_long, -EINVAL);
}

static void version_1_restricts(void **state)
{
	struct device_rule rules[RULES_MOST];
	size_t count = parse(small, rules);
	char *path = live_group(hierarchy.v1[CONTROLLER_DEVICES]);
	AUTO_CLOSE int group = group_open(path);
	int result = device_rules_write_v1(group, rules, count);

	(void)state;
	if (result == 0)
		look_from(path, "cgroup.procs");
	rmdir(path);
	assert_int_equal(result, 0);
}

static int find(void **state)
{
	fake_host_begin(state);
	hierarchy_find(&fake_host, "/sys/fs/cgroup", &hierarchy, NULL);
	return 0;
}

static int forget(void **state)
{
	hierarchy_finish(&hierarchy);
	return fake_host_end(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, find, forget)
	const struct CMUnitTest tests[] = {
		TEST(rules_decide),
		TEST(programs_decide_as_the_rules),
		TEST(rules_are_text),
		TEST(version_2_restricts),
		TEST(version_2_restricts_below),
		TEST(version_2_takes_long_lists),
		TEST(version_1_restricts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
