/* SPDX-License-Identifier: BSD-3-Clause
 * Rules about devices as cgroup v1 takes them (cgroup-v1/devices.rst).  The kernel keeps one
 * answer for all devices and a list of exceptions, each for one device or range: what is
 * taken back must stand there in the same words, and whatever else is passed over without
 * an error.  So the list is worked out here, and only its outcome is written. */
#include "device_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups.h"

#define LIST_SIZE 32768 /* of devices.list: a line has 24 bytes or so */

/* While rules are applied: the list, and what should have been taken out of wider ranges. */
struct work {
	struct device_list list;
	struct device_rule *holes;
	size_t hole_count, hole_room;
	int result;
};

static bool number_within(int64_t number, int64_t range)
{
	return range == DEVICE_ANY || number == range;
}

static bool is_within(const struct device_rule *rule, const struct device_rule *range)
{
	return rule->type == range->type && number_within(rule->major, range->major) &&
	       number_within(rule->minor, range->minor);
}

static bool numbers_meet(int64_t a, int64_t b)
{
	return a == b || a == DEVICE_ANY || b == DEVICE_ANY;
}

static bool meet(const struct device_rule *a, const struct device_rule *b)
{
	return a->type == b->type && numbers_meet(a->major, b->major) && numbers_meet(a->minor, b->minor);
}

static bool is_same(const struct device_rule *a, const struct device_rule *b)
{
	return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

static struct device_rule *find_same(const struct device_list *list, const struct device_rule *rule)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (is_same(&list->items[i], rule))
			return &list->items[i];
	return NULL;
}

/* One more exception, which may close holes. */
static void add(struct work *work, const struct device_rule *rule)
{
	struct device_rule *same = find_same(&work->list, rule);
	size_t i;

	if (same)
		same->access |= rule->access;
	else
		work->list.items[work->list.count++] = *rule;
	for (i = 0; i < work->hole_count; i++)
		if (is_within(&work->holes[i], rule))
			work->holes[i].access &= ~rule->access;
}

/* 'rule' cannot be taken out of the exception 'item', which is wider. */
static void add_hole(struct work *work, const struct device_rule *item, const struct device_rule *rule)
{
	struct device_rule *grown;

	if (work->hole_count == work->hole_room) {
		work->hole_room = work->hole_room ? work->hole_room * 2 : 16;
		grown = reallocarray(work->holes, work->hole_room, sizeof(*grown));
		if (!grown) {
			work->result = -ENOMEM;
			return;
		}
		work->holes = grown;
	}
	work->holes[work->hole_count++] = (struct device_rule){
		.type = rule->type,
		.major = rule->major == DEVICE_ANY ? item->major : rule->major,
		.minor = rule->minor == DEVICE_ANY ? item->minor : rule->minor,
		.access = item->access & rule->access,
	};
}

/* Back to what holds for all: out of each exception that lies within.  Where a wider one
 * denies, it goes on to. */
static void take_out(struct work *work, const struct device_rule *rule)
{
	struct device_list *list = &work->list;
	size_t i, kept = 0;

	for (i = 0; i < list->count; i++) {
		struct device_rule *item = &list->items[i];

		if (is_within(item, rule))
			item->access &= ~rule->access;
		else if (!list->allow && meet(item, rule) && (item->access & rule->access))
			add_hole(work, item, rule);
		if (item->access)
			list->items[kept++] = *item;
	}
	list->count = kept;
}

/* For the kernel "a" is everything, whatever follows it. */
static bool is_everything(const struct device_rule *rule)
{
	return rule->type == 'a' && rule->major == DEVICE_ANY && rule->minor == DEVICE_ANY &&
	       rule->access == DEVICE_ACCESS_ALL;
}

static void apply(struct work *work, struct device_rule rule)
{
	if (is_everything(&rule)) {
		work->list.allow = rule.allow;
		work->list.count = work->hole_count = 0;
	} else if (rule.allow != work->list.allow) {
		add(work, &rule);
	} else {
		take_out(work, &rule);
	}
}

