/* SPDX-License-Identifier: BSD-3-Clause
 * Rules about devices, and how cgroup v1 takes them (cgroup-v1/devices.rst). */
#include "device_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups.h"

#define CHARACTER(major_, minor_) { true, 'c', major_, minor_, DEVICE_ACCESS_ALL }

const struct device_rule device_rules_harmless[] = {
	{ false, 'a', DEVICE_ANY, DEVICE_ANY, DEVICE_ACCESS_ALL },
	CHARACTER(1, 3), /* null */
	CHARACTER(1, 5), /* zero */
	CHARACTER(1, 7), /* full */
	CHARACTER(1, 8), /* random */
	CHARACTER(1, 9), /* urandom */
	CHARACTER(5, 0), /* tty */
	CHARACTER(5, 1), /* console */
	CHARACTER(5, 2), /* ptmx */
	CHARACTER(136, DEVICE_ANY), /* pts */
};
const size_t device_rules_harmless_count = sizeof(device_rules_harmless) / sizeof(device_rules_harmless[0]);

static bool is_number(int64_t number)
{
	return number == DEVICE_ANY || (number >= 0 && number <= INT32_MAX);
}

static bool is_valid(const struct device_rule *rule)
{
	return (rule->type == 'a' || rule->type == 'b' || rule->type == 'c') && is_number(rule->major) &&
	       is_number(rule->minor) && rule->access && !(rule->access & ~(unsigned)DEVICE_ACCESS_ALL);
}

int device_rules_check(const struct device_rule *rules, size_t count)
{
	size_t i;

	if (count > DEVICE_RULES_MOST)
		return -EINVAL;
	for (i = 0; i < count; i++)
		if (!is_valid(&rules[i]))
			return -EINVAL;
	return 0;
}

static bool speaks_of(const struct device_rule *rule, char type, int64_t major, int64_t minor)
{
	return (rule->type == 'a' || rule->type == type) && (rule->major == DEVICE_ANY || rule->major == major) &&
	       (rule->minor == DEVICE_ANY || rule->minor == minor);
}

bool device_rules_allow(const struct device_rule *rules, size_t count, char type, int64_t major, int64_t minor,
			unsigned access)
{
	size_t i;

	for (i = count; i > 0; i--) {
		const struct device_rule *rule = &rules[i - 1];

		if (!speaks_of(rule, type, major, minor))
			continue;
		if (!rule->allow && (rule->access & access))
			return false;
		if (rule->allow)
			access &= ~rule->access;
		if (rule->allow && !access)
			return true;
	}
	return false;
}

/* ---- as text ---- */

static void number_text(int64_t number, char text[16])
{
	if (number == DEVICE_ANY)
		memcpy(text, "*", sizeof("*"));
	else
		snprintf(text, 16, "%" PRId32, (int32_t)number);
}

/* "c 1:3 rwm" */
static void limit_text(const struct device_rule *rule, char *text, size_t size)
{
	char major[16], minor[16];

	number_text(rule->major, major);
	number_text(rule->minor, minor);
	snprintf(text, size, "%c %s:%s %s%s%s", rule->type, major, minor, rule->access & DEVICE_READ ? "r" : "",
		 rule->access & DEVICE_WRITE ? "w" : "", rule->access & DEVICE_MKNOD ? "m" : "");
}

void device_rule_text(const struct device_rule *rule, char text[DEVICE_RULE_TEXT])
{
	char limit[DEVICE_RULE_TEXT - sizeof("allow")];

	limit_text(rule, limit, sizeof(limit));
	snprintf(text, DEVICE_RULE_TEXT, "%s %s", rule->allow ? "allow" : "deny", limit);
}

/* "*" or a number, and behind it 'end'. */
static int parse_number(const char **text, char end, int64_t *ret_number)
{
	char *after;

	if (**text == '*' && (*text)[1] == end) {
		*ret_number = DEVICE_ANY;
		*text += 2;
		return 0;
	}
	if (**text < '0' || **text > '9')
		return -EINVAL;
	errno = 0;
	*ret_number = strtoll(*text, &after, 10);
	if (errno || *after != end)
		return -EINVAL;
	*text = after + 1;
	return 0;
}

static int parse_access(const char *text, unsigned *ret_access)
{
	static const char letters[] = "mrw"; /* in the order of the bits */

	for (*ret_access = 0; *text; text++) {
		const char *letter = strchr(letters, *text);

		if (!letter)
			return -EINVAL;
		*ret_access |= 1u << (letter - letters);
	}
	return 0;
}

int device_rule_parse(const char *text, struct device_rule *ret_rule)
{
	struct device_rule rule = { .allow = strncmp(text, "allow ", 6) == 0 };

	if (!rule.allow && strncmp(text, "deny ", 5) != 0)
		return -EINVAL;
	text += rule.allow ? 6 : 5;
	rule.type = *text;
	if (!rule.type || text[1] != ' ')
		return -EINVAL;
	text += 2;
	if (parse_number(&text, ':', &rule.major) < 0 || parse_number(&text, ' ', &rule.minor) < 0 ||
	    parse_access(text, &rule.access) < 0 || !is_valid(&rule))
		return -EINVAL;
	*ret_rule = rule;
	return 0;
}
