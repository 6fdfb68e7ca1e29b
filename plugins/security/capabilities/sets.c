/* SPDX-License-Identifier: BSD-3-Clause
 * From settings to the five sets of capabilities(7). */
#include "capabilities.h"

#include <errno.h>
#include <sys/capability.h>

/* "", "0", "root", "0:33", "root:adm" and the like.  A user that the image
 * calls otherwise but gives the id 0 counts as another one: it gets less. */
static bool is_root(const char *user)
{
	size_t length = user ? strcspn(user, ":") : 0;

	if (length == 0)
		return true;
	if (length == strlen("root") && strncmp(user, "root", length) == 0)
		return true;
	return strspn(user, "0") >= length;
}

/* All values of the list 'key' as one mask. */
static int list(const struct hyfw_host *host, const struct hyfw_map *settings, const char *key,
		uint64_t *ret_mask, bool *ret_all, struct hyfw_error **err)
{
	uint64_t sum = 0, mask;
	const char *name;
	size_t cursor = 0;
	int result;

	*ret_all = false;
	while ((name = hyfw_map_next(settings, key, &cursor))) {
		result = capability_parse(host, key, name, &mask, err);
		if (result < 0)
			return result;
		*ret_all = *ret_all || mask == capability_all();
		sum |= mask;
	}
	*ret_mask = sum;
	return 0;
}

/* What hyfw itself may hand on: a new user namespace starts with everything
 * (user_namespaces(7)), without one the own bounding set is the limit. */
static uint64_t available(const struct hyfw_subject *subject)
{
	uint64_t mask = 0;
	cap_value_t value;

	if (subject->idmap.count > 0)
		return capability_all();
	for (value = 0; value < cap_max_bits(); value++)
		if (cap_get_bound(value) == 1)
			mask |= UINT64_C(1) << value;
	return mask;
}

static int refuse_unavailable(const struct hyfw_host *host, uint64_t missing, struct hyfw_error **err)
{
	cap_value_t value;
	char *name;
	int result;

	for (value = 0; value < 63 && !(missing >> value & 1); value++)
		;
	name = cap_to_name(value);
	result = host->fail(err, EPERM,
			    "cap_add: hyfw itself does not have %s and cannot give it without a user namespace",
			    name ? name : "it");
	cap_free(name);
	return result;
}

int capability_decide(const struct hyfw_host *host, const struct hyfw_subject *subject,
		      struct capability_sets *ret_sets, struct hyfw_error **err)
{
	const struct hyfw_map *settings = &subject->settings;
	uint64_t added, dropped, granted, limit = available(subject);
	struct capability_sets sets = { 0 };
	bool all_added, all_dropped;
	int result;

	result = list(host, settings, "cap_add", &added, &all_added, err);
	if (result == 0)
		result = list(host, settings, "cap_drop", &dropped, &all_dropped, err);
	if (result < 0)
		return result;
	if (!all_added && (added & ~limit))
		return refuse_unavailable(host, added & ~limit, err);
	/* "ALL" is the base that single names of the other list are exceptions
	 * from; a name in both lists is dropped. */
	if (all_dropped)
		sets.bounding = all_added ? 0 : added;
	else
		sets.bounding = (capability_defaults() | added) & ~dropped;
	sets.bounding &= limit;
	/* Root gets its sets at exec; another user keeps across exec only what is
	 * ambient, and that is only what was asked for by name (as Podman does). */
	granted = is_root(hyfw_map_get(settings, "user")) ? sets.bounding : sets.bounding & added;
	sets.permitted = sets.effective = granted;
	if (!is_root(hyfw_map_get(settings, "user")))
		sets.inheritable = sets.ambient = granted;
	if (subject->idmap.count == 0)
		sets.dangerous = sets.bounding & capability_dangers();
	*ret_sets = sets;
	return 0;
}
