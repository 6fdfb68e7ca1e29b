/* SPDX-License-Identifier: BSD-3-Clause */
#include "filter.h"

void policy_add(const struct hyfw_host *host, struct hyfw_arena *arena, struct policy *policy,
		const struct rule *rule)
{
	if (policy->count == policy->room) {
		size_t room = policy->room ? policy->room * 2 : 512;
		struct rule *rules = host->alloc(arena, room * sizeof(*rules));

		if (policy->count)
			memcpy(rules, policy->rules, policy->count * sizeof(*rules));
		policy->rules = rules;
		policy->room = room;
	}
	policy->rules[policy->count++] = *rule;
}

static bool is_permitting(uint32_t action)
{
	return action == SCMP_ACT_ALLOW || action == SCMP_ACT_LOG;
}

/* Rules of one call stand together in both kinds of policy nearly always, so a
 * look back at the last few names is enough for a figure that people read. */
size_t policy_permits(const struct policy *policy)
{
	size_t count = 0, i, back;

	for (i = 0; i < policy->count; i++) {
		const struct rule *rule = &policy->rules[i];
		bool again = false;

		if (!is_permitting(rule->action))
			continue;
		for (back = i; back > 0 && i - back < 32 && !again; back--)
			again = is_permitting(policy->rules[back - 1].action) &&
				strcmp(policy->rules[back - 1].name, rule->name) == 0;
		count += !again;
	}
	return count;
}
