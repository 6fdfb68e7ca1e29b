/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/nearest.h"

#include <stddef.h>
#include <string.h>

#define LONGEST 64 /* longer words are not compared: nobody misspells those */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance. */
static unsigned distance(const char *from, const char *to)
{
	unsigned rows[3][LONGEST + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];
	size_t from_length = strlen(from), to_length = strlen(to), i, j;

	for (j = 0; j <= to_length; j++)
		last[j] = (unsigned)j;
	for (i = 1; i <= from_length; i++) {
		unsigned *spare = before;

		row[0] = (unsigned)i;
		for (j = 1; j <= to_length; j++) {
			unsigned edits = last[j - 1] + (from[i - 1] != to[j - 1]);

			edits = least(edits, least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
				edits = least(edits, before[j - 2] + 1);
			row[j] = edits;
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[to_length];
}

const char *hyfw_nearest(const char *word, const char *const *known)
{
	size_t length = strlen(word);
	unsigned best_edits = length / 3 > 1 ? (unsigned)(length / 3) + 1 : 2;
	const char *best = NULL;

	if (length > LONGEST)
		return NULL;
	for (; known && *known; known++) {
		unsigned edits;

		if (strlen(*known) > LONGEST)
			continue;
		edits = distance(word, *known);
		if (edits < best_edits) {
			best_edits = edits;
			best = *known;
		}
	}
	return best;
}
