/* SPDX-License-Identifier: BSD-3-Clause
 * Capability names, through libcap. */
#include "capabilities.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>
#include <sys/capability.h>

#define NAME_LIMIT 64 /* longer names are not capability names */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned smaller = a < b ? a : b;

	return smaller < c ? smaller : c;
}

/* Levenshtein distance without regard to case; both at most NAME_LIMIT long. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_LIMIT + 1], i, j;
	size_t length = strlen(b);

	for (j = 0; j <= length; j++)
		row[j] = j;
	for (i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (j = 0; j < length; j++) {
			unsigned above = row[j + 1];
			bool same = tolower((unsigned char)a[i]) == tolower((unsigned char)b[j]);

			row[j + 1] = least(above + 1, row[j] + 1, diagonal + !same);
			diagonal = above;
		}
	}
	return row[length];
}

/* Writes the known name nearest to 'name' in upper case. */
static void nearest(const char *name, char ret_nearest[NAME_LIMIT + 1])
{
	unsigned best = UINT_MAX;
	cap_value_t value;

	snprintf(ret_nearest, NAME_LIMIT + 1, "CAP_CHOWN");
	for (value = 0; value < cap_max_bits(); value++) {
		char *known = cap_to_name(value);
		size_t i;

		if (known && strlen(known) <= NAME_LIMIT && distance(name, known) < best) {
			best = distance(name, known);
			for (i = 0; known[i]; i++)
				ret_nearest[i] = (char)toupper((unsigned char)known[i]);
			ret_nearest[i] = '\0';
		}
		cap_free(known);
	}
}

uint64_t capability_all(void)
{
	unsigned bits = (unsigned)cap_max_bits();

	return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

int capability_parse(const struct hyfw_host *host, const char *key, const char *name, uint64_t *ret_mask,
		     struct hyfw_error **err)
{
	char suggestion[NAME_LIMIT + 1];
	cap_value_t value;

	if (strcasecmp(name, "ALL") == 0) {
		*ret_mask = capability_all();
		return 0;
	}
	if (strlen(name) > NAME_LIMIT)
		return host->fail(err, EINVAL, "%s: a name of %zu characters is not a capability", key,
				  strlen(name));
	/* libcap takes numbers too; an INI file says names. */
	if (strncasecmp(name, "CAP_", 4) != 0 || cap_from_name(name, &value) < 0) {
		nearest(name, suggestion);
		return host->fail(err, EINVAL, "%s: unknown capability %s; the nearest is %s", key, name,
				  suggestion);
	}
	if (value >= cap_max_bits())
		return host->fail(err, EINVAL, "%s: this kernel does not have %s", key, name);
	*ret_mask = UINT64_C(1) << value;
	return 0;
}

char *capability_text(const struct hyfw_host *host, struct hyfw_arena *arena, uint64_t mask,
		      const char *prefix, const char *separator)
{
	char *text = NULL;
	cap_value_t value;

	for (value = 0; value < cap_max_bits(); value++) {
		char *name;

		if (!(mask >> value & 1))
			continue;
		name = cap_to_name(value);
		text = host->format(arena, "%s%s%s%s", text ? text : "", text ? separator : "", prefix,
				    name && strncmp(name, "cap_", 4) == 0 ? name + 4 : name ? name : "?");
		cap_free(name);
	}
	return text ? text : host->format(arena, "none");
}
