/* SPDX-License-Identifier: BSD-3-Clause
 * The order in which the workloads of a stack start. */
#include "engine_fixture.h"

#include <errno.h>

#include "engine/order.h"

#define MOST 8

/* Definitions from lines "NAME depends_on=A depends_on=B links=C". */
struct stack {
	struct hyfw_definition *items[MOST];
	size_t count;
	unsigned *levels;
};

static void add(struct stack *stack, const char *line)
{
	struct hyfw_definition *definition = hyfw_new(sizeof(*definition));
	HYFW_AUTO_FREE char *copy = hyfw_dup(line);
	char *rest = copy, *word;

	definition->name = hyfw_dup(strsep(&rest, " "));
	while ((word = strsep(&rest, " "))) {
		const char *key = strsep(&word, "=");

		hyfw_pairs_add(&definition->settings, key, word);
	}
	stack->items[stack->count++] = definition;
}

static void finish(struct stack *stack)
{
	while (stack->count > 0)
		hyfw_definition_free(stack->items[--stack->count]);
	free(stack->levels);
}

/* "a0 b1 c1": names with their levels. */
static char *order(struct stack *stack, const char *const *lines)
{
	char *text = hyfw_dup("");
	size_t i;

	memset(stack, 0, sizeof(*stack));
	for (; *lines; lines++)
		add(stack, *lines);
	must(hyfw_order(stack->items, stack->count, &stack->levels, err));
	for (i = 0; i < stack->count; i++) {
		char *longer = hyfw_format("%s%s%s%u", text, i ? " " : "", stack->items[i]->name,
					   stack->levels[i]);

		free(text);
		text = longer;
	}
	return text;
}

#define expect(expected, ...)                                         \
	do {                                                          \
		const char *const lines_[] = { __VA_ARGS__, NULL };   \
		struct stack stack_;                                  \
		HYFW_AUTO_FREE char *got_ = order(&stack_, lines_);   \
		assert_string_equal(got_, expected);                  \
		finish(&stack_);                                      \
	} while (0)

#define refuse(text, ...)                                                                               \
	do {                                                                                            \
		const char *const lines_[] = { __VA_ARGS__, NULL };                                     \
		struct stack stack_ = { .count = 0 };                                                   \
		size_t i_;                                                                              \
		for (i_ = 0; lines_[i_]; i_++)                                                          \
			add(&stack_, lines_[i_]);                                                       \
		must_fail(hyfw_order(stack_.items, stack_.count, &stack_.levels, err), ELOOP, text);    \
		assert_null(stack_.levels);                                                             \
		finish(&stack_);                                                                        \
	} while (0)

static void those_who_need_nobody_come_first(void **state)
{
	const char *const nothing[] = { NULL };
	struct stack stack;
	HYFW_AUTO_FREE char *none = order(&stack, nothing);

	(void)state;
	assert_string_equal(none, "");
	finish(&stack);
	expect("a0 b0 c0", "c", "a", "b");
	expect("db0 web1", "web depends_on=db", "db");
	expect("a0 b1 c2", "c depends_on=b", "b depends_on=a", "a");
	expect("db0 log0 app1 web2", "web depends_on=app depends_on=log", "app depends_on=db", "db", "log");
}

static void links_count_as_needs(void **state)
{
	(void)state;
	expect("db0 web1", "web links=db", "db");
	expect("db0 app1 web2", "web links=app depends_on=db", "app links=db", "db");
}

static void those_outside_of_the_stack_do_not_count(void **state)
{
	(void)state;
	expect("web0", "web depends_on=elsewhere links=nobody");
}

static void links_may_go_round(void **state)
{
	(void)state;
	expect("a0 b1", "a links=b", "b links=a");
	expect("a0", "a links=a");
	expect("a0 c1 b2", "a links=b", "b links=c", "c links=a");
	/* A need inside the round is still met. */
	expect("b0 a1", "a links=b depends_on=b", "b links=a");
}

static void needs_may_not_go_round(void **state)
{
	(void)state;
	refuse("workload a: its depends_on leads back to itself", "a depends_on=a");
	refuse("workload a: its depends_on leads back to itself", "a depends_on=b", "b depends_on=a");
	refuse("leads back", "x", "a depends_on=b", "b depends_on=c", "c depends_on=a");
}

/* The one that is named is in the round, not one that only waits for it. */
static void the_right_one_is_named(void **state)
{
	(void)state;
	refuse("workload b: its depends_on leads back to itself (b, c, b)", "a depends_on=b",
	       "b depends_on=c", "c depends_on=b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_who_need_nobody_come_first),
		cmocka_unit_test(links_count_as_needs),
		cmocka_unit_test(those_outside_of_the_stack_do_not_count),
		cmocka_unit_test(links_may_go_round),
		cmocka_unit_test(needs_may_not_go_round),
		cmocka_unit_test(the_right_one_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
