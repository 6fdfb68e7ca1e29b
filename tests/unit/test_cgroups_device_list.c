/* SPDX-License-Identifier: BSD-3-Clause
 * Rules about devices as the list that cgroup v1 keeps; needs no kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "cgroups_fixture.h"

#define RULES_MOST 16

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

/* "all but; deny c 1:3 w" */
static const char *list_of(const char *text)
{
	struct device_rule rules[RULES_MOST];
	struct device_list list;
	char line[DEVICE_RULE_TEXT];
	const char *all;
	size_t i;
	int result = device_list_make(rules, parse(text, rules), &list);

	if (result < 0)
		return result == -EOPNOTSUPP ? "refused" : "failed";
	all = list.allow ? "all but" : "none but";
	for (i = 0; i < list.count; i++) {
		device_rule_text(&list.items[i], line);
		all = hyfw_arena_format(fake.arena, "%s; %s", all, line);
	}
	free(list.items);
	return all;
}

static const struct {
	const char *rules, *list;
} lists[] = {
	{ "deny a *:* rwm", "none but" },
	{ "", "none but" },
	{ "allow c 1:3 rw; allow c 1:3 m", "none but; allow c 1:3 rwm" },
	{ "deny a *:* rwm; allow c 1:5 rwm; deny c 1:5 w", "none but; allow c 1:5 rm" },
	{ "allow c 1:5 rwm; deny c 1:5 rwm", "none but" },
	/* what is denied of a range goes out of all that is in it */
	{ "allow c 1:5 rwm; allow c 1:3 rw; deny c 1:* w", "none but; allow c 1:5 rm; allow c 1:3 r" },
	{ "allow b 8:0 rw; allow c 1:3 rw; deny a *:* w", "none but; allow b 8:0 r; allow c 1:3 r" },
	{ "allow c 1:5 rw; deny b *:* rw", "none but; allow c 1:5 rw" },
	/* a part of a range cannot be taken out of it, unless something allows it again */
	{ "allow c *:* rwm; deny c 1:11 rwm", "refused" },
	{ "allow c 1:* rw; deny c *:3 r", "refused" },
	{ "allow c *:* rw; deny c 1:11 m", "none but; allow c *:* rw" },
	{ "allow c *:* m; deny c 1:11 m; allow c *:* m", "none but; allow c *:* m" },
	{ "allow c *:* m; deny c 1:11 rwm; allow c *:* m", "none but; allow c *:* m" },
	{ "allow c *:* rw; deny c 1:11 rw; allow c *:* r", "refused" },
	/* both types, everything */
	{ "allow a *:* m", "none but; allow b *:* m; allow c *:* m" },
	{ "allow c 1:3 rwm; allow a *:* rwm", "all but" },
	{ "allow a *:* rwm; deny c 1:11 rwm", "all but; deny c 1:11 rwm" },
	{ "allow a *:* rwm; deny c 1:11 rwm; allow c *:* m", "all but; deny c 1:11 rw" },
	{ "allow a *:* rwm; deny c 5:* rw; allow c 5:0 rwm", "all but; deny c 5:* rw" },
	{ "allow a *:* rwm; deny c 1:11 rwm; deny a *:* rwm; allow c 1:3 r", "none but; allow c 1:3 r" },
	/* one exception has to have all that is asked for at once */
	{ "allow c 1:* r; allow c 1:3 w; allow c *:* m", "none but; allow c 1:* r; allow c 1:3 rw; allow c *:* m" },
};

static void rules_come_to_a_list(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(list_of(lists[i].rules), lists[i].list) != 0)
			fail_msg("%s: %s, not %s", lists[i].rules, list_of(lists[i].rules), lists[i].list);
}

/* With files in place of the kernel's: what is written last is left in them. */
static void a_group_in_use_is_changed_step_by_step(void **state)
{
	char path[] = "/tmp/hyfw-devices-XXXXXX", text[256];
	struct device_rule rules[RULES_MOST];
	const char *allow, *deny, *current;
	AUTO_CLOSE int group = -1;

	(void)state;
	assert_non_null(mkdtemp(path));
	allow = hyfw_arena_format(fake.arena, "%s/devices.allow", path);
	deny = hyfw_arena_format(fake.arena, "%s/devices.deny", path);
	current = hyfw_arena_format(fake.arena, "%s/devices.list", path);
	put(allow, "");
	put(deny, "");
	put(current, "c 1:3 rwm\nc 10:229 rw\n");
	group = group_open(path);
	assert_int_equal(device_rules_change_v1(group, rules, parse("deny a *:* rwm; allow c 1:3 rwm", rules)), 0);
	assert_true(file_read(group, "devices.allow", text, sizeof(text)) > 0);
	assert_string_equal(text, "c 1:3 rwm");
	assert_true(file_read(group, "devices.deny", text, sizeof(text)) > 0);
	assert_string_equal(text, "c 10:229 rw");
	/* from all there is no way but through none */
	put(current, "a *:* rwm\n");
	put(deny, "");
	assert_int_equal(device_rules_change_v1(group, rules, parse("deny a *:* rwm", rules)), 0);
	assert_true(file_read(group, "devices.deny", text, sizeof(text)) > 0);
	assert_string_equal(text, "a");
	unlink(allow);
	unlink(deny);
	unlink(current);
	rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rules_come_to_a_list),
		TEST(a_group_in_use_is_changed_step_by_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
