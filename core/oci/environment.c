/* SPDX-License-Identifier: BSD-3-Clause
 * process.env: each name once, as a program finds the first of two and people mean the
 * last. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "oci/config.h"

struct variable {
	const char *text;
	size_t place;
	bool dropped;
};

static size_t count_of(const char *const *texts)
{
	size_t count = 0;

	while (texts && texts[count])
		count++;
	return count;
}

static int compare_names(const char *a, const char *b)
{
	const size_t length = strcspn(a, "="), other = strcspn(b, "=");
	const int order = strncmp(a, b, length < other ? length : other);

	return order ? order : (length > other) - (length < other);
}

static int by_name(const void *a, const void *b)
{
	const struct variable *one = a, *other = b;
	const int order = compare_names(one->text, other->text);

	return order ? order : (one->place > other->place) - (one->place < other->place);
}

static int by_place(const void *a, const void *b)
{
	const struct variable *one = a, *other = b;

	return (one->place > other->place) - (one->place < other->place);
}

/* Those before the last of a name.  An empty HOME is none: whoever runs the command finds
 * it in the container's passwd. */
static void drop(struct variable *all, size_t count)
{
	size_t i;

	qsort(all, count, sizeof(*all), by_name);
	for (i = 0; i < count; i++)
		all[i].dropped = strcmp(all[i].text, "HOME=") == 0 ||
				 (i + 1 < count && compare_names(all[i].text, all[i + 1].text) == 0);
	qsort(all, count, sizeof(*all), by_place);
}

static size_t collect(struct variable *all, size_t count, const char *const *texts)
{
	for (; texts && *texts; texts++, count++)
		all[count] = (struct variable){ *texts, count, false };
	return count;
}

const char *const *hyfw_oci_environment(struct hyfw_arena *arena, const char *const *before,
					const char *const *added)
{
	const size_t most = count_of(before) + count_of(added);
	HYFW_AUTO_FREE struct variable *all = hyfw_new((most + 1) * sizeof(*all));
	const char **texts = hyfw_arena_alloc(arena, (most + 1) * sizeof(*texts));
	size_t count = 0, i;

	collect(all, collect(all, 0, before), added);
	drop(all, most);
	for (i = 0; i < most; i++)
		if (!all[i].dropped)
			texts[count++] = all[i].text;
	return texts;
}