static void apply_each(struct work *work, struct device_rule rule)
{
	if (rule.type != 'a' || is_everything(&rule)) {
		apply(work, rule);
		return;
	}
	rule.type = 'b';
	apply(work, rule);
	rule.type = 'c';
	apply(work, rule);
}

/* The kernel asks for one exception that has all of an open's access: reading that a wider
 * one allows is repeated in those within. */
static void repeat_wider(struct device_list *list)
{
	size_t i, j;

	for (i = 0; !list->allow && i < list->count; i++)
		for (j = 0; j < list->count; j++)
			if (i != j && is_within(&list->items[i], &list->items[j]))
				list->items[i].access |= list->items[j].access & (unsigned)(DEVICE_READ | DEVICE_WRITE);
}

int device_list_make(const struct device_rule *rules, size_t count, struct device_list *ret_list)
{
	/* A rule for both types is two. */
	struct work work = { .list.items = calloc(2 * count + 1, sizeof(*rules)) };
	size_t i;

	work.result = work.list.items ? device_rules_check(rules, count) : -ENOMEM;
	for (i = 0; work.result == 0 && i < count; i++)
		apply_each(&work, rules[i]);
	for (i = 0; work.result == 0 && i < work.hole_count; i++)
		if (work.holes[i].access)
			work.result = -EOPNOTSUPP;
	free(work.holes);
	if (work.result < 0) {
		free(work.list.items);
		return work.result;
	}
	repeat_wider(&work.list);
	*ret_list = work.list;
	return 0;
}

/* ---- writing ---- */

static int write_item(int group, const struct device_rule *rule)
{
	char text[DEVICE_RULE_TEXT];

	device_rule_text(rule, text);
	return file_write(group, rule->allow ? "devices.allow" : "devices.deny", strchr(text, ' ') + 1);
}

static int write_items(int group, const struct device_list *list)
{
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < list->count; i++)
		result = write_item(group, &list->items[i]);
	return result;
}

static int write_list(int group, const struct device_list *list)
{
	int result = file_write(group, list->allow ? "devices.allow" : "devices.deny", "a");

	return result < 0 ? result : write_items(group, list);
}

int device_rules_write_v1(int group, const struct device_rule *rules, size_t count)
{
	struct device_list list;
	int result = device_list_make(rules, count, &list);

	if (result < 0)
		return result;
	result = write_list(group, &list);
	free(list.items);
	return result;
}

/* What is in the group's list and not in the new one. */
static int deny_rest(int group, char *text, const struct device_list *list)
{
	char *save = NULL, *line;
	int result = 0;

	for (line = strtok_r(text, "\n", &save); line && result == 0; line = strtok_r(NULL, "\n", &save)) {
		char rule_text[DEVICE_RULE_TEXT] = "allow ";
		const struct device_rule *same;
		struct device_rule rule;

		if (strlen(line) + strlen(rule_text) >= sizeof(rule_text))
			continue;
		if (device_rule_parse(strcat(rule_text, line), &rule) < 0)
			continue;
		same = find_same(list, &rule);
		rule.access &= same ? ~same->access : DEVICE_ACCESS_ALL;
		rule.allow = false;
		if (rule.access)
			result = write_item(group, &rule);
	}
	return result;
}

int device_rules_change_v1(int group, const struct device_rule *rules, size_t count)
{
	AUTO_FREE char *text = malloc(LIST_SIZE);
	struct device_list list;
	int result = text ? file_read(group, "devices.list", text, LIST_SIZE) : -ENOMEM;

	if (result < 0)
		return result;
	result = device_list_make(rules, count, &list);
	if (result < 0)
		return result;
	/* The exceptions of who may use all are not told; a list that long is not read to its end. */
	if (list.allow || text[0] == 'a' || strlen(text) + 1 == LIST_SIZE) {
		result = write_list(group, &list);
	} else {
		result = write_items(group, &list);
		if (result == 0)
			result = deny_rest(group, text, &list);
	}
	free(list.items);
	return result;
}
