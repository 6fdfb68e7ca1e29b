/* SPDX-License-Identifier: BSD-3-Clause
 * "Did you mean": the known word nearest to a misspelt one. */
#ifndef HYFW_BASE_NEAREST_H
#define HYFW_BASE_NEAREST_H

/* The member of the NULL-terminated 'known' with the fewest edits (insert,
 * delete, replace, swap of neighbours) from 'word'; NULL when all are too
 * different to be meant (more edits than a third of the word, at least 1). */
const char *hyfw_nearest(const char *word, const char *const *known);

#endif
